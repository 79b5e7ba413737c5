#include "dataplane/worker.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/secret.h"
#include "dataplane/batch.h"
#include "dataplane/health.h"
#include "dataplane/icmp.h"
#include "dataplane/offload_merge.h"
#include "dataplane/offload_split.h"
#include "dataplane/packet.h"
#include "dataplane/uapi.h"
#include "dataplane/udp_reader.h"
#include "dataplane/udp_sender.h"
#include "wireguard/device.h"
#include "wireguard/message.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

enum {
	FRAME_SIZE = SPLIT_FRAME_MAX + 1,
	UAPI_PIECE = 4096,
	PADDING_MAX = 15,
	SEAL_MAX = 64, /* packets sealed at once */
	OPENED_MAX = 64,
	HEADS_SIZE = SEAL_MAX * SPLIT_HEAD_MAX,
	/* of what one frame's packets become, however it is cut */
	SEAL_ROOM = SPLIT_FRAME_MAX + HEADS_SIZE + SEAL_MAX * (PADDING_MAX + WG_OVERHEAD_LEN),
};

/* Kinds of event that a remote party can cause, so that they are rate-limited. */
enum event { EVENT_SEND_FAILED, EVENT_ICMP, EVENT_BAD_RESPONSE, EVENT_INITIATION, EVENTS };

struct worker {
	struct tun tun;
	int uapi_fd;
	int events_fd;
	struct udp_sockets sockets;
	struct udp_sockets fresh_sockets; /* came beside UAPI text, not yet in use */
	uint32_t mtu;
	bool is_up; /* down, neither the TUN nor sockets are read */

	struct loop *loop;
	struct wg_device *device;
	struct uapi *uapi;
	struct uapi_target target;
	bool is_uapi_full; /* a reply waits for room in the socket */

	uint8_t *frame; /* FRAME_SIZE bytes, owned: the TUN frame under way */
	size_t frame_len;
	uint8_t *heads; /* HEADS_SIZE bytes behind it: of its packets */
	struct split split;
	struct merge *merge; /* owned */
	struct batch batch;
	struct udp_sender sender;
	struct udp_reader *reader;
	union endpoint refused_source; /* peer whose sticky source did not work */

	struct health health;
	struct icmp_limit icmp_limit;
	uint64_t n_handshakes_seen;
	uint64_t n_bad_responses_seen;
	bool is_handshake_fresh; /* data may complete it, which is an event */
	struct instant event_at[EVENTS];
	struct instant now; /* when the handler that runs began */
};

static void fill_random(void *context, uint8_t *ret, size_t len)
{
	(void)context;
	while (len > 0) {
		ssize_t n = getrandom(ret, len, 0);

		if (n < 0 && errno != EINTR)
			abort(); /* keys without randomness are worse than none */
		if (n > 0) {
			ret += n;
			len -= (size_t)n;
		}
	}
}

/* ---- events for the supervisor ---- */

static void signal_event(const struct worker *worker)
{
	const uint64_t one = 1;

	if (worker->events_fd >= 0 && write(worker->events_fd, &one, sizeof(one)) < 0)
		return; /* full: it is signalled already */
}

static void signal_rarely(struct worker *worker, enum event event)
{
	if (instant_since(worker->now, worker->event_at[event]) < WORKER_EVENT_NS)
		return;
	worker->event_at[event] = worker->now;
	signal_event(worker);
}

/* After a handshake message, cookie or keepalive. */
static void look_for_handshake(struct worker *worker)
{
	struct wg_device_stats stats;

	wg_device_read_stats(worker->device, &stats);
	if (stats.rx_handshake != worker->n_handshakes_seen || worker->is_handshake_fresh) {
		worker->is_handshake_fresh = stats.rx_handshake != worker->n_handshakes_seen;
		worker->n_handshakes_seen = stats.rx_handshake;
		signal_event(worker);
	}
	if (stats.rx_bad_response != worker->n_bad_responses_seen) {
		worker->n_bad_responses_seen = stats.rx_bad_response;
		signal_rarely(worker, EVENT_BAD_RESPONSE);
	}
}

/* ---- out ---- */

/* May run within a seal, so it leaves the device alone. */
static void send_batch(struct worker *worker)
{
	uint64_t n_errors = worker->health.tx_errors;

	if (worker->batch.n_runs == 0)
		return;
	udp_sender_send(&worker->sender, &worker->sockets, &worker->batch, worker->now,
			&worker->health);
	for (unsigned int i = 0; i < worker->batch.n_runs; i++)
		if (worker->batch.run[i].is_source_refused)
			worker->refused_source = worker->batch.run[i].route.to;
	batch_clear(&worker->batch);
	if (worker->health.tx_errors != n_errors)
		signal_rarely(worker, EVENT_SEND_FAILED);
}

