#include "dataplane/sender.h"

#include "base/loop.h"
#include "dataplane/bundle.h"
#include "dataplane/plane.h"
#include "wireguard/crypto.h"
#include "wireguard/device.h"

#include <errno.h>
#include <sys/epoll.h>

/* ---- to the sockets ---- */

static void send_batch(struct sender *sender, struct batch *batch, struct instant now)
{
	uint64_t n_errors = sender->to_udp.tx_errors;

	if (batch->n_runs == 0)
		return;
	udp_sender_send(&sender->udp, &sender->sockets, batch, now, &sender->to_udp);
	for (unsigned int i = 0; i < batch->n_runs; i++)
		if (batch->run[i].is_source_refused)
			sender->refused_source = batch->run[i].route.to;
	batch_clear(batch);
	if (sender->to_udp.tx_errors != n_errors)
		events_tell_rarely(&sender->events, EVENT_SEND_FAILED, now);
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

static uint8_t *reserve_output(struct sender *sender)
{
	uint8_t *room = batch_reserve(&sender->outputs, WG_DATAGRAM_MAX);

	if (room)
		return room;
	send_batch(sender, &sender->outputs, sender->now);
	return batch_reserve(&sender->outputs, WG_DATAGRAM_MAX);
}

static void send_outputs(struct sender *sender)
{
	struct wg_output output = {.bytes = reserve_output(sender)};

	while (next_output(sender, &output)) {
		const struct batch_route route = {
			.to = output.to,
			.source = output.source,
			.ifindex = output.ifindex,
			.tos = output.tos,
		};

		if (output.bytes[0] == MESSAGE_INITIATION)
			events_tell_rarely(&sender->events, EVENT_INITIATION, sender->now);
		batch_commit(&sender->outputs, &route, output.len);
		output.bytes = reserve_output(sender);
	}
	send_batch(sender, &sender->outputs, sender->now);
	forget_refused_source(sender);
}

void sender_drain(struct sender *sender, struct instant now)
{
	sender->now = now;
	send_outputs(sender);
}

/* ---- bundles: the work of a line ---- */

static void never_send(void *context, struct bundle *bundle)
{
	(void)context;
	(void)bundle;
}

static void send_bundle(void *context, struct bundle *bundle)
{
	send_batch(context, &bundle->batch, bundle->now);
}

static void seal_slot(void *context, unsigned int slot, struct crypto *crypto)
{
	struct sender *sender = context;
	struct bundle *bundle = sender->bundle[slot];

	if (!bundle->is_oversize)
		bundle_seal(bundle, crypto, sender->mtu, never_send, sender);
}

static void send_slot(void *context, unsigned int slot, struct crypto *crypto)
{
	struct sender *sender = context;
	struct plane *plane = sender->plane;
	struct bundle *bundle = sender->bundle[slot];

	if (bundle->is_oversize)
		bundle_seal(bundle, crypto, sender->mtu, send_bundle, sender);
	plane_lock(plane);
	for (unsigned int i = 0; i < bundle->n_groups; i++)
		wg_seal_end(plane->device, bundle->now, &bundle->group[i].seal,
			    bundle->group[i].n_sealed, bundle->group[i].n_bytes);
	plane_unlock(plane);
	send_bundle(sender, bundle);
	forget_refused_source(sender);
}

/* ---- frames of the TUN ---- */

/* Tells the program inside that its packet has nowhere to go. */
static void answer_unreachable(struct sender *sender, struct bundle_frame *frame)
{
	struct virtio_net_hdr header = {0};
	struct split_packet packet;
	uint8_t answer[ICMP_MESSAGE_MAX];
	struct iovec iov[] = {{&header, sizeof(header)}, {answer, 0}};

	if (!split_next(&frame->split, &packet))
		return;
	iov[1].iov_len = icmp_unreachable(packet.bytes, packet.len, answer);
	if (iov[1].iov_len == 0 || !icmp_limit_take(&sender->icmp_limit, sender->now))
		return;
	sender->from_tun.icmp_sent++;
	if (tun_write(&sender->plane->tun, iov, 2) < 0)
		sender->from_tun.tun_errors++;
}

static void stage_frame(struct sender *sender, struct bundle_frame *frame)
{
	struct split_packet packet;

	while (split_next(&frame->split, &packet))
		wg_stage(sender->plane->device, sender->now, packet.bytes, packet.len);
}

/* With the plane's lock, which is given up while what waited for a session leaves.
 * Packets are staged under the lock under which there was no session, so that
 * none can begin in between.  True: the frame has nowhere to go.
 */
static bool begin_frame(struct sender *sender, struct bundle *bundle, unsigned int i)
{
	struct plane *plane = sender->plane;
	struct bundle_frame *frame = &bundle->frame[i];
	struct wg_seal seal;
	int r;

	/* the frame begins with the first packet's header as it is */
	while ((r = wg_seal_begin(plane->device, sender->now, frame->bytes, frame->len,
				  frame->split.n_packets, &seal)) == -EBUSY) {
		plane_unlock(plane);
		line_drain(sender->line);
		send_outputs(sender);
		plane_lock(plane);
	}
	if (r == 0)
		bundle_assign(bundle, plane->device, i, &seal);
	else if (r == -EAGAIN)
		stage_frame(sender, frame);
	return r == -ENOKEY || r == -EDESTADDRREQ;
}

static void begin_bundle(struct sender *sender, struct bundle *bundle)
{
	bool is_refused[BUNDLE_FRAMES_MAX] = {false};

	if (bundle->n_frames == 0)
		return;
	plane_lock(sender->plane);
	for (unsigned int i = 0; i < bundle->n_frames; i++)
		is_refused[i] = begin_frame(sender, bundle, i);
	plane_unlock(sender->plane);
	for (unsigned int i = 0; i < bundle->n_frames; i++)
		if (is_refused[i])
			answer_unreachable(sender, &bundle->frame[i]);
	if (bundle->n_groups > 0)
		line_submit(sender->line);
}

/* 1: there may be more; 0: nothing waits; -EBADFD: the device is gone. */
static int fill_bundle(struct sender *sender, struct bundle *bundle)
{
	for (int i = 0; i < BUNDLE_FRAMES_MAX; i++) {
		struct virtio_net_hdr header;
		uint8_t *room = bundle_room(bundle);
		ssize_t len;

		if (!room)
			break;
		len = tun_read(&sender->plane->tun, &header, room, BUNDLE_FRAME_SIZE);
		if (len <= 0)
			return len == -EBADFD ? -EBADFD : 0;
		if (bundle_add(bundle, &header, (size_t)len) < 0)
			sender->from_tun.tun_refused++;
	}
	return 1;
}

static int on_tun(void *context, int fd, uint32_t events)
{
	struct sender *sender = context;
	bool is_slow = false;
	int r = 1;

	(void)fd;
	plane_wake_up(sender->plane);
	sender->now = clock_now();
	for (int i = 0; r > 0 && !is_slow && i < SENDER_BUNDLES_MAX; i++) {
		struct bundle *bundle = sender->bundle[line_next(sender->line)];

		bundle_clear(bundle, sender->now);
		r = fill_bundle(sender, bundle);
		/* without this a device that is gone would keep us awake */
		if (i == 0 && bundle->n_frames == 0 && (events & (EPOLLERR | EPOLLHUP)))
			r = -EBADFD;
		begin_bundle(sender, bundle);
		is_slow = instant_since(clock_now(), sender->now) > SENDER_SHARE_NS;
	}
	line_drain(sender->line);
	send_outputs(sender);
	sender->is_behind = r > 0 || is_slow;
	return r < 0 ? r : 0;
}

int sender_listen(struct sender *sender, struct loop *loop)
{
	if (instant_is_set(sender->held_until))
		return 0;
	return loop_add(loop, sender->plane->tun.fd, EPOLLIN, on_tun, sender);
}

void sender_ignore(struct sender *sender, struct loop *loop)
{
	sender->held_until = (struct instant){0};
	loop_remove(loop, sender->plane->tun.fd);
}

void sender_hold(struct sender *sender, struct instant now)
{
	sender->held_until = instant_add(now, SENDER_HOLD_NS);
}

int sender_look_at_hold(struct sender *sender, struct loop *loop, struct instant now)
{
	struct wg_device_stats stats;

	if (!instant_is_set(sender->held_until))
		return 0;
	plane_lock(sender->plane);
	wg_device_read_stats(sender->plane->device, &stats);
	plane_unlock(sender->plane);
	if (stats.rx_handshake == 0 && !instant_is_due(sender->held_until, now))
		return 0;
	sender->held_until = (struct instant){0};
	return sender_listen(sender, loop);
}

/* ---- life ---- */

int sender_init(struct sender *sender, struct plane *plane, struct line *line)
{
	sender->plane = plane;
	sender->line = line;
	sender->crypto = crypto_new();
	if (!sender->crypto || batch_init(&sender->outputs) < 0 ||
	    udp_sender_init(&sender->udp) < 0)
		return -ENOMEM;
	line->context = sender;
	line->work = seal_slot;
	line->finish = send_slot;
	line->crypto = sender->crypto;
	return sender_grow(sender);
}

int sender_grow(struct sender *sender)
{
	for (unsigned int i = 0; i < sender->line->n_slots; i++) {
		if (!sender->bundle[i])
			sender->bundle[i] = bundle_new();
		if (!sender->bundle[i])
			return -ENOMEM;
	}
	return 0;
}

void sender_done(struct sender *sender)
{
	for (unsigned int i = 0; i < LINE_SLOTS_MAX; i++)
		bundle_free(sender->bundle[i]);
	crypto_free(sender->crypto);
	batch_done(&sender->outputs);
	udp_sender_done(&sender->udp);
}

void sender_read_health(const struct sender *sender, struct health *ret)
{
	*ret = sender->to_udp;
	ret->tun_refused = sender->from_tun.tun_refused;
	ret->tun_errors = sender->from_tun.tun_errors;
	ret->icmp_sent = sender->from_tun.icmp_sent;
}

void sender_forget(struct sender *sender)
{
	crypto_forget_packets(sender->crypto);
}
