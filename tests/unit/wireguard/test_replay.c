/* Mirrors src/wireguard/replay.c */
#include "cmocka_all.h"

#include "wireguard/replay.h"

#include "repeatable.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT	 ((uint64_t)WG_REPLAY_WINDOW + 1)
#define REJECTED WG_REJECT_AFTER_MESSAGES

struct answer {
	uint64_t counter;
	bool is_accepted;
};

/* The numbers of the Linux module's own test (selftest/counter.c): around the
 * window's ends, and around the last counter of a key.
 */
static const struct answer answers[] = {
	{0, true},
	{1, true},
	{1, false},
	{9, true},
	{8, true},
	{7, true},
	{7, false},
	{LIMIT, true},
	{LIMIT - 1, true},
	{LIMIT - 1, false},
	{LIMIT - 2, true},
	{2, true},
	{2, false},
	{LIMIT + 16, true},
	{3, false},
	{LIMIT + 16, false},
	{LIMIT * 4, true},
	{LIMIT * 4 - (LIMIT - 1), true},
	{10, false},
	{LIMIT * 4 - LIMIT, false},
	{LIMIT * 4 - (LIMIT + 1), false},
	{LIMIT * 4 - (LIMIT - 2), true},
	{LIMIT * 4 + 1 - LIMIT, false},
	{0, false},
	{REJECTED, false},
	{REJECTED - 1, true},
	{REJECTED, false},
	{REJECTED - 1, false},
	{REJECTED - 2, true},
	{REJECTED + 1, false},
	{REJECTED + 2, false},
	{REJECTED - 2, false},
	{REJECTED - 3, true},
	{0, false},
	{UINT64_MAX, false},
};

static void test_numbered_answers(void **state)
{
	struct replay replay = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		assert_int_equal(replay_accept(&replay, answers[i].counter),
				 answers[i].is_accepted);
}

static void test_window_upwards_then_nothing_below(void **state)
{
	struct replay replay = {0};

	(void)state;
	for (uint64_t i = 1; i <= WG_REPLAY_WINDOW; i++)
		assert_true(replay_accept(&replay, i));
	assert_true(replay_accept(&replay, 0));
	assert_false(replay_accept(&replay, 0));
}

static void test_window_upwards_to_its_limit_loses_the_first(void **state)
{
	struct replay replay = {0};

	(void)state;
	for (uint64_t i = 2; i <= WG_REPLAY_WINDOW + 1; i++)
		assert_true(replay_accept(&replay, i));
	assert_true(replay_accept(&replay, 1));
	assert_false(replay_accept(&replay, 0));
}

static void test_window_downwards_takes_all_of_it(void **state)
{
	struct replay replay = {0};

	(void)state;
	for (uint64_t i = WG_REPLAY_WINDOW + 1; i-- > 0;)
		assert_true(replay_accept(&replay, i));
}

static void test_window_downwards_ends_at_its_limit(void **state)
{
	struct replay replay = {0};

	(void)state;
	for (uint64_t i = WG_REPLAY_WINDOW + 2; i-- > 1;)
		assert_true(replay_accept(&replay, i));
	assert_false(replay_accept(&replay, 0));
}

/* Remembers all counters, and what RFC 6479 section 2 says of them. */
static void test_random_order_agrees_with_a_full_record(void **state)
{
	enum { SPAN = 300000, N = 400000 };
	uint8_t *seen = calloc(1, SPAN);
	uint64_t random = 42, highest = 0;
	struct replay replay = {0};

	(void)state;
	assert_non_null(seen);
	for (int i = 0; i < N; i++) {
		uint64_t about = (uint64_t)i / 2;
		uint64_t counter =
			about + repeatable_next(&random) % (i % 1000 == 0 ? 30000 : 9000);
		bool is_new = !seen[counter] && counter + WG_REPLAY_WINDOW >= highest;

		assert_int_equal(replay_accept(&replay, counter), is_new);
		if (is_new)
			seen[counter] = 1;
		if (counter > highest)
			highest = counter;
	}
	free(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbered_answers),
		cmocka_unit_test(test_window_upwards_then_nothing_below),
		cmocka_unit_test(test_window_upwards_to_its_limit_loses_the_first),
		cmocka_unit_test(test_window_downwards_takes_all_of_it),
		cmocka_unit_test(test_window_downwards_ends_at_its_limit),
		cmocka_unit_test(test_random_order_agrees_with_a_full_record),
	};

	return cmocka_run_group_tests_name("wireguard/replay", tests, NULL, NULL);
}
