/* Mirrors src/wireguard/schedule.c */
#include "cmocka_all.h"

#include "wireguard/schedule.h"

#include "wireguard/shortage.h"

#include <errno.h>
#include <stdbool.h>

enum { ALARMS = 500 };

static struct alarm alarms[ALARMS];

static int start(void **state)
{
	static struct schedule schedule;

	schedule = (struct schedule){0};
	for (size_t i = 0; i < ALARMS; i++)
		alarms[i] = (struct alarm){0};
	*state = &schedule;
	return schedule_reserve(&schedule, ALARMS);
}

static int stop(void **state)
{
	schedule_done(*state);
	return 0;
}

static struct instant at(uint64_t ns)
{
	return (struct instant){ns};
}

static void test_an_empty_schedule_has_no_first_alarm(void **state)
{
	assert_null(schedule_first(*state));
	schedule_set(*state, &alarms[0], at(0));
	assert_null(schedule_first(*state));
}

static void test_the_first_alarm_is_the_earliest(void **state)
{
	schedule_set(*state, &alarms[0], at(30));
	schedule_set(*state, &alarms[1], at(10));
	schedule_set(*state, &alarms[2], at(20));
	assert_ptr_equal(schedule_first(*state), &alarms[1]);
	schedule_set(*state, &alarms[1], at(40));
	assert_ptr_equal(schedule_first(*state), &alarms[2]);
	schedule_set(*state, &alarms[2], at(0));
	assert_ptr_equal(schedule_first(*state), &alarms[0]);
	schedule_set(*state, &alarms[1], at(5));
	assert_ptr_equal(schedule_first(*state), &alarms[1]);
}

static struct alarm *scan(void)
{
	struct alarm *first = NULL;

	for (size_t i = 0; i < ALARMS; i++)
		if (instant_is_set(alarms[i].at) && (!first || alarms[i].at.ns < first->at.ns))
			first = &alarms[i];
	return first;
}

static void test_random_changes_agree_with_a_scan(void **state)
{
	uint32_t random = 1;

	for (unsigned int i = 0; i < 20000; i++) {
		struct alarm *first;
		struct alarm *expected;

		random = random * 1664525 + 1013904223;
		schedule_set(*state, &alarms[(random >> 8) % ALARMS],
			     at(i % 3 == 0 ? 0 : random >> 4));
		first = schedule_first(*state);
		expected = scan();
		assert_true(!first == !expected);
		if (first)
			assert_true(first->at.ns == expected->at.ns);
	}
}

static void test_alarms_can_be_taken_in_order(void **state)
{
	uint64_t last = 0;

	for (size_t i = 0; i < ALARMS; i++)
		schedule_set(*state, &alarms[i], at(1 + (i * 7919) % ALARMS));
	for (size_t i = 0; i < ALARMS; i++) {
		struct alarm *first = schedule_first(*state);

		assert_true(first->at.ns > last);
		last = first->at.ns;
		schedule_set(*state, first, at(0));
	}
	assert_null(schedule_first(*state));
}

static void test_without_memory_there_is_no_more_room(void **state)
{
	struct schedule *schedule = *state;
	size_t capacity = schedule->capacity;

	if (!shortage_is_possible())
		skip();
	schedule_set(schedule, &alarms[0], at(30));
	shortage_set_calloc(1);
	assert_int_equal(schedule_reserve(schedule, capacity + 1), -ENOMEM);
	assert_int_equal(schedule->capacity, capacity);
	assert_ptr_equal(schedule_first(schedule), &alarms[0]);
	assert_int_equal(schedule_reserve(schedule, capacity + 1), 0);
	assert_ptr_equal(schedule_first(schedule), &alarms[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_an_empty_schedule_has_no_first_alarm, start,
						stop),
		cmocka_unit_test_setup_teardown(test_without_memory_there_is_no_more_room, start,
						stop),
		cmocka_unit_test_setup_teardown(test_the_first_alarm_is_the_earliest, start, stop),
		cmocka_unit_test_setup_teardown(test_random_changes_agree_with_a_scan, start, stop),
		cmocka_unit_test_setup_teardown(test_alarms_can_be_taken_in_order, start, stop),
	};

	return cmocka_run_group_tests_name("wireguard/schedule", tests, NULL, NULL);
}
