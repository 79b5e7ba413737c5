#include "dataplane/sender.h"

#include "base/loop.h"
#include "dataplane/plane.h"
#include "wireguard/crypto.h"
#include "wireguard/device.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/mman.h>

enum {
	FRAME_SIZE = SPLIT_FRAME_MAX + 1,
	PADDING_MAX = 15,
	SEAL_MAX = 64, /* packets sealed at once */
	HEADS_SIZE = SEAL_MAX * SPLIT_HEAD_MAX,
	/* of what one frame's packets become, however it is cut */
	SEAL_ROOM = SPLIT_FRAME_MAX + HEADS_SIZE + SEAL_MAX * (PADDING_MAX + WG_OVERHEAD_LEN),
};

/* ---- to the sockets ---- */

static void send_batch(struct sender *sender)
{
	uint64_t n_errors = sender->health.tx_errors;

	if (sender->batch.n_runs == 0)
		return;
	udp_sender_send(&sender->udp, &sender->sockets, &sender->batch, sender->now,
			&sender->health);
	for (unsigned int i = 0; i < sender->batch.n_runs; i++)
		if (sender->batch.run[i].is_source_refused)
			sender->refused_source = sender->batch.run[i].route.to;
	batch_clear(&sender->batch);
	if (sender->health.tx_errors != n_errors)
		events_tell_rarely(&sender->events, EVENT_SEND_FAILED, sender->now);
}

static uint8_t *reserve(struct sender *sender, size_t len)
{
	uint8_t *room = batch_reserve(&sender->batch, len);

	if (room)
		return room;
	send_batch(sender);
	return batch_reserve(&sender->batch, len);
}

/* ---- what waits in the device ---- */

static bool next_output(struct sender *sender, struct wg_output *output)
{
	struct plane *plane = sender->plane;
	bool is_there;

	plane_lock(plane);
	is_there = wg_next_output(plane->device, sender->now, output);
	plane_unlock(plane);
	return is_there;
}

/* Into the batch. */
static void collect_outputs(struct sender *sender)
{
	struct wg_output output;

	for (;;) {
		struct batch_route route;

		output.bytes = reserve(sender, WG_DATAGRAM_MAX);
		if (!next_output(sender, &output))
			return;
		if (output.bytes[0] == MESSAGE_INITIATION)
			events_tell_rarely(&sender->events, EVENT_INITIATION, sender->now);
		route = (struct batch_route){
			.to = output.to,
			.source = output.source,
			.ifindex = output.ifindex,
			.tos = output.tos,
		};
		batch_commit(&sender->batch, &route, output.len);
	}
}

static void forget_refused_source(struct sender *sender)
{
	struct plane *plane = sender->plane;

	if (!endpoint_is_set(&sender->refused_source))
		return;
	plane_lock(plane);
	wg_clear_source(plane->device, &sender->refused_source);
	plane_unlock(plane);
	sender->refused_source.any.sa_family = AF_UNSPEC;
}

/* What waits in the device, and all that is in the batch. */
static void flush(struct sender *sender)
{
	collect_outputs(sender);
	send_batch(sender);
	forget_refused_source(sender);
}

void sender_drain(struct sender *sender, struct instant now)
{
	sender->now = now;
	flush(sender);
}

/* ---- frames of the TUN ---- */

/* Tells the program inside that its packet has nowhere to go. */
static void answer_unreachable(struct sender *sender, const struct split_packet *packet)
{
	struct virtio_net_hdr header = {0};
	uint8_t answer[ICMP_MESSAGE_MAX];
	size_t len = icmp_unreachable(packet->bytes, packet->len, answer);
	struct iovec iov[] = {{&header, sizeof(header)}, {answer, len}};

	if (len == 0 || !icmp_limit_take(&sender->icmp_limit, sender->now))
		return;
	sender->health.icmp_sent++;
	if (tun_write(&sender->plane->tun, iov, 2) < 0)
		sender->health.tun_errors++;
}

/* Up to SEAL_MAX packets of the frame, sealed at once into the send buffer; how
 * many bytes they have become.
 */
static size_t seal_some(struct sender *sender, struct wg_seal *seal,
			const struct batch_route *route, unsigned int *ret_n)
{
	struct wg_sealing sealing[SEAL_MAX];
	size_t len[SEAL_MAX];
	struct split_parts parts;
	uint8_t *head = sender->frame + FRAME_SIZE;
	uint8_t *out = reserve(sender, SEAL_ROOM);
	unsigned int n = 0;
	size_t total = 0;

	while (n < SEAL_MAX && split_next_parts(&sender->split, head, &parts)) {
		sealing[n] = (struct wg_sealing){
			.head = parts.head,
			.head_len = parts.head_len,
			.body = parts.body,
			.body_len = parts.body_len,
			.out = out + total,
		};
		len[n] = wg_sealed_len(parts.head_len + parts.body_len, sender->mtu);
		total += len[n++];
		head += parts.head_len;
	}
	wg_seal_many(seal, sealing, n, sender->mtu);
	for (unsigned int i = 0; i < n; i++)
		batch_commit(&sender->batch, route, len[i]);
	*ret_n = n;
	return total;
}

