/* Mirrors src/audit/check_network.c */
#include "cmocka_all.h"

#include "apply/survey.h"
#include "audit/check_network.h"
#include "audit/finding.h"

#include <linux/fib_rules.h>
#include <string.h>

enum { NETWORK = 1U << PROMISE_ONLY_TUNNEL | 1U << PROMISE_NO_WAY_TO_HOST };

static struct finding_list list;

static struct step planned[] = {
	{.kind = STEP_LINK_UP, .link = {"lo"}},
	{.kind = STEP_TUN_CREATE, .tun = {.name = "wg0"}},
	{.kind = STEP_LINK_CREATE, .create = {.name = "eth-lan"}},
};
static const struct plan desired = {.step = planned, .n_steps = 3};

static struct plan host_changes;

static void check_with(const struct survey *survey, struct step *change)
{
	const struct plan changes = {.step = change, .n_steps = change ? 1 : 0};

	list = (struct finding_list){0};
	check_network(&(struct check_network){.desired = &desired,
					      .survey = survey,
					      .changes = &changes,
					      .host_changes = &host_changes},
		      &list);
}

static void check(struct step change)
{
	const struct survey survey = {0};

	check_with(&survey, &change);
}

/* The last finding is always about the host. */
static void expect(enum verdict verdict, const char *what)
{
	assert_int_equal(list.n, 2);
	assert_int_equal(list.at[0].verdict, verdict);
	assert_int_equal(list.verdict[PROMISE_ONLY_TUNNEL], verdict);
	assert_int_equal(list.verdict[PROMISE_NAMES], VERDICT_KEPT);
	assert_non_null(strstr(list.at[0].what, what));
}

static struct step found_route(enum step_way way, const char *link)
{
	struct step step = {.kind = STEP_ROUTE_ADD, .is_removal = true, .route = {.way = way}};

	assert_true(prefix_parse("203.0.113.0/24", 14, &step.route.to));
	(void)strncpy(step.route.link, link, IFNAMSIZ - 1);
	return step;
}

static void test_what_is_as_planned_breaks_nothing(void **state)
{
	const struct survey survey = {0};

	(void)state;
	check_with(&survey, NULL);
	assert_int_equal(finding_worst(&list), VERDICT_KEPT);
	assert_int_equal(list.n, 1);
}

static void test_a_firewall_that_differs_or_is_gone_breaks_it(void **state)
{
	struct step step = {.kind = STEP_FIREWALL_LOAD};

	(void)state;
	check(step);
	expect(VERDICT_BROKEN, "is gone");
	assert_int_equal(list.at[0].promises, NETWORK);
	step.firewall.is_replaced = true;
	check(step);
	expect(VERDICT_BROKEN, "is not the one");
}

static void test_a_route_by_another_link_breaks_it(void **state)
{
	(void)state;
	check(found_route(WAY_LINK, "eth0"));
	expect(VERDICT_BROKEN, "203.0.113.0/24");
	check(found_route(WAY_LINK, "eth-lan"));
	expect(VERDICT_BROKEN, "203.0.113.0/24");
	check(found_route(WAY_SEVERAL, ""));
	expect(VERDICT_BROKEN, "past the tunnel");
}

static void test_a_route_by_the_tunnel_or_to_nowhere_is_a_remark(void **state)
{
	(void)state;
	check(found_route(WAY_LINK, "wg0"));
	expect(VERDICT_KEPT, "to be done");
	check(found_route(WAY_BLACKHOLE, ""));
	expect(VERDICT_KEPT, "to be done");
}

static void test_a_missing_unreachable_route_breaks_it_and_another_does_not(void **state)
{
	struct step step = found_route(WAY_UNREACHABLE, "");

	(void)state;
	step.is_removal = false;
	check(step);
	expect(VERDICT_BROKEN, "unreachable route");
	step = found_route(WAY_LINK, "wg0");
	step.is_removal = false;
	check(step);
	expect(VERDICT_KEPT, "to be done");
}

static void test_a_rule_too_many_breaks_it_and_one_too_few_does_not(void **state)
{
	struct step step = {
		.kind = STEP_RULE_ADD,
		.is_removal = true,
		.rule = {.family = 2, .action = FR_ACT_TO_TBL, .table = 77},
	};

	(void)state;
	check(step);
	expect(VERDICT_BROKEN, "table 77");
	step.is_removal = false;
	check(step);
	expect(VERDICT_KEPT, "to be done");
}