static uint8_t *reserve(struct worker *worker, size_t len)
{
	uint8_t *room = batch_reserve(&worker->batch, len);

	if (room)
		return room;
	send_batch(worker);
	return batch_reserve(&worker->batch, len);
}

/* Sends what waits in the device, and all that is in the batch. */
static void drain(struct worker *worker)
{
	struct wg_output output;

	for (;;) {
		struct batch_route route;

		output.bytes = reserve(worker, WG_DATAGRAM_MAX);
		if (!wg_next_output(worker->device, worker->now, &output))
			break;
		if (output.bytes[0] == MESSAGE_INITIATION)
			signal_rarely(worker, EVENT_INITIATION);
		route = (struct batch_route){
			.to = output.to,
			.source = output.source,
			.ifindex = output.ifindex,
			.tos = output.tos,
		};
		batch_commit(&worker->batch, &route, output.len);
	}
	send_batch(worker);
	if (endpoint_is_set(&worker->refused_source)) {
		wg_clear_source(worker->device, &worker->refused_source);
		worker->refused_source.any.sa_family = AF_UNSPEC;
	}
}

static void write_tun(void *context, const struct iovec *iov, int n)
{
	struct worker *worker = context;

	if (tun_write(&worker->tun, iov, n) < 0)
		worker->health.tun_errors++;
}

/* Tells the program inside that its packet has nowhere to go. */
static void answer_unreachable(struct worker *worker, const struct split_packet *packet)
{
	struct virtio_net_hdr header = {0};
	uint8_t answer[ICMP_MESSAGE_MAX];
	size_t len = icmp_unreachable(packet->bytes, packet->len, answer);
	struct iovec iov[] = {{&header, sizeof(header)}, {answer, len}};

	if (len == 0 || !icmp_limit_take(&worker->icmp_limit, worker->now))
		return;
	worker->health.icmp_sent++;
	write_tun(worker, iov, 2);
}

/* Up to SEAL_MAX packets of the frame, sealed at once into the send buffer; how
 * many bytes they have become.
 */
static size_t seal_some(struct worker *worker, struct wg_seal *seal,
			const struct batch_route *route, unsigned int *ret_n)
{
	struct wg_sealing sealing[SEAL_MAX];
	size_t len[SEAL_MAX];
	struct split_parts parts;
	uint8_t *head = worker->heads;
	uint8_t *out = reserve(worker, SEAL_ROOM);
	unsigned int n = 0;
	size_t total = 0;

	while (n < SEAL_MAX && split_next_parts(&worker->split, head, &parts)) {
		sealing[n] = (struct wg_sealing){
			.head = parts.head,
			.head_len = parts.head_len,
			.body = parts.body,
			.body_len = parts.body_len,
			.out = out + total,
		};
		len[n] = wg_sealed_len(parts.head_len + parts.body_len, worker->mtu);
		total += len[n++];
		head += parts.head_len;
	}
	wg_seal_many(seal, sealing, n, worker->mtu);
	for (unsigned int i = 0; i < n; i++)
		batch_commit(&worker->batch, route, len[i]);
	*ret_n = n;
	return total;
}

/* All packets of the frame. */
static void seal_frame(struct worker *worker, struct wg_seal *seal)
{
	const struct split *split = &worker->split;
	const struct batch_route route = {
		.to = seal->to,
		.source = seal->source,
		.ifindex = seal->ifindex,
		.tos = wg_outer_tos(worker->frame, worker->frame_len),
	};
	size_t packet_len =
		split->n_packets > 1 ? (size_t)split->head_len + split->segment : worker->frame_len;
	unsigned int n_sealed = 0;
	size_t n_bytes = 0;

	batch_balance(&worker->batch, split->n_packets, packet_len + WG_OVERHEAD_LEN);
	while (n_sealed < split->n_packets) {
		unsigned int n;

		n_bytes += seal_some(worker, seal, &route, &n);
		n_sealed += n;
	}
	wg_seal_end(worker->device, worker->now, seal, n_sealed, n_bytes);
}

static void stage_frame(struct worker *worker)
{
	struct split_packet packet;

	while (split_next(&worker->split, &packet))
		wg_stage(worker->device, worker->now, packet.bytes, packet.len);
}

