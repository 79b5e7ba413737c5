/* How it works.  The supervisor's side: it makes the sockets that the pump
 * listens on, starts both processes, and replaces one that has ended.
 *
 *     supervisor ── control: listeners, sources, sockets for UDP clients ──► pump
 *                                                                     ▲
 *     connector ── results: connected sockets ─────────────────────────┘
 *
 * The pump's end closes its flows; a successor gets the same listening sockets,
 * in whose backlogs clients have waited.  The connector's end costs nothing that
 * is established: the pump asks its successor again.  A reconfiguration replaces
 * the connector, which knows its forwards from birth.
 */
#include "relay/relay.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "relay/bindings.h"
#include "relay/child.h"
#include "relay/counters.h"
#include "relay/host_view.h"
#include "relay/listener_table.h"
#include "relay/message.h"
#include "relay/restart.h"
#include "relay/slots.h"
#include "relay/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SEND_WAIT_MS = 1000, /* a pump that reads nothing for so long is stuck */
	REQUESTS_MAX = 64,   /* in one dispatch */
	CLIENTS_MAX = 4096,  /* UDP clients in a second: a stranger makes us work for each */
	PREDECESSOR_TRIES = 6,
	PREDECESSOR_WAIT_US = 20 * 1000,
	COUNTERS_LEN = RELAY_FORWARDS_MAX * sizeof(struct counters),
};

struct process {
	struct child child;
	struct restart restart;
};

struct relay {
	struct relay_config config; /* descriptors are its own; forward is slots.forward */
	struct slots slots;
	struct counters *counters;		  /* shared with the pump */
	struct counters base[RELAY_FORWARDS_MAX]; /* what an earlier forward left in each */
	struct limits limits;
	struct listener_table table;
	uint32_t n_links;
	uint32_t link[RELAY_FORWARDS_MAX];
	struct sources sources[RELAY_FORWARDS_MAX]; /* of each link */
	int epoll;
	int timer;
	int control;	       /* to the pump; -1: none now */
	struct instant second; /* began then, with so many new UDP clients since */
	unsigned int n_clients;
	struct process pump;
	struct process connector;
};

