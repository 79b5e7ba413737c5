/* Mirrors src/report/steps.c */
#include "cmocka_all.h"

#include "plan/plan.h"
#include "report/steps.h"

#include <linux/fib_rules.h>
#include <stdlib.h>
#include <string.h>

static char rules[] = "table inet adit {\n}\n";

static struct prefix make_prefix(const char *text)
{
	struct prefix prefix = {0};

	assert_true(prefix_parse(text, strlen(text), &prefix));
	return prefix;
}

static char *printed(struct step *steps, size_t n_steps)
{
	const struct plan plan = {.step = steps, .n_steps = n_steps, .ruleset = {rules}};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	steps_print(&plan, out);
	(void)fclose(out);
	return text;
}

static void expect(struct step step, const char *text)
{
	char *found = printed(&step, 1);

	assert_string_equal(found, text);
	free(found);
}

static void expect_json(struct step step, const char *text)
{
	const struct plan plan = {.step = &step, .n_steps = 1, .ruleset = {rules}};
	json_t *list = steps_json(&plan);
	json_t *found = json_array_get(list, 0);
	json_t *expected = json_loads(text, 0, NULL);

	assert_non_null(expected);
	assert_int_equal(json_array_size(list), 1);
	(void)json_object_del(found, "line");
	if (!json_equal(found, expected)) {
		char *said = json_dumps(found, 0);

		print_error("%s\n", said);
		free(said);
		fail();
	}
	json_decref(expected);
	json_decref(list);
}

static void test_a_firewall_is_printed_byte_for_byte(void **state)
{
	const struct step step = {.kind = STEP_FIREWALL_LOAD};
	struct step other = step;

	(void)state;
	expect(step, "firewall.load table inet adit\n"
		     "create table inet adit\ntable inet adit {\n}\n");
	other.firewall.is_replaced = true;
	expect(other, "firewall.load table inet adit, in place of what there is\n"
		      "table inet adit\ndelete table inet adit\ntable inet adit {\n}\n");
	expect_json(other,
		    "{\"operation\": \"firewall.load\", \"side\": \"inside\", \"text\": "
		    "\"table inet adit\\ndelete table inet adit\\ntable inet adit {\\n}\\n\"}");
	other = step;
	other.is_removal = true;
	expect(other, "firewall.unload table inet adit\n"
		      "table inet adit\ndelete table inet adit\n");
}

static void test_every_step_is_a_line(void **state)
{
	struct step steps[] = {{.kind = STEP_LINK_UP, .link = {"lo"}},
			       {.kind = STEP_LINK_UP, .link = {"wg0"}, .is_removal = true}};
	char *text = printed(steps, 2);

	(void)state;
	assert_string_equal(text, "link.up lo\nlink.down wg0\n");
	free(text);
}

static void test_every_kind_says_in_json_what_it_is_about(void **state)
{
	struct step address = {.kind = STEP_ADDRESS_ADD, .address = {.link = "wg0"}};
	struct step route = {.kind = STEP_ROUTE_ADD, .route = {.way = WAY_LINK, .link = "wg0"}};
	struct step rule = {.kind = STEP_RULE_ADD,
			    .rule = {.family = AF_INET6, .priority = 0, .table = 7}};
	struct step alter = {.kind = STEP_LINK_ALTER,
			     .alter = {{"wg0", 1, 2, "x"}, {"wg0", 1420, 45, ""}}};

	(void)state;
	address.address.address = make_prefix("10.0.0.2/24");
	route.route.to = make_prefix("::/0");
	rule.rule.from = make_prefix("fd00::/8");
	(void)strcpy(rule.rule.oif, "wg0");
	expect_json((struct step){.kind = STEP_SYSCTL_SET,
				  .sysctl = {.path = "net/a", .value = "0", .restore = "1"}},
		    "{\"operation\": \"sysctl.set\", \"side\": \"inside\", \"path\": \"net/a\", "
		    "\"value\": \"0\", \"was\": \"1\"}");
	expect_json(rule,
		    "{\"operation\": \"rule.add\", \"side\": \"inside\", \"family\": 6, "
		    "\"priority\": 0, \"table\": 7, \"from\": \"fd00::/8\", \"oif\": \"wg0\"}");
	expect_json((struct step){.kind = STEP_LINK_UP, .is_removal = true, .link = {"lo"}},
		    "{\"operation\": \"link.down\", \"side\": \"inside\", \"device\": \"lo\"}");
	expect_json((struct step){.kind = STEP_LINK_CREATE, .create = {"a", "bridge"}},
		    "{\"operation\": \"link.create\", \"side\": \"inside\", \"device\": \"a\", "
		    "\"type\": \"bridge\"}");
	expect_json((struct step){.kind = STEP_VETH_CREATE,
				  .side = SIDE_HOST,
				  .veth = {"ve-a", "eth-lan", ""}},
		    "{\"operation\": \"veth.create\", \"side\": \"host\", \"device\": \"ve-a\", "
		    "\"peer\": \"eth-lan\"}");
	expect_json((struct step){.kind = STEP_TUN_CREATE, .tun = {"wg0", 1420, 45, ""}},
		    "{\"operation\": \"tun.create\", \"side\": \"inside\", \"device\": \"wg0\", "
		    "\"mtu\": 1420, \"gso_max_segs\": 45}");
	expect_json((struct step){.kind = STEP_WIREGUARD_CREATE,
				  .side = SIDE_HOST,
				  .tun = {"wg0", 1420, 0, ""}},
		    "{\"operation\": \"wireguard.create\", \"side\": \"host\", \"device\": "
		    "\"wg0\", \"mtu\": 1420}");
	expect_json(alter, "{\"operation\": \"link.alter\", \"side\": \"inside\", \"device\": "
			   "\"wg0\", \"mtu\": 1420, \"gso_max_segs\": 45, \"was\": \"x\"}");
	expect_json(address, "{\"operation\": \"address.add\", \"side\": \"inside\", \"device\": "
			     "\"wg0\", \"address\": \"10.0.0.2/24\"}");
	expect_json(route, "{\"operation\": \"route.add\", \"side\": \"inside\", \"to\": \"::/0\", "
			   "\"device\": \"wg0\"}");
	route.route = (struct step_route){.way = WAY_BLACKHOLE, .metric = 5, .table = 9};
	route.route.to = make_prefix("10.0.0.0/8");
	expect_json(route, "{\"operation\": \"route.add\", \"side\": \"inside\", \"to\": "
			   "\"10.0.0.0/8\", \"type\": \"blackhole\", \"metric\": 5, \"table\": 9}");
}

static void test_a_line_stands_in_json_too(void **state)
{
	struct step step = {.kind = STEP_LINK_UP, .link = {"lo"}};
	const struct plan plan = {.step = &step, .n_steps = 1};
	json_t *list = steps_json(&plan);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "line")),
			    "link.up lo");
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_firewall_is_printed_byte_for_byte),
		cmocka_unit_test(test_every_step_is_a_line),
		cmocka_unit_test(test_every_kind_says_in_json_what_it_is_about),
		cmocka_unit_test(test_a_line_stands_in_json_too),
	};

	return cmocka_run_group_tests_name("report/steps", tests, NULL, NULL);
}