static void refuse_frame(struct worker *worker)
{
	struct split_packet packet;

	if (split_next(&worker->split, &packet))
		answer_unreachable(worker, &packet);
}

static void take_frame(struct worker *worker, const struct virtio_net_hdr *header, size_t len)
{
	struct wg_seal seal;
	int r;

	if (split_begin(&worker->split, header, worker->frame, len) < 0) {
		worker->health.tun_refused++;
		return;
	}
	worker->frame_len = len;
	/* the frame begins with the first packet's header as it is */
	r = wg_seal_begin(worker->device, worker->now, worker->frame, len, worker->split.n_packets,
			  &seal);
	if (r == 0)
		seal_frame(worker, &seal);
	else if (r == -EAGAIN)
		stage_frame(worker);
	else if (r == -ENOKEY || r == -EDESTADDRREQ)
		refuse_frame(worker);
}

static int on_tun(void *context, int fd, uint32_t events)
{
	struct worker *worker = context;

	(void)fd;
	worker->now = clock_now();
	for (int i = 0; i < WORKER_FRAMES_MAX; i++) {
		struct virtio_net_hdr header;
		ssize_t len = tun_read(&worker->tun, &header, worker->frame, FRAME_SIZE);

		/* without the second test a device that is gone would keep us awake */
		if (len == -EBADFD || (len <= 0 && i == 0 && (events & (EPOLLERR | EPOLLHUP))))
			return -EBADFD;
		if (len <= 0)
			break;
		take_frame(worker, &header, (size_t)len);
		if (batch_is_full(&worker->batch))
			send_batch(worker);
	}
	drain(worker);
	return 0;
}

/* ---- in ---- */

static void deliver(struct worker *worker, const struct wg_packet *packet)
{
	if (worker->is_handshake_fresh)
		look_for_handshake(worker);
	if (merge_add(worker->merge, packet->bytes, packet->len))
		return;
	merge_flush(worker->merge, write_tun, worker);
	(void)merge_add(worker->merge, packet->bytes, packet->len);
}

static void take_datagram(struct worker *worker, const struct wg_datagram *datagram)
{
	struct wg_packet packet;

	worker->health.rx_datagrams++;
	switch (wg_receive(worker->device, worker->now, datagram, &packet)) {
	case WG_DROP:
		break;
	case WG_CONTROL:
		look_for_handshake(worker);
		drain(worker);
		break;
	case WG_DELIVER:
		deliver(worker, &packet);
		break;
	}
}

/* Of a message from `at` on, as many as are opened at once; where the rest begins. */
static size_t take_some(struct worker *worker, const struct udp_message *message, size_t at)
{
	struct wg_datagram datagram[OPENED_MAX];
	size_t n = 0;

	for (; n < OPENED_MAX && at < message->len; at += message->segment) {
		size_t left = message->len - at;

		datagram[n++] = (struct wg_datagram){
			.bytes = message->bytes + at,
			.len = left < message->segment ? left : message->segment,
			.from = &message->from,
			.to = &message->to,
			.ifindex = message->ifindex,
			.tos = message->tos,
		};
	}
	if (n > 1)
		wg_open_ahead(worker->device, worker->now, datagram, n);
	for (size_t i = 0; i < n; i++)
		take_datagram(worker, &datagram[i]);
	return at;
}

static void take_message(struct worker *worker, const struct udp_message *message)
{
	size_t at = 0;

	while (at < message->len)
		at = take_some(worker, message, at);
}

static int on_udp(void *context, int fd, uint32_t events)
{
	struct worker *worker = context;
	unsigned int n = UDP_READER_MESSAGES_MAX;

	worker->now = clock_now();
	if ((events & EPOLLERR) && udp_reader_take_errors(fd, &worker->health))
		signal_rarely(worker, EVENT_ICMP);
	for (int i = 0; n == UDP_READER_MESSAGES_MAX && i < WORKER_RECEIVES_MAX; i++) {
		n = udp_reader_receive(worker->reader, fd);
		for (unsigned int j = 0; j < n; j++)
			take_message(worker, udp_reader_message(worker->reader, j));
		merge_flush(worker->merge, write_tun, worker);
	}
	drain(worker);
	return 0;
}

/* ---- configuration ---- */

static void listen_on(struct worker *worker, const struct udp_sockets *sockets)
{
	for (int i = 0; i < UDP_FAMILIES; i++)
		if (sockets->fd[i] >= 0)
			(void)loop_add(worker->loop, sockets->fd[i], EPOLLIN, on_udp, worker);
}

