/* Mirrors src/apply/apply.c: the two promises, for every kind of step and for
 * the plan of a run.  All or nothing, and undo as often as you like.
 */
#include "cmocka_all.h"

#include "apply/proxy.h"
#include "apply/snapshot.h"
#include "namespace.h"

#include "apply/apply.h"
#include "base/error.h"
#include "config/profile.h"
#include "net/sysctl.h"
#include "plan/plan.h"
#include "plan/print.h"

enum { NEEDS_MAX = 3 };

static struct prefix make_prefix(const char *text)
{
	struct prefix prefix = {0};

	(void)prefix_parse(text, strlen(text), &prefix);
	return prefix;
}

static struct step firewall(void)
{
	return (struct step){.kind = STEP_FIREWALL_LOAD};
}

static struct step sysctl(const char *path, const char *value)
{
	struct step step = {.kind = STEP_SYSCTL_SET};

	(void)snprintf(step.sysctl.path, sizeof(step.sysctl.path), "%s", path);
	(void)snprintf(step.sysctl.value, sizeof(step.sysctl.value), "%s", value);
	return step;
}

static struct step forwarding(void)
{
	return sysctl("net/ipv4/conf/all/forwarding", "1");
}

static struct step redirects(void)
{
	return sysctl("net/ipv6/conf/default/accept_redirects", "0");
}

static struct step lo_up(void)
{
	return (struct step){.kind = STEP_LINK_UP, .link = {"lo"}};
}

static struct step tun(void)
{
	return (struct step){.kind = STEP_TUN_CREATE,
			     .tun = {.name = "wg0", .mtu = 1380, .gso_max_segs = 46}};
}

static struct step tun_up(void)
{
	return (struct step){.kind = STEP_LINK_UP, .link = {"wg0"}};
}

static struct step address(void)
{
	return (struct step){.kind = STEP_ADDRESS_ADD,
			     .address = {.link = "wg0", .address = make_prefix("10.2.0.2/24")}};
}

static struct step address6(void)
{
	return (struct step){.kind = STEP_ADDRESS_ADD,
			     .address = {.link = "wg0", .address = make_prefix("fd00::2/64")}};
}

static struct step route(void)
{
	return (struct step){
		.kind = STEP_ROUTE_ADD,
		.route = {.way = WAY_LINK, .link = "wg0", .to = make_prefix("0.0.0.0/0")}};
}

static struct step route6(void)
{
	return (struct step){
		.kind = STEP_ROUTE_ADD,
		.route = {.way = WAY_LINK, .link = "wg0", .to = make_prefix("2000::/3")}};
}

static struct step unreachable(void)
{
	return (struct step){.kind = STEP_ROUTE_ADD,
			     .route = {.to = make_prefix("0.0.0.0/0"), .metric = UINT32_MAX}};
}

static struct step unreachable6(void)
{
	return (struct step){.kind = STEP_ROUTE_ADD,
			     .route = {.to = make_prefix("::/0"), .metric = UINT32_MAX}};
}

static struct step rule(void)
{
	return (struct step){.kind = STEP_RULE_ADD,
			     .rule = {.family = AF_INET,
				      .priority = 100,
				      .table = 200,
				      .from = make_prefix("10.0.0.0/8"),
				      .iif = "wg0",
				      .mark = 1,
				      .mark_mask = 3}};
}

static struct step rule6(void)
{
	return (struct step){.kind = STEP_RULE_ADD,
			     .rule = {.family = AF_INET6,
				      .priority = 100,
				      .table = 2000,
				      .to = make_prefix("fd00::/8"),
				      .oif = "wg0"}};
}

static struct step bridge(void)
{
	return (struct step){.kind = STEP_LINK_CREATE,
			     .create = {.name = "other", .kind = "bridge"}};
}

static struct step alter(void)
{
	struct step step = {.kind = STEP_LINK_ALTER};

	step.alter.from = tun().tun;
	step.alter.to = (struct step_tun){.name = "wg1", .mtu = 1400, .gso_max_segs = 45};
	return step;
}

