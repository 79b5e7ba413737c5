/* Mirrors src/wireguard/load.c */
#include "cmocka_all.h"

#include "wireguard/load.h"

static struct instant now;

static int start(void **state)
{
	static struct load load;

	load = (struct load){0};
	now = (struct instant){5 * NS_PER_S};
	*state = &load;
	return 0;
}

static void count(struct load *load, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		load_count(load, now);
}

static void test_a_device_at_rest_is_not_under_load(void **state)
{
	assert_false(load_is_high(*state, now));
	count(*state, LOAD_MAX);
	assert_false(load_is_high(*state, now));
}

static void test_a_burst_of_handshakes_is_load(void **state)
{
	count(*state, LOAD_MAX + 1);
	assert_true(load_is_high(*state, now));
}

static void test_load_lasts_a_second_after_the_flood(void **state)
{
	count(*state, 100 * LOAD_MAX);
	now.ns += NS_PER_S - 1;
	assert_true(load_is_high(*state, now));
	now.ns += 1;
	assert_false(load_is_high(*state, now));
}

static void test_a_steady_rate_below_the_limit_is_never_load(void **state)
{
	for (unsigned int i = 0; i < 20 * LOAD_DRAIN_PER_S; i++) {
		now.ns += NS_PER_S / LOAD_DRAIN_PER_S;
		count(*state, 1);
		assert_false(load_is_high(*state, now));
	}
}

static void test_twice_the_rate_becomes_load_and_stays_load(void **state)
{
	for (unsigned int i = 0; i < 2 * LOAD_DRAIN_PER_S; i++) {
		now.ns += NS_PER_S / LOAD_DRAIN_PER_S;
		count(*state, 2);
	}
	assert_true(load_is_high(*state, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_device_at_rest_is_not_under_load, start),
		cmocka_unit_test_setup(test_a_burst_of_handshakes_is_load, start),
		cmocka_unit_test_setup(test_load_lasts_a_second_after_the_flood, start),
		cmocka_unit_test_setup(test_a_steady_rate_below_the_limit_is_never_load, start),
		cmocka_unit_test_setup(test_twice_the_rate_becomes_load_and_stays_load, start),
	};

	return cmocka_run_group_tests_name("wireguard/load", tests, NULL, NULL);
}
