/* Mirrors src/relay/slots.c */
#include "cmocka_all.h"

#include "relay/slots.h"

#include <stdio.h>
#include <string.h>

static struct relay_forward forward(const char *interface, uint16_t port)
{
	struct relay_forward made = {.outside = {port, port}, .inside = {80, 80}};

	(void)snprintf(made.interface, sizeof(made.interface), "%s", interface);
	return made;
}

static void test_those_that_stay_keep_their_place_in_any_order(void **state)
{
	const struct relay_forward before[] = {forward("lan0", 1), forward("lan0", 2),
					       forward("lan0", 3)};
	const struct relay_forward after[] = {forward("lan0", 4), forward("lan0", 3),
					      forward("lan0", 1)};
	struct slots none = {0};
	struct slots first;
	struct slots second;

	(void)state;
	slots_assign(&none, before, 3, &first);
	slots_assign(&first, after, 3, &second);
	assert_int_equal(second.slot[1], first.slot[2]);
	assert_int_equal(second.slot[2], first.slot[0]);
	assert_int_equal(second.slot[0], first.slot[1]);
	assert_true(slots_has_both(&first, &second, first.slot[0]));
	assert_true(slots_has_both(&first, &second, first.slot[2]));
	assert_false(slots_has_both(&first, &second, first.slot[1]));
	assert_false(slots_has_both(&first, &none, first.slot[0]));
	assert_false(slots_has_both(&first, &second, 63));
}

static void test_anything_that_differs_makes_another_forward(void **state)
{
	struct relay_forward changed[7];
	const struct relay_forward one = forward("lan0", 1);
	struct slots none = {0};
	struct slots first;
	struct slots second;

	(void)state;
	for (size_t i = 0; i < 7; i++)
		changed[i] = one;
	changed[0].protocol = RELAY_UDP;
	changed[1].outside.last = 2;
	changed[2].inside.first = 79;
	changed[3].inside.last = 81;
	changed[4].has_address = true;
	(void)strcpy(changed[5].interface, "lan1");
	changed[6].outside.first = 0;
	slots_assign(&none, &one, 1, &first);
	for (size_t i = 0; i < 7; i++) {
		slots_assign(&first, &changed[i], 1, &second);
		assert_false(slots_has_both(&first, &second, first.slot[0]));
	}
}

static void test_addresses_are_compared_where_there_is_one(void **state)
{
	struct relay_forward a = forward("", 1);
	struct relay_forward b = a;
	struct slots none = {0};
	struct slots first;
	struct slots second;

	(void)state;
	a.has_address = b.has_address = true;
	assert_true(address_parse("192.0.2.1", 9, &a.address));
	assert_true(address_parse("192.0.2.2", 9, &b.address));
	slots_assign(&none, &a, 1, &first);
	slots_assign(&first, &b, 1, &second);
	assert_false(slots_has_both(&first, &second, 0));
	slots_assign(&first, &a, 1, &second);
	assert_true(slots_has_both(&first, &second, 0));
}

static void test_twins_and_a_full_table_have_a_place_each(void **state)
{
	struct relay_forward many[RELAY_FORWARDS_MAX];
	bool taken[RELAY_FORWARDS_MAX] = {false};
	struct slots before = {0};
	struct slots after;

	(void)state;
	for (size_t i = 0; i < RELAY_FORWARDS_MAX; i++)
		many[i] = forward("lan0", (uint16_t)(i / 2 + 1));
	for (int round = 0; round < 2; round++) {
		slots_assign(&before, many, RELAY_FORWARDS_MAX, &after);
		memset(taken, 0, sizeof(taken));
		for (size_t i = 0; i < RELAY_FORWARDS_MAX; i++) {
			assert_true(after.slot[i] < RELAY_FORWARDS_MAX);
			assert_false(taken[after.slot[i]]);
			taken[after.slot[i]] = true;
		}
		before = after;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_those_that_stay_keep_their_place_in_any_order),
		cmocka_unit_test(test_anything_that_differs_makes_another_forward),
		cmocka_unit_test(test_addresses_are_compared_where_there_is_one),
		cmocka_unit_test(test_twins_and_a_full_table_have_a_place_each),
	};

	return cmocka_run_group_tests_name("relay/slots", tests, NULL, NULL);
}
