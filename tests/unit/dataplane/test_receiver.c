/* Mirrors src/dataplane/receiver.c, and shows that threads do not harm each other:
 * flows both ways while the supervisor changes whatever it can.
 */
#include "cmocka_all.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "sides.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	UDP_HEADS_LEN = 28,
	SEGMENT = 1000,
	STRESS_MS = 2500,
	HANDSHAKES = 4,
	CHANGE_MS = 60, /* longer than the 17 ms in which a second initiation is a replay */
};

/* ---- strangers ---- */

static void send_to(const struct side *side, const void *bytes, size_t len)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(side->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(sendto(fd, bytes, len, 0, (const struct sockaddr *)&to, sizeof(to)) >= 0);
	(void)close(fd);
}

static void test_what_strangers_send_is_counted_and_delivers_nothing(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	uint8_t noise[200];
	struct virtio_net_hdr header;

	(void)state;
	sides_connect();
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 7);
	memcpy(noise, "\4\0\0\0", 4); /* data, of no session */
	send_to(&sides[1], noise, sizeof(noise));
	memcpy(noise, "\1\0\0\0", 4); /* an initiation's type, not its length */
	send_to(&sides[1], noise, sizeof(noise));
	send_to(&sides[1], noise, 0);
	sides_run();
	side_await_stats(&sides[1], "adit_rx_invalid=2\n");
	side_put_packet(&sides[0], &made);
	assert_int_equal(side_get_frame(&sides[1], &header), UDP_HEADS_LEN + 10);
	side_expect_no_frame(&sides[1]);
}

/* ---- everything at once ---- */

/* One flow, from the other side's program to this one's. */
struct flow {
	int in;	 /* TUN */
	int out; /* TUN */
	uint8_t from;
	uint8_t to;
	atomic_bool is_over;
	uint32_t n_sent;
	uint32_t n_received;
	uint32_t n_disordered;
};

static size_t make_frame(struct flow *flow, uint8_t *packet, struct virtio_net_hdr *header)
{
	unsigned int n = flow->n_sent % 5 == 0 ? 20 : 1;
	const struct made made = {
		.version = 4,
		.protocol = IPPROTO_UDP,
		.payload_len = n == 1 ? 40 : (size_t)n * SEGMENT,
	};
	size_t len = make_packet(&made, packet);

	packet[15] = flow->from;
	packet[19] = flow->to;
	*header = (struct virtio_net_hdr){0};
	if (n > 1) {
		header->gso_type = OFFLOAD_GSO_UDP_L4;
		header->gso_size = SEGMENT;
	}
	for (unsigned int i = 0; i < n; i++)
		be32_store(packet + UDP_HEADS_LEN + (size_t)i * SEGMENT, ++flow->n_sent);
	return len;
}

static void *send_flow(void *context)
{
	struct flow *flow = context;
	uint8_t *packet = malloc(MADE_MAX);

	while (packet && !atomic_load(&flow->is_over)) {
		struct pollfd room = {.fd = flow->in, .events = POLLOUT};
		struct virtio_net_hdr header;
		size_t len = make_frame(flow, packet, &header);
		struct iovec iov[] = {{&header, sizeof(header)}, {packet, len}};

		while (writev(flow->in, iov, 2) < 0 && errno == EAGAIN)
			(void)poll(&room, 1, 10);
	}
	free(packet);
	return NULL;
}

static void take_frame(struct flow *flow, const struct virtio_net_hdr *header, const uint8_t *frame,
		       size_t len)
{
	size_t segment = header->gso_type == OFFLOAD_GSO_UDP_L4 ? header->gso_size : len;

	if (frame[9] != IPPROTO_UDP)
		return; /* for a moment the other side is no peer, which ICMP says */
	for (size_t at = UDP_HEADS_LEN; at + 4 <= len; at += segment) {
		uint32_t number = be32_load(frame + at);

		flow->n_disordered += number <= flow->n_received;
		flow->n_received = number;
	}
}

static void *receive_flow(void *context)
{
	struct flow *flow = context;
	uint8_t *frame = malloc(MADE_MAX);

	while (frame && !atomic_load(&flow->is_over)) {
		struct pollfd data = {.fd = flow->out, .events = POLLIN};
		struct virtio_net_hdr header;
		struct iovec iov[] = {{&header, sizeof(header)}, {frame, MADE_MAX}};
		ssize_t n = readv(flow->out, iov, 2);

		if (n > (ssize_t)sizeof(header))
			take_frame(flow, &header, frame, (size_t)n - sizeof(header));
		else
			(void)poll(&data, 1, 10);
	}
	free(frame);
	return NULL;
}

