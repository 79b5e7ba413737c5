/* Mirrors src/base/clock.c */
#include "cmocka_all.h"

#include "base/clock.h"

#include <limits.h>
#include <time.h>

static const struct instant never = {0};

static struct instant at(uint64_t ns)
{
	return (struct instant){ns};
}

static void test_instants_are_boot_time_and_do_not_run_backwards(void **state)
{
	struct timespec ts;
	struct instant first = clock_now();
	struct instant second;
	uint64_t boot;

	(void)state;
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &ts), 0);
	boot = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	second = clock_now();
	assert_true(first.ns <= boot);
	assert_true(boot <= second.ns);
}

static void test_wall_time_is_the_time_since_1970(void **state)
{
	time_t before = time(NULL);
	uint64_t wall_s = clock_wall().ns / NS_PER_S;

	(void)state;
	assert_in_range(wall_s, (uint64_t)before, (uint64_t)before + 60);
}

static void test_since_is_never_negative(void **state)
{
	(void)state;
	assert_int_equal(instant_since(at(50), at(20)), 30);
	assert_int_equal(instant_since(at(20), at(50)), 0);
	assert_int_equal(instant_since(at(20), at(20)), 0);
	assert_int_equal(instant_add(at(20), 30).ns, 50);
}

static void test_never_is_not_set_and_not_due(void **state)
{
	(void)state;
	assert_false(instant_is_set(never));
	assert_true(instant_is_set(at(1)));
	assert_false(instant_is_due(never, at(100)));
	assert_false(instant_is_due(at(101), at(100)));
	assert_true(instant_is_due(at(100), at(100)));
	assert_true(instant_is_due(at(99), at(100)));
}

static void test_never_is_later_than_every_instant(void **state)
{
	(void)state;
	assert_int_equal(instant_first(never, at(7)).ns, 7);
	assert_int_equal(instant_first(at(7), never).ns, 7);
	assert_int_equal(instant_first(at(7), at(9)).ns, 7);
	assert_int_equal(instant_first(at(9), at(7)).ns, 7);
	assert_int_equal(instant_first(never, never).ns, 0);
}

static void test_poll_waits_for_ever_for_never_and_not_at_all_for_the_past(void **state)
{
	(void)state;
	assert_int_equal(instant_poll_ms(never, at(5)), -1);
	assert_int_equal(instant_poll_ms(at(5), at(5)), 0);
	assert_int_equal(instant_poll_ms(at(5), at(6)), 0);
}

/* Rounded down, poll(2) would return early and the loop would spin. */
static void test_poll_rounds_up_to_whole_milliseconds(void **state)
{
	(void)state;
	assert_int_equal(instant_poll_ms(at(6), at(5)), 1);
	assert_int_equal(instant_poll_ms(at(NS_PER_MS), at(0)), 1);
	assert_int_equal(instant_poll_ms(at(NS_PER_MS + 1), at(0)), 2);
}

static void test_poll_is_cut_off_where_an_int_ends(void **state)
{
	(void)state;
	assert_int_equal(instant_poll_ms(at(UINT64_MAX), at(0)), INT_MAX);
	assert_int_equal(instant_poll_ms(at(NS_PER_MS * (INT_MAX + UINT64_C(1))), at(0)), INT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instants_are_boot_time_and_do_not_run_backwards),
		cmocka_unit_test(test_wall_time_is_the_time_since_1970),
		cmocka_unit_test(test_since_is_never_negative),
		cmocka_unit_test(test_never_is_not_set_and_not_due),
		cmocka_unit_test(test_never_is_later_than_every_instant),
		cmocka_unit_test(test_poll_waits_for_ever_for_never_and_not_at_all_for_the_past),
		cmocka_unit_test(test_poll_rounds_up_to_whole_milliseconds),
		cmocka_unit_test(test_poll_is_cut_off_where_an_int_ends),
	};

	return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
