/* Mirrors src/dataplane/worker.c
 *
 * Two workers with real sockets over loopback.  A socket pair that keeps
 * messages apart stands for each TUN.  Tests run with workers that are turned by
 * the test, step by step, and again with workers that have threads of their own.
 */
#include "cmocka_all.h"

#include "base/error.h"
#include "base/fd.h"
#include "dataplane/offload_split.h"
#include "dataplane/worker.h"
#include "made_packet.h"

#include <errno.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Two key pairs, made with wg genkey and of no use elsewhere. */
static const char *const private_keys[] = {
	"a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbe3f",
	"909af24fbe773837bda3b5cb208e0b40260bd4be2dd0d56cd3e908db0074f24e",
};
static const char *const public_keys[] = {
	"605a725d2a4adfeeb1a29e17edd621c1b7593ee8cdbc44ac6c4ab6e2f805d23c",
	"75b0deac3bd7b6a33d9b10ba66b4d33c27ed395909f0a248bf269016fca33203",
};

/* How the workers run. */
struct mode {
	unsigned int n_processors; /* 0: the test turns them */
};

static const struct mode by_turns = {0};
static const struct mode by_two_threads = {2};
static const struct mode with_helpers = {5};

struct side {
	struct worker *worker;
	pthread_t thread; /* turns the worker, unless the test does */
	bool has_thread;
	int tun;  /* the program's end */
	int uapi; /* the supervisor's end */
	int events;
	struct pollfd watched[4]; /* the worker's ends */
	uint16_t port;
};

static const struct mode *mode;
static struct side sides[2];
static int other_ends[2][2];
static uint8_t buffer[SPLIT_FRAME_MAX];
static char reply[8192];

static int make_pair(int type, int *ret_ours, int *ret_theirs)
{
	const int size = 1 << 20;
	int pair[2];

	if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*ret_ours = pair[0];
	*ret_theirs = pair[1];
	return 0;
}

static int start_side(struct side *side, int *ends)
{
	struct worker_options options = {.mtu = 1420};
	struct error err;

	if (make_pair(SOCK_SEQPACKET, &side->tun, &ends[0]) < 0 ||
	    make_pair(SOCK_STREAM, &side->uapi, &ends[1]) < 0 ||
	    udp_open(0, 0, &options.sockets, &err) < 0)
		return -1;
	side->events = eventfd(0, EFD_NONBLOCK);
	side->port = udp_port(&options.sockets);
	options.tun = (struct tun){.fd = ends[0], .has_uso = true};
	options.uapi = ends[1];
	options.events = side->events;
	side->watched[0] = (struct pollfd){.fd = ends[0], .events = POLLIN};
	side->watched[1] = (struct pollfd){.fd = ends[1], .events = POLLIN};
	side->watched[2] = (struct pollfd){.fd = options.sockets.fd[0], .events = POLLIN};
	side->watched[3] = (struct pollfd){.fd = options.sockets.fd[1], .events = POLLIN};
	return worker_new(&options, &side->worker, &err);
}

/* The result is that of the last turn. */
static void *turn(void *worker)
{
	int r = 0;

	while (r >= 0)
		r = worker_turn(worker);
	return (void *)(intptr_t)r;
}

static int start_thread(struct side *side)
{
	if (worker_start(side->worker, mode->n_processors) < 0 ||
	    pthread_create(&side->thread, NULL, turn, side->worker) != 0)
		return -1;
	side->has_thread = true;
	return 0;
}

static int start(void **state)
{
	mode = *state;
	for (int i = 0; i < 2; i++) {
		if (start_side(&sides[i], other_ends[i]) < 0)
			return -1;
		if (mode->n_processors > 0 && start_thread(&sides[i]) < 0)
			return -1;
	}
	return 0;
}

/* What the loop ends with. */
static int end_of_loop(struct side *side)
{
	void *result;

	if (!side->has_thread)
		return worker_turn(side->worker);
	(void)pthread_join(side->thread, &result);
	side->has_thread = false;
	return (int)(intptr_t)result;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int end(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		close_one(&sides[i].uapi);
		if (sides[i].has_thread)
			(void)end_of_loop(&sides[i]);
		worker_free(sides[i].worker);
		close_one(&sides[i].tun);
		close_one(&sides[i].events);
		close_one(&other_ends[i][0]);
		close_one(&other_ends[i][1]);
	}
	worker_free(NULL);
	return 0;
}

/* Turns both workers as long as there is something to do.  Those with threads do it
 * in their own time.
 */