/* Every kind, in each of its forms, with the steps that it needs before it. */
static const struct {
	struct step (*make)(void);
	struct step (*needs[NEEDS_MAX])(void);
} cases[] = {
	{firewall, {NULL}},
	{forwarding, {NULL}},
	{redirects, {NULL}},
	{lo_up, {NULL}},
	{tun, {NULL}},
	{tun_up, {tun}},
	{address, {tun}},
	{address6, {tun}},
	{address6, {tun, tun_up}},
	{route, {tun, tun_up}},
	{route6, {tun, address6, tun_up}},
	{unreachable, {NULL}},
	{unreachable6, {lo_up}},
	{rule, {NULL}},
	{rule6, {NULL}},
	{bridge, {NULL}},
	{alter, {tun}},
	{alter, {tun, tun_up}},
};

enum { N_CASES = sizeof(cases) / sizeof(cases[0]) };

static char rules[] = "table inet adit {\n\tchain output { }\n}\n";

/* The plan of some steps; borrowed from them. */
static struct plan plan_of(struct step *steps, size_t n_steps)
{
	return (struct plan){.step = steps, .n_steps = n_steps, .ruleset = {rules}};
}

struct bench {
	struct proxy *proxy;
	struct host host;
};

static void bench_open(struct bench *bench)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	/* Else a link that is up gets an address by and by. */
	assert_int_equal(sysctl_write("net/ipv6/conf/default/addr_gen_mode", "1", NULL), 0);
	*bench = (struct bench){.host = {.tun_node = -1, .tun_fd = -1}};
	bench->proxy = proxy_open(&bench->host.route);
	assert_non_null(bench->proxy);
}

static void bench_close(struct bench *bench)
{
	host_done(&bench->host);
	proxy_close(bench->proxy);
}

static int apply_step(struct bench *bench, struct step *step, struct error *err)
{
	struct plan plan = plan_of(step, 1);

	return apply_plan(&plan, &bench->host, NULL, err);
}

/* As plan_diff() does with what is found. */
static void keep_present_values(struct step *steps, size_t n_steps)
{
	for (size_t i = 0; i < n_steps; i++) {
		struct step_sysctl *sysctl = &steps[i].sysctl;

		if (steps[i].kind == STEP_SYSCTL_SET)
			assert_int_equal(sysctl_read(sysctl->path, sysctl->restore,
						     sizeof(sysctl->restore), NULL),
					 0);
	}
}

static void prepare(struct bench *bench, size_t index, struct step *ret)
{
	*ret = cases[index].make();
	for (size_t i = 0; i < NEEDS_MAX && cases[index].needs[i]; i++) {
		struct step needed = cases[index].needs[i]();

		assert_int_equal(apply_step(bench, &needed, NULL), 0);
	}
	keep_present_values(ret, 1);
}

static void expect_equal(struct bench *bench, const struct snapshot *before)
{
	struct snapshot now;

	snapshot_take(bench->host.route, &now);
	assert_string_equal(now.bytes, before->bytes);
}

static void undo(struct bench *bench, const struct plan *plan)
{
	struct error_list undo_errs = {0};

	if (apply_undo(plan, &bench->host, &undo_errs) != 0)
		fail_msg("%s", undo_errs.at[0].what);
}

static void undo_step(struct bench *bench, struct step *step)
{
	struct plan plan = plan_of(step, 1);

	undo(bench, &plan);
}

static void check_undo(size_t index)
{
	struct snapshot before;
	struct snapshot after;
	struct bench bench;
	struct step step;
	struct error err = {0};

	bench_open(&bench);
	prepare(&bench, index, &step);
	snapshot_take(bench.host.route, &before);
	if (apply_step(&bench, &step, &err) < 0)
		fail_msg("%s", err.what);
	snapshot_take(bench.host.route, &after);
	assert_string_not_equal(after.bytes, before.bytes);
	for (int i = 0; i < 2; i++) {
		undo_step(&bench, &step);
		expect_equal(&bench, &before);
	}
	bench_close(&bench);
}

