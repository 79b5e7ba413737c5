#include "dataplane/receiver.h"

#include "dataplane/offload_merge.h"
#include "dataplane/plane.h"
#include "dataplane/udp_reader.h"
#include "wireguard/crypto.h"
#include "wireguard/device.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum {
	OPENED_MAX = 64,  /* datagrams opened at once */
	SESSIONS_MAX = 8, /* of different peers among them; others are opened one by one */
};

/* Datagrams on their way, and what has become of them. */
struct train {
	struct wg_datagram datagram[OPENED_MAX];
	size_t n;
	struct wg_open session[SESSIONS_MAX];
	unsigned int n_sessions;
	struct wg_packet packet[OPENED_MAX];
	size_t n_packets;
	bool has_control;
	bool is_last; /* of its receive */
	struct instant now;
};

/* ---- trains: the work of a line ---- */

static void begin_train(struct receiver *receiver, struct train *train)
{
	struct plane *plane = receiver->plane;

	train->now = receiver->now;
	train->n_packets = 0;
	train->has_control = false;
	plane_lock(plane);
	train->n_sessions = wg_open_begin(plane->device, train->now, train->datagram, train->n,
					  train->session, SESSIONS_MAX);
	plane_unlock(plane);
}

static void open_slot(void *context, unsigned int slot, struct crypto *crypto)
{
	struct train *train = ((struct receiver *)context)->train[slot];

	for (unsigned int i = 0; i < train->n_sessions; i++) {
		train->session[i].crypto = crypto;
		wg_open_many(&train->session[i], train->datagram, train->n);
	}
}

static void take_datagram(struct receiver *receiver, struct train *train,
			  const struct wg_datagram *datagram)
{
	struct wg_packet *packet = &train->packet[train->n_packets];

	receiver->fresh.rx_datagrams++;
	switch (wg_receive(receiver->plane->device, train->now, datagram, packet)) {
	case WG_DROP:
		break;
	case WG_CONTROL:
		train->has_control = true;
		break;
	case WG_DELIVER:
		train->n_packets++;
		break;
	}
}

static void publish(struct receiver *receiver)
{
	health_add_received(&receiver->plane->received, &receiver->fresh);
	receiver->fresh = (struct health){0};
}

/* After a handshake message, cookie or keepalive, and after the first data since. */
static void look_for_handshake(struct receiver *receiver, const struct wg_device_stats *stats,
			       struct instant now)
{
	if (stats->rx_handshake != receiver->n_handshakes_seen || receiver->is_handshake_fresh) {
		receiver->is_handshake_fresh = stats->rx_handshake != receiver->n_handshakes_seen;
		receiver->n_handshakes_seen = stats->rx_handshake;
		events_tell(&receiver->events);
	}
	if (stats->rx_bad_response != receiver->n_bad_responses_seen) {
		receiver->n_bad_responses_seen = stats->rx_bad_response;
		events_tell_rarely(&receiver->events, EVENT_BAD_RESPONSE, now);
	}
}

static void end_train(struct receiver *receiver, struct train *train)
{
	struct plane *plane = receiver->plane;
	struct wg_device_stats stats;
	bool needs_sender;

	plane_lock(plane);
	for (size_t i = 0; i < train->n; i++)
		take_datagram(receiver, train, &train->datagram[i]);
	for (unsigned int i = 0; i < train->n_sessions; i++)
		wg_open_end(plane->device, &train->session[i]);
	publish(receiver);
	wg_device_read_stats(plane->device, &stats);
	needs_sender = plane_needs_sender(plane);
	plane_unlock(plane);
	if (needs_sender)
		plane_call_sender(plane);
	if (train->has_control || (receiver->is_handshake_fresh && train->n_packets > 0))
		look_for_handshake(receiver, &stats, train->now);
}

static void write_tun(void *context, const struct iovec *iov, int n)
{
	struct receiver *receiver = context;

	if (tun_write(&receiver->plane->tun, iov, n) < 0)
		receiver->fresh.tun_errors++;
}

static void flush(struct receiver *receiver)
{
	merge_flush(receiver->merge, write_tun, receiver);
	if (receiver->fresh.tun_errors == 0)
		return;
	plane_lock(receiver->plane);
	publish(receiver);
	plane_unlock(receiver->plane);
}

static void deliver(struct receiver *receiver, const struct wg_packet *packet)
{
	if (merge_add(receiver->merge, packet->bytes, packet->len))
		return;
	flush(receiver);
	(void)merge_add(receiver->merge, packet->bytes, packet->len);
}

