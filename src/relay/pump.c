/* How it works.  One thread, one epoll: the supervisor, the connector, UDP
 * listeners and all flows.  TCP listeners stand in a second epoll inside the
 * first, so that accepting is paused by one call when there is no room or no
 * descriptor; connections then wait in the kernel's backlog, and nothing spins.
 *
 * A turn gathers events, then moves what can be moved, then asks the connector
 * for all that was accepted in one message.
 */
#include "relay/pump.h"

#include "base/clock.h"
#include "relay/clients.h"
#include "relay/connections.h"
#include "relay/counters.h"
#include "relay/flow_id.h"
#include "relay/message.h"
#include "relay/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LINKS_MAX = RELAY_FORWARDS_MAX,
	EVENTS_MAX = 256,
	ACCEPTS_MAX = 64,   /* of one listener in one turn */
	DATAGRAMS_MAX = 32, /* likewise */
	CONTROLS_MAX = 64,
	ASK_AGAIN_MS = 20, /* the connector's socket was full */
};

#define PAUSE_NS (100 * NS_PER_MS)

struct listener {
	int fd; /* -1: none */
	uint8_t protocol;
	bool has_proxy_header;
	uint16_t inside_port;
	uint32_t slot;
	uint32_t link;
	union endpoint at;
};

struct pump {
	struct pump_options options;
	int epoll;
	int acceptor;  /* epoll of the TCP listeners */
	int connector; /* -1: none now */
	bool is_accepting;
	struct instant resume; /* accepting, after a shortage; 0: when a connection ends */
	bool has_unasked;
	bool has_more; /* to move at once */
	struct listener *listener;
	struct sources sources[LINKS_MAX];
	struct connections *connections;
	struct clients *clients;
	uint8_t buffer[CLIENTS_DATAGRAM_MAX];
};

/* ---- life ---- */

static int watch(int epoll, int fd, uint64_t key)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = key};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static bool make_tables(struct pump *pump)
{
	struct clients_options clients = {
		.max = pump->options.limits.clients,
		.epoll = pump->epoll,
		.control = pump->options.control,
		.counters = pump->options.counters,
	};

	if (getrandom(&clients.seed, sizeof(clients.seed), 0) < 0)
		return false;
	pump->listener = calloc(pump->options.limits.listeners, sizeof(pump->listener[0]));
	pump->connections =
		connections_new(&pump->options.limits, pump->epoll, pump->options.counters);
	pump->clients = clients_new(&clients);
	if (!pump->listener || !pump->connections || !pump->clients)
		return false;
	for (size_t i = 0; i < pump->options.limits.listeners; i++)
		pump->listener[i].fd = -1;
	return true;
}

struct pump *pump_new(const struct pump_options *options)
{
	struct pump *pump = calloc(1, sizeof(*pump));

