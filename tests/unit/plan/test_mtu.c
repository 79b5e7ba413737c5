/* Mirrors src/plan/mtu.c */
#include "cmocka_all.h"

#include "plan/mtu.h"

static void test_what_the_file_says_is_taken_as_it_is(void **state)
{
	(void)state;
	assert_int_equal(mtu_choose(1400, 1500), 1400);
	assert_int_equal(mtu_choose(9000, 1500), 9000);
	assert_int_equal(mtu_choose(576, 0), 576);
}

static void test_ethernet_and_an_unknown_path_give_what_wg_quick_gives(void **state)
{
	(void)state;
	assert_int_equal(mtu_choose(0, 1500), 1420);
	assert_int_equal(mtu_choose(0, 0), 1420);
}

static void test_a_smaller_path_leaves_room_for_the_larger_outer_header(void **state)
{
	(void)state;
	assert_int_equal(mtu_choose(0, 1499), 1419);
	assert_int_equal(mtu_choose(0, 1492), 1412); /* PPPoE, RFC 2516 */
	assert_int_equal(mtu_choose(0, 1400), 1320);
}

static void test_a_large_first_hop_is_not_believed(void **state)
{
	(void)state;
	assert_int_equal(mtu_choose(0, 9000), 1420);
	assert_int_equal(mtu_choose(0, 65536), 1420);
}

static void test_ipv6_always_fits(void **state)
{
	(void)state;
	assert_int_equal(mtu_choose(0, 1360), 1280);
	assert_int_equal(mtu_choose(0, 1359), 1280);
	assert_int_equal(mtu_choose(0, 1280), 1280);
	assert_int_equal(mtu_choose(0, 1), 1280);
}

/* 45 datagrams of 1452 bytes are 65340, 46 would be 66792: more than 65507. */
static void test_a_batch_is_what_one_udp_send_takes(void **state)
{
	(void)state;
	assert_int_equal(mtu_batch_segments(1420), 45);
	assert_int_equal(mtu_batch_segments(1280), 49);
	assert_int_equal(mtu_batch_segments(9000), 7);
}

static void test_a_batch_is_never_empty_and_never_above_the_kernels_limit(void **state)
{
	(void)state;
	assert_int_equal(mtu_batch_segments(576), 64);
	assert_int_equal(mtu_batch_segments(65535), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_file_says_is_taken_as_it_is),
		cmocka_unit_test(test_ethernet_and_an_unknown_path_give_what_wg_quick_gives),
		cmocka_unit_test(test_a_smaller_path_leaves_room_for_the_larger_outer_header),
		cmocka_unit_test(test_a_large_first_hop_is_not_believed),
		cmocka_unit_test(test_ipv6_always_fits),
		cmocka_unit_test(test_a_batch_is_what_one_udp_send_takes),
		cmocka_unit_test(test_a_batch_is_never_empty_and_never_above_the_kernels_limit),
	};

	return cmocka_run_group_tests_name("plan/mtu", tests, NULL, NULL);
}
