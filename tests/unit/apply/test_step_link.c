/* Mirrors src/apply/step_link.c */
#include "cmocka_all.h"

#include "apply/bench.h"

#include "net/ifaddr.h"

static const struct step lo_up = {.kind = STEP_LINK_UP, .link = {"lo"}};

static int count(void *context, const struct link_address *address)
{
	(void)address;
	++*(int *)context;
	return 0;
}

static int count_addresses(void)
{
	int n = 0;

	assert_int_equal(ifaddr_dump(bench_host.route, count, &n, NULL), 0);
	return n;
}

static void test_lo_has_both_its_addresses_when_up_and_none_when_undone(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(bench_apply(&lo_up), 0);
		assert_int_equal(count_addresses(), 2);
		assert_int_equal(bench_undo(&lo_up), 0);
		assert_int_equal(count_addresses(), 0);
	}
}

static void test_a_link_that_is_not_there_cannot_come_up_and_is_down(void **state)
{
	const struct step step = {.kind = STEP_LINK_UP, .link = {"wg0"}};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(bench_apply(&step), -ENODEV);
	assert_string_equal(bench_err.what, "cannot change link 'wg0': No such device");
	assert_int_equal(bench_undo(&step), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(test_lo_has_both_its_addresses_when_up_and_none_when_undone),
		BENCH(test_a_link_that_is_not_there_cannot_come_up_and_is_down),
	};

	return cmocka_run_group_tests_name("apply/step_link", tests, namespace_group_setup, NULL);
}
