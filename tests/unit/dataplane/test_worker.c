/* Mirrors src/dataplane/worker.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "base/fd.h"
#include "dataplane/icmp.h"
#include "made_packet.h"
#include "sides.h"

#include <errno.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_a_packet_that_waits_for_the_handshake_arrives_unchanged(void **state)
{
	const struct made made = {.version = 6, .protocol = IPPROTO_TCP, .payload_len = 999};
	struct virtio_net_hdr header;
	static uint8_t packet[MADE_MAX];
	size_t len = make_packet(&made, packet);

	(void)state;
	side_configure(1, "fd00::1/128", "");
	side_configure(0, "fd00::2/128", "");
	side_put_packet(&sides[0], &made);
	assert_int_equal(side_get_frame(&sides[1], &header), len);
	assert_memory_equal(side_frame, packet, len);
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
	sides_connect();
	side_put_frame(&sides[0], &header, packet, len);
	assert_int_equal(side_get_frame(&sides[1], &header), len);
	assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(header.gso_size, 1380);
	assert_memory_equal(side_frame + 40, packet + 40, len - 40);
	side_expect_no_frame(&sides[1]);
}

static void test_a_super_packet_that_waits_arrives_whole(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 5000};
	struct virtio_net_hdr header = {.gso_type = OFFLOAD_GSO_UDP_L4, .gso_size = 1000};
	static uint8_t packet[MADE_MAX];
	size_t len = make_packet(&made, packet);
	size_t n_payload = 0;

	(void)state;
	side_configure(1, "10.0.0.1/32", "");
	side_configure(0, "10.0.0.2/32", "");
	side_put_frame(&sides[0], &header, packet, len);
	while (n_payload < 5000) {
		ssize_t n = side_get_frame(&sides[1], &header);

		assert_true(n > 28);
		n_payload += (size_t)n - 28;
	}
	assert_int_equal(n_payload, 5000);
	side_expect_no_frame(&sides[1]);
}

static void test_a_destination_of_no_peer_is_answered(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	struct virtio_net_hdr header;

	(void)state;
	side_put_packet(&sides[0], &made);
	assert_int_equal(side_get_frame(&sides[0], &header), 28 + 38);
	assert_int_equal(side_frame[20], ICMP_DEST_UNREACH);
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
		       sides_private_keys[0], sides_public_keys[1]);
	assert_string_equal(side_ask(&sides[0], text), "errno=0\n\n");
	side_put_packet(&sides[0], &made);
	assert_int_equal(side_get_frame(&sides[0], &header), 28 + 38);
}

static void test_answers_are_rate_limited(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	struct virtio_net_hdr header;
	unsigned int n = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		side_put_packet(&sides[0], &made);
	for (; n < ICMP_BURST; n++)
		assert_true(side_get_frame(&sides[0], &header) > 0);
	while (side_get_frame_within(&sides[0], &header, SIDES_SHORT_MS) > 0)
		n++;
	assert_in_range(n, ICMP_BURST, 100);
}

static void test_frames_that_make_no_sense_are_counted_and_dropped(void **state)
{
	const struct virtio_net_hdr senseless = {.gso_type = 3, .gso_size = 9};
	const struct virtio_net_hdr plain = {0};
	static const uint8_t noise[100] = {0x99};

	(void)state;
	sides_connect();
	side_put_frame(&sides[0], &senseless, noise, sizeof(noise));
	side_put_frame(&sides[0], &plain, noise, sizeof(noise));
	side_put_frame(&sides[0], &plain, noise, 1);
	side_await_stats(&sides[0], "adit_tun_refused=3\n");
}

static void take_events(const struct side *side)
{
	assert_true(side_has_event(side));
	while (side_has_event_within(side, SIDES_SHORT_MS))
		continue;
}

static void test_a_handshake_is_an_event_for_both_supervisors(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	struct virtio_net_hdr header;

	(void)state;
	side_configure(1, "10.0.0.1/32", "");
	side_expect_no_event(&sides[1]);
	side_configure(0, "10.0.0.2/32", "adit_handshake=true\n");
	take_events(&sides[0]);
	take_events(&sides[1]);
	assert_null(strstr(side_ask(&sides[0], "adit_stats=1\n\n"), "last_handshake_time_sec=0\n"));
	side_put_packet(&sides[0], &made);
	assert_true(side_get_frame(&sides[1], &header) > 0);
	assert_null(strstr(side_ask(&sides[1], "adit_stats=1\n\n"), "last_handshake_time_sec=0\n"));
	side_expect_no_event(&sides[0]);
}

static void test_an_icmp_refusal_is_an_event_and_known(void **state)
{
	struct udp_sockets closed;
	struct error err;

	(void)state;
	assert_int_equal(udp_open(0, 0, &closed, &err), 0);
	sides[1].port = udp_port(&closed);
	udp_close(&closed);
	side_configure(0, "10.0.0.2/32", "adit_handshake=true\n");
	sides_run();
	assert_true(side_has_event(&sides[0]));
	side_await_stats(&sides[0], "adit_icmp_errno=111\n");
}

static void test_an_unreachable_endpoint_is_an_event_and_known(void **state)
{
	char text[512];

	(void)state;
	/* a multicast address of no interface: refused by the kernel at once */
	(void)snprintf(text, sizeof(text),
		       "set=1\nprivate_key=%s\npublic_key=%s\n"
		       "endpoint=255.255.255.255:9\nadit_handshake=true\n\n",
		       sides_private_keys[0], sides_public_keys[1]);
	assert_string_equal(side_ask(&sides[0], text), "errno=0\n\n");
	assert_true(side_has_event(&sides[0]));
	assert_null(strstr(side_ask(&sides[0], "adit_stats=1\n\n"), "adit_tx_errno=0\n"));
}

