/* Mirrors src/apply/step_route.c */
#include "cmocka_all.h"

#include "apply/bench.h"

static void test_a_route_needs_its_link_and_that_up(void **state)
{
	const struct step tun = {.kind = STEP_TUN_CREATE, .tun = {.name = "wg0", .mtu = 1420}};
	struct step step = {.kind = STEP_ROUTE_ADD, .route = {.way = WAY_LINK, .link = "wg0"}};

	(void)state;
	NAMESPACE_OR_SKIP();
	step.route.to = bench_prefix("0.0.0.0/0");
	assert_int_equal(bench_apply(&step), -ENODEV);
	assert_string_equal(bench_err.what, "cannot read link 'wg0': No such device");
	assert_int_equal(bench_apply(&tun), 0);
	assert_int_equal(bench_apply(&step), -ENETDOWN);
	assert_non_null(
		strstr(bench_err.what, "cannot add the route to 0.0.0.0/0: Network is down"));
}

static void test_a_route_that_never_was_needs_no_undo(void **state)
{
	static const char *const texts[] = {"0.0.0.0/0", "::/0"};

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < 2; i++) {
		struct step step = {.kind = STEP_ROUTE_ADD, .route = {.metric = UINT32_MAX}};

		step.route.to = bench_prefix(texts[i]);
		assert_int_equal(bench_undo(&step), 0);
		step.route.way = WAY_LINK;
		(void)strcpy(step.route.link, "wg0");
		assert_int_equal(bench_undo(&step), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(test_a_route_needs_its_link_and_that_up),
		BENCH(test_a_route_that_never_was_needs_no_undo),
	};

	return cmocka_run_group_tests_name("apply/step_route", tests, namespace_group_setup, NULL);
}
