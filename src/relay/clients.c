/* How it works.  The first datagram of a client makes an entry, and two
 * questions: the supervisor is asked for a socket that is bound to the declared
 * port and connected to the client, the connector for one inside.  Until both
 * have come datagrams wait, a few and not for long.  Then the kernel brings the
 * client's datagrams to its own socket, and each is passed on as it is read.
 *
 * A socket is bound before it is connected, and between the two it may be given
 * another client's datagram: so every datagram's sender is looked at, and one
 * of another client goes the way of those that came to the listener.
 *
 * Entries stand in two lists by last use, since those that were never answered
 * expire sooner; when there is no room, the first of these makes it.  Where
 * nobody listens inside the kernel says so after the first datagram: then the
 * next client of that forward is tried at the connector's other address.
 */
#include "relay/clients.h"

#include "relay/counters.h"
#include "relay/flow_id.h"
#include "relay/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH_MAX = 32 };

enum client_side { SIDE_OUTSIDE, SIDE_INSIDE };

struct waiting {
	struct waiting *next;
	size_t len;
	uint8_t bytes[];
};

/* By last use, the oldest first. */
struct ring {
	struct client *first;
	struct client *last;
};

struct client {
	bool is_used;
	bool is_answered;
	uint32_t generation;
	struct client_place place;
	union endpoint from;
	int fd[2]; /* by side; -1: not yet */
	struct instant used;
	struct waiting *waiting;
	unsigned int n_waiting;
	struct client *next_same; /* in its bucket, or the list of free ones */
	struct client *before;	  /* in its ring */
	struct client *after;
};

struct clients {
	struct clients_options options;
	size_t n_buckets; /* a power of two */
	struct client **bucket;
	struct client *free;
	struct ring ring[2]; /* by is_answered */
	size_t waiting_bytes;
	struct instant now;
	uint8_t attempt[RELAY_FORWARDS_MAX];
	uint8_t buffer[CLIENTS_DATAGRAM_MAX];
	struct client at[];
};

struct clients *clients_new(const struct clients_options *options)
{
	struct clients *clients =
		calloc(1, sizeof(*clients) + options->max * sizeof(clients->at[0]));

	if (!clients)
		return NULL;
	clients->options = *options;
	clients->n_buckets = 1;
	while (clients->n_buckets < options->max)
		clients->n_buckets *= 2;
	clients->bucket = calloc(clients->n_buckets, sizeof(struct client *));
	if (!clients->bucket) {
		free(clients);
		return NULL;
	}
	for (size_t i = options->max; i-- > 0;) {
		clients->at[i].next_same = clients->free;
		clients->free = &clients->at[i];
	}
	return clients;
}

/* ---- finding ---- */

/* FNV-1a */
static struct client **bucket_of(struct clients *clients, uint32_t listener,
				 const union endpoint *from)
{
	struct address address = endpoint_address(from);
	uint16_t port = endpoint_port(from);
	uint32_t hash = clients->options.seed ^ 2166136261U;

	for (size_t i = 0; i < sizeof(address.ip.s6_addr); i++)
		hash = (hash ^ address.ip.s6_addr[i]) * 16777619U;
	hash = (hash ^ port) * 16777619U;
	hash = (hash ^ listener) * 16777619U;
	return &clients->bucket[(hash ^ hash >> 16) & (clients->n_buckets - 1)];
}

static struct client *find(struct clients *clients, uint32_t listener, const union endpoint *from)
{
	struct client *client = *bucket_of(clients, listener, from);

	while (client &&
	       (client->place.listener != listener || !endpoint_equal(&client->from, from)))
		client = client->next_same;
	return client;
}

static uint32_t id_of(const struct clients *clients, const struct client *client)
{
	return flow_id(true, client->generation, (uint32_t)(client - clients->at));
}

static struct client *find_id(struct clients *clients, uint32_t id)
{
	struct client *client;

	if (!flow_is_udp(id) || flow_place(id) >= clients->options.max)
		return NULL;
	client = &clients->at[flow_place(id)];
	return client->is_used && id_of(clients, client) == id ? client : NULL;
}

/* ---- rings ---- */

static void ring_remove(struct clients *clients, struct client *client)
{
	struct ring *ring = &clients->ring[client->is_answered];

	if (client->before)
		client->before->after = client->after;
	else
		ring->first = client->after;
	if (client->after)
		client->after->before = client->before;
	else
		ring->last = client->before;
}

static void ring_append(struct clients *clients, struct client *client)
{
	struct ring *ring = &clients->ring[client->is_answered];

	client->after = NULL;
	client->before = ring->last;
	if (ring->last)
		ring->last->after = client;
	else
		ring->first = client;
	ring->last = client;
	client->used = clients->now;
}

static void touch(struct clients *clients, struct client *client, bool is_answered)
{
	ring_remove(clients, client);
	client->is_answered |= is_answered;
	ring_append(clients, client);
}

/* ---- waiting datagrams ---- */

