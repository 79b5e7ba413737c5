/* Mirrors src/apply/step_address.c */
#include "cmocka_all.h"

#include "apply/bench.h"

#include "net/route.h"

static const struct step tun = {.kind = STEP_TUN_CREATE, .tun = {.name = "wg0", .mtu = 1420}};

static bool is_local(const struct prefix *address)
{
	union endpoint own = endpoint_make(&address->address, 0);
	struct route_path path;

	return route_get(bench_host.route, &own, 0, &path, NULL) == 0 && path.is_local;
}

/* The kernel itself takes its time: without the wait one in a few dozen fails. */
static void test_an_address_takes_packets_at_once(void **state)
{
	static const char *const texts[] = {"10.2.0.2/24", "fd00::2/64", "fd00::3/128"};

	(void)state;
	NAMESPACE_OR_SKIP();
	for (int i = 0; i < 100; i++) {
		struct step step = {.kind = STEP_ADDRESS_ADD, .address = {.link = "wg0"}};

		step.address.address = bench_prefix(texts[i % 3]);
		assert_int_equal(bench_apply(&tun), 0);
		assert_int_equal(bench_apply(&step), 0);
		assert_true(is_local(&step.address.address));
		assert_int_equal(bench_undo(&step), 0);
		assert_false(is_local(&step.address.address));
		assert_int_equal(bench_undo(&tun), 0);
	}
}

static void test_a_link_that_is_not_there_takes_no_address_and_has_none(void **state)
{
	struct step step = {.kind = STEP_ADDRESS_ADD, .address = {.link = "wg0"}};

	(void)state;
	NAMESPACE_OR_SKIP();
	step.address.address = bench_prefix("10.2.0.2/32");
	assert_int_equal(bench_apply(&step), -ENODEV);
	assert_string_equal(bench_err.what, "cannot read link 'wg0': No such device");
	assert_int_equal(bench_undo(&step), 0);
}

static void test_an_address_that_is_refused_is_an_error(void **state)
{
	struct step step = {.kind = STEP_ADDRESS_ADD, .address = {.link = "wg0"}};

	(void)state;
	NAMESPACE_OR_SKIP();
	step.address.address = bench_prefix("ff02::1/128"); /* multicast */
	assert_int_equal(bench_apply(&tun), 0);
	assert_true(bench_apply(&step) < 0);
	assert_non_null(strstr(bench_err.what, "cannot add address ff02::1/128: "));
}

/* It comes by itself, and where it was taken away it comes back with its network. */
static void test_an_address_of_lo_may_be_there_and_brings_its_network(void **state)
{
	const struct step lo_up = {.kind = STEP_LINK_UP, .link = {"lo"}};
	struct step step = {.kind = STEP_ADDRESS_ADD, .address = {.link = "lo"}};
	struct address other = bench_prefix("127.0.0.53/32").address;
	union endpoint to = endpoint_make(&other, 0);
	struct route_path path;

	(void)state;
	NAMESPACE_OR_SKIP();
	step.address.address = bench_prefix("127.0.0.1/8");
	assert_int_equal(bench_apply(&lo_up), 0);
	assert_int_equal(bench_apply(&step), 0);
	assert_int_equal(bench_undo(&step), 0);
	assert_true(route_get(bench_host.route, &to, 0, &path, NULL) < 0);
	assert_int_equal(bench_apply(&step), 0);
	assert_int_equal(route_get(bench_host.route, &to, 0, &path, NULL), 0);
	assert_true(path.is_local);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(test_an_address_takes_packets_at_once),
		BENCH(test_a_link_that_is_not_there_takes_no_address_and_has_none),
		BENCH(test_an_address_that_is_refused_is_an_error),
		BENCH(test_an_address_of_lo_may_be_there_and_brings_its_network),
	};

	return cmocka_run_group_tests_name("apply/step_address", tests, namespace_group_setup,
					   NULL);
}
