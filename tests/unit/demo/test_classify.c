/* Mirrors src/demo/classify.c */
#include "cmocka_all.h"

#include "demo/classify.h"

#include "base/bytes.h"

#include <string.h>

static const struct classify_endpoint provider = {.address = {198, 51, 100, 1}, .port = 51820};

/* An Ethernet frame with an IPv4 packet to 203.0.113.80. */
static size_t build_v4(uint8_t frame[64], uint8_t protocol, uint16_t to_port)
{
	memset(frame, 0, 64);
	be16_store(frame + 12, 0x0800);
	frame[14] = 0x45;
	frame[14 + 9] = protocol;
	memcpy(frame + 14 + 16, (const uint8_t[]){203, 0, 113, 80}, 4);
	be16_store(frame + 14 + 20, 40000);
	be16_store(frame + 14 + 22, to_port);
	return 14 + 28;
}

static enum seen_kind kind_of_v4(uint8_t protocol, uint16_t to_port)
{
	uint8_t frame[64];
	size_t len = build_v4(frame, protocol, to_port);

	return classify_frame(frame, len, &provider);
}

static void test_leaks_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(kind_of_v4(6, 80), SEEN_TCP);
	assert_int_equal(kind_of_v4(17, 53), SEEN_DNS);
	assert_int_equal(kind_of_v4(17, DEMO_BOUND_PORT), SEEN_BOUND);
	assert_int_equal(kind_of_v4(17, 1234), SEEN_OTHER);
	assert_int_equal(kind_of_v4(1, 0), SEEN_ICMP);
	assert_int_equal(kind_of_v4(DEMO_RAW_PROTOCOL, 0), SEEN_RAW);
	assert_int_equal(kind_of_v4(17, DEMO_CANARY_PORT), SEEN_CANARY);
}

static void test_only_udp_to_the_endpoint_itself_is_wireguard(void **state)
{
	uint8_t frame[64];
	size_t len = build_v4(frame, 17, 51820);

	(void)state;
	assert_int_equal(classify_frame(frame, len, &provider), SEEN_OTHER);
	memcpy(frame + 14 + 16, provider.address, 4);
	assert_int_equal(classify_frame(frame, len, &provider), SEEN_WIREGUARD);
	frame[14 + 9] = 6;
	assert_int_equal(classify_frame(frame, len, &provider), SEEN_TCP);
}

static void test_multicast_is_a_leak(void **state)
{
	uint8_t frame[64];
	size_t len = build_v4(frame, 17, DEMO_SSDP_PORT);

	(void)state;
	memcpy(frame + 14 + 16, (const uint8_t[]){239, 255, 255, 250}, 4);
	assert_int_equal(classify_frame(frame, len, &provider), SEEN_MULTICAST);
}

static void test_the_links_own_traffic_is_no_leak(void **state)
{
	uint8_t frame[80] = {0};

	(void)state;
	be16_store(frame + 12, 0x0806);
	assert_int_equal(classify_frame(frame, 42, &provider), SEEN_LINK);
	be16_store(frame + 12, 0x86dd);
	frame[14 + 6] = 58;
	frame[14 + 40] = 135; /* neighbour solicitation */
	assert_int_equal(classify_frame(frame, 80, &provider), SEEN_LINK);
	frame[14 + 40] = 128; /* echo request */
	assert_int_equal(classify_frame(frame, 80, &provider), SEEN_IPV6);
	frame[14 + 6] = 0; /* hop-by-hop, then an MLDv2 report */
	frame[14 + 40] = 58;
	frame[14 + 48] = 143;
	assert_int_equal(classify_frame(frame, 80, &provider), SEEN_LINK);
	frame[14 + 6] = 17;
	assert_int_equal(classify_frame(frame, 80, &provider), SEEN_IPV6);
}

static void test_short_and_strange_frames_are_leaks_of_an_unknown_kind(void **state)
{
	uint8_t frame[64];
	size_t len = build_v4(frame, 6, 80);

	(void)state;
	assert_int_equal(classify_frame(frame, 13, &provider), SEEN_OTHER);
	assert_int_equal(classify_frame(frame, 14 + 19, &provider), SEEN_OTHER);
	frame[14] = 0x4f; /* claims 60 bytes of header */
	assert_int_equal(classify_frame(frame, len, &provider), SEEN_OTHER);
	be16_store(frame + 12, 0x88cc);
	assert_int_equal(classify_frame(frame, len, &provider), SEEN_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaks_are_told_apart),
		cmocka_unit_test(test_only_udp_to_the_endpoint_itself_is_wireguard),
		cmocka_unit_test(test_multicast_is_a_leak),
		cmocka_unit_test(test_the_links_own_traffic_is_no_leak),
		cmocka_unit_test(test_short_and_strange_frames_are_leaks_of_an_unknown_kind),
	};

	return cmocka_run_group_tests_name("demo/classify", tests, NULL, NULL);
}
