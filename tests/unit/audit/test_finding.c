/* Mirrors src/audit/finding.c */
#include "cmocka_all.h"

#include "audit/finding.h"

static struct finding_list list;

static int reset(void **state)
{
	(void)state;
	list = (struct finding_list){0};
	return 0;
}

static void add(unsigned int promises, enum verdict verdict)
{
	const struct finding about = {.promises = promises, .verdict = verdict};

	finding_add(&list, &about, "%s", "so");
}

static void test_without_findings_all_promises_are_kept(void **state)
{
	(void)state;
	assert_int_equal(finding_worst(&list), VERDICT_KEPT);
}

static void test_a_finding_counts_for_the_promises_that_it_is_about(void **state)
{
	(void)state;
	add(1U << PROMISE_NAMES | 1U << PROMISE_HOST_UNTOUCHED, VERDICT_BROKEN);
	assert_int_equal(list.verdict[PROMISE_ONLY_TUNNEL], VERDICT_KEPT);
	assert_int_equal(list.verdict[PROMISE_NAMES], VERDICT_BROKEN);
	assert_int_equal(list.verdict[PROMISE_HOST_UNTOUCHED], VERDICT_BROKEN);
	assert_int_equal(finding_worst(&list), VERDICT_BROKEN);
}

static void test_a_promise_has_the_worst_verdict_whatever_the_order(void **state)
{
	(void)state;
	add(1U << PROMISE_NAMES, VERDICT_BROKEN);
	add(1U << PROMISE_NAMES, VERDICT_UNKNOWN);
	add(1U << PROMISE_NAMES, VERDICT_KEPT);
	assert_int_equal(list.verdict[PROMISE_NAMES], VERDICT_BROKEN);
}

static void test_a_finding_without_room_is_counted_and_breaks_its_promise(void **state)
{
	(void)state;
	for (size_t i = 0; i < FINDINGS_MAX; i++)
		add(1U << PROMISE_NAMES, VERDICT_KEPT);
	add(1U << PROMISE_ONLY_TUNNEL, VERDICT_BROKEN);
	assert_int_equal(list.n, FINDINGS_MAX);
	assert_int_equal(list.n_lost, 1);
	assert_int_equal(list.verdict[PROMISE_ONLY_TUNNEL], VERDICT_BROKEN);
}

static void test_what_a_process_chose_is_made_printable(void **state)
{
	const struct finding about = {.pid = 5, .name = "\033[2Jx"};

	(void)state;
	finding_add(&list, &about, "names %s", "a\nb\xff");
	assert_string_equal(list.at[0].name, "?[2Jx");
	assert_string_equal(list.at[0].what, "names a?b?");
}

static void test_every_promise_and_verdict_has_words(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < PROMISES; i++) {
		assert_non_null(finding_promise_id(i));
		assert_non_null(finding_promise_text(i));
	}
	for (unsigned int i = 0; i < VERDICTS; i++)
		assert_non_null(finding_verdict_text(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_without_findings_all_promises_are_kept, reset),
		cmocka_unit_test_setup(test_a_finding_counts_for_the_promises_that_it_is_about,
				       reset),
		cmocka_unit_test_setup(test_a_promise_has_the_worst_verdict_whatever_the_order,
				       reset),
		cmocka_unit_test_setup(
			test_a_finding_without_room_is_counted_and_breaks_its_promise, reset),
		cmocka_unit_test_setup(test_what_a_process_chose_is_made_printable, reset),
		cmocka_unit_test(test_every_promise_and_verdict_has_words),
	};

	return cmocka_run_group_tests_name("audit/finding", tests, NULL, NULL);
}
