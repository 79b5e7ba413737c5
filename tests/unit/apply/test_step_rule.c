/* Mirrors src/apply/step_rule.c */
#include "cmocka_all.h"

#include "apply/bench.h"

static struct step make_rule(void)
{
	return (struct step){.kind = STEP_RULE_ADD,
			     .rule = {.family = AF_INET, .priority = 100, .table = 77}};
}

static void test_a_rule_that_says_more_than_is_known_can_go_but_not_come(void **state)
{
	struct step step = make_rule();

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(bench_apply(&step), 0);
	step.rule.has_more = true;
	assert_int_equal(bench_undo(&step), 0);
	assert_int_equal(bench_apply(&step), -EOPNOTSUPP);
	assert_string_equal(bench_err.what, "the rule of priority 100 says more than is known");
}

static void test_a_rule_is_gone_once_and_for_all(void **state)
{
	const struct step step = make_rule();

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(bench_apply(&step), 0);
	assert_int_equal(bench_apply(&step), -EEXIST);
	for (int i = 0; i < 2; i++)
		assert_int_equal(bench_undo(&step), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(test_a_rule_that_says_more_than_is_known_can_go_but_not_come),
		BENCH(test_a_rule_is_gone_once_and_for_all),
	};

	return cmocka_run_group_tests_name("apply/step_rule", tests, namespace_group_setup, NULL);
}
