/* How it works.  A connection that was accepted waits in a queue until the
 * connector is asked, at most ASKED_MAX at a time; the client's socket is not
 * looked at meanwhile.  When the inner socket comes both are watched and the
 * connection is moved whenever an edge was seen: edges of one turn are gathered
 * first, so that it is moved once.  One that is refused inside is reset.
 */
#include "relay/connections.h"

#include "relay/counters.h"
#include "relay/flow_id.h"
#include "relay/limits.h"
#include "relay/message.h"
#include "relay/proxy_header.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ASKED_MAX = 256 };

enum connection_state { CONNECTION_FREE, CONNECTION_WAITING, CONNECTION_ASKED, CONNECTION_OPEN };

struct connection {
	enum connection_state state;
	uint32_t generation;
	struct connection *next; /* in the list of its state, or the queue of those to move */
	bool is_queued;
	struct accepted accepted; /* fd: until it is open */
	struct stream stream;
};

struct list {
	struct connection *first;
	struct connection **end; /* where the next one is put */
};

struct connections {
	int epoll;
	struct counters *counters;
	size_t capacity;
	size_t n_touched; /* places that were ever taken */
	size_t n_asked;
	struct connection *free;
	struct list waiting;
	struct list moving;
	struct pipe_pool pool;
	struct connection at[];
};