static void test_new_sockets_come_with_the_text_and_traffic_goes_on(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	struct virtio_net_hdr header;
	struct udp_sockets fresh;
	struct error err;
	char expected[64];

	(void)state;
	sides_connect();
	assert_int_equal(udp_open(0, 0, &fresh, &err), 0);
	(void)snprintf(expected, sizeof(expected), "listen_port=%u\n", udp_port(&fresh));
	for (size_t i = 0; i < 2; i++)
		sides[0].watched[2 + i].fd = fresh.fd[i];
	assert_string_equal(side_ask_with(&sides[0], "set=1\nadit_sockets=true\n\n", fresh.fd,
					  fresh.fd[1] >= 0 ? 2 : 1),
			    "errno=0\n\n");
	assert_non_null(strstr(side_ask(&sides[0], "adit_stats=1\n\n"), expected));
	side_put_packet(&sides[0], &made);
	assert_int_equal(side_get_frame(&sides[1], &header), 38);
	assert_string_equal(side_ask(&sides[0], "set=1\nadit_sockets=true\n\n"), "errno=-22\n\n");
	udp_close(&fresh);
}

static void test_descriptors_that_are_no_sockets_of_ours_are_closed(void **state)
{
	int pair[2];
	char byte;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_string_equal(side_ask_with(&sides[0], "set=1\nadit_sockets=true\n\n", pair, 1),
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
	assert_string_equal(side_ask(&sides[0], text), "errno=0\n\n");
	(void)snprintf(text, sizeof(text), "set=1\nlisten_port=%u\n\n", sides[0].port ^ 1U);
	assert_string_equal(side_ask(&sides[0], text), "errno=-1\n\n");
	assert_string_equal(side_ask(&sides[0], "set=1\nfwmark=7\n\n"), "errno=-1\n\n");
	assert_string_equal(side_ask(&sides[0], "set=1\nadit_mtu=1280\n\n"), "errno=0\n\n");
	assert_non_null(strstr(side_ask(&sides[0], "adit_stats=1\n\n"), "adit_mtu=1280\n"));
}

static void test_a_device_that_is_down_reads_nothing_until_it_is_up(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	struct virtio_net_hdr header;
	struct udp_sockets fresh;
	struct error err;

	(void)state;
	sides_connect();
	sides[0].watched[0].fd = sides[0].watched[2].fd = sides[0].watched[3].fd = -1;
	assert_string_equal(side_ask(&sides[0], "set=1\nadit_up=false\n\n"), "errno=0\n\n");
	assert_non_null(strstr(side_ask(&sides[0], "get=1\n\n"), "listen_port=0\n"));
	side_put_packet(&sides[0], &made);
	side_expect_no_frame(&sides[1]);
	/* an initiation of the same 17 ms were a replay to the other side */
	(void)poll(NULL, 0, 60);
	assert_int_equal(udp_open(0, 0, &fresh, &err), 0);
	for (size_t i = 0; i < 2; i++)
		sides[0].watched[2 + i] = (struct pollfd){.fd = fresh.fd[i], .events = POLLIN};
	sides[0].watched[0].fd = sides_other_ends[0][0];
	assert_string_equal(side_ask_with(&sides[0], "set=1\nadit_sockets=true\nadit_up=true\n\n",
					  fresh.fd, fresh.fd[1] >= 0 ? 2 : 1),
			    "errno=0\n\n");
	/* what waited goes out, by a new session */
	assert_int_equal(side_get_frame(&sides[1], &header), 38);
	udp_close(&fresh);
}

static void test_a_second_up_or_down_changes_nothing(void **state)
{
	(void)state;
	assert_string_equal(side_ask(&sides[0], "set=1\nadit_up=true\n\n"), "errno=0\n\n");
	sides[0].watched[0].fd = sides[0].watched[2].fd = sides[0].watched[3].fd = -1;
	assert_string_equal(side_ask(&sides[0], "set=1\nadit_up=false\n\n"), "errno=0\n\n");
	assert_string_equal(side_ask(&sides[0], "set=1\nadit_up=false\n\n"), "errno=0\n\n");
}

static void add_allowed_ips(int n)
{
	char text[128];

	for (int i = 0; i < n; i++) {
		(void)snprintf(text, sizeof(text),
			       "set=1\npublic_key=%s\nallowed_ip=10.%d.%d.0/24\n\n",
			       sides_public_keys[1], i / 256, i % 256);
		assert_string_equal(side_ask(&sides[0], text), "errno=0\n\n");
	}
}

/* The reply is far larger than the socket's side_frame. */
static void test_a_slow_supervisor_does_not_stop_the_traffic(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	const int small = 4096;
	struct virtio_net_hdr header;
	size_t n_read = 0;

	(void)state;
	sides_connect();
	add_allowed_ips(3000);
	(void)setsockopt(sides_other_ends[0][1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	assert_int_equal(fd_send(sides[0].uapi, "get=1\n\n", 7, NULL, 0), 0);
	sides_run();
	side_put_packet(&sides[0], &made);
	assert_int_equal(side_get_frame(&sides[1], &header), 38);
	for (;;) {
		ssize_t n = read(sides[0].uapi, side_reply, sizeof(side_reply));

		if (n <= 0)
			break;
		n_read += (size_t)n;
		sides[0].watched[1].events = POLLIN | POLLOUT;
		assert_int_equal(poll(sides[0].watched, 4, 0) > 0, true);
		assert_int_equal(worker_turn(sides[0].worker), 0);
		if (n >= 9 && memcmp(side_reply + n - 9, "errno=0\n\n", 9) == 0)
			break;
	}
	sides[0].watched[1].events = POLLIN;
	assert_true(n_read > 60000);
}

static void test_the_loop_ends_with_the_supervisor(void **state)
{
	(void)state;
	side_close_one(&sides[0].uapi);
	assert_int_equal(side_end_of_loop(&sides[0]), -ESHUTDOWN);
}

static void test_the_loop_ends_with_text_that_is_not_the_protocol(void **state)
{
	(void)state;
	assert_int_equal(write(sides[0].uapi, "hello\n", 6), 6);
	assert_int_equal(side_end_of_loop(&sides[0]), -ESHUTDOWN);
}

static void test_the_loop_ends_with_the_device(void **state)
{
	(void)state;
	side_close_one(&sides[0].tun);
	assert_int_equal(side_end_of_loop(&sides[0]), -EBADFD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIDES_TEST(test_a_packet_that_waits_for_the_handshake_arrives_unchanged),
		SIDES_TEST(test_a_super_packet_arrives_as_one),
		SIDES_TEST(test_a_super_packet_that_waits_arrives_whole),
		SIDES_TEST(test_a_destination_of_no_peer_is_answered),
		SIDES_TEST(test_a_peer_without_an_endpoint_is_answered_for),
		SIDES_TEST(test_answers_are_rate_limited),
		SIDES_TEST(test_frames_that_make_no_sense_are_counted_and_dropped),
		SIDES_TEST(test_a_handshake_is_an_event_for_both_supervisors),
		SIDES_TEST(test_an_icmp_refusal_is_an_event_and_known),
		SIDES_TEST(test_an_unreachable_endpoint_is_an_event_and_known),
		SIDES_TEST(test_new_sockets_come_with_the_text_and_traffic_goes_on),
		SIDES_TEST(test_descriptors_that_are_no_sockets_of_ours_are_closed),
		SIDES_TEST(test_port_and_mark_are_the_sockets_own),
		SIDES_TEST(test_a_device_that_is_down_reads_nothing_until_it_is_up),
		SIDES_TEST(test_a_second_up_or_down_changes_nothing),
		SIDES_TEST_BY(test_a_slow_supervisor_does_not_stop_the_traffic, sides_by_turns),
		SIDES_TEST(test_the_loop_ends_with_the_supervisor),
		SIDES_TEST(test_the_loop_ends_with_text_that_is_not_the_protocol),
		SIDES_TEST(test_the_loop_ends_with_the_device),
	};

	return cmocka_run_group_tests_name("dataplane/worker", tests, NULL, NULL);
}