static void test_each_kind_undone_twice_leaves_what_was_there(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < N_CASES; i++)
		check_undo(i);
}

static void test_undo_without_apply_changes_nothing_and_succeeds(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < N_CASES; i++) {
		struct step step = cases[i].make();
		struct snapshot before;
		struct bench bench;

		bench_open(&bench);
		snapshot_take(bench.host.route, &before);
		undo_step(&bench, &step);
		expect_equal(&bench, &before);
		bench_close(&bench);
	}
}

/* Fails the request number `n` of the step; whether the step noticed. */
static bool check_fault(size_t index, int n, enum proxy_fault fault)
{
	struct snapshot before;
	struct bench bench;
	struct step step;
	struct error err = {0};
	int r;

	bench_open(&bench);
	prepare(&bench, index, &step);
	snapshot_take(bench.host.route, &before);
	proxy_fail(bench.proxy, n, fault);
	r = apply_step(&bench, &step, &err);
	proxy_fail(bench.proxy, PROXY_NEVER, fault);
	if (r < 0) {
		assert_int_equal(r, -EIO);
		assert_non_null(strstr(err.what, print_kind(&step)));
		expect_equal(&bench, &before);
	}
	bench_close(&bench);
	return r < 0;
}

static void test_each_kind_fails_whole_at_every_answer(void **state)
{
	size_t n_faults = 0;

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < N_CASES; i++)
		for (int fault = 0; fault < PROXY_FAULTS; fault++)
			for (int n = 0; check_fault(i, n, (enum proxy_fault)fault); n++)
				n_faults++;
	/* links up, tunnel, unreachable: 1 request; routes, addresses: 2, and IPv6's
	 * two more at the least, which ask whether the address is there.
	 */
	assert_true(n_faults >= 2 * (3 + 2 + 3 * 2 + 2 * 2 + 2 * 2));
}

static struct profile profile;
static struct prefix allowed_ips[3];
static struct profile_peer peer = {.allowed_ip = allowed_ips, .n_allowed_ips = 3};

/* The groups that may ping are at first "1 0", which a user namespace with one
 * group in it can neither say nor set.
 */
static void forget_groups(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->step[i].kind == STEP_SYSCTL_SET &&
		    strstr(plan->step[i].sysctl.path, "ping_group_range"))
			plan->step[i].sysctl.restore[0] = '\0';
}

static void make_plan(struct plan *ret)
{
	const struct plan_environment environment = {.ping_gid = NAMESPACE_ID, .has_ipv6 = true};
	struct error err = {0};

	(void)snprintf(profile.device, sizeof(profile.device), "wg0");
	profile.address[0] = make_prefix("10.2.0.2/24");
	profile.address[1] = make_prefix("fd00::2/64");
	profile.n_addresses = 2;
	allowed_ips[0] = make_prefix("0.0.0.0/1");
	allowed_ips[1] = make_prefix("128.0.0.0/1");
	allowed_ips[2] = make_prefix("::/0");
	profile.peer = &peer;
	profile.n_peers = 1;
	if (plan_run(&profile, &environment, ret, &err) < 0)
		fail_msg("%s", err.what);
	keep_present_values(ret->step, ret->n_steps);
	forget_groups(ret);
}

static void test_a_whole_run_is_undone_to_what_was_there(void **state)
{
	struct snapshot before;
	struct bench bench;
	struct plan plan;
	struct error err = {0};

	(void)state;
	NAMESPACE_OR_SKIP();
	bench_open(&bench);
	make_plan(&plan);
	snapshot_take(bench.host.route, &before);
	if (apply_plan(&plan, &bench.host, NULL, &err) < 0)
		fail_msg("%s", err.what);
	assert_true(bench.host.tun_fd >= 0);
	for (int i = 0; i < 2; i++) {
		undo(&bench, &plan);
		assert_int_equal(bench.host.tun_fd, -1);
		expect_equal(&bench, &before);
	}
	plan_done(&plan);
	bench_close(&bench);
}