static void list_init(struct list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void list_append(struct list *list, struct connection *connection)
{
	connection->next = NULL;
	*list->end = connection;
	list->end = &connection->next;
}

static struct connection *list_take(struct list *list)
{
	struct connection *first = list->first;

	if (first) {
		list->first = first->next;
		if (!list->first)
			list->end = &list->first;
	}
	return first;
}

struct connections *connections_new(const struct limits *limits, int epoll,
				    struct counters *counters)
{
	size_t capacity = limits->connections;
	struct connections *connections =
		calloc(1, sizeof(*connections) + capacity * sizeof(connections->at[0]));

	if (!connections)
		return NULL;
	connections->epoll = epoll;
	connections->counters = counters;
	connections->capacity = capacity;
	connections->pool.max = limits->pipes;
	list_init(&connections->waiting);
	list_init(&connections->moving);
	return connections;
}

/* Never used before, else the one freed last: the table is touched no further than needed. */
static struct connection *take_free(struct connections *connections)
{
	struct connection *connection = connections->free;

	if (connection)
		connections->free = connection->next;
	else
		connection = &connections->at[connections->n_touched++];
	return connection;
}

static struct counters *counters_of(const struct connections *connections,
				    const struct connection *connection)
{
	return &connections->counters[connection->accepted.slot];
}

static uint32_t id_of(const struct connections *connections, const struct connection *connection)
{
	return flow_id(false, connection->generation, (uint32_t)(connection - connections->at));
}

static struct connection *find(struct connections *connections, uint32_t id)
{
	struct connection *connection;

	if (flow_is_udp(id) || flow_place(id) >= connections->n_touched)
		return NULL;
	connection = &connections->at[flow_place(id)];
	return connection->state != CONNECTION_FREE && id_of(connections, connection) == id
		       ? connection
		       : NULL;
}

/* Not in any list but, perhaps, among those to move, from which it is then taken. */
static void release(struct connections *connections, struct connection *connection)
{
	struct counters *counters = counters_of(connections, connection);

	counters_add(&counters->open, (uint64_t)-1);
	connection->state = CONNECTION_FREE;
	connection->generation++;
	if (connection->is_queued) /* connections_move() will find it */
		return;
	connection->next = connections->free;
	connections->free = connection;
}

static void refuse(struct connections *connections, struct connection *connection)
{
	stream_reset(connection->accepted.fd);
	counters_add(&counters_of(connections, connection)->refused, 1);
	release(connections, connection);
}

void connections_free(struct connections *connections)
{
	if (!connections)
		return;
	for (size_t i = 0; i < connections->n_touched; i++) {
		struct connection *connection = &connections->at[i];

		if (connection->state == CONNECTION_OPEN)
			stream_done(&connection->stream, &connections->pool);
		else if (connection->state != CONNECTION_FREE)
			stream_reset(connection->accepted.fd);
	}
	pipe_pool_done(&connections->pool);
	free(connections);
}

bool connections_has_room(const struct connections *connections)
{
	return connections->free || connections->n_touched < connections->capacity;
}

void connections_add(struct connections *connections, const struct accepted *accepted)
{
	struct connection *connection = take_free(connections);
	struct counters *counters = &connections->counters[accepted->slot];

	connection->state = CONNECTION_WAITING;
	connection->accepted = *accepted;
	counters_add(&counters->open, 1);
	counters_add(&counters->total, 1);
	list_append(&connections->waiting, connection);
}

/* ---- asking ---- */

static size_t gather(const struct connections *connections, struct connect_request *ret)
{
	size_t n = 0;

	for (const struct connection *at = connections->waiting.first;
	     at && n < CONNECT_BATCH_MAX && connections->n_asked + n < ASKED_MAX; at = at->next)
		ret[n++] = (struct connect_request){
			.id = id_of(connections, at),
			.port = at->accepted.inside_port,
			.protocol = RELAY_TCP,
		};
	return n;
}

/* syscalls: write */
bool connections_ask(struct connections *connections, int connector)
{
	struct connect_request request[CONNECT_BATCH_MAX];
	size_t n;

	while ((n = gather(connections, request)) > 0) {
		if (write(connector, request, n * sizeof(request[0])) < 0)
			return true;
		connections->n_asked += n;
		while (n-- > 0)
			list_take(&connections->waiting)->state = CONNECTION_ASKED;
	}
	return connections->waiting.first != NULL;
}

void connections_ask_again(struct connections *connections)
{
	for (size_t i = 0; connections->n_asked > 0 && i < connections->n_touched; i++) {
		struct connection *connection = &connections->at[i];

		if (connection->state != CONNECTION_ASKED)
			continue;
		connection->state = CONNECTION_WAITING;
		list_append(&connections->waiting, connection);
		connections->n_asked--;
	}
}

/* ---- opening ---- */

/* Into a socket that has never been written to: there is room. */
static bool send_header(const struct connection *connection, int inside)
{
	uint8_t header[PROXY_HEADER_MAX];
	size_t len;

	if (!connection->accepted.has_proxy_header)
		return true;
	len = proxy_header_write(&connection->accepted.client, &connection->accepted.server,
				 header);
	return send(inside, header, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool watch(const struct connections *connections, const struct connection *connection,
		  enum stream_side side, int fd)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.u64 = flow_event_key(FLOW_STREAM, side, id_of(connections, connection)),
	};

	return epoll_ctl(connections->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void queue(struct connections *connections, struct connection *connection)
{
	if (connection->is_queued)
		return;
	connection->is_queued = true;
	list_append(&connections->moving, connection);
}

/* syscalls: epoll_ctl sendto(no address) */
void connections_answer(struct connections *connections, uint32_t id, int error, int fd)
{
	struct connection *connection = find(connections, id);

	if (!connection || connection->state != CONNECTION_ASKED) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	connections->n_asked--;
	if (error != 0 || !send_header(connection, fd) ||
	    !watch(connections, connection, STREAM_OUTSIDE, connection->accepted.fd) ||
	    !watch(connections, connection, STREAM_INSIDE, fd)) {
		if (fd >= 0)
			(void)close(fd);
		refuse(connections, connection);
		return;
	}
	connection->state = CONNECTION_OPEN;
	stream_init(&connection->stream, connection->accepted.fd, fd);
}

/* ---- moving ---- */

void connections_note(struct connections *connections, uint32_t id, enum stream_side side,
		      uint32_t events)
{
	struct connection *connection = find(connections, id);

	if (!connection || connection->state != CONNECTION_OPEN)
		return;
	stream_note(&connection->stream, side, events);
	queue(connections, connection);
}

static void end(struct connections *connections, struct connection *connection)
{
	stream_done(&connection->stream, &connections->pool);
	release(connections, connection);
}

static void move(struct connections *connections, struct connection *connection)
{
	struct counters *counters = counters_of(connections, connection);
	uint64_t moved[2] = {0, 0};
	enum stream_verdict verdict = stream_move(&connection->stream, &connections->pool, moved);

	counters_add(&counters->bytes_in, moved[STREAM_OUTSIDE]);
	counters_add(&counters->bytes_out, moved[STREAM_INSIDE]);
	switch (verdict) {
	case STREAM_WAITS:
		return;
	case STREAM_GOES_ON:
		queue(connections, connection);
		return;
	case STREAM_ENDED:
	case STREAM_BROKEN:
		end(connections, connection);
		return;
	}
}

bool connections_move(struct connections *connections)
{
	struct list now = connections->moving;
	struct connection *connection;

	list_init(&connections->moving);
	if (!now.first)
		return false;
	while ((connection = list_take(&now)) != NULL) {
		connection->is_queued = false;
		if (connection->state == CONNECTION_OPEN) {
			move(connections, connection);
			continue;
		}
		connection->next = connections->free; /* it was released meanwhile */
		connections->free = connection;
	}
	return connections->moving.first != NULL;
}

/* Those that wait for an answer are reset when it comes, or when nobody may ask. */
void connections_end_slot(struct connections *connections, uint32_t slot)
{
	struct list waiting = connections->waiting;
	struct connection *connection;

	list_init(&connections->waiting);
	while ((connection = list_take(&waiting)) != NULL) {
		if (connection->accepted.slot == slot)
			refuse(connections, connection);
		else
			list_append(&connections->waiting, connection);
	}
	for (size_t i = 0; i < connections->n_touched; i++) {
		connection = &connections->at[i];
		if (connection->accepted.slot != slot)
			continue;
		if (connection->state == CONNECTION_OPEN)
			end(connections, connection);
		if (connection->state == CONNECTION_ASKED) {
			connections->n_asked--;
			refuse(connections, connection);
		}
	}
}
