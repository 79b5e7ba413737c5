/* Mirrors src/wireguard/roster.c */
#include "cmocka_all.h"

#include "wireguard/roster.h"

#include "base/bytes.h"
#include "wireguard/shortage.h"

#include <errno.h>
#include <stdbool.h>

enum { NODES = 1000 };

static struct roster_node nodes[NODES];

/* Keys that share what the buckets are chosen by, for every second node. */
static int start(void **state)
{
	static struct roster roster;

	roster = (struct roster){0};
	for (uint32_t i = 0; i < NODES; i++) {
		nodes[i] = (struct roster_node){0};
		le32_store(nodes[i].key, i);
		le32_store(nodes[i].key + 8, i / 2 * 17);
		if (roster_add(&roster, &nodes[i]) < 0)
			return -1;
	}
	*state = &roster;
	return 0;
}

static int stop(void **state)
{
	roster_done(*state);
	return 0;
}

static void test_every_node_is_found_by_its_key(void **state)
{
	const uint8_t unknown[32] = {9, 9, 9, 9};

	for (size_t i = 0; i < NODES; i++)
		assert_ptr_equal(roster_find(*state, nodes[i].key), &nodes[i]);
	assert_null(roster_find(*state, unknown));
}

static void test_an_empty_roster_finds_nothing(void **state)
{
	const struct roster empty = {0};

	(void)state;
	assert_null(roster_find(&empty, nodes[0].key));
}

static void test_nodes_are_walked_in_the_order_of_addition(void **state)
{
	struct roster *roster = *state;
	size_t n = 0;

	for (struct roster_node *node = roster_first(roster); node; node = roster_next(node))
		assert_ptr_equal(node, &nodes[n++]);
	assert_int_equal(n, NODES);
}

static void test_a_removed_node_is_gone_and_the_others_stay(void **state)
{
	struct roster *roster = *state;
	size_t n = 0;

	for (size_t i = 0; i < NODES; i += 3)
		roster_remove(roster, &nodes[i]);
	for (size_t i = 0; i < NODES; i++)
		assert_ptr_equal(roster_find(roster, nodes[i].key), i % 3 ? &nodes[i] : NULL);
	for (struct roster_node *node = roster_first(roster); node; node = roster_next(node))
		n++;
	assert_int_equal(n, roster->n);
	assert_ptr_equal(roster_first(roster), &nodes[1]);
	assert_ptr_equal(roster->all.last, &nodes[NODES - 2].node);
}

static void test_all_can_be_removed_and_added_again(void **state)
{
	struct roster *roster = *state;

	for (size_t i = NODES; i-- > 0;)
		roster_remove(roster, &nodes[i]);
	assert_null(roster_first(roster));
	assert_null(roster->all.last);
	assert_int_equal(roster_add(roster, &nodes[5]), 0);
	assert_ptr_equal(roster_first(roster), &nodes[5]);
	assert_ptr_equal(roster_find(roster, nodes[5].key), &nodes[5]);
	assert_null(roster_find(roster, nodes[4].key));
}

static void test_without_memory_a_node_is_not_added(void **state)
{
	struct roster roster = {0};

	(void)state;
	if (!shortage_is_possible())
		skip();
	shortage_set_calloc(1);
	assert_int_equal(roster_add(&roster, &nodes[0]), -ENOMEM);
	assert_null(roster_first(&roster));
	assert_null(roster_find(&roster, nodes[0].key));
	assert_int_equal(roster_add(&roster, &nodes[0]), 0);
	roster_done(&roster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_node_is_found_by_its_key, start, stop),
		cmocka_unit_test(test_without_memory_a_node_is_not_added),
		cmocka_unit_test(test_an_empty_roster_finds_nothing),
		cmocka_unit_test_setup_teardown(test_nodes_are_walked_in_the_order_of_addition,
						start, stop),
		cmocka_unit_test_setup_teardown(test_a_removed_node_is_gone_and_the_others_stay,
						start, stop),
		cmocka_unit_test_setup_teardown(test_all_can_be_removed_and_added_again, start,
						stop),
	};

	return cmocka_run_group_tests_name("wireguard/roster", tests, NULL, NULL);
}
