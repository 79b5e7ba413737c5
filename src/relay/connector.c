/* How it works.  Each request becomes a socket whose connect(2) does not block.
 * Most are connected at once, since the service is on this host; the others
 * wait in `attempt` for EPOLLOUT, and for at most ATTEMPT_NS, which is what a
 * service with a full backlog has.  Where nobody listens on the first address
 * the next one is tried.  Results go back in as few messages as there is room
 * for descriptors in.
 */
#include "relay/connector.h"

#include "base/clock.h"
#include "relay/message.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	ATTEMPTS_MAX = 384, /* more are not connected: EAGAIN */
	EVENTS_MAX = 64,
	ADDRESSES_MAX = 2,
	PATROL_MS = 1000,
};

#define ATTEMPT_NS (10 * NS_PER_S)

struct attempt {
	int fd; /* -1: free */
	struct connect_request request;
	size_t n_tried; /* addresses */
	struct instant deadline;
};

struct connector {
	struct connector_options options;
	struct address address[ADDRESSES_MAX];
	size_t n_addresses;
	int epoll;
	size_t n_attempts;
	struct attempt attempt[ATTEMPTS_MAX];
	/* to be sent */
	struct connect_result result[CONNECT_RESULTS_MAX];
	size_t n_results;
	int fd[CONNECT_RESULTS_MAX];
	size_t n_fds;
};

static void choose_addresses(struct connector *connector)
{
	const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};

	connector->n_addresses = 1;
	connector->address[0] = connector->options.address;
	if (connector->options.has_address)
		return;
	connector->n_addresses = 2;
	connector->address[0] = address_from_v4(loopback);
	connector->address[1] = address_from_v6(&in6addr_loopback);
}

struct connector *connector_new(const struct connector_options *options)
{
	struct connector *connector = calloc(1, sizeof(*connector));
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = ATTEMPTS_MAX};

	if (!connector)
		return NULL;
	connector->options = *options;
	choose_addresses(connector);
	for (size_t i = 0; i < ATTEMPTS_MAX; i++)
		connector->attempt[i].fd = -1;
	connector->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (connector->epoll < 0 ||
	    epoll_ctl(connector->epoll, EPOLL_CTL_ADD, options->channel, &event) < 0) {
		connector_free(connector);
		return NULL;
	}
	return connector;
}

void connector_free(struct connector *connector)
{
	if (!connector)
		return;
	for (size_t i = 0; i < ATTEMPTS_MAX; i++)
		if (connector->attempt[i].fd >= 0)
			(void)close(connector->attempt[i].fd);
	if (connector->epoll >= 0)
		(void)close(connector->epoll);
	free(connector);
}

/* ---- results ---- */

static int flush(struct connector *connector)
{
	int r = 0;

	if (connector->n_results > 0)
		r = fd_send(connector->options.channel, connector->result,
			    connector->n_results * sizeof(connector->result[0]), connector->fd,
			    connector->n_fds);
	while (connector->n_fds > 0)
		(void)close(connector->fd[--connector->n_fds]);
	connector->n_results = 0;
	return r == -EPIPE || r == -ECONNRESET ? -ESHUTDOWN : r;
}

/* Takes fd over; -1 with an error. */
static int answer(struct connector *connector, uint32_t id, int error, int fd)
{
	connector->result[connector->n_results++] = (struct connect_result){id, error};
	if (fd >= 0)
		connector->fd[connector->n_fds++] = fd;
	return connector->n_results == CONNECT_RESULTS_MAX ? flush(connector) : 0;
}

/* ---- attempts ---- */

static bool is_declared(const struct connector *connector, const struct connect_request *request)
{
	for (size_t i = 0; i < connector->options.n_forwards; i++) {
		const struct relay_forward *forward = &connector->options.forward[i];

		if (request->protocol == (uint8_t)forward->protocol &&
		    request->port >= forward->inside.first && request->port <= forward->inside.last)
			return true;
	}
	return false;
}

/* A socket that is connected or about to be; -errno.
 *
 * syscalls: socket connect setsockopt(TCP_NODELAY) close
 */
static int begin_connect(const struct address *address, const struct connect_request *request)
{
	bool is_tcp = request->protocol == RELAY_TCP;
	union endpoint to = endpoint_make(address, request->port);
	int type = (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(to.any.sa_family, type, 0);
	int on = 1;
	int code;

	if (fd < 0)
		return -errno;
	if (is_tcp)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, &to.any, endpoint_len(&to)) == 0 || errno == EINPROGRESS)
		return fd;
	code = errno;
	(void)close(fd);
	return -code;
}

/* 0: connected; -EINPROGRESS; another -errno: never.  Once there is an answer a
 * second connect(2) tells which: a service on this host has answered already.
 */
static int check_connect(int fd, const struct address *address, uint16_t port)
{
	union endpoint to = endpoint_make(address, port);

	if (connect(fd, &to.any, endpoint_len(&to)) == 0 || errno == EISCONN)
		return 0;
	return errno == EALREADY || errno == EINPROGRESS ? -EINPROGRESS : -errno;
}