static void run(void)
{
	bool is_busy = mode == &by_turns;

	while (is_busy) {
		is_busy = false;
		for (int i = 0; i < 2; i++) {
			if (poll(sides[i].watched, 4, 0) <= 0)
				continue;
			assert_int_equal(worker_turn(sides[i].worker), 0);
			is_busy = true;
		}
	}
}

/* Whether something can be read there; workers with threads take their time. */
static bool is_readable(int fd, int patience_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, mode == &by_turns ? 0 : patience_ms) > 0;
}

enum { LONG_MS = 5000, SHORT_MS = 50 };

/* What the supervisor gets for `text`, with descriptors beside it. */
static const char *ask_with(struct side *side, const char *text, const int *fds, size_t n_fds)
{
	ssize_t n;

	assert_int_equal(fd_send(side->uapi, text, strlen(text), fds, n_fds), 0);
	run();
	assert_true(is_readable(side->uapi, LONG_MS));
	n = read(side->uapi, reply, sizeof(reply) - 1);
	assert_true(n > 0);
	reply[n] = '\0';
	return reply;
}

static const char *ask(struct side *side, const char *text)
{
	return ask_with(side, text, NULL, 0);
}

/* What another thread counts comes in its own time. */
static void await_stats(struct side *side, const char *line)
{
	for (int i = 0; i < LONG_MS && !strstr(ask(side, "adit_stats=1\n\n"), line); i++)
		(void)poll(NULL, 0, 1);
	assert_non_null(strstr(reply, line));
}

static void configure(int i, const char *allowed_ip, const char *more)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "set=1\nprivate_key=%s\npublic_key=%s\nallowed_ip=%s\n"
		       "endpoint=127.0.0.1:%u\n%s\n",
		       private_keys[i], public_keys[1 - i], allowed_ip, sides[1 - i].port, more);
	assert_string_equal(ask(&sides[i], text), "errno=0\n\n");
}

/* The made packets go from 10.0.0.1 to 10.0.0.2. */
static void connect_sides(void)
{
	configure(1, "10.0.0.1/32\nallowed_ip=fd00::1/128", "");
	configure(0, "10.0.0.2/32\nallowed_ip=fd00::2/128", "adit_handshake=true\n");
	run();
	for (int i = 0; i < 2; i++)
		while (strstr(ask(&sides[i], "adit_stats=1\n\n"), "last_handshake_time_sec=0\n"))
			(void)poll(NULL, 0, 1);
}

static void put_frame(struct side *side, const struct virtio_net_hdr *header, const void *bytes,
		      size_t len)
{
	struct iovec iov[] = {{(void *)(uintptr_t)header, sizeof(*header)},
			      {(void *)(uintptr_t)bytes, len}};

	assert_int_equal(writev(side->tun, iov, 2), sizeof(*header) + len);
	run();
}

/* The length of the frame for the program, or -1; bytes in `buffer`. */
static ssize_t get_frame_within(struct side *side, struct virtio_net_hdr *ret, int patience_ms)
{
	struct iovec iov[] = {{ret, sizeof(*ret)}, {buffer, sizeof(buffer)}};
	ssize_t n = is_readable(side->tun, patience_ms) ? readv(side->tun, iov, 2) : -1;

	return n < 0 ? -1 : n - (ssize_t)sizeof(*ret);
}

static ssize_t get_frame(struct side *side, struct virtio_net_hdr *ret)
{
	return get_frame_within(side, ret, LONG_MS);
}

static void expect_no_frame(struct side *side)
{
	struct virtio_net_hdr header;

	assert_int_equal(get_frame_within(side, &header, SHORT_MS), -1);
}

static void put_packet(struct side *side, const struct made *made)
{
	static uint8_t packet[MADE_MAX];
	const struct virtio_net_hdr header = {0};

	put_frame(side, &header, packet, make_packet(made, packet));
}

static bool has_event_within(const struct side *side, int patience_ms)
{
	uint64_t count;

	return is_readable(side->events, patience_ms) &&
	       read(side->events, &count, sizeof(count)) == sizeof(count);
}

static bool has_event(const struct side *side)
{
	return has_event_within(side, LONG_MS);
}

static void expect_no_event(const struct side *side)
{
	assert_false(has_event_within(side, SHORT_MS));
}

static void test_a_packet_that_waits_for_the_handshake_arrives_unchanged(void **state)
{
	const struct made made = {.version = 6, .protocol = IPPROTO_TCP, .payload_len = 999};
	struct virtio_net_hdr header;
	static uint8_t packet[MADE_MAX];
	size_t len = make_packet(&made, packet);

	(void)state;
	configure(1, "fd00::1/128", "");
	configure(0, "fd00::2/128", "");
	put_packet(&sides[0], &made);
	assert_int_equal(get_frame(&sides[1], &header), len);
	assert_memory_equal(buffer, packet, len);
	assert_int_equal(header.flags, VIRTIO_NET_HDR_F_DATA_VALID);
}

