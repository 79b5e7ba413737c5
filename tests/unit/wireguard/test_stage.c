/* Mirrors src/wireguard/stage.c */
#include "cmocka_all.h"

#include "wireguard/stage.h"

#include "wireguard/device.h"
#include "wireguard/shortage.h"

#include <stdbool.h>
#include <string.h>

enum { PACKET_LEN = 100, LARGE_LEN = 1420, HUGE_LEN = 65000 };

static uint8_t packet[WG_DATAGRAM_MAX];

static unsigned int push(struct stage *stage, unsigned int number, size_t len)
{
	memset(packet, (int)number, len);
	return stage_push(stage, packet, len);
}

static void expect_oldest(struct stage *stage, unsigned int number, size_t len)
{
	size_t found_len = 0;
	const uint8_t *found = stage_peek(stage, &found_len);

	assert_non_null(found);
	assert_int_equal(found_len, len);
	memset(packet, (int)number, len);
	assert_memory_equal(found, packet, len);
	stage_pop(stage);
}

static void expect_empty(struct stage *stage)
{
	size_t len;

	assert_null(stage_peek(stage, &len));
	assert_null(stage->slots);
}

static void test_packets_come_out_in_order(void **state)
{
	struct stage stage = {0};

	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(push(&stage, i, PACKET_LEN + i), 0);
	for (unsigned int i = 0; i < 10; i++)
		expect_oldest(&stage, i, PACKET_LEN + i);
	expect_empty(&stage);
}

static void test_the_129th_packet_drops_the_oldest(void **state)
{
	struct stage stage = {0};

	(void)state;
	for (unsigned int i = 0; i < WG_STAGED_MAX; i++)
		assert_int_equal(push(&stage, i, PACKET_LEN), 0);
	assert_int_equal(push(&stage, 128, PACKET_LEN), 1);
	assert_int_equal(push(&stage, 129, PACKET_LEN), 1);
	for (unsigned int i = 2; i < WG_STAGED_MAX + 2; i++)
		expect_oldest(&stage, i, PACKET_LEN);
	expect_empty(&stage);
}

static void test_a_larger_packet_keeps_those_before_it(void **state)
{
	struct stage stage = {0};

	(void)state;
	for (unsigned int i = 0; i < WG_STAGED_MAX + 50; i++)
		(void)push(&stage, i, PACKET_LEN);
	(void)push(&stage, 200, LARGE_LEN);
	(void)push(&stage, 201, HUGE_LEN);
	for (unsigned int i = 52; i < WG_STAGED_MAX + 50; i++)
		expect_oldest(&stage, i, PACKET_LEN);
	expect_oldest(&stage, 200, LARGE_LEN);
	expect_oldest(&stage, 201, HUGE_LEN);
	expect_empty(&stage);
}

static void test_clearing_tells_how_many_were_lost(void **state)
{
	struct stage stage = {0};

	(void)state;
	assert_int_equal(stage_clear(&stage), 0);
	for (unsigned int i = 0; i < 3; i++)
		(void)push(&stage, i, PACKET_LEN);
	assert_int_equal(stage_clear(&stage), 3);
	expect_empty(&stage);
	stage_pop(&stage);
	expect_empty(&stage);
}

static void test_what_cannot_be_sent_is_not_kept(void **state)
{
	struct stage stage = {0};

	(void)state;
	assert_int_equal(stage_push(&stage, packet, 0), 1);
	assert_int_equal(stage_push(&stage, packet, WG_DATAGRAM_MAX - WG_OVERHEAD_LEN - 14), 1);
	expect_empty(&stage);
	assert_int_equal(stage_push(&stage, packet, WG_DATAGRAM_MAX - WG_OVERHEAD_LEN - 15), 0);
	assert_int_equal(stage_clear(&stage), 1);
}

static void test_without_memory_the_packet_is_lost_and_the_others_stay(void **state)
{
	struct stage stage = {0};

	(void)state;
	if (!shortage_is_possible())
		skip();
	shortage_set_malloc(1);
	assert_int_equal(push(&stage, 1, PACKET_LEN), 1);
	assert_int_equal(push(&stage, 2, PACKET_LEN), 0);
	shortage_set_malloc(1);
	assert_int_equal(push(&stage, 3, LARGE_LEN), 1);
	expect_oldest(&stage, 2, PACKET_LEN);
	expect_empty(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_come_out_in_order),
		cmocka_unit_test(test_the_129th_packet_drops_the_oldest),
		cmocka_unit_test(test_a_larger_packet_keeps_those_before_it),
		cmocka_unit_test(test_clearing_tells_how_many_were_lost),
		cmocka_unit_test(test_without_memory_the_packet_is_lost_and_the_others_stay),
		cmocka_unit_test(test_what_cannot_be_sent_is_not_kept),
	};

	return cmocka_run_group_tests_name("wireguard/stage", tests, NULL, NULL);
}
