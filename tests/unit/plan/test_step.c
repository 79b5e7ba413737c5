/* Mirrors src/plan/step.c */
#include "cmocka_all.h"

#include "plan/step.h"

#include <string.h>

static struct prefix make_prefix(const char *text)
{
	struct prefix prefix = {0};

	assert_true(prefix_parse(text, strlen(text), &prefix));
	return prefix;
}

static struct step make_route(const char *to, const char *link)
{
	struct step step = {.kind = STEP_ROUTE_ADD, .route = {.way = WAY_LINK}};

	step.route.to = make_prefix(to);
	(void)strcpy(step.route.link, link);
	return step;
}

/* One is less, whichever is asked first. */
static void expect_less(const struct step *a, const struct step *b)
{
	assert_true(step_compare(a, b) < 0);
	assert_true(step_compare(b, a) > 0);
	assert_int_equal(step_compare(a, a), 0);
}

static void test_routes_come_ipv4_first_then_by_address_then_the_shorter_prefix(void **state)
{
	static const char *const order[] = {"0.0.0.0/0", "0.0.0.0/1", "10.0.0.0/8", "128.0.0.0/1",
					    "::/0",	 "2000::/3",  "fd00::/8"};

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(order) / sizeof(order[0]); i++) {
		struct step a = make_route(order[i], "wg0");
		struct step b = make_route(order[i + 1], "wg0");

		expect_less(&a, &b);
	}
}

static void test_everything_that_tells_two_rules_apart_counts(void **state)
{
	const struct step plain = {.kind = STEP_RULE_ADD, .rule = {.family = AF_INET}};
	struct step other[11];

	(void)state;
	for (size_t i = 0; i < 11; i++)
		other[i] = plain;
	other[0].rule.family = AF_INET6;
	other[1].rule.priority = 1;
	other[2].rule.table = 1;
	other[3].rule.action = 1;
	other[4].rule.from = make_prefix("10.0.0.0/8");
	other[5].rule.to = make_prefix("10.0.0.0/8");
	(void)strcpy(other[6].rule.iif, "lo");
	(void)strcpy(other[7].rule.oif, "lo");
	other[8].rule.mark = 1;
	other[9].rule.mark_mask = 1;
	other[10].rule.has_more = true;
	for (size_t i = 0; i < 11; i++) {
		assert_int_not_equal(step_compare(&plain, &other[i]), 0);
		assert_false(step_is_same_object(&plain, &other[i]));
	}
}

static void test_everything_that_tells_two_routes_apart_counts(void **state)
{
	const struct step plain = make_route("10.0.0.0/8", "wg0");
	struct step other[9];

	(void)state;
	for (size_t i = 0; i < 9; i++)
		other[i] = plain;
	other[0].route.way = WAY_LOCAL;
	(void)strcpy(other[1].route.link, "wg1");
	other[2].route.to = make_prefix("10.0.0.0/9");
	other[3].route.metric = 1;
	other[4].route.table = 1;
	other[5].route.tos = 1;
	other[6].route.has_gateway = true;
	other[7].route.gateway = make_prefix("10.0.0.1/32").address;
	other[8].route.from = make_prefix("fd00::/8");
	for (size_t i = 0; i < 9; i++) {
		assert_int_not_equal(step_compare(&plain, &other[i]), 0);
		assert_false(step_is_same_object(&plain, &other[i]));
	}
}

