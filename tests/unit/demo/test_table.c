/* Mirrors src/demo/table.c */
#include "cmocka_all.h"

#include "demo/table.h"

#include "base/text.h"

#include <string.h>

static struct table_counts all_tried(void)
{
	static const char *const lines[] = {
		"offered tcp 10 0",	  "offered dns 10 0",	"offered icmp 10 0",
		"offered ipv6 0 10",	  "offered bound 0 10", "offered raw 0 10",
		"offered multicast 10 0",
	};
	struct table_counts counts = {0};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_true(table_take_line(&counts, lines[i]));
	counts.n_seen[SEEN_CANARY] = 1;
	counts.n_seen[SEEN_WIREGUARD] = 100;
	return counts;
}

static void test_a_tight_run_is_valid_and_has_no_leaks(void **state)
{
	struct table_counts counts = all_tried();

	(void)state;
	assert_int_equal(counts.n_tried[SEEN_RAW], 10);
	assert_int_equal(counts.n_refused[SEEN_RAW], 10);
	assert_true(table_is_valid(&counts));
	assert_int_equal(table_leaks(&counts), 0);
}

static void test_a_run_that_could_not_see_is_not_valid(void **state)
{
	struct table_counts counts = all_tried();

	(void)state;
	counts.n_seen[SEEN_CANARY] = 0;
	assert_false(table_is_valid(&counts));
	counts = all_tried();
	counts.n_seen[SEEN_WIREGUARD] = 0;
	assert_false(table_is_valid(&counts));
	counts = all_tried();
	counts.n_lost = 1;
	assert_false(table_is_valid(&counts));
	counts = all_tried();
	counts.n_tried[SEEN_DNS] = 0;
	assert_false(table_is_valid(&counts));
}

static void test_every_kind_of_leak_counts(void **state)
{
	(void)state;
	for (unsigned int kind = SEEN_CANARY + 1; kind < SEEN_KINDS; kind++) {
		struct table_counts counts = all_tried();

		counts.n_seen[kind] = 1;
		assert_int_equal(table_leaks(&counts), 1);
	}
}

static void test_other_lines_are_not_taken(void **state)
{
	struct table_counts counts = {0};

	(void)state;
	assert_false(table_take_line(&counts, "replayed"));
	assert_false(table_take_line(&counts, "offered unheard 1 1"));
	assert_false(table_take_line(&counts, "offered tcp"));
}

static void test_leaks_are_red_only_in_colour(void **state)
{
	struct table_counts counts = all_tried();
	char buffer[2048];
	struct text text;

	(void)state;
	counts.n_seen[SEEN_DNS] = 3;
	text_init(&text, buffer, sizeof(buffer));
	table_print(&counts, true, &text);
	assert_non_null(strstr(buffer, "\x1b[31;1m"));
	assert_false(text.is_truncated);
	text_init(&text, buffer, sizeof(buffer));
	table_print(&counts, false, &text);
	assert_null(strstr(buffer, "\x1b["));
	assert_non_null(strstr(buffer, "DNS to a fixed server"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_tight_run_is_valid_and_has_no_leaks),
		cmocka_unit_test(test_a_run_that_could_not_see_is_not_valid),
		cmocka_unit_test(test_every_kind_of_leak_counts),
		cmocka_unit_test(test_other_lines_are_not_taken),
		cmocka_unit_test(test_leaks_are_red_only_in_colour),
	};

	return cmocka_run_group_tests_name("demo/table", tests, NULL, NULL);
}