	if (!pump)
		return NULL;
	pump->options = *options;
	pump->connector = -1;
	pump->epoll = epoll_create1(EPOLL_CLOEXEC);
	pump->acceptor = epoll_create1(EPOLL_CLOEXEC);
	pump->is_accepting = true;
	if (pump->epoll < 0 || pump->acceptor < 0 || !make_tables(pump) ||
	    watch(pump->epoll, pump->acceptor, flow_event_key(FLOW_ACCEPT, 0, 0)) < 0 ||
	    watch(pump->epoll, options->control, flow_event_key(FLOW_CONTROL, 0, 0)) < 0) {
		pump_free(pump);
		return NULL;
	}
	return pump;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

void pump_free(struct pump *pump)
{
	if (!pump)
		return;
	for (size_t i = 0; pump->listener && i < pump->options.limits.listeners; i++)
		close_if_open(pump->listener[i].fd);
	connections_free(pump->connections);
	clients_free(pump->clients);
	free(pump->listener);
	close_if_open(pump->connector);
	close_if_open(pump->acceptor);
	close_if_open(pump->epoll);
	free(pump);
}

/* ---- TCP ---- */

static void set_accepting(struct pump *pump, bool is_accepting)
{
	struct epoll_event event = {
		.events = is_accepting ? EPOLLIN : 0,
		.data.u64 = flow_event_key(FLOW_ACCEPT, 0, 0),
	};

	if (pump->is_accepting == is_accepting)
		return;
	pump->is_accepting = is_accepting;
	pump->resume = (struct instant){0};
	(void)epoll_ctl(pump->epoll, EPOLL_CTL_MOD, pump->acceptor, &event);
}

static bool is_shortage(int code)
{
	return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

/* False: no more from this listener now. */
static bool accept_one(struct pump *pump, const struct listener *listener)
{
	struct accepted accepted = {
		.slot = listener->slot,
		.inside_port = listener->inside_port,
		.has_proxy_header = listener->has_proxy_header,
		.server = listener->at,
	};
	socklen_t len = sizeof(accepted.client);

	if (!connections_has_room(pump->connections)) {
		set_accepting(pump, false);
		return false;
	}
	accepted.fd =
		accept4(listener->fd, &accepted.client.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (accepted.fd < 0) {
		if (is_shortage(errno)) {
			set_accepting(pump, false);
			pump->resume = instant_add(clock_now(), PAUSE_NS);
		}
		return errno != EAGAIN && pump->is_accepting;
	}
	if (sources_has(&pump->sources[listener->link], &accepted.client)) {
		connections_add(pump->connections, &accepted);
		return true;
	}
	counters_add(&pump->options.counters[listener->slot].refused, 1);
	stream_reset(accepted.fd);
	return true;
}

/* syscalls: epoll_wait accept4 */
static void accept_all(struct pump *pump)
{
	struct epoll_event event[EVENTS_MAX];
	int n = epoll_wait(pump->acceptor, event, EVENTS_MAX, 0);

	for (int i = 0; i < n && pump->is_accepting; i++) {
		const struct listener *listener = &pump->listener[flow_event_id(event[i].data.u64)];
		int left = ACCEPTS_MAX;

		while (listener->fd >= 0 && left > 0 && accept_one(pump, listener))
			left--;
	}
}

/* ---- UDP ---- */

/* syscalls: recvfrom */
static void receive(struct pump *pump, uint32_t index)
{
	const struct listener *listener = &pump->listener[index];
	const struct client_place place = {
		.listener = index,
		.slot = listener->slot,
		.inside_port = listener->inside_port,
	};

	for (int i = 0; listener->fd >= 0 && i < DATAGRAMS_MAX; i++) {
		union endpoint from = {0};
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(listener->fd, pump->buffer, sizeof(pump->buffer), MSG_DONTWAIT,
				     &from.any, &len);
		struct datagram datagram = {pump->buffer, n < 0 ? 0 : (size_t)n};

		if (n < 0)
			return;
		if (sources_has(&pump->sources[listener->link], &from))
			clients_receive(pump->clients, &place, &from, &datagram, pump->connector);
		else
			counters_add(&pump->options.counters[listener->slot].refused, 1);
	}
}

/* ---- the supervisor ---- */

static void close_listener(struct pump *pump, uint32_t index)
{
	close_if_open(pump->listener[index].fd);
	pump->listener[index].fd = -1;
}

/* syscalls: getsockname */
static int listen_at(struct pump *pump, const struct control_head *head, int fd)
{
	struct listener *listener = &pump->listener[head->listener];
	bool is_tcp = head->protocol == RELAY_TCP;
	socklen_t len = sizeof(listener->at);

	close_listener(pump, head->listener);
	*listener = (struct listener){
		.fd = fd,
		.protocol = head->protocol,
		.has_proxy_header = head->has_proxy_header,
		.inside_port = head->inside_port,
		.slot = head->slot,
		.link = head->link,
	};
	if (getsockname(fd, &listener->at.any, &len) < 0)
		return -errno;
	return watch(is_tcp ? pump->acceptor : pump->epoll, fd,
		     flow_event_key(FLOW_LISTENER, 0, head->listener));
}

static int use_connector(struct pump *pump, int fd)
{
	close_if_open(pump->connector);
	pump->connector = fd;
	connections_ask_again(pump->connections);
	clients_forget_asked(pump->clients);
	return watch(pump->epoll, fd, flow_event_key(FLOW_CONNECTOR, 0, 0));
}

static void end_slot(struct pump *pump, uint32_t slot)
{
	connections_end_slot(pump->connections, slot);
	clients_end_slot(pump->clients, slot);
}

static void set_sources(struct pump *pump, const struct control *control)
{
	struct sources *sources = &pump->sources[control->head.link];

	sources->n = control->head.n_sources;
	for (uint32_t i = 0; i < sources->n; i++)
		sources->at[i] = control->source[i];
}

static bool is_in_range(const struct pump *pump, const struct control_head *head)
{
	return head->listener < pump->options.limits.listeners && head->slot < RELAY_FORWARDS_MAX &&
	       head->link < LINKS_MAX;
}

/* fd: taken over; -1: none came. */
static int obey(struct pump *pump, const struct control *control, int fd)
{
	const struct control_head *head = &control->head;

	switch (head->kind) {
	case CONTROL_LISTEN:
		return fd < 0 ? -EBADMSG : listen_at(pump, head, fd);
	case CONTROL_CONNECTOR:
		return fd < 0 ? -EBADMSG : use_connector(pump, fd);
	case CONTROL_CLIENT:
		clients_outside(pump->clients, head->client, fd < 0 ? EIO : 0, fd);
		return 0;
	case CONTROL_CLOSE:
		close_listener(pump, head->listener);
		return 0;
	case CONTROL_END:
		end_slot(pump, head->slot);
		return 0;
	case CONTROL_SOURCES:
		set_sources(pump, control);
		return 0;
	}
	return -EBADMSG;
}

static int read_control(struct pump *pump)
{
	for (int i = 0; i < CONTROLS_MAX; i++) {
		struct control control;
		int fds[FD_PASS_MAX];
		size_t n_fds;
		ssize_t n =
			fd_receive(pump->options.control, &control, sizeof(control), fds, &n_fds);
		int r;

		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		if (n == 0)
			return -ESHUTDOWN;
		if (n_fds > 1 || !message_is_control(&control, (size_t)n) ||
		    !is_in_range(pump, &control.head))
			return -EBADMSG;
		r = obey(pump, &control, n_fds > 0 ? fds[0] : -1);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- the connector ---- */

static void drop_connector(struct pump *pump)
{
	close_if_open(pump->connector);
	pump->connector = -1;
}

static void hand_out(struct pump *pump, const struct connect_result *result, int fd)
{
	if (flow_is_udp(result->id))
		clients_inside(pump->clients, result->id, result->error, fd);
	else
		connections_answer(pump->connections, result->id, result->error, fd);
}

/* One message; false: there is none, or no connector any more.  What is no
 * message is from one that is to be replaced.
 */
static bool read_result(struct pump *pump)
{
	struct connect_result result[CONNECT_RESULTS_MAX];
	int fds[FD_PASS_MAX];
	size_t n_fds;
	size_t next = 0;
	ssize_t n = fd_receive(pump->connector, result, sizeof(result), fds, &n_fds);
	int n_results;

	if (n == -EAGAIN)
		return false;
	n_results = n > 0 ? message_count_results(result, (size_t)n, n_fds) : -EBADMSG;
	if (n_results < 0) {
		while (n > 0 && n_fds > 0)
			(void)close(fds[--n_fds]);
		drop_connector(pump);
		return false;
	}
	for (int i = 0; i < n_results; i++)
		hand_out(pump, &result[i], result[i].error == 0 ? fds[next++] : -1);
	return true;
}

static void read_results(struct pump *pump)
{
	for (int i = 0; pump->connector >= 0 && i < CONTROLS_MAX && read_result(pump); i++)
		continue;
}

/* ---- turns ---- */

static int handle(struct pump *pump, const struct epoll_event *event)
{
	uint64_t key = event->data.u64;
	uint32_t id = flow_event_id(key);

	switch (flow_event_kind(key)) {
	case FLOW_CONTROL:
		return read_control(pump);
	case FLOW_CONNECTOR:
		read_results(pump);
		return 0;
	case FLOW_ACCEPT:
		accept_all(pump);
		return 0;
	case FLOW_LISTENER:
		receive(pump, id);
		return 0;
	case FLOW_STREAM:
		connections_note(pump->connections, id, (enum stream_side)flow_event_side(key),
				 event->events);
		return 0;
	case FLOW_CLIENT:
		clients_note(pump->clients, id, flow_event_side(key), pump->connector);
		return 0;
	}
	return 0;
}

static int patience_ms(const struct pump *pump, struct instant now)
{
	struct instant due = instant_first(clients_expire(pump->clients), pump->resume);
	int ms = instant_poll_ms(due, now);

	if (pump->has_more)
		return 0;
	if (pump->has_unasked && pump->connector >= 0 && (ms < 0 || ms > ASK_AGAIN_MS))
		return ASK_AGAIN_MS;
	return ms;
}

/* Without a connector nothing more is accepted than there is room for. */
static void go_on_accepting(struct pump *pump, struct instant now)
{
	if (pump->is_accepting || !connections_has_room(pump->connections))
		return;
	if (!instant_is_set(pump->resume) || instant_is_due(pump->resume, now))
		set_accepting(pump, true);
}

/* syscalls: epoll_wait clock_gettime */
int pump_turn(struct pump *pump)
{
	struct epoll_event event[EVENTS_MAX];
	struct instant now = clock_now();
	int n;
	int r = 0;

	clients_set_time(pump->clients, now);
	n = epoll_wait(pump->epoll, event, EVENTS_MAX, patience_ms(pump, now));
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	now = clock_now();
	clients_set_time(pump->clients, now);
	for (int i = 0; r == 0 && i < n; i++)
		r = handle(pump, &event[i]);
	if (r < 0)
		return r;
	pump->has_more = connections_move(pump->connections);
	if (pump->connector >= 0)
		pump->has_unasked = connections_ask(pump->connections, pump->connector);
	go_on_accepting(pump, now);
	return 0;
}