static const struct address *address_of(const struct connector *connector,
					const struct attempt *attempt)
{
	size_t n = attempt->request.attempt + attempt->n_tried;

	return &connector->address[n % connector->n_addresses];
}

/* The attempt's result, or -EINPROGRESS when it has to wait; attempt->fd is the
 * socket in both cases, -1 with an error.
 */
static int try_addresses(const struct connector *connector, struct attempt *attempt)
{
	int r = -EAGAIN;

	for (; attempt->n_tried < connector->n_addresses; attempt->n_tried++) {
		const struct address *address = address_of(connector, attempt);

		if (attempt->fd < 0)
			attempt->fd = begin_connect(address, &attempt->request);
		r = attempt->fd;
		if (r >= 0)
			r = check_connect(attempt->fd, address, attempt->request.port);
		if (r == 0 || r == -EINPROGRESS)
			return r;
		if (attempt->fd >= 0)
			(void)close(attempt->fd);
		attempt->fd = -1;
	}
	return r;
}

static struct attempt *find_free(struct connector *connector)
{
	for (size_t i = 0; connector->n_attempts < ATTEMPTS_MAX && i < ATTEMPTS_MAX; i++)
		if (connector->attempt[i].fd < 0)
			return &connector->attempt[i];
	return NULL;
}

/* Watches the attempt where it stands in the table.  -errno: it cannot wait. */
static int watch(const struct connector *connector, const struct attempt *attempt)
{
	struct epoll_event event = {
		.events = EPOLLOUT,
		.data.u32 = (uint32_t)(attempt - connector->attempt),
	};

	return epoll_ctl(connector->epoll, EPOLL_CTL_ADD, attempt->fd, &event) < 0 ? -errno : 0;
}

static int take_request(struct connector *connector, const struct connect_request *request)
{
	struct attempt attempt = {.fd = -1, .request = *request};
	struct attempt *place;
	int r = is_declared(connector, request) ? try_addresses(connector, &attempt) : -EACCES;

	if (r != -EINPROGRESS)
		return answer(connector, request->id, -r, attempt.fd);
	place = find_free(connector);
	if (place) {
		attempt.deadline = instant_add(clock_now(), ATTEMPT_NS);
		*place = attempt;
		r = watch(connector, place);
	} else {
		r = -EAGAIN;
	}
	if (r == 0) {
		connector->n_attempts++;
		return 0;
	}
	(void)close(attempt.fd);
	if (place)
		place->fd = -1;
	return answer(connector, request->id, -r, -1);
}

static int finish(struct connector *connector, struct attempt *attempt, int r)
{
	int fd = r == 0 ? attempt->fd : -1;

	if (r < 0 && attempt->fd >= 0)
		(void)close(attempt->fd);
	else
		(void)epoll_ctl(connector->epoll, EPOLL_CTL_DEL, attempt->fd, NULL);
	attempt->fd = -1;
	connector->n_attempts--;
	return answer(connector, attempt->request.id, -r, fd);
}

/* Something happened to an attempt's socket. */
static int go_on(struct connector *connector, struct attempt *attempt)
{
	int before = attempt->fd;
	int r;

	if (before < 0) /* an event of a socket that has been answered for */
		return 0;
	r = try_addresses(connector, attempt);
	if (r == -EINPROGRESS && attempt->fd == before)
		return 0;
	if (r == -EINPROGRESS)
		r = watch(connector, attempt);
	else
		return finish(connector, attempt, r);
	return r == 0 ? 0 : finish(connector, attempt, r);
}

static int give_up_late(struct connector *connector)
{
	struct instant now = clock_now();
	int r = 0;

	for (size_t i = 0; r == 0 && connector->n_attempts > 0 && i < ATTEMPTS_MAX; i++)
		if (connector->attempt[i].fd >= 0 &&
		    instant_is_due(connector->attempt[i].deadline, now))
			r = finish(connector, &connector->attempt[i], -ETIMEDOUT);
	return r;
}

/* ---- requests ---- */

static int read_requests(struct connector *connector)
{
	struct connect_request request[CONNECT_BATCH_MAX];
	ssize_t n = read(connector->options.channel, request, sizeof(request));
	int n_requests;
	int r = 0;

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -ESHUTDOWN;
	n_requests = message_count_requests((size_t)n);
	if (n_requests < 0)
		return n_requests;
	for (int i = 0; r == 0 && i < n_requests; i++)
		r = take_request(connector, &request[i]);
	return r;
}

int connector_turn(struct connector *connector)
{
	struct epoll_event event[EVENTS_MAX];
	int n = epoll_wait(connector->epoll, event, EVENTS_MAX,
			   connector->n_attempts > 0 ? PATROL_MS : -1);
	int r = 0;

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; r == 0 && i < n; i++) {
		if (event[i].data.u32 == ATTEMPTS_MAX)
			r = read_requests(connector);
		else
			r = go_on(connector, &connector->attempt[event[i].data.u32]);
	}
	if (r == 0)
		r = give_up_late(connector);
	return r == 0 ? flush(connector) : r;
}