static void test_a_super_packet_arrives_as_one(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_TCP, .payload_len = 40000};
	struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = 1380,
		.csum_start = 20,
		.csum_offset = 16,
	};
	static uint8_t packet[MADE_MAX];
	size_t len = make_packet(&made, packet);

	(void)state;
	connect_sides();
	put_frame(&sides[0], &header, packet, len);
	assert_int_equal(get_frame(&sides[1], &header), len);
	assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(header.gso_size, 1380);
	assert_memory_equal(buffer + 40, packet + 40, len - 40);
	expect_no_frame(&sides[1]);
}

static void test_a_super_packet_that_waits_arrives_whole(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 5000};
	struct virtio_net_hdr header = {.gso_type = OFFLOAD_GSO_UDP_L4, .gso_size = 1000};
	static uint8_t packet[MADE_MAX];
	size_t len = make_packet(&made, packet);
	size_t n_payload = 0;

	(void)state;
	configure(1, "10.0.0.1/32", "");
	configure(0, "10.0.0.2/32", "");
	put_frame(&sides[0], &header, packet, len);
	while (n_payload < 5000) {
		ssize_t n = get_frame(&sides[1], &header);

		assert_true(n > 28);
		n_payload += (size_t)n - 28;
	}
	assert_int_equal(n_payload, 5000);
	expect_no_frame(&sides[1]);
}

static void test_a_destination_of_no_peer_is_answered(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	struct virtio_net_hdr header;

	(void)state;
	put_packet(&sides[0], &made);
	assert_int_equal(get_frame(&sides[0], &header), 28 + 38);
	assert_int_equal(buffer[20], ICMP_DEST_UNREACH);
	assert_int_equal(header.flags, 0);
}

static void test_a_peer_without_an_endpoint_is_answered_for(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	struct virtio_net_hdr header;
	char text[512];

	(void)state;
	(void)snprintf(text, sizeof(text),
		       "set=1\nprivate_key=%s\npublic_key=%s\n"
		       "allowed_ip=0.0.0.0/0\n\n",
		       private_keys[0], public_keys[1]);
	assert_string_equal(ask(&sides[0], text), "errno=0\n\n");
	put_packet(&sides[0], &made);
	assert_int_equal(get_frame(&sides[0], &header), 28 + 38);
}

static void test_answers_are_rate_limited(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	struct virtio_net_hdr header;
	unsigned int n = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		put_packet(&sides[0], &made);
	while (get_frame_within(&sides[0], &header, SHORT_MS) > 0)
		n++;
	assert_in_range(n, 32, 100);
}

static void test_frames_that_make_no_sense_are_counted_and_dropped(void **state)
{
	const struct virtio_net_hdr senseless = {.gso_type = 3, .gso_size = 9};
	const struct virtio_net_hdr plain = {0};
	static const uint8_t noise[100] = {0x99};

	(void)state;
	connect_sides();
	put_frame(&sides[0], &senseless, noise, sizeof(noise));
	put_frame(&sides[0], &plain, noise, sizeof(noise));
	put_frame(&sides[0], &plain, noise, 1);
	await_stats(&sides[0], "adit_tun_refused=3\n");
}

static void take_events(const struct side *side)
{
	assert_true(has_event(side));
	while (has_event_within(side, SHORT_MS))
		continue;
}

static void test_a_handshake_is_an_event_for_both_supervisors(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	struct virtio_net_hdr header;

	(void)state;
	configure(1, "10.0.0.1/32", "");
	expect_no_event(&sides[1]);
	configure(0, "10.0.0.2/32", "adit_handshake=true\n");
	take_events(&sides[0]);
	take_events(&sides[1]);
	assert_null(strstr(ask(&sides[0], "adit_stats=1\n\n"), "last_handshake_time_sec=0\n"));
	put_packet(&sides[0], &made);
	assert_true(get_frame(&sides[1], &header) > 0);
	assert_null(strstr(ask(&sides[1], "adit_stats=1\n\n"), "last_handshake_time_sec=0\n"));
	expect_no_event(&sides[0]);
}

static void test_an_icmp_refusal_is_an_event_and_known(void **state)
{
	struct udp_sockets closed;
	struct error err;

	(void)state;
	assert_int_equal(udp_open(0, 0, &closed, &err), 0);
	sides[1].port = udp_port(&closed);
	udp_close(&closed);
	configure(0, "10.0.0.2/32", "adit_handshake=true\n");
	run();
	assert_true(has_event(&sides[0]));
	await_stats(&sides[0], "adit_icmp_errno=111\n");
}