static void keep(struct clients *clients, struct client *client, const struct datagram *datagram)
{
	struct waiting **end = &client->waiting;
	struct waiting *waiting;

	if (client->n_waiting == CLIENTS_WAITING_MAX ||
	    clients->waiting_bytes + datagram->len > CLIENTS_WAITING_BYTES_MAX)
		return;
	waiting = malloc(sizeof(*waiting) + datagram->len);
	if (!waiting)
		return;
	waiting->next = NULL;
	waiting->len = datagram->len;
	memcpy(waiting->bytes, datagram->bytes, datagram->len);
	while (*end)
		end = &(*end)->next;
	*end = waiting;
	client->n_waiting++;
	clients->waiting_bytes += datagram->len;
}

static struct waiting *take_waiting(struct clients *clients, struct client *client)
{
	struct waiting *waiting = client->waiting;

	if (waiting) {
		client->waiting = waiting->next;
		client->n_waiting--;
		clients->waiting_bytes -= waiting->len;
	}
	return waiting;
}

/* ---- life ---- */

static void unlink_bucket(struct clients *clients, struct client *client)
{
	struct client **at = bucket_of(clients, client->place.listener, &client->from);

	while (*at != client)
		at = &(*at)->next_same;
	*at = client->next_same;
}

static void end(struct clients *clients, struct client *client)
{
	struct waiting *waiting;

	for (int side = 0; side < 2; side++)
		if (client->fd[side] >= 0)
			(void)close(client->fd[side]);
	while ((waiting = take_waiting(clients, client)) != NULL)
		free(waiting);
	ring_remove(clients, client);
	unlink_bucket(clients, client);
	counters_add(&clients->options.counters[client->place.slot].open, (uint64_t)-1);
	client->is_used = false;
	client->generation++;
	client->next_same = clients->free;
	clients->free = client;
}

void clients_free(struct clients *clients)
{
	if (!clients)
		return;
	for (int i = 0; i < 2; i++)
		while (clients->ring[i].first)
			end(clients, clients->ring[i].first);
	free(clients->bucket);
	free(clients);
}

/* Of an entry that is just begun.  syscalls: write */
static bool ask(const struct clients *clients, const struct client *client, int connector)
{
	const struct client_request outside = {
		.client = id_of(clients, client),
		.listener = client->place.listener,
		.from = client->from,
	};
	const struct connect_request inside = {
		.id = outside.client,
		.port = client->place.inside_port,
		.protocol = RELAY_UDP,
		.attempt = clients->attempt[client->place.slot],
	};

	return connector >= 0 && write(connector, &inside, sizeof(inside)) == sizeof(inside) &&
	       write(clients->options.control, &outside, sizeof(outside)) == sizeof(outside);
}

static struct client *begin(struct clients *clients, const struct client_place *place,
			    const union endpoint *from)
{
	struct client *client;
	struct client **bucket;

	if (!clients->free && clients->ring[false].first)
		end(clients, clients->ring[false].first);
	client = clients->free;
	if (!client)
		return NULL;
	clients->free = client->next_same;
	*client = (struct client){
		.is_used = true,
		.generation = client->generation,
		.place = *place,
		.from = *from,
		.fd = {-1, -1},
	};
	bucket = bucket_of(clients, place->listener, from);
	client->next_same = *bucket;
	*bucket = client;
	ring_append(clients, client);
	counters_add(&clients->options.counters[place->slot].open, 1);
	counters_add(&clients->options.counters[place->slot].total, 1);
	return client;
}

/* ---- datagrams ---- */

/* Nobody is there on that side.  A client that was never answered may find
 * somebody at the other address next time.
 */
static void lose(struct clients *clients, struct client *client, enum client_side side)
{
	if (side == SIDE_INSIDE && !client->is_answered) {
		clients->attempt[client->place.slot] ^= 1;
		counters_add(&clients->options.counters[client->place.slot].refused, 1);
	}
	end(clients, client);
}

/* False: the client is gone.  A full socket loses a datagram, as a network does.
 *
 * syscalls: sendto(no address)
 */
static bool pass_on(struct clients *clients, struct client *client, enum client_side to,
		    const struct datagram *datagram)
{
	struct counters *counters = &clients->options.counters[client->place.slot];
	ssize_t n = send(client->fd[to], datagram->bytes, datagram->len, MSG_NOSIGNAL);

	if (n < 0 && errno == ECONNREFUSED) {
		lose(clients, client, to);
		return false;
	}
	if (n > 0)
		counters_add(to == SIDE_INSIDE ? &counters->bytes_in : &counters->bytes_out,
			     (uint64_t)n);
	touch(clients, client, to == SIDE_OUTSIDE);
	return true;
}

static bool is_open(const struct client *client)
{
	return client->fd[SIDE_OUTSIDE] >= 0 && client->fd[SIDE_INSIDE] >= 0;
}

void clients_receive(struct clients *clients, const struct client_place *place,
		     const union endpoint *from, const struct datagram *datagram, int connector)
{
	struct client *client = find(clients, place->listener, from);

	if (client && is_open(client)) {
		(void)pass_on(clients, client, SIDE_INSIDE, datagram);
		return;
	}
	if (!client) {
		client = begin(clients, place, from);
		if (!client) {
			counters_add(&clients->options.counters[place->slot].refused, 1);
			return;
		}
		if (!ask(clients, client, connector)) {
			end(clients, client);
			return;
		}
	}
	keep(clients, client, datagram);
}