static void drop_sockets(struct worker *worker)
{
	for (int i = 0; i < UDP_FAMILIES; i++)
		loop_remove(worker->loop, worker->sockets.fd[i]);
	udp_close(&worker->sockets);
}

static int use_sockets(void *context)
{
	struct worker *worker = context;

	if (worker->fresh_sockets.fd[UDP_V4] < 0 && worker->fresh_sockets.fd[UDP_V6] < 0)
		return -EINVAL;
	drop_sockets(worker);
	worker->sockets = worker->fresh_sockets;
	worker->fresh_sockets = (struct udp_sockets){.fd = {-1, -1}};
	listen_on(worker, &worker->sockets);
	wg_device_forget_sources(worker->device);
	return 0;
}

/* Another port means other sockets, which this process may not open. */
static int set_listen_port(void *context, uint16_t port)
{
	const struct worker *worker = context;

	return port == 0 || port == udp_port(&worker->sockets) ? 0 : -EPERM;
}

static int set_fwmark(void *context, uint32_t mark)
{
	const struct worker *worker = context;

	return mark == udp_mark(&worker->sockets) || worker->health.is_mark_refused ? 0 : -EPERM;
}

/* What waits in the TUN of a device that is down waits on. */
static int set_up(void *context, bool is_up)
{
	struct worker *worker = context;
	int r = 0;

	if (is_up == worker->is_up)
		return 0;
	if (is_up) {
		r = loop_add(worker->loop, worker->tun.fd, EPOLLIN, on_tun, worker);
		if (r < 0)
			return r;
		wg_device_up(worker->device, worker->now);
	} else {
		loop_remove(worker->loop, worker->tun.fd);
		wg_device_down(worker->device);
		drop_sockets(worker);
	}
	worker->is_up = is_up;
	return 0;
}

static int set_mtu(void *context, uint32_t mtu)
{
	struct worker *worker = context;

	worker->mtu = mtu;
	wg_device_set_mtu(worker->device, mtu);
	return 0;
}

static void read_facts(void *context, struct uapi_facts *ret)
{
	const struct worker *worker = context;

	*ret = (struct uapi_facts){
		.listen_port = udp_port(&worker->sockets),
		.fwmark = udp_mark(&worker->sockets),
		.mtu = worker->mtu,
		.health = &worker->health,
	};
}

/* Descriptors that came beside the text; those not wanted are closed. */
static void keep_sockets(struct worker *worker, const int *fds, size_t n_fds)
{
	struct udp_sockets sockets;

	if (n_fds == 0)
		return;
	if (udp_adopt(fds, n_fds, &sockets) < 0) {
		for (size_t i = 0; i < n_fds; i++)
			(void)close(fds[i]);
		return;
	}
	udp_close(&worker->fresh_sockets);
	worker->fresh_sockets = sockets;
}

static int on_uapi(void *context, int fd, uint32_t events);

/* Writes replies; what does not fit waits for room. */
static int write_replies(struct worker *worker)
{
	bool was_full = worker->is_uapi_full;
	size_t len;
	const char *text = uapi_output(worker->uapi, &len);

	while (len > 0) {
		ssize_t n = write(worker->uapi_fd, text, len);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -ESHUTDOWN;
		if (n < 0 && errno == EAGAIN)
			break;
		uapi_consume(worker->uapi, n > 0 ? (size_t)n : 0);
		text = uapi_output(worker->uapi, &len);
	}
	worker->is_uapi_full = len > 0;
	if (worker->is_uapi_full == was_full)
		return 0;
	loop_remove(worker->loop, worker->uapi_fd);
	return loop_add(worker->loop, worker->uapi_fd,
			worker->is_uapi_full ? EPOLLIN | EPOLLOUT : EPOLLIN, on_uapi, worker);
}

/* One piece of text.  1; 0: nothing waits; -ESHUTDOWN. */
static int read_piece(struct worker *worker)
{
	char text[UAPI_PIECE];
	int fds[FD_PASS_MAX];
	size_t n_fds;
	ssize_t n = fd_receive(worker->uapi_fd, text, sizeof(text), fds, &n_fds);
	int r;

	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return -ESHUTDOWN;
	keep_sockets(worker, fds, n_fds);
	r = uapi_feed(worker->uapi, worker->now, text, (size_t)n);
	secret_wipe(text, (size_t)n);
	return r < 0 ? -ESHUTDOWN : 1;
}