static void test_an_unreachable_endpoint_is_an_event_and_known(void **state)
{
	char text[512];

	(void)state;
	/* a multicast address of no interface: refused by the kernel at once */
	(void)snprintf(text, sizeof(text),
		       "set=1\nprivate_key=%s\npublic_key=%s\n"
		       "endpoint=255.255.255.255:9\nadit_handshake=true\n\n",
		       private_keys[0], public_keys[1]);
	assert_string_equal(ask(&sides[0], text), "errno=0\n\n");
	assert_true(has_event(&sides[0]));
	assert_null(strstr(ask(&sides[0], "adit_stats=1\n\n"), "adit_tx_errno=0\n"));
}

static void test_new_sockets_come_with_the_text_and_traffic_goes_on(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	struct virtio_net_hdr header;
	struct udp_sockets fresh;
	struct error err;
	char expected[64];

	(void)state;
	connect_sides();
	assert_int_equal(udp_open(0, 0, &fresh, &err), 0);
	(void)snprintf(expected, sizeof(expected), "listen_port=%u\n", udp_port(&fresh));
	for (size_t i = 0; i < 2; i++)
		sides[0].watched[2 + i].fd = fresh.fd[i];
	assert_string_equal(ask_with(&sides[0], "set=1\nadit_sockets=true\n\n", fresh.fd,
				     fresh.fd[1] >= 0 ? 2 : 1),
			    "errno=0\n\n");
	assert_non_null(strstr(ask(&sides[0], "adit_stats=1\n\n"), expected));
	put_packet(&sides[0], &made);
	assert_int_equal(get_frame(&sides[1], &header), 38);
	assert_string_equal(ask(&sides[0], "set=1\nadit_sockets=true\n\n"), "errno=-22\n\n");
	udp_close(&fresh);
}

static void test_descriptors_that_are_no_sockets_of_ours_are_closed(void **state)
{
	int pair[2];
	char byte;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_string_equal(ask_with(&sides[0], "set=1\nadit_sockets=true\n\n", pair, 1),
			    "errno=-22\n\n");
	(void)close(pair[0]);
	assert_int_equal(read(pair[1], &byte, 1), 0);
	(void)close(pair[1]);
}

static void test_port_and_mark_are_the_sockets_own(void **state)
{
	char text[64];

	(void)state;
	(void)snprintf(text, sizeof(text), "set=1\nlisten_port=%u\nfwmark=0\n\n", sides[0].port);
	assert_string_equal(ask(&sides[0], text), "errno=0\n\n");
	(void)snprintf(text, sizeof(text), "set=1\nlisten_port=%u\n\n", sides[0].port ^ 1U);
	assert_string_equal(ask(&sides[0], text), "errno=-1\n\n");
	assert_string_equal(ask(&sides[0], "set=1\nfwmark=7\n\n"), "errno=-1\n\n");
	assert_string_equal(ask(&sides[0], "set=1\nadit_mtu=1280\n\n"), "errno=0\n\n");
	assert_non_null(strstr(ask(&sides[0], "adit_stats=1\n\n"), "adit_mtu=1280\n"));
}

static void test_a_device_that_is_down_reads_nothing_until_it_is_up(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	struct virtio_net_hdr header;
	struct udp_sockets fresh;
	struct error err;

	(void)state;
	connect_sides();
	sides[0].watched[0].fd = sides[0].watched[2].fd = sides[0].watched[3].fd = -1;
	assert_string_equal(ask(&sides[0], "set=1\nadit_up=false\n\n"), "errno=0\n\n");
	assert_non_null(strstr(ask(&sides[0], "get=1\n\n"), "listen_port=0\n"));
	put_packet(&sides[0], &made);
	expect_no_frame(&sides[1]);
	/* an initiation of the same 17 ms were a replay to the other side */
	(void)poll(NULL, 0, 60);
	assert_int_equal(udp_open(0, 0, &fresh, &err), 0);
	for (size_t i = 0; i < 2; i++)
		sides[0].watched[2 + i] = (struct pollfd){.fd = fresh.fd[i], .events = POLLIN};
	sides[0].watched[0].fd = other_ends[0][0];
	assert_string_equal(ask_with(&sides[0], "set=1\nadit_sockets=true\nadit_up=true\n\n",
				     fresh.fd, fresh.fd[1] >= 0 ? 2 : 1),
			    "errno=0\n\n");
	/* what waited goes out, by a new session */
	assert_int_equal(get_frame(&sides[1], &header), 38);
	udp_close(&fresh);
}

