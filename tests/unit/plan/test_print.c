/* Mirrors src/plan/print.c */
#include "cmocka_all.h"

#include "base/text.h"
#include "plan/print.h"

#include <string.h>

static struct prefix make_prefix(const char *text)
{
	struct prefix prefix;

	assert_true(prefix_parse(text, strlen(text), &prefix));
	return prefix;
}

static void expect(const struct step *step, const char *line)
{
	char buffer[256];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	print_step(step, &text);
	assert_string_equal(buffer, line);
}

static void test_every_kind_is_one_line(void **state)
{
	(void)state;
	expect(&(struct step){.kind = STEP_FIREWALL_LOAD}, "firewall.load table inet adit");
	expect(&(struct step){.kind = STEP_SYSCTL_SET,
			      .sysctl = {.path = "net/ipv4/ip_forward", .value = "0"}},
	       "sysctl.set net/ipv4/ip_forward = 0");
	expect(&(struct step){.kind = STEP_LINK_UP, .link = {"lo"}}, "link.up lo");
	expect(&(struct step){.kind = STEP_FIREWALL_LOAD, .side = SIDE_HOST},
	       "firewall.load the namespace's table on the host");
	expect(&(struct step){.kind = STEP_VETH_CREATE, .veth = {"ve-a", "eth-lan", ""}},
	       "veth.create ve-a peer eth-lan inside");
	expect(&(struct step){.kind = STEP_VETH_CREATE,
			      .is_removal = true,
			      .veth = {"ve-a", "", "other"}},
	       "veth.delete ve-a, now called other");
	expect(&(struct step){.kind = STEP_TUN_CREATE, .tun = {.name = "wg0", .mtu = 1420}},
	       "tun.create wg0 mtu 1420");
	expect(&(struct step){.kind = STEP_TUN_CREATE,
			      .tun = {.name = "wg0", .mtu = 1420, .gso_max_segs = 45}},
	       "tun.create wg0 mtu 1420 gso_max_segs 45");
	expect(&(struct step){.kind = STEP_ADDRESS_ADD,
			      .address = {.link = "wg0", .address = make_prefix("10.2.0.2/24")}},
	       "address.add 10.2.0.2/24 dev wg0");
	expect(
		&(struct step){
			.kind = STEP_ROUTE_ADD,
			.route = {.way = WAY_LINK, .link = "wg0", .to = make_prefix("fd00::/8")}},
		"route.add fd00::/8 dev wg0");
	expect(&(struct step){.kind = STEP_ROUTE_ADD,
			      .route = {.to = make_prefix("0.0.0.0/0"), .metric = UINT32_MAX}},
	       "route.add unreachable 0.0.0.0/0 metric 4294967295");
}

static void test_a_table_that_may_be_there_is_replaced(void **state)
{
	(void)state;
	expect(&(struct step){.kind = STEP_FIREWALL_LOAD, .firewall = {.is_replaced = true}},
	       "firewall.load table inet adit, in place of what there is");
}

static void test_what_is_found_is_printed_with_all_that_is_known_of_it(void **state)
{
	struct step rule = {.kind = STEP_RULE_ADD,
			    .is_removal = true,
			    .rule = {.family = AF_INET, .priority = 10, .table = 77}};
	struct step route = {.kind = STEP_ROUTE_ADD, .is_removal = true};

	(void)state;
	expect(&rule, "rule.delete ipv4 10: from all table 77");
	rule.rule = (struct step_rule){
		.family = AF_INET6,
		.action = 8,
		.priority = 11,
		.from = make_prefix("fd00::/8"),
		.to = make_prefix("2001:db8::/32"),
		.iif = "lo",
		.oif = "wg0",
		.mark = 1,
		.mark_mask = 255,
		.has_more = true,
	};
	expect(&rule, "rule.delete ipv6 11: from fd00::/8 to 2001:db8::/32 iif lo oif wg0 "
		      "fwmark 0x1/0xff and more action 8");
	route.route = (struct step_route){
		.way = WAY_LINK,
		.link = "wg0",
		.to = make_prefix("2001:db8::/32"),
		.from = make_prefix("fd00::/8"),
		.metric = 7,
		.tos = 16,
		.table = 77,
		.has_gateway = true,
		.gateway = make_prefix("fe80::1/128").address,
	};
	expect(&route, "route.delete 2001:db8::/32 from fd00::/8 via fe80::1 dev wg0 metric 7 "
		       "tos 0x10 table 77");
	route.route = (struct step_route){.way = WAY_SEVERAL, .to = make_prefix("10.0.0.0/8")};
	expect(&route, "route.delete several ways 10.0.0.0/8");
	expect(&(struct step){.kind = STEP_LINK_CREATE,
			      .is_removal = true,
			      .create = {.name = "wg0", .kind = "bridge"}},
	       "link.delete wg0 type bridge");
	expect(&(struct step){.kind = STEP_LINK_CREATE,
			      .is_removal = true,
			      .create = {.name = "a"}},
	       "link.delete a type hardware");
	expect(&(struct step){.kind = STEP_WIREGUARD_CREATE, .tun = {.name = "wg0", .mtu = 1420}},
	       "wireguard.create wg0 mtu 1420");
	expect(&(struct step){.kind = STEP_LINK_ALTER,
			      .alter = {{"wg0", 1300, 1, "x"}, {"wg0", 1420, 45, ""}}},
	       "link.alter wg0 mtu 1420 gso_max_segs 45, was x mtu 1300 gso_max_segs 1");
	expect(&(struct step){.kind = STEP_LINK_ALTER,
			      .alter = {{"wg0", 1300, 0, ""}, {"wg0", 1420, 0, ""}}},
	       "link.alter wg0 mtu 1420, was wg0 mtu 1300");
}

static void test_every_kind_has_names_of_its_own(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2 * STEP_KINDS; i++) {
		struct step a = {.kind = (enum step_kind)(i / 2), .is_removal = i % 2 != 0};

		assert_non_null(print_kind(&a));
		for (unsigned int j = 0; j < i; j++) {
			struct step b = {.kind = (enum step_kind)(j / 2), .is_removal = j % 2 != 0};

			assert_string_not_equal(print_kind(&a), print_kind(&b));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_is_one_line),
		cmocka_unit_test(test_a_table_that_may_be_there_is_replaced),
		cmocka_unit_test(test_what_is_found_is_printed_with_all_that_is_known_of_it),
		cmocka_unit_test(test_every_kind_has_names_of_its_own),
	};

	return cmocka_run_group_tests_name("plan/print", tests, NULL, NULL);
}
