/* Mirrors src/dataplane/sender.c */
#include "cmocka_all.h"

#include "base/bytes.h"
#include "dataplane/sender.h"
#include "sides.h"

#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/uio.h>

enum { UDP_HEADS_LEN = 28, NUMBER_LEN = 4 };

static void put_number(uint32_t number, size_t payload_len)
{
	const struct made made = {
		.version = 4, .protocol = IPPROTO_UDP, .payload_len = payload_len};
	static uint8_t packet[MADE_MAX];
	const struct virtio_net_hdr header = {0};
	size_t len = make_packet(&made, packet);

	be32_store(packet + UDP_HEADS_LEN, number);
	side_put_frame(&sides[0], &header, packet, len);
}

/* Numbers begin each segment of what arrives; they count up from *next. */
static void take_numbers(uint32_t *next, uint32_t end)
{
	while (*next < end) {
		struct virtio_net_hdr header;
		ssize_t len = side_get_frame(&sides[1], &header);
		size_t segment = header.gso_size;

		assert_true(len >= UDP_HEADS_LEN + NUMBER_LEN);
		if (header.gso_type != OFFLOAD_GSO_UDP_L4)
			segment = (size_t)len;
		for (size_t at = UDP_HEADS_LEN; at < (size_t)len; at += segment) {
			assert_int_equal(be32_load(side_frame + at), *next);
			++*next;
		}
	}
}

static void test_a_flow_of_all_sizes_arrives_whole_and_in_order(void **state)
{
	uint32_t next = 0;

	(void)state;
	sides_connect();
	for (uint32_t i = 0; i < 2000; i++) {
		put_number(i, i % 7 == 0 ? 1200 : 40);
		if (i % 40 == 39) /* no more than the sockets hold */
			take_numbers(&next, i + 1);
	}
}

/* Some wait, and some come when the session has just begun: whoever makes it. */
static void test_what_waited_for_the_session_leaves_before_what_came_later(void **state)
{
	uint32_t next = 0;

	(void)state;
	side_configure(1, "10.0.0.1/32", "");
	side_configure(0, "10.0.0.2/32", "");
	for (uint32_t i = 0; i < 100; i++) {
		put_number(i, 40);
		if (i % 10 == 0)
			(void)poll(NULL, 0, 1);
	}
	take_numbers(&next, 100);
}

static void test_a_frame_of_tiny_segments_arrives_whole_and_in_order(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 4 * 1000};
	const struct virtio_net_hdr header = {.gso_type = OFFLOAD_GSO_UDP_L4, .gso_size = 4};
	static uint8_t packet[MADE_MAX];
	size_t len = make_packet(&made, packet);
	uint32_t next = 0;

	(void)state;
	sides_connect();
	for (uint32_t i = 0; i < 1000; i++)
		be32_store(packet + UDP_HEADS_LEN + 4UL * i, i);
	side_put_frame(&sides[0], &header, packet, len);
	take_numbers(&next, 1000);
}

/* ---- after a predecessor's death ---- */

enum { N_LEFT = 200 }; /* more than a peer keeps without a session, less than a socket holds */

/* Frames that wait in the device when the worker comes. */
static void leave_frames(unsigned int n)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 10};
	static uint8_t packet[MADE_MAX];
	struct virtio_net_hdr header = {0};
	struct iovec iov[] = {{&header, sizeof(header)}, {packet, make_packet(&made, packet)}};

	for (uint32_t i = 0; i < n; i++) {
		be32_store(packet + UDP_HEADS_LEN, i);
		assert_true(writev(sides[0].tun, iov, 2) > 0);
	}
}

static void test_all_that_waits_for_a_successor_leaves_with_its_session(void **state)
{
	uint32_t next = 0;

	(void)state;
	leave_frames(N_LEFT);
	sides[0].watched[0].fd = -1; /* it is not read, so it does not keep us busy */
	sides_connect();
	sides[0].watched[0].fd = sides_other_ends[0][0];
	sides_run();
	take_numbers(&next, N_LEFT);
}

static void test_a_successor_without_a_session_does_not_wait_for_ever(void **state)
{
	struct virtio_net_hdr header;

	(void)state;
	leave_frames(1);
	assert_int_equal(worker_turn(sides[0].worker), 0); /* sleeps through the hold */
	assert_int_equal(poll(sides[0].watched, 1, 0), 1);
	assert_int_equal(worker_turn(sides[0].worker), 0);
	assert_int_equal(side_get_frame(&sides[0], &header), UDP_HEADS_LEN + 38);
	assert_int_equal(side_frame[20], ICMP_DEST_UNREACH);
}

static void test_the_hold_of_a_successor_begins_when_it_goes_up(void **state)
{
	char text[256];
	uint32_t next = 0;

	(void)state;
	leave_frames(N_LEFT);
	sides[0].watched[0].fd = -1;
	(void)poll(NULL, 0, SENDER_HOLD_NS / NS_PER_MS + 10);
	side_configure(1, "10.0.0.1/32", "");
	side_configure(0, "10.0.0.2/32", "");
	(void)snprintf(text, sizeof(text),
		       "set=1\nadit_up=true\npublic_key=%s\nadit_handshake=true\n\n",
		       sides_public_keys[1]);
	assert_string_equal(side_ask(&sides[0], text), "errno=0\n\n");
	sides_run();
	sides[0].watched[0].fd = sides_other_ends[0][0];
	sides_run();
	take_numbers(&next, N_LEFT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIDES_TEST(test_a_flow_of_all_sizes_arrives_whole_and_in_order),
		SIDES_TEST(test_what_waited_for_the_session_leaves_before_what_came_later),
		SIDES_TEST(test_a_frame_of_tiny_segments_arrives_whole_and_in_order),
		SIDES_TEST_BY(test_all_that_waits_for_a_successor_leaves_with_its_session,
			      sides_as_successor),
		SIDES_TEST_BY(test_the_hold_of_a_successor_begins_when_it_goes_up,
			      sides_as_successor_that_is_down),
		SIDES_TEST_BY(test_a_successor_without_a_session_does_not_wait_for_ever,
			      sides_as_successor),
	};

	return cmocka_run_group_tests_name("dataplane/sender", tests, NULL, NULL);
}
