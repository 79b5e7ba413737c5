/* Mirrors src/wireguard/tai64n.c */
#include "cmocka_all.h"

#include "wireguard/tai64n.h"

#include <string.h>

static struct tai64n at(uint64_t seconds, uint64_t ns)
{
	return tai64n_from_wall((struct wall_time){seconds * NS_PER_S + ns});
}

static uint32_t ns_of(struct tai64n time)
{
	return be32_load(time.byte + 8);
}

/* TAI64 label of 1970-01-01 00:00:00 UTC, ten seconds behind TAI. */
static void test_1970_is_two_to_the_62_and_ten_seconds(void **state)
{
	static const uint8_t expected[12] = {0x40, 0, 0, 0, 0, 0, 0, 0x0a};
	const struct tai64n time = at(0, 0);

	(void)state;
	assert_memory_equal(time.byte, expected, sizeof(expected));
}

static void test_numbers_are_big_endian(void **state)
{
	static const uint8_t expected[12] = {0x40, 0, 0, 0, 0x12, 0x34, 0x56, 0x82, 0x01, 0, 0, 0};
	const struct tai64n time = at(0x12345678, 0x01000000);

	(void)state;
	assert_memory_equal(time.byte, expected, sizeof(expected));
}

static void test_nanoseconds_are_rounded_down_to_16777216(void **state)
{
	(void)state;
	assert_int_equal(ns_of(at(1, 16777215)), 0);
	assert_int_equal(ns_of(at(1, 16777216)), 16777216);
	assert_int_equal(ns_of(at(1, 33554431)), 16777216);
	assert_int_equal(ns_of(at(1, 999999999)), 59 * 16777216);
}

static void test_only_a_greater_timestamp_is_after(void **state)
{
	const struct tai64n early = at(1000, 0), late = at(1000, 20000000), later = at(1256, 0);

	(void)state;
	assert_true(tai64n_is_after(&late, &early));
	assert_true(tai64n_is_after(&later, &late));
	assert_false(tai64n_is_after(&early, &early));
	assert_false(tai64n_is_after(&early, &late));
	assert_false(tai64n_is_after(&late, &later));
}

static void test_next_is_the_clock_when_it_has_gone_on(void **state)
{
	const struct tai64n last = at(1000, 0), expected = at(1000, 20000000);
	const struct tai64n next = tai64n_next((struct wall_time){1000020000000}, &last);

	(void)state;
	assert_memory_equal(&next, &expected, sizeof(next));
}

static void test_next_goes_on_by_a_step_when_the_clock_was_set_back(void **state)
{
	const struct wall_time back = {500 * NS_PER_S};
	struct tai64n last = at(1000, 0);

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct tai64n next = tai64n_next(back, &last);

		assert_true(tai64n_is_after(&next, &last));
		assert_true(ns_of(next) < NS_PER_S);
		assert_int_equal(ns_of(next) % 16777216, 0);
		last = next;
	}
	/* 60 steps to the second. */
	assert_int_equal(be32_load(last.byte + 4), 1000 + 10 + 200 / 60);
}

static void test_next_to_any_timestamp_of_a_predecessor_is_after_it(void **state)
{
	struct tai64n last = at(1000, 0);
	struct tai64n next;

	(void)state;
	memset(last.byte + 8, 0xff, 4); /* no number of nanoseconds */
	next = tai64n_next((struct wall_time){0}, &last);
	assert_true(tai64n_is_after(&next, &last));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_1970_is_two_to_the_62_and_ten_seconds),
		cmocka_unit_test(test_numbers_are_big_endian),
		cmocka_unit_test(test_nanoseconds_are_rounded_down_to_16777216),
		cmocka_unit_test(test_only_a_greater_timestamp_is_after),
		cmocka_unit_test(test_next_is_the_clock_when_it_has_gone_on),
		cmocka_unit_test(test_next_goes_on_by_a_step_when_the_clock_was_set_back),
		cmocka_unit_test(test_next_to_any_timestamp_of_a_predecessor_is_after_it),
	};

	return cmocka_run_group_tests_name("wireguard/tai64n", tests, NULL, NULL);
}