/* Takes the peer away and gives it back: another session must begin. */
static void replace_peer(void)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "set=1\npublic_key=%s\nremove=true\n\n",
		       sides_public_keys[1]);
	assert_string_equal(side_ask(&sides[0], text), "errno=0\n\n");
	side_configure(0, "10.0.0.2/32", "");
}

static void change_key(void)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "set=1\nprivate_key=%064d\n\n", 1);
	assert_string_equal(side_ask(&sides[0], text), "errno=0\n\n");
	side_configure(0, "10.0.0.2/32", "");
}

static void change_sockets(void)
{
	struct udp_sockets fresh;
	struct error err;

	assert_int_equal(udp_open(0, 0, &fresh, &err), 0);
	assert_string_equal(side_ask_with(&sides[0], "set=1\nadit_sockets=true\n\n", fresh.fd,
					  fresh.fd[1] >= 0 ? 2 : 1),
			    "errno=0\n\n");
	udp_close(&fresh);
}

static void add_and_remove_others(void)
{
	char text[256];

	for (int i = 2; i < 20; i++) {
		(void)snprintf(text, sizeof(text),
			       "set=1\npublic_key=%064d\nallowed_ip=10.1.0.%d/32\n\n", i, i);
		assert_string_equal(side_ask(&sides[1], text), "errno=0\n\n");
	}
	for (int i = 2; i < 20; i++) {
		(void)snprintf(text, sizeof(text), "set=1\npublic_key=%064d\nremove=true\n\n", i);
		assert_string_equal(side_ask(&sides[1], text), "errno=0\n\n");
	}
}

static void read_all(void)
{
	for (int i = 0; i < 2; i++) {
		assert_non_null(strstr(side_ask(&sides[i], "get=1\n\n"), "errno=0\n"));
		assert_non_null(strstr(side_ask(&sides[i], "adit_stats=1\n\n"), "errno=0\n"));
	}
}

static unsigned int count_handshakes(void)
{
	const char *line = strstr(side_ask(&sides[1], "adit_stats=1\n\n"), "adit_rx_handshake=");

	assert_non_null(line);
	return (unsigned int)atoi(strchr(line, '=') + 1);
}

/* Until there were sessions enough: in a flood handshakes get lost. */
static void change_everything(void)
{
	static void (*const changes[])(void) = {replace_peer, add_and_remove_others, read_all,
						change_key, change_sockets};
	const struct instant end = instant_add(clock_now(), STRESS_MS * NS_PER_MS);

	for (unsigned int i = 0;
	     !instant_is_due(end, clock_now()) || count_handshakes() < HANDSHAKES; i++) {
		changes[i % (sizeof(changes) / sizeof(changes[0]))]();
		(void)poll(NULL, 0, CHANGE_MS);
	}
}

/* Scheduled so often by its own will: it had something to do, and slept in between. */
static unsigned int count_sleeps_of_second_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *task;
	unsigned int n = 0;

	assert_non_null(dir);
	while ((task = readdir(dir))) {
		char text[4096];
		char path[64];
		const char *line;

		(void)snprintf(path, sizeof(path), "/proc/self/task/%.16s/status", task->d_name);
		if (fd_read_file(path, text, sizeof(text)) < 0 || !strstr(text, "adit-receive"))
			continue;
		line = strstr(text, "voluntary_ctxt_switches:");
		n += line ? (unsigned int)atoi(strchr(line, ':') + 1) : 0;
	}
	(void)closedir(dir);
	return n;
}

static void test_flows_stay_in_order_whatever_the_supervisor_does(void **state)
{
	struct flow flows[2] = {
		{.in = sides[0].tun, .out = sides[1].tun, .from = 1, .to = 2},
		{.in = sides[1].tun, .out = sides[0].tun, .from = 2, .to = 1},
	};
	pthread_t threads[4];

	(void)state;
	sides_connect();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, send_flow, &flows[i]), 0);
		assert_int_equal(pthread_create(&threads[2 + i], NULL, receive_flow, &flows[i]), 0);
	}
	change_everything();
	for (int i = 0; i < 2; i++)
		atomic_store(&flows[i].is_over, true);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_true(count_sleeps_of_second_threads() > 10);
	for (int i = 0; i < 2; i++) {
		print_message("%u sent, the last to arrive was %u, %u out of order\n",
			      flows[i].n_sent, flows[i].n_received, flows[i].n_disordered);
		assert_int_equal(flows[i].n_disordered, 0);
		assert_true(flows[i].n_received > 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIDES_TEST(test_what_strangers_send_is_counted_and_delivers_nothing),
		SIDES_TEST_BY(test_flows_stay_in_order_whatever_the_supervisor_does,
			      sides_by_two_threads),
		SIDES_TEST_BY(test_flows_stay_in_order_whatever_the_supervisor_does,
			      sides_with_helpers),
	};

	return cmocka_run_group_tests_name("dataplane/receiver", tests, NULL, NULL);
}
