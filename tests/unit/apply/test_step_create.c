/* Mirrors src/apply/step_create.c */
#include "cmocka_all.h"

#include "apply/bench.h"

static void test_a_link_of_a_kind_that_there_is_not_is_an_error(void **state)
{
	const struct step step = {.kind = STEP_LINK_CREATE,
				  .create = {.name = "other", .kind = "no-such-kind"}};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(bench_apply(&step), -EOPNOTSUPP);
	assert_non_null(strstr(bench_err.what, "cannot create link 'other'"));
	assert_int_equal(bench_undo(&step), 0);
}

/* Whatever kind it is of: the step says what is to go by its name. */
static void test_a_link_goes_by_its_name(void **state)
{
	const struct step tun = {.kind = STEP_TUN_CREATE, .tun = {.name = "wg0", .mtu = 1420}};
	const struct step step = {.kind = STEP_LINK_CREATE, .create = {.name = "wg0"}};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(bench_apply(&tun), 0);
	assert_int_equal(bench_undo(&step), 0);
	assert_int_equal(bench_undo(&step), 0);
}

static void test_hardware_cannot_be_made_to_go(void **state)
{
	const struct step lo = {.kind = STEP_LINK_CREATE, .create = {.name = "lo"}};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(bench_undo(&lo), -EOPNOTSUPP);
	assert_non_null(strstr(bench_err.what, "cannot delete link 'lo'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(test_a_link_of_a_kind_that_there_is_not_is_an_error),
		BENCH(test_a_link_goes_by_its_name),
		BENCH(test_hardware_cannot_be_made_to_go),
	};

	return cmocka_run_group_tests_name("apply/step_create", tests, namespace_group_setup, NULL);
}