/* ---- answers ---- */

static bool watch(const struct clients *clients, const struct client *client, unsigned int side)
{
	struct epoll_event event = {
		.events = EPOLLIN,
		.data.u64 = flow_event_key(FLOW_CLIENT, side, id_of(clients, client)),
	};

	return epoll_ctl(clients->options.epoll, EPOLL_CTL_ADD, client->fd[side], &event) == 0;
}

static void release_waiting(struct clients *clients, struct client *client)
{
	struct waiting *waiting;
	bool is_there = true;

	while (is_there && (waiting = take_waiting(clients, client)) != NULL) {
		struct datagram datagram = {waiting->bytes, waiting->len};

		is_there = pass_on(clients, client, SIDE_INSIDE, &datagram);
		free(waiting);
	}
}

static void give(struct clients *clients, uint32_t id, enum client_side side, int error, int fd)
{
	struct client *client = find_id(clients, id);

	if (!client || client->fd[side] >= 0) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	client->fd[side] = fd;
	if (error != 0 || !watch(clients, client, side)) {
		counters_add(&clients->options.counters[client->place.slot].refused, 1);
		end(clients, client);
		return;
	}
	if (is_open(client))
		release_waiting(clients, client);
}

void clients_outside(struct clients *clients, uint32_t id, int error, int fd)
{
	give(clients, id, SIDE_OUTSIDE, error, fd);
}

void clients_inside(struct clients *clients, uint32_t id, int error, int fd)
{
	give(clients, id, SIDE_INSIDE, error, fd);
}

/* ---- events ---- */

/* syscalls: recvfrom */
static bool read_inside(struct clients *clients, struct client *client)
{
	ssize_t n = recv(client->fd[SIDE_INSIDE], clients->buffer, sizeof(clients->buffer),
			 MSG_DONTWAIT);
	struct datagram datagram = {clients->buffer, n < 0 ? 0 : (size_t)n};

	if (n < 0 && errno == ECONNREFUSED)
		lose(clients, client, SIDE_INSIDE);
	if (n < 0 || client->fd[SIDE_OUTSIDE] < 0)
		return false;
	return pass_on(clients, client, SIDE_OUTSIDE, &datagram);
}

/* False: nothing is left to read here. */
static bool read_outside(struct clients *clients, struct client *client, int connector)
{
	union endpoint from = {0};
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(client->fd[SIDE_OUTSIDE], clients->buffer, sizeof(clients->buffer),
			     MSG_DONTWAIT, &from.any, &from_len);
	struct datagram datagram = {clients->buffer, n < 0 ? 0 : (size_t)n};
	uint32_t id = id_of(clients, client);
	struct client_place place = client->place;

	if (n < 0 && errno == ECONNREFUSED)
		lose(clients, client, SIDE_OUTSIDE);
	if (n < 0)
		return false;
	clients_receive(clients, &place, &from, &datagram, connector);
	return find_id(clients, id) != NULL;
}

void clients_note(struct clients *clients, uint32_t id, unsigned int side, int connector)
{
	struct client *client = find_id(clients, id);
	bool goes_on = client != NULL;

	for (int i = 0; goes_on && i < BATCH_MAX; i++)
		goes_on = side == SIDE_INSIDE ? read_inside(clients, client)
					      : read_outside(clients, client, connector);
}

static void end_where(struct clients *clients,
		      bool (*is_meant)(const struct client *client, uint32_t slot), uint32_t slot)
{
	for (size_t i = 0; i < clients->options.max; i++)
		if (clients->at[i].is_used && is_meant(&clients->at[i], slot))
			end(clients, &clients->at[i]);
}

static bool has_slot(const struct client *client, uint32_t slot)
{
	return client->place.slot == slot;
}

static bool lacks_inside(const struct client *client, uint32_t slot)
{
	(void)slot;
	return client->fd[SIDE_INSIDE] < 0;
}

void clients_end_slot(struct clients *clients, uint32_t slot)
{
	end_where(clients, has_slot, slot);
}

void clients_forget_asked(struct clients *clients)
{
	end_where(clients, lacks_inside, 0);
}

/* ---- time ---- */

void clients_set_time(struct clients *clients, struct instant now)
{
	clients->now = now;
}

static struct instant expire_ring(struct clients *clients, struct ring *ring, uint64_t idle_ns)
{
	struct instant due = {0};

	while (ring->first) {
		due = instant_add(ring->first->used, idle_ns);
		if (!instant_is_due(due, clients->now))
			return due;
		end(clients, ring->first);
	}
	return (struct instant){0};
}

struct instant clients_expire(struct clients *clients)
{
	struct instant unanswered =
		expire_ring(clients, &clients->ring[false], CLIENTS_UNANSWERED_NS);
	struct instant answered = expire_ring(clients, &clients->ring[true], CLIENTS_IDLE_NS);

	return instant_first(unanswered, answered);
}
