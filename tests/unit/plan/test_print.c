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
		cmocka_unit_test(test_every_kind_has_names_of_its_own),
	};

	return cmocka_run_group_tests_name("plan/print", tests, NULL, NULL);
}