/* A request is taken whole, so that packets never meet half of a new list of
 * peers; unless the supervisor stops in the middle, which must not stop traffic.
 */
static int on_uapi(void *context, int fd, uint32_t events)
{
	struct worker *worker = context;
	struct pollfd more = {.fd = fd, .events = POLLIN};
	int r;

	(void)events;
	worker->now = clock_now();
	do {
		r = read_piece(worker);
		if (r < 0)
			return r;
	} while (r > 0 || (!uapi_is_idle(worker->uapi) && poll(&more, 1, WORKER_UAPI_WAIT_MS) > 0));
	r = write_replies(worker);
	drain(worker);
	return r;
}

/* ---- life ---- */

static int start_device(struct worker *worker)
{
	struct instant now = clock_now();
	struct wall_time boot_wall = {clock_wall().ns - now.ns};

	worker->device = wg_device_new(fill_random, NULL, boot_wall);
	if (!worker->device)
		return -ENOMEM;
	wg_device_set_mtu(worker->device, worker->mtu);
	if (worker->is_up)
		wg_device_up(worker->device, now);
	worker->target = (struct uapi_target){
		.device = worker->device,
		.context = worker,
		.set_listen_port = set_listen_port,
		.set_fwmark = set_fwmark,
		.set_mtu = set_mtu,
		.use_sockets = use_sockets,
		.set_up = set_up,
		.read_facts = read_facts,
	};
	worker->uapi = uapi_new(&worker->target, true);
	return worker->uapi ? 0 : -ENOMEM;
}

static int start_buffers(struct worker *worker)
{
	void *frame = mmap(NULL, FRAME_SIZE + HEADS_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (frame == MAP_FAILED)
		return -ENOMEM;
	worker->frame = frame;
	worker->heads = worker->frame + FRAME_SIZE;
	worker->merge = calloc(1, sizeof(*worker->merge));
	worker->reader = udp_reader_new();
	if (!worker->merge || !worker->reader || batch_init(&worker->batch) < 0 ||
	    udp_sender_init(&worker->sender) < 0)
		return -ENOMEM;
	merge_init(worker->merge, worker->tun.has_uso);
	worker->merge->is_off = worker->tun.is_bare;
	return 0;
}

static int start_loop(struct worker *worker)
{
	int r;

	worker->loop = loop_new();
	if (!worker->loop)
		return -ENOMEM;
	r = loop_add(worker->loop, worker->uapi_fd, EPOLLIN, on_uapi, worker);
	if (r == 0 && worker->is_up)
		r = loop_add(worker->loop, worker->tun.fd, EPOLLIN, on_tun, worker);
	listen_on(worker, &worker->sockets);
	return r;
}

int worker_new(const struct worker_options *options, struct worker **ret, struct error *err)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	struct udp_sockets sockets = options->sockets;
	int r;

	if (!worker) {
		udp_close(&sockets);
		return error_set(err, ENOMEM, "out of memory for the data plane");
	}
	worker->tun = options->tun;
	worker->uapi_fd = options->uapi;
	worker->events_fd = options->events;
	worker->sockets = options->sockets;
	worker->fresh_sockets = (struct udp_sockets){.fd = {-1, -1}};
	worker->mtu = options->mtu;
	worker->is_up = !options->is_down;
	worker->health.is_mark_refused = options->sockets.is_mark_refused;
	r = start_device(worker);
	if (r == 0)
		r = start_buffers(worker);
	if (r == 0)
		r = start_loop(worker);
	if (r < 0) {
		worker_free(worker);
		return error_errno(err, -r, "cannot start the data plane");
	}
	*ret = worker;
	return 0;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	loop_free(worker->loop);
	uapi_free(worker->uapi);
	wg_device_free(worker->device);
	udp_close(&worker->sockets);
	udp_close(&worker->fresh_sockets);
	if (worker->frame)
		(void)munmap(worker->frame, FRAME_SIZE + HEADS_SIZE);
	free(worker->merge);
	udp_reader_free(worker->reader);
	batch_done(&worker->batch);
	udp_sender_done(&worker->sender);
	free(worker);
}

int worker_turn(struct worker *worker)
{
	worker->now = clock_now();
	if (instant_is_due(wg_next_deadline(worker->device), worker->now)) {
		wg_tick(worker->device, worker->now);
		drain(worker);
	}
	return loop_turn(worker->loop, wg_next_deadline(worker->device));
}