static int watch(const struct relay *relay, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(relay->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* ---- to the pump ---- */

/* A pump that does not read is killed; its end is seen as any other. */
static void tell(const struct relay *relay, const struct control *control, int fd)
{
	struct pollfd room = {.fd = relay->control, .events = POLLOUT};
	int r = -EAGAIN;

	if (relay->control < 0)
		return;
	for (int tries = 0; r == -EAGAIN && tries < 2; tries++) {
		if (tries > 0)
			(void)poll(&room, 1, SEND_WAIT_MS);
		r = fd_send(relay->control, control, message_control_len(control), &fd,
			    fd >= 0 ? 1 : 0);
	}
	if (r < 0 && relay->pump.child.pid > 0)
		(void)kill(relay->pump.child.pid, SIGKILL);
}

static void tell_sources(const struct relay *relay, uint32_t link)
{
	struct control control = {.head = {.kind = CONTROL_SOURCES, .link = link}};
	const struct sources *sources = &relay->sources[link];

	control.head.n_sources = sources->n;
	memcpy(control.source, sources->at, sources->n * sizeof(sources->at[0]));
	tell(relay, &control, -1);
}

static void tell_listener(void *context, uint32_t place, bool is_open)
{
	const struct relay *relay = context;
	const struct bound *bound = &relay->table.at[place];
	struct control control = {
		.head =
			{
				.kind = is_open ? CONTROL_LISTEN : CONTROL_CLOSE,
				.listener = place,
				.slot = bound->spec.slot,
				.link = bound->spec.link,
				.inside_port = bound->spec.inside_port,
				.protocol = (uint8_t)bound->spec.protocol,
				.has_proxy_header = bound->spec.has_proxy_header,
			},
	};

	tell(relay, &control, is_open ? bound->fd : -1);
}

static void tell_end(const struct relay *relay, uint32_t slot)
{
	const struct control control = {.head = {.kind = CONTROL_END, .slot = slot}};

	tell(relay, &control, -1);
}

static void tell_all(struct relay *relay)
{
	for (uint32_t i = 0; i < relay->n_links; i++)
		tell_sources(relay, i);
	for (size_t i = 0; i < relay->table.max; i++)
		if (relay->table.at[i].fd >= 0)
			tell_listener(relay, (uint32_t)i, true);
}

/* ---- processes ---- */

static struct child_ids ids_of(const struct relay *relay)
{
	return (struct child_ids){relay->config.has_ids, relay->config.uid, relay->config.gid};
}

/* Starts the timer for whatever is due first. */
static void set_timer(const struct relay *relay)
{
	struct instant due = instant_first(relay->pump.restart.due, relay->connector.restart.due);
	const struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(due.ns / NS_PER_S),
			     .tv_nsec = (long)(due.ns % NS_PER_S)},
	};

	(void)timerfd_settime(relay->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static int started(struct relay *relay, struct process *process)
{
	restart_note_start(&process->restart, clock_now());
	return watch(relay, process->child.pidfd);
}

static int start_pump(struct relay *relay)
{
	struct pump_options options = {.limits = relay->limits, .counters = relay->counters};
	struct child_ids ids = ids_of(relay);
	AUTO_FD int theirs = -1;
	int pair[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	relay->control = pair[0];
	theirs = pair[1];
	options.control = theirs;
	for (size_t i = 0; i < RELAY_FORWARDS_MAX; i++)
		atomic_store_explicit(&relay->counters[i].open, 0, memory_order_relaxed);
	r = child_start_pump(&options, &ids, &relay->pump.child);
	if (r == 0)
		r = watch(relay, relay->control);
	if (r == 0)
		r = started(relay, &relay->pump);
	if (r == 0)
		tell_all(relay);
	return r;
}

static int start_connector(struct relay *relay)
{
	struct control control = {.head = {.kind = CONTROL_CONNECTOR}};
	struct connector_options options = {
		.forward = relay->slots.forward,
		.n_forwards = relay->slots.n_forwards,
		.has_address = relay->config.has_inside_address,
		.address = relay->config.inside_address,
	};
	const struct child_place place = {relay->config.netns_fd, relay->config.userns_fd};
	struct child_ids ids = ids_of(relay);
	int pair[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	options.channel = pair[1];
	r = fd_set_nonblocking(pair[0]);
	if (r == 0)
		r = child_start_connector(&options, &place, &ids, &relay->connector.child);
	if (r == 0)
		r = started(relay, &relay->connector);
	if (r == 0)
		tell(relay, &control, pair[0]);
	(void)close(pair[0]);
	(void)close(pair[1]);
	return r;
}

static void stop(struct process *process)
{
	child_stop(&process->child);
	process->restart.due = (struct instant){0};
}

static void close_control(struct relay *relay)
{
	fd_cleanup(&relay->control);
	relay->control = -1;
}

static void stop_pump(struct relay *relay)
{
	close_control(relay);
	stop(&relay->pump);
}

/* Both, as far as they do not run.  What cannot be started is due again. */
static int start_missing(struct relay *relay)
{
	int r = 0;

	if (relay->pump.child.pid < 0) {
		r = start_pump(relay);
		if (r < 0) {
			stop_pump(relay);
			restart_note_end(&relay->pump.restart, clock_now());
			return r;
		}
	}
	if (relay->connector.child.pid < 0)
		r = start_connector(relay);
	if (r < 0) {
		stop(&relay->connector);
		restart_note_end(&relay->connector.restart, clock_now());
	}
	return r;
}

/* ---- configuration ---- */

static void adopt_links(struct relay *relay, const struct bindings *bindings,
			const struct host_view *host)
{
	for (uint32_t i = 0; i < bindings->n_links; i++) {
		struct sources sources;

		sources_derive(host, bindings->link[i], &sources);
		if (i < relay->n_links && relay->link[i] == bindings->link[i] &&
		    sources_equal(&sources, &relay->sources[i]))
			continue;
		relay->link[i] = bindings->link[i];
		relay->sources[i] = sources;
		tell_sources(relay, i);
	}
	relay->n_links = bindings->n_links;
}

static void end_gone(struct relay *relay, const struct slots *next)
{
	for (size_t i = 0; i < relay->slots.n_forwards; i++)
		if (!slots_has_both(&relay->slots, next, relay->slots.slot[i]))
			tell_end(relay, relay->slots.slot[i]);
}

static void copy_counters(struct counters *to, const struct counters *from)
{
	to->total = counters_read(&from->total);
	to->refused = counters_read(&from->refused);
	to->bytes_in = counters_read(&from->bytes_in);
	to->bytes_out = counters_read(&from->bytes_out);
}

/* Those that are new begin at zero. */
static void rebase(struct relay *relay, const struct slots *next)
{
	for (size_t i = 0; i < next->n_forwards; i++)
		if (!slots_has_both(next, &relay->slots, next->slot[i]))
			copy_counters(&relay->base[next->slot[i]], &relay->counters[next->slot[i]]);
}

struct wanted {
	struct host_view host;
	struct bindings bindings;
	struct listener_change *change;
};

static int prepare(const struct relay *relay, const struct slots *slots, enum listener_scope scope,
		   struct wanted *ret, struct error *err)
{
	const struct bindings_options options = {
		.forward = slots->forward,
		.slot = slots->slot,
		.n_forwards = slots->n_forwards,
		.has_proxy_header = relay->config.has_proxy_protocol,
		.max = relay->limits.listeners,
	};
	int r = host_view_read(&ret->host, err);

	if (r == 0)
		r = bindings_derive(&options, &ret->host, &ret->bindings, err);
	if (r == 0)
		r = listener_table_prepare(&relay->table, &ret->bindings, scope, &ret->change, err);
	return r;
}

static void wanted_done(struct wanted *wanted)
{
	host_view_done(&wanted->host);
	bindings_done(&wanted->bindings);
	listener_change_free(wanted->change);
}

static void commit(struct relay *relay, struct wanted *wanted)
{
	adopt_links(relay, &wanted->bindings, &wanted->host);
	listener_table_commit(&relay->table, take_ptr(wanted->change), tell_listener, relay);
}

static int check(const struct relay_config *config, struct error *err)
{
	if (config->n_forwards > RELAY_FORWARDS_MAX)
		return error_set(err, EINVAL, "more than %d forwards", RELAY_FORWARDS_MAX);
	for (size_t i = 0; i < config->n_forwards; i++) {
		const struct relay_forward *forward = &config->forward[i];

		if (forward->outside.first == 0 || forward->outside.last < forward->outside.first ||
		    forward->inside.first == 0 ||
		    forward->inside.last - forward->inside.first !=
			    forward->outside.last - forward->outside.first)
			return error_set(err, EINVAL, "forward %zu: not as many ports inside", i);
		if (!forward->has_address && forward->interface[0] == '\0')
			return error_set(err, EINVAL, "forward %zu: no interface", i);
	}
	return 0;
}

/* A copy with descriptors of its own, the forwards left out. */
static int copy_config(const struct relay_config *config, struct relay_config *ret,
		       struct error *err)
{
	AUTO_FD int netns = fcntl(config->netns_fd, F_DUPFD_CLOEXEC, 0);
	AUTO_FD int userns =
		config->userns_fd < 0 ? -1 : fcntl(config->userns_fd, F_DUPFD_CLOEXEC, 0);

	if (netns < 0 || (config->userns_fd >= 0 && userns < 0))
		return error_errno(err, errno, "cannot keep the namespace of a relay");
	*ret = *config;
	ret->netns_fd = take_fd(&netns);
	ret->userns_fd = take_fd(&userns);
	ret->forward = NULL;
	return 0;
}

static void drop_config(struct relay_config *config)
{
	fd_cleanup(&config->netns_fd);
	fd_cleanup(&config->userns_fd);
}

static int configure(struct relay *relay, const struct relay_config *config, struct error *err)
{
	struct relay_config before = relay->config;
	struct wanted wanted = {0};
	struct slots slots;
	int r = check(config, err);

	if (r == 0)
		r = copy_config(config, &relay->config, err);
	if (r < 0)
		return r;
	slots_assign(&relay->slots, config->forward, config->n_forwards, &slots);
	r = prepare(relay, &slots, LISTENER_ALL, &wanted, err);
	if (r < 0) {
		drop_config(&relay->config);
		relay->config = before;
	} else {
		drop_config(&before);
		end_gone(relay, &slots);
		rebase(relay, &slots);
		relay->slots = slots;
		commit(relay, &wanted);
	}
	wanted_done(&wanted);
	return r;
}

/* ---- the caller's ---- */

static struct relay *make(void)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	void *shared =
		mmap(NULL, COUNTERS_LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (!relay || shared == MAP_FAILED) {
		free(relay);
		return NULL;
	}
	relay->counters = shared;
	relay->config.netns_fd = -1;
	relay->config.userns_fd = -1;
	relay->control = -1;
	relay->pump.child = CHILD_NONE;
	relay->connector.child = CHILD_NONE;
	relay->epoll = epoll_create1(EPOLL_CLOEXEC);
	relay->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	return relay;
}

/* The ports may be those of a predecessor that was killed and is about to end. */
static int configure_first(struct relay *relay, const struct relay_config *config,
			   struct error *err)
{
	int r = configure(relay, config, err);

	for (int tries = 1; r == -EADDRINUSE && tries < PREDECESSOR_TRIES; tries++) {
		(void)usleep(PREDECESSOR_WAIT_US);
		r = configure(relay, config, err);
	}
	return r;
}

static int set_up(struct relay *relay, const struct relay_config *config, struct error *err)
{
	int r;

	if (relay->epoll < 0 || relay->timer < 0)
		return error_set(err, EMFILE, "too many open files for a relay");
	r = limits_find(&relay->limits, err);
	if (r < 0)
		return r;
	if (listener_table_init(&relay->table, relay->limits.listeners) < 0)
		return error_set(err, ENOMEM, "out of memory for a relay");
	r = configure_first(relay, config, err);
	if (r < 0)
		return r;
	r = watch(relay, relay->timer);
	if (r == 0)
		r = start_missing(relay);
	return r < 0 ? error_errno(err, -r, "cannot start a relay") : 0;
}

int relay_open(const struct relay_config *config, struct relay **ret, struct error *err)
{
	struct relay *relay = make();
	int r = relay ? set_up(relay, config, err)
		      : error_set(err, ENOMEM, "out of memory for a relay");

	if (r < 0) {
		relay_close(relay);
		return r;
	}
	*ret = relay;
	return 0;
}

void relay_close(struct relay *relay)
{
	if (!relay)
		return;
	stop_pump(relay);
	stop(&relay->connector);
	listener_table_done(&relay->table);
	drop_config(&relay->config);
	fd_cleanup(&relay->epoll);
	fd_cleanup(&relay->timer);
	(void)munmap(relay->counters, COUNTERS_LEN);
	free(relay);
}

int relay_reconfigure(struct relay *relay, const struct relay_config *config, struct error *err)
{
	int r = configure(relay, config, err);

	if (r < 0)
		return r;
	stop(&relay->connector);
	r = start_missing(relay);
	set_timer(relay);
	return r < 0 ? error_errno(err, -r, "cannot start a relay") : 0;
}

int relay_addresses_changed(struct relay *relay, struct error *err)
{
	struct wanted wanted = {0};
	struct error own = {0};
	int r = prepare(relay, &relay->slots, LISTENER_MOST, &wanted, &own);

	if (r == 0) {
		commit(relay, &wanted);
		r = -own.code;
	}
	wanted_done(&wanted);
	if (r < 0 && err)
		*err = own;
	return r;
}

int relay_fd(const struct relay *relay)
{
	return relay->epoll;
}

size_t relay_capacity(const struct relay *relay)
{
	return relay->limits.connections;
}

void relay_stats(const struct relay *relay, size_t index, struct relay_forward_stats *ret)
{
	uint32_t slot = relay->slots.slot[index];
	const struct counters *now = &relay->counters[slot];
	const struct counters *base = &relay->base[slot];
	struct relay_forward_stats stats = {
		.open = counters_read(&now->open),
		.total = counters_read(&now->total) - base->total,
		.refused = counters_read(&now->refused) - base->refused,
		.bytes_in = counters_read(&now->bytes_in) - base->bytes_in,
		.bytes_out = counters_read(&now->bytes_out) - base->bytes_out,
	};

	for (size_t i = 0; i < relay->table.max; i++)
		stats.listeners +=
			relay->table.at[i].fd >= 0 && relay->table.at[i].spec.slot == slot;
	*ret = stats;
}

/* ---- events ---- */

/* A socket for a client that may come there; else -errno. */
static int serve_client(const struct relay *relay, const struct client_request *request, size_t len,
			int *ret_fd)
{
	const struct listener_spec *spec;

	if (len != sizeof(*request) || request->listener >= relay->table.max ||
	    relay->table.at[request->listener].fd < 0)
		return -EBADMSG;
	spec = &relay->table.at[request->listener].spec;
	if (spec->protocol != RELAY_UDP ||
	    !message_is_client_request(request, len, spec->at.any.sa_family))
		return -EBADMSG;
	if (!sources_has(&relay->sources[spec->link], &request->from))
		return -EACCES;
	return listener_open_client(spec, &request->from, ret_fd);
}

static bool is_too_much(struct relay *relay)
{
	struct instant now = clock_now();

	if (instant_since(now, relay->second) >= NS_PER_S) {
		relay->second = now;
		relay->n_clients = 0;
	}
	return ++relay->n_clients > CLIENTS_MAX;
}

static void read_requests(struct relay *relay)
{
	for (int i = 0; relay->control >= 0 && i < REQUESTS_MAX; i++) {
		struct control control = {.head = {.kind = CONTROL_CLIENT}};
		struct client_request request = {0};
		AUTO_FD int fd = -1;
		ssize_t n = recv(relay->control, &request, sizeof(request), MSG_TRUNC);

		if (n <= 0)
			return;
		control.head.client = request.client;
		control.head.error = is_too_much(relay)
					     ? EAGAIN
					     : -serve_client(relay, &request, (size_t)n, &fd);
		tell(relay, &control, fd);
	}
}

/* Somebody else in this process may have waited for it: then nobody knows how. */
static bool has_ended(const struct process *process, int *ret_status)
{
	pid_t pid = process->child.pid;
	pid_t ended = pid > 0 ? waitpid(pid, ret_status, WNOHANG) : 0;

	if (ended < 0 && errno == ECHILD)
		*ret_status = 0;
	return (pid > 0 && ended == pid) || (ended < 0 && errno == ECHILD);
}

static int explain(const char *name, int status, struct error *err)
{
	if (WIFSIGNALED(status))
		return error_set(err, ECHILD, "the relay's %s was ended by signal %d", name,
				 WTERMSIG(status));
	return error_set(err, ECHILD, "the relay's %s has ended with status %d", name,
			 WEXITSTATUS(status));
}

/* The pid is not ours any more: nothing is to be killed or waited for. */
static void forget(struct process *process)
{
	process->child.pid = -1;
	stop(process);
	restart_note_end(&process->restart, clock_now());
}

/* A pump's end is its connector's too. */
static int see_ends(struct relay *relay, struct error *err)
{
	int status;
	int r = 0;

	if (has_ended(&relay->connector, &status)) {
		r = explain("connector", status, err);
		forget(&relay->connector);
	}
	if (has_ended(&relay->pump, &status)) {
		r = explain("pump", status, err);
		forget(&relay->pump);
		close_control(relay);
		stop(&relay->connector);
	}
	return r;
}

static bool is_due(const struct relay *relay)
{
	struct instant due = instant_first(relay->pump.restart.due, relay->connector.restart.due);

	return instant_is_due(due, clock_now());
}

int relay_dispatch(struct relay *relay, struct error *err)
{
	uint64_t expirations;
	int r;

	(void)!read(relay->timer, &expirations, sizeof(expirations));
	read_requests(relay);
	r = see_ends(relay, err);
	if (is_due(relay)) {
		int start = start_missing(relay);

		if (start < 0 && r == 0)
			r = error_errno(err, -start, "cannot start a relay");
	}
	set_timer(relay);
	return r;
}