static bool check_run_fault(int n, enum proxy_fault fault)
{
	struct error_list undo_errs = {0};
	struct snapshot before;
	struct bench bench;
	struct plan plan;
	int r;

	bench_open(&bench);
	make_plan(&plan);
	snapshot_take(bench.host.route, &before);
	proxy_fail(bench.proxy, n, fault);
	r = apply_plan(&plan, &bench.host, &undo_errs, NULL);
	proxy_fail(bench.proxy, PROXY_NEVER, fault);
	if (r < 0) {
		assert_int_equal(r, -EIO);
		if (undo_errs.n > 0)
			fail_msg("%s", undo_errs.at[0].what);
		expect_equal(&bench, &before);
	}
	plan_done(&plan);
	bench_close(&bench);
	return r < 0;
}

static void test_a_whole_run_fails_whole_at_every_answer(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	for (int fault = 0; fault < PROXY_FAULTS; fault++) {
		int n = 0;

		while (check_run_fault(n, (enum proxy_fault)fault))
			n++;
		/* 2 links up, 1 tunnel, 2 unreachable, 2 addresses and 3 routes at 2 */
		assert_true(n >= 2 + 1 + 2 + 2 * 2 + 3 * 2);
	}
}

static void test_what_was_there_before_is_an_error_and_stays(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < N_CASES; i++) {
		struct snapshot before;
		struct bench bench;
		struct step step;
		int r;

		bench_open(&bench);
		prepare(&bench, i, &step);
		if (step.kind == STEP_SYSCTL_SET || step.kind == STEP_LINK_UP ||
		    step.kind == STEP_LINK_ALTER) {
			bench_close(&bench);
			continue;
		}
		assert_int_equal(apply_step(&bench, &step, NULL), 0);
		snapshot_take(bench.host.route, &before);
		r = apply_step(&bench, &step, NULL);
		assert_int_equal(r, step.kind == STEP_TUN_CREATE ? -EBUSY : -EEXIST);
		expect_equal(&bench, &before);
		bench_close(&bench);
	}
}

static void test_an_undo_that_fails_is_told_and_the_others_go_on(void **state)
{
	struct step steps[] = {lo_up(), unreachable(), unreachable6()};
	struct plan plan = plan_of(steps, 3);
	struct error_list undo_errs = {0};
	struct bench bench;
	struct link_info lo;

	(void)state;
	NAMESPACE_OR_SKIP();
	bench_open(&bench);
	assert_int_equal(apply_plan(&plan, &bench.host, NULL, NULL), 0);
	proxy_fail(bench.proxy, 1, PROXY_REFUSED);
	assert_int_equal(apply_undo(&plan, &bench.host, &undo_errs), 1);
	assert_int_equal(undo_errs.n, 1);
	assert_string_equal(undo_errs.at[0].what, "undo of route.add: cannot delete the route to "
						  "0.0.0.0/0: Input/output error");
	assert_int_equal(link_get(bench.host.route, "lo", &lo, NULL), 0);
	assert_false(lo.flags & IFF_UP);
	bench_close(&bench);
}

static void test_a_handle_can_be_done_twice(void **state)
{
	struct host host;

	(void)state;
	assert_int_equal(host_open(&host, NULL), 0);
	assert_int_equal(host.tun_fd, -1);
	assert_int_equal(host.tun_node, -1);
	host_done(&host);
	host_done(&host);
	host = (struct host){0};
	host_done(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_undone_twice_leaves_what_was_there),
		cmocka_unit_test(test_undo_without_apply_changes_nothing_and_succeeds),
		cmocka_unit_test(test_each_kind_fails_whole_at_every_answer),
		cmocka_unit_test(test_a_whole_run_is_undone_to_what_was_there),
		cmocka_unit_test(test_a_whole_run_fails_whole_at_every_answer),
		cmocka_unit_test(test_what_was_there_before_is_an_error_and_stays),
		cmocka_unit_test(test_an_undo_that_fails_is_told_and_the_others_go_on),
		cmocka_unit_test(test_a_handle_can_be_done_twice),
	};

	return cmocka_run_group_tests_name("apply/apply", tests, namespace_group_setup, NULL);
}