static void deliver_slot(void *context, unsigned int slot, struct crypto *crypto)
{
	struct receiver *receiver = context;
	struct train *train = receiver->train[slot];

	(void)crypto;
	end_train(receiver, train);
	for (size_t i = 0; i < train->n_packets; i++)
		deliver(receiver, &train->packet[i]);
	if (train->is_last)
		flush(receiver);
}

/* ---- from the sockets ---- */

static struct train *next_train(struct receiver *receiver)
{
	struct train *train = receiver->train[line_next(receiver->line)];

	train->n = 0;
	train->is_last = false;
	return train;
}

static void submit(struct receiver *receiver, struct train *train)
{
	begin_train(receiver, train);
	line_submit(receiver->line);
}

/* The train that is being filled, which is another one when it was full. */
static struct train *add_message(struct receiver *receiver, struct train *train,
				 const struct udp_message *message)
{
	for (size_t at = 0; at < message->len; at += message->segment) {
		size_t left = message->len - at;

		if (train->n == OPENED_MAX) {
			submit(receiver, train);
			train = next_train(receiver);
		}
		train->datagram[train->n++] = (struct wg_datagram){
			.bytes = message->bytes + at,
			.len = left < message->segment ? left : message->segment,
			.from = &message->from,
			.to = &message->to,
			.ifindex = message->ifindex,
			.tos = message->tos,
		};
	}
	return train;
}

/* How many messages came. */
static unsigned int receive(struct receiver *receiver, int fd)
{
	unsigned int i = receiver->n_receives % receiver->n_readers;
	struct udp_reader *reader = receiver->reader[i];
	struct train *train;
	unsigned int n;

	line_wait(receiver->line, receiver->n_submitted[i]);
	n = udp_reader_receive(reader, fd);
	if (n == 0)
		return 0;
	train = next_train(receiver);
	for (unsigned int j = 0; j < n; j++)
		train = add_message(receiver, train, udp_reader_message(reader, j));
	train->is_last = true;
	submit(receiver, train);
	receiver->n_submitted[i] = line_submitted(receiver->line);
	receiver->n_receives++;
	return n;
}

static void take_errors(struct receiver *receiver, int fd)
{
	if (!udp_reader_take_errors(fd, &receiver->fresh))
		return;
	plane_lock(receiver->plane);
	publish(receiver);
	plane_unlock(receiver->plane);
	events_tell_rarely(&receiver->events, EVENT_ICMP, receiver->now);
}

bool receiver_on_udp(struct receiver *receiver, int fd, uint32_t events)
{
	unsigned int n = UDP_READER_MESSAGES_MAX;

	receiver->now = clock_now();
	if (events & EPOLLERR)
		take_errors(receiver, fd);
	for (int i = 0; n == UDP_READER_MESSAGES_MAX && i < RECEIVER_RECEIVES_MAX; i++)
		n = receive(receiver, fd);
	line_drain(receiver->line);
	return n == UDP_READER_MESSAGES_MAX;
}

void receiver_forget(struct receiver *receiver)
{
	crypto_forget_packets(receiver->crypto);
}

/* ---- life ---- */

int receiver_init(struct receiver *receiver, struct plane *plane, struct line *line)
{
	receiver->plane = plane;
	receiver->line = line;
	receiver->crypto = crypto_new();
	receiver->merge = calloc(1, sizeof(*receiver->merge));
	if (!receiver->crypto || !receiver->merge)
		return -ENOMEM;
	merge_init(receiver->merge, plane->tun.has_uso);
	receiver->merge->is_off = plane->tun.is_bare;
	line->context = receiver;
	line->work = open_slot;
	line->finish = deliver_slot;
	line->crypto = receiver->crypto;
	return receiver_grow(receiver);
}

int receiver_grow(struct receiver *receiver)
{
	unsigned int n_readers = receiver->line->n_slots > 1 ? RECEIVER_READERS_MAX : 1;

	for (unsigned int i = 0; i < receiver->line->n_slots; i++) {
		if (!receiver->train[i])
			receiver->train[i] = calloc(1, sizeof(*receiver->train[i]));
		if (!receiver->train[i])
			return -ENOMEM;
	}
	for (; receiver->n_readers < n_readers; receiver->n_readers++) {
		receiver->reader[receiver->n_readers] = udp_reader_new();
		if (!receiver->reader[receiver->n_readers])
			return -ENOMEM;
	}
	return 0;
}

void receiver_done(struct receiver *receiver)
{
	crypto_free(receiver->crypto);
	free(receiver->merge);
	for (unsigned int i = 0; i < LINE_SLOTS_MAX; i++)
		free(receiver->train[i]);
	for (unsigned int i = 0; i < receiver->n_readers; i++)
		udp_reader_free(receiver->reader[i]);
}