static void test_the_same_object_may_be_otherwise(void **state)
{
	static const struct step pairs[][2] = {
		{{.kind = STEP_FIREWALL_LOAD},
		 {.kind = STEP_FIREWALL_LOAD, .firewall = {false, true}}},
		{{.kind = STEP_SYSCTL_SET, .sysctl = {.path = "a", .value = "0"}},
		 {.kind = STEP_SYSCTL_SET, .sysctl = {.path = "a", .value = "1"}}},
		{{.kind = STEP_LINK_CREATE, .create = {"a", "bridge"}},
		 {.kind = STEP_LINK_CREATE, .create = {"a", "veth"}}},
		{{.kind = STEP_VETH_CREATE, .veth = {"a", "b", ""}},
		 {.kind = STEP_VETH_CREATE, .veth = {"a", "c", ""}}},
		{{.kind = STEP_VETH_CREATE, .veth = {"a", "b", ""}},
		 {.kind = STEP_VETH_CREATE, .veth = {"a", "b", "c"}}},
		{{.kind = STEP_TUN_CREATE, .tun = {"a", 1420, 45, ""}},
		 {.kind = STEP_TUN_CREATE, .tun = {"a", 1420, 46, ""}}},
		{{.kind = STEP_TUN_CREATE, .tun = {"a", 1420, 45, ""}},
		 {.kind = STEP_TUN_CREATE, .tun = {"a", 1420, 45, "b"}}},
		{{.kind = STEP_WIREGUARD_CREATE, .tun = {"a", 1280, 0, ""}},
		 {.kind = STEP_WIREGUARD_CREATE, .tun = {"a", 1420, 0, ""}}},
		{{.kind = STEP_ADDRESS_ADD, .address = {.link = "a"}},
		 {.kind = STEP_ADDRESS_ADD, .address = {.link = "a", .is_deaf = true}}},
		{{.kind = STEP_LINK_ALTER, .alter = {.to = {"a", 1, 0, ""}}},
		 {.kind = STEP_LINK_ALTER, .alter = {{"b", 1, 0, ""}, {"a", 2, 0, ""}}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_true(step_is_same_object(&pairs[i][0], &pairs[i][1]));
		expect_less(&pairs[i][0], &pairs[i][1]);
	}
}

static void test_other_sides_kinds_and_names_are_other_objects(void **state)
{
	static const struct step steps[] = {
		{.kind = STEP_FIREWALL_LOAD},
		{.kind = STEP_FIREWALL_LOAD, .side = SIDE_HOST},
		{.kind = STEP_SYSCTL_SET, .sysctl = {.path = "a"}},
		{.kind = STEP_SYSCTL_SET, .sysctl = {.path = "b"}},
		{.kind = STEP_LINK_UP, .link = {"a"}},
		{.kind = STEP_LINK_UP, .link = {"b"}},
		{.kind = STEP_TUN_CREATE, .tun = {.name = "a"}},
		{.kind = STEP_WIREGUARD_CREATE, .tun = {.name = "a"}},
	};
	size_t n = sizeof(steps) / sizeof(steps[0]);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			assert_int_equal(step_is_same_object(&steps[i], &steps[j]), i == j);
}

static void test_what_undo_needs_to_know_does_not_count(void **state)
{
	const struct step a = {.kind = STEP_SYSCTL_SET, .sysctl = {.path = "a", .value = "0"}};
	const struct step b = {.kind = STEP_SYSCTL_SET,
			       .is_removal = true,
			       .sysctl = {.path = "a", .value = "0", .restore = "1"}};
	const struct step c = {.kind = STEP_FIREWALL_LOAD};
	const struct step d = {.kind = STEP_FIREWALL_LOAD, .firewall = {.is_replaced = true}};

	(void)state;
	assert_int_equal(step_compare(&a, &b), 0);
	assert_int_equal(step_compare(&c, &d), 0);
}

static void test_a_step_knows_its_link(void **state)
{
	static const struct {
		struct step step;
		const char *link;
	} cases[] = {
		{{.kind = STEP_FIREWALL_LOAD}, ""},
		{{.kind = STEP_SYSCTL_SET, .sysctl = {.path = "a"}}, ""},
		{{.kind = STEP_RULE_ADD, .rule = {.iif = "a"}}, ""},
		{{.kind = STEP_LINK_UP, .link = {"a"}}, "a"},
		{{.kind = STEP_LINK_CREATE, .create = {.name = "a"}}, "a"},
		{{.kind = STEP_VETH_CREATE, .veth = {.name = "a"}}, "a"},
		{{.kind = STEP_TUN_CREATE, .tun = {.name = "a"}}, "a"},
		{{.kind = STEP_WIREGUARD_CREATE, .tun = {.name = "a"}}, "a"},
		{{.kind = STEP_LINK_ALTER, .alter = {.to = {.name = "a"}}}, "a"},
		{{.kind = STEP_ADDRESS_ADD, .address = {.link = "a"}}, "a"},
		{{.kind = STEP_ROUTE_ADD, .route = {.link = "a"}}, "a"},
	};

	(void)state;
	assert_int_equal(sizeof(cases) / sizeof(cases[0]), STEP_KINDS);
	for (size_t i = 0; i < STEP_KINDS; i++)
		assert_string_equal(step_link_name(&cases[i].step), cases[i].link);
}

static void test_a_links_setting_is_written_below_its_link(void **state)
{
	struct step step = {.kind = STEP_SYSCTL_SET};
	char path[STEP_SYSCTL_PATH_LEN];
	char name[IFNAMSIZ];

	(void)state;
	step_write_path(path, "ipv4", "ve-media", "rp_filter");
	step_write_sysctl(&step, path, "1");
	assert_string_equal(step.sysctl.path, "net/ipv4/conf/ve-media/rp_filter");
	assert_string_equal(step.sysctl.value, "1");
	step_write_name(name, "longer-than-a-link-may-be");
	assert_string_equal(name, "longer-than-a-l");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_routes_come_ipv4_first_then_by_address_then_the_shorter_prefix),
		cmocka_unit_test(test_everything_that_tells_two_rules_apart_counts),
		cmocka_unit_test(test_everything_that_tells_two_routes_apart_counts),
		cmocka_unit_test(test_the_same_object_may_be_otherwise),
		cmocka_unit_test(test_other_sides_kinds_and_names_are_other_objects),
		cmocka_unit_test(test_what_undo_needs_to_know_does_not_count),
		cmocka_unit_test(test_a_step_knows_its_link),
		cmocka_unit_test(test_a_links_setting_is_written_below_its_link),
	};

	return cmocka_run_group_tests_name("plan/step", tests, NULL, NULL);
}