/* All packets of the frame. */
static void seal_frame(struct sender *sender, struct wg_seal *seal)
{
	const struct split *split = &sender->split;
	const struct batch_route route = {
		.to = seal->to,
		.source = seal->source,
		.ifindex = seal->ifindex,
		.tos = wg_outer_tos(sender->frame, sender->frame_len),
	};
	size_t packet_len =
		split->n_packets > 1 ? (size_t)split->head_len + split->segment : sender->frame_len;
	unsigned int n_sealed = 0;
	size_t n_bytes = 0;

	seal->crypto = sender->crypto;
	batch_balance(&sender->batch, split->n_packets, packet_len + WG_OVERHEAD_LEN);
	while (n_sealed < split->n_packets) {
		unsigned int n;

		n_bytes += seal_some(sender, seal, &route, &n);
		n_sealed += n;
	}
	plane_lock(sender->plane);
	wg_seal_end(sender->plane->device, sender->now, seal, n_sealed, n_bytes);
	plane_unlock(sender->plane);
}

/* With the lock. */
static void stage_frame(struct sender *sender)
{
	struct split_packet packet;

	while (split_next(&sender->split, &packet))
		wg_stage(sender->plane->device, sender->now, packet.bytes, packet.len);
}

static void refuse_frame(struct sender *sender)
{
	struct split_packet packet;

	if (split_next(&sender->split, &packet))
		answer_unreachable(sender, &packet);
}

/* As wg_seal_begin(); at -EAGAIN the frame has been staged, under the same lock,
 * so that no session can begin in between.
 */
static int begin_frame(struct sender *sender, struct wg_seal *ret)
{
	struct plane *plane = sender->plane;
	int r;

	plane_lock(plane);
	/* the frame begins with the first packet's header as it is */
	r = wg_seal_begin(plane->device, sender->now, sender->frame, sender->frame_len,
			  sender->split.n_packets, ret);
	if (r == -EAGAIN)
		stage_frame(sender);
	plane_unlock(plane);
	return r;
}

static void take_frame(struct sender *sender, const struct virtio_net_hdr *header, size_t len)
{
	struct wg_seal seal;
	int r;

	if (split_begin(&sender->split, header, sender->frame, len) < 0) {
		sender->health.tun_refused++;
		return;
	}
	sender->frame_len = len;
	while ((r = begin_frame(sender, &seal)) == -EBUSY)
		collect_outputs(sender);
	if (r == 0)
		seal_frame(sender, &seal);
	else if (r == -ENOKEY || r == -EDESTADDRREQ)
		refuse_frame(sender);
}

static int on_tun(void *context, int fd, uint32_t events)
{
	struct sender *sender = context;

	(void)fd;
	plane_wake_up(sender->plane);
	sender->now = clock_now();
	for (int i = 0; i < SENDER_FRAMES_MAX; i++) {
		struct virtio_net_hdr header;
		ssize_t len = tun_read(&sender->plane->tun, &header, sender->frame, FRAME_SIZE);

		/* without the second test a device that is gone would keep us awake */
		if (len == -EBADFD || (len <= 0 && i == 0 && (events & (EPOLLERR | EPOLLHUP))))
			return -EBADFD;
		if (len <= 0)
			break;
		take_frame(sender, &header, (size_t)len);
		if (batch_is_full(&sender->batch))
			send_batch(sender);
	}
	flush(sender);
	return 0;
}

int sender_listen(struct sender *sender, struct loop *loop)
{
	return loop_add(loop, sender->plane->tun.fd, EPOLLIN, on_tun, sender);
}

void sender_ignore(struct sender *sender, struct loop *loop)
{
	loop_remove(loop, sender->plane->tun.fd);
}

/* ---- life ---- */

int sender_init(struct sender *sender, struct plane *plane)
{
	void *frame = mmap(NULL, FRAME_SIZE + HEADS_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	sender->plane = plane;
	if (frame == MAP_FAILED)
		return -ENOMEM;
	sender->frame = frame;
	sender->crypto = crypto_new();
	if (!sender->crypto || batch_init(&sender->batch) < 0 || udp_sender_init(&sender->udp) < 0)
		return -ENOMEM;
	return 0;
}

void sender_done(struct sender *sender)
{
	if (sender->frame)
		(void)munmap(sender->frame, FRAME_SIZE + HEADS_SIZE);
	crypto_free(sender->crypto);
	batch_done(&sender->batch);
	udp_sender_done(&sender->udp);
}

void sender_forget(struct sender *sender)
{
	crypto_forget_packets(sender->crypto);
}