static void test_a_second_up_or_down_changes_nothing(void **state)
{
	(void)state;
	assert_string_equal(ask(&sides[0], "set=1\nadit_up=true\n\n"), "errno=0\n\n");
	sides[0].watched[0].fd = sides[0].watched[2].fd = sides[0].watched[3].fd = -1;
	assert_string_equal(ask(&sides[0], "set=1\nadit_up=false\n\n"), "errno=0\n\n");
	assert_string_equal(ask(&sides[0], "set=1\nadit_up=false\n\n"), "errno=0\n\n");
}

static void add_allowed_ips(int n)
{
	char text[128];

	for (int i = 0; i < n; i++) {
		(void)snprintf(text, sizeof(text),
			       "set=1\npublic_key=%s\nallowed_ip=10.%d.%d.0/24\n\n", public_keys[1],
			       i / 256, i % 256);
		assert_string_equal(ask(&sides[0], text), "errno=0\n\n");
	}
}

/* The reply is far larger than the socket's buffer. */
static void test_a_slow_supervisor_does_not_stop_the_traffic(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	const int small = 4096;
	struct virtio_net_hdr header;
	size_t n_read = 0;

	(void)state;
	connect_sides();
	add_allowed_ips(3000);
	(void)setsockopt(other_ends[0][1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	assert_int_equal(fd_send(sides[0].uapi, "get=1\n\n", 7, NULL, 0), 0);
	run();
	put_packet(&sides[0], &made);
	assert_int_equal(get_frame(&sides[1], &header), 38);
	for (;;) {
		ssize_t n = read(sides[0].uapi, reply, sizeof(reply));

		if (n <= 0)
			break;
		n_read += (size_t)n;
		sides[0].watched[1].events = POLLIN | POLLOUT;
		assert_int_equal(poll(sides[0].watched, 4, 0) > 0, true);
		assert_int_equal(worker_turn(sides[0].worker), 0);
		if (n >= 9 && memcmp(reply + n - 9, "errno=0\n\n", 9) == 0)
			break;
	}
	sides[0].watched[1].events = POLLIN;
	assert_true(n_read > 60000);
}

static void test_the_loop_ends_with_the_supervisor(void **state)
{
	(void)state;
	close_one(&sides[0].uapi);
	assert_int_equal(end_of_loop(&sides[0]), -ESHUTDOWN);
}

static void test_the_loop_ends_with_text_that_is_not_the_protocol(void **state)
{
	(void)state;
	assert_int_equal(write(sides[0].uapi, "hello\n", 6), 6);
	assert_int_equal(end_of_loop(&sides[0]), -ESHUTDOWN);
}

static void test_the_loop_ends_with_the_device(void **state)
{
	(void)state;
	close_one(&sides[0].tun);
	assert_int_equal(end_of_loop(&sides[0]), -EBADFD);
}

/* A test with workers that run so. */
#define TEST_BY(name, how)                                                                         \
	{                                                                                          \
#name " (" #how ")", name, start, end, (void *)(uintptr_t) & (how)                 \
	}
#define TEST(name)                                                                                 \
	TEST_BY(name, by_turns), TEST_BY(name, by_two_threads), TEST_BY(name, with_helpers)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_packet_that_waits_for_the_handshake_arrives_unchanged),
		TEST(test_a_super_packet_arrives_as_one),
		TEST(test_a_super_packet_that_waits_arrives_whole),
		TEST(test_a_destination_of_no_peer_is_answered),
		TEST(test_a_peer_without_an_endpoint_is_answered_for),
		TEST(test_answers_are_rate_limited),
		TEST(test_frames_that_make_no_sense_are_counted_and_dropped),
		TEST(test_a_handshake_is_an_event_for_both_supervisors),
		TEST(test_an_icmp_refusal_is_an_event_and_known),
		TEST(test_an_unreachable_endpoint_is_an_event_and_known),
		TEST(test_new_sockets_come_with_the_text_and_traffic_goes_on),
		TEST(test_descriptors_that_are_no_sockets_of_ours_are_closed),
		TEST(test_port_and_mark_are_the_sockets_own),
		TEST(test_a_device_that_is_down_reads_nothing_until_it_is_up),
		TEST(test_a_second_up_or_down_changes_nothing),
		TEST_BY(test_a_slow_supervisor_does_not_stop_the_traffic, by_turns),
		TEST(test_the_loop_ends_with_the_supervisor),
		TEST(test_the_loop_ends_with_text_that_is_not_the_protocol),
		TEST(test_the_loop_ends_with_the_device),
	};

	return cmocka_run_group_tests_name("dataplane/worker", tests, NULL, NULL);
}