static void test_forwarding_breaks_it_and_other_settings_do_not(void **state)
{
	(void)state;
	check((struct step){.kind = STEP_SYSCTL_SET,
			    .sysctl = {.path = "net/ipv6/conf/all/forwarding", .value = "0"}});
	expect(VERDICT_BROKEN, "net/ipv6/conf/all/forwarding is not 0");
	check((struct step){.kind = STEP_SYSCTL_SET,
			    .sysctl = {.path = "net/ipv4/ping_group_range", .value = "0 1"}});
	expect(VERDICT_KEPT, "ping_group_range");
}

static void test_a_link_by_the_tunnels_name_breaks_it(void **state)
{
	(void)state;
	check((struct step){.kind = STEP_LINK_CREATE,
			    .is_removal = true,
			    .create = {.name = "wg0", .kind = "veth"}});
	expect(VERDICT_BROKEN, "'wg0'");
}

static void test_another_tunnel_proves_nothing_and_a_missing_one_leaks_nothing(void **state)
{
	struct step step = {.kind = STEP_TUN_CREATE, .tun = {.name = "wg0"}};

	(void)state;
	check(step);
	expect(VERDICT_KEPT, "to be done");
	step.is_removal = true;
	check(step);
	expect(VERDICT_UNKNOWN, "'wg0'");
}

static void test_links_that_nobody_planned_break_it(void **state)
{
	struct survey survey = {.foreign = {"eth0", "eth-lan"}, .n_foreign = 2};

	(void)state;
	check_with(&survey, NULL);
	expect(VERDICT_BROKEN, "'eth0'");
	survey.n_foreign = SURVEY_FOREIGN_MAX + 3;
	check_with(&survey, NULL);
	assert_non_null(strstr(list.at[list.n - 2].what, "3 more links"));
}

static void test_a_link_to_the_host_that_nobody_asked_for_breaks_it(void **state)
{
	struct step step = {.kind = STEP_VETH_CREATE, .is_removal = true};

	(void)state;
	check(step);
	expect(VERDICT_BROKEN, "leads to the host");
	step.is_removal = false;
	check(step);
	expect(VERDICT_KEPT, "to be done");
}

static void test_the_hosts_table_counts_and_its_other_steps_are_remarks(void **state)
{
	struct step steps[] = {
		{.kind = STEP_FIREWALL_LOAD, .side = SIDE_HOST},
		{.kind = STEP_LINK_UP, .side = SIDE_HOST, .link = {"ve-media"}},
	};

	(void)state;
	host_changes = (struct plan){.step = steps, .n_steps = 1};
	check((struct step){.kind = STEP_LINK_UP, .link = {"wg0"}});
	assert_int_equal(list.verdict[PROMISE_NO_WAY_TO_HOST], VERDICT_BROKEN);
	host_changes = (struct plan){.step = steps + 1, .n_steps = 1};
	check((struct step){.kind = STEP_LINK_UP, .link = {"wg0"}});
	host_changes = (struct plan){0};
	assert_int_equal(finding_worst(&list), VERDICT_KEPT);
	assert_non_null(strstr(list.at[1].what, "ve-media"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_as_planned_breaks_nothing),
		cmocka_unit_test(test_a_firewall_that_differs_or_is_gone_breaks_it),
		cmocka_unit_test(test_a_route_by_another_link_breaks_it),
		cmocka_unit_test(test_a_route_by_the_tunnel_or_to_nowhere_is_a_remark),
		cmocka_unit_test(test_a_missing_unreachable_route_breaks_it_and_another_does_not),
		cmocka_unit_test(test_a_rule_too_many_breaks_it_and_one_too_few_does_not),
		cmocka_unit_test(test_forwarding_breaks_it_and_other_settings_do_not),
		cmocka_unit_test(test_a_link_by_the_tunnels_name_breaks_it),
		cmocka_unit_test(
			test_another_tunnel_proves_nothing_and_a_missing_one_leaks_nothing),
		cmocka_unit_test(test_links_that_nobody_planned_break_it),
		cmocka_unit_test(test_a_link_to_the_host_that_nobody_asked_for_breaks_it),
		cmocka_unit_test(test_the_hosts_table_counts_and_its_other_steps_are_remarks),
	};

	return cmocka_run_group_tests_name("audit/check_network", tests, NULL, NULL);
}
