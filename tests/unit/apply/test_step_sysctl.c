/* Mirrors src/apply/step_sysctl.c */
#include "cmocka_all.h"

#include "apply/bench.h"

#include "net/sysctl.h"

static const struct step ttl = {
	.kind = STEP_SYSCTL_SET,
	.sysctl = {.path = "net/ipv4/ip_default_ttl", .value = "99", .restore = "64"},
};

static void expect_ttl(const char *expected)
{
	char value[16];

	assert_int_equal(sysctl_read(ttl.sysctl.path, value, sizeof(value), NULL), 0);
	assert_string_equal(value, expected);
}

static void test_undo_restores_what_was_observed(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(bench_apply(&ttl), 0);
	expect_ttl("99");
	assert_int_equal(bench_undo(&ttl), 0);
	expect_ttl("64");
}

static void test_undo_leaves_what_somebody_else_has_set_since(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(bench_apply(&ttl), 0);
	assert_int_equal(sysctl_write(ttl.sysctl.path, "77", NULL), 0);
	assert_int_equal(bench_undo(&ttl), 0);
	expect_ttl("77");
}

static void test_undo_without_an_observation_leaves_the_value(void **state)
{
	struct step step = ttl;

	(void)state;
	NAMESPACE_OR_SKIP();
	step.sysctl.restore[0] = '\0';
	assert_int_equal(bench_apply(&step), 0);
	assert_int_equal(bench_undo(&step), 0);
	expect_ttl("99");
}

static void test_a_setting_that_is_gone_needs_no_undo_and_cannot_be_applied(void **state)
{
	const struct step step = {
		.kind = STEP_SYSCTL_SET,
		.sysctl = {.path = "net/ipv4/conf/eth9/forwarding", .value = "1", .restore = "0"},
	};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(bench_undo(&step), 0);
	assert_int_equal(bench_apply(&step), -ENOENT);
	assert_non_null(strstr(bench_err.what, "/proc/sys/net/ipv4/conf/eth9/forwarding"));
}

static void test_a_value_that_is_refused_is_an_error(void **state)
{
	struct step step = ttl;

	(void)state;
	NAMESPACE_OR_SKIP();
	(void)strcpy(step.sysctl.value, "1000");
	assert_int_equal(bench_apply(&step), -EINVAL);
	expect_ttl("64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(test_undo_restores_what_was_observed),
		BENCH(test_undo_leaves_what_somebody_else_has_set_since),
		BENCH(test_undo_without_an_observation_leaves_the_value),
		BENCH(test_a_setting_that_is_gone_needs_no_undo_and_cannot_be_applied),
		BENCH(test_a_value_that_is_refused_is_an_error),
	};

	return cmocka_run_group_tests_name("apply/step_sysctl", tests, namespace_group_setup, NULL);
}
