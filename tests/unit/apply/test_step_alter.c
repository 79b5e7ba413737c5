/* Mirrors src/apply/step_alter.c */
#include "cmocka_all.h"

#include "apply/bench.h"

#include "net/link.h"

static const struct step tun = {.kind = STEP_TUN_CREATE, .tun = {"wg0", 1420, 45, ""}};
static const struct step up = {.kind = STEP_LINK_UP, .link = {"wg0"}};

/* Called x and with another MTU, it is to be as `tun` says. */
static const struct step repair = {
	.kind = STEP_LINK_ALTER,
	.alter = {.from = {"wg0", 1300, 44, "x"}, .to = {"wg0", 1420, 45, ""}},
};

static void spoil(void)
{
	static const struct link_change change = {.mtu = 1300, .gso_max_segs = 44};

	assert_int_equal(bench_apply(&tun), 0);
	assert_int_equal(bench_apply(&up), 0);
	assert_int_equal(link_rename(bench_host.route, "wg0", "x", NULL), 0);
	assert_int_equal(link_change(bench_host.route, "x", &change, NULL), 0);
}

static void expect(const char *name, uint32_t mtu, uint32_t segments)
{
	struct link_info link;

	if (link_get(bench_host.route, name, &link, &bench_err) < 0)
		fail_msg("%s", bench_err.what);
	assert_int_equal(link.mtu, mtu);
	assert_int_equal(link.gso_max_segs, segments);
	assert_true(link.flags & IFF_UP);
}

static void test_name_and_sizes_come_back_while_it_is_up(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	spoil();
	assert_int_equal(bench_apply(&repair), 0);
	expect("wg0", 1420, 45);
}

static void test_undo_gives_them_back_as_often_as_asked(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	spoil();
	assert_int_equal(bench_apply(&repair), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(bench_undo(&repair), 0);
		expect("x", 1300, 44);
	}
}

static void test_a_name_that_is_taken_is_an_error_and_both_stay(void **state)
{
	const struct step other = {.kind = STEP_LINK_CREATE,
				   .create = {.name = "wg0", .kind = "bridge"}};
	struct link_info link;

	(void)state;
	NAMESPACE_OR_SKIP();
	spoil();
	assert_int_equal(bench_apply(&other), 0);
	assert_int_equal(bench_apply(&repair), -EEXIST);
	assert_non_null(strstr(bench_err.what, "cannot rename link 'x'"));
	expect("x", 1300, 44);
	assert_int_equal(link_get(bench_host.route, "wg0", &link, NULL), 0);
	assert_string_equal(link.kind, "bridge");
}

static void test_a_tunnel_that_is_gone_is_an_error_and_needs_no_undo(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(bench_apply(&repair), -ENODEV);
	assert_int_equal(bench_undo(&repair), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(test_name_and_sizes_come_back_while_it_is_up),
		BENCH(test_undo_gives_them_back_as_often_as_asked),
		BENCH(test_a_name_that_is_taken_is_an_error_and_both_stay),
		BENCH(test_a_tunnel_that_is_gone_is_an_error_and_needs_no_undo),
	};

	return cmocka_run_group_tests_name("apply/step_alter", tests, namespace_group_setup, NULL);
}
