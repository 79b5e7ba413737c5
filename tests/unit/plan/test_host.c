/* Mirrors src/plan/host.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "base/text.h"
#include "plan/print.h"
#include "plan/veth_model.h"

#include <errno.h>

static struct plan plan;

static void make(void)
{
	struct error err = {0};

	if (plan_host(&profile, &environment, &plan, &err) < 0)
		fail_msg("%s", err.what);
}

static int end(void **state)
{
	(void)state;
	plan_done(&plan);
	return 0;
}

/* The steps that are no settings, and the borrowed settings. */
static void expect(const char *lines)
{
	char buffer[4096];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	for (size_t i = 0; i < plan.n_steps; i++) {
		const struct step *step = &plan.step[i];

		assert_int_equal(step->side, SIDE_HOST);
		if (step->kind == STEP_SYSCTL_SET && !step->sysctl.is_borrowed)
			continue;
		print_step(step, &text);
		text_add(&text, "\n");
	}
	assert_string_equal(buffer, lines);
}

static const char *setting_of(const char *path)
{
	for (size_t i = 0; i < plan.n_steps; i++)
		if (plan.step[i].kind == STEP_SYSCTL_SET &&
		    strcmp(plan.step[i].sysctl.path, path) == 0)
			return plan.step[i].sysctl.value;
	return "not set";
}

#define LINK                                                                                       \
	"firewall.load the namespace's table on the host, in place of what there is\n"             \
	"veth.create ve-media peer eth-lan inside\n"                                               \
	"address.add 192.168.10.10/32 dev ve-media\n"                                              \
	"address.add fd00:10::10/128 dev ve-media\n"                                               \
	"link.up ve-media\n"                                                                       \
	"route.add 192.168.10.11/32 dev ve-media\n"                                                \
	"route.add fd00:10::11/128 dev ve-media\n"

static void test_without_a_veth_there_is_nothing_but_what_one_would_be_called(void **state)
{
	(void)state;
	profile.lan_path = LAN_PATH_RELAY;
	make();
	assert_int_equal(plan.n_steps, 0);
	assert_int_equal(plan.side, SIDE_HOST);
	assert_string_equal(plan.host_link, "ve-media");
	assert_string_equal(plan.host_table, "adit-media");
	assert_null(plan.ruleset[SIDE_HOST]);
}

static void test_the_rules_come_first_and_forwarding_last(void **state)
{
	(void)state;
	lan_add_forward(80, 80, 1);
	make();
	assert_string_equal(plan_table_name(&plan, SIDE_HOST), "adit-media");
	assert_non_null(strstr(plan.ruleset[SIDE_HOST], "table inet adit-media {\n"));
	expect(LINK "sysctl.set net/ipv4/conf/enp3s0/forwarding = 1\n"
		    "sysctl.set net/ipv6/conf/enp3s0/force_forwarding = 1\n");
	assert_string_equal(setting_of("net/ipv4/conf/ve-media/forwarding"), "1");
	assert_string_equal(setting_of("net/ipv4/conf/ve-media/rp_filter"), "1");
	assert_string_equal(setting_of("net/ipv4/conf/ve-media/arp_ignore"), "1");
	assert_string_equal(setting_of("net/ipv6/conf/ve-media/accept_ra"), "0");
	assert_string_equal(setting_of("net/ipv6/conf/ve-media/force_forwarding"), "1");
	assert_string_equal(setting_of("net/ipv6/conf/all/forwarding"), "not set");
	assert_string_equal(setting_of("net/ipv4/ip_forward"), "not set");
}

static void test_the_host_alone_needs_no_forwarding(void **state)
{
	(void)state;
	make();
	expect(LINK);
}

static void test_every_link_that_flows_come_by_is_told_once(void **state)
{
	(void)state;
	lan_add_forward(80, 80, 1);
	lan_add_forward(81, 81, 1);
	(void)strcpy(lan_add_forward(82, 82, 1)->interface, "br0");
	lan_add_allow("192.168.1.7", 445);
	make();
	expect(LINK "sysctl.set net/ipv4/conf/enp3s0/forwarding = 1\n"
		    "sysctl.set net/ipv6/conf/enp3s0/force_forwarding = 1\n"
		    "sysctl.set net/ipv4/conf/br0/forwarding = 1\n"
		    "sysctl.set net/ipv6/conf/br0/force_forwarding = 1\n");
}

/* Before Linux 6.17 the host as a whole has to forward IPv6, and would forget its routers. */
static void test_router_advertisements_are_kept_before_ipv6_is_forwarded(void **state)
{
	(void)state;
	lan_host.has_force_forwarding = false;
	(void)strcpy(lan_host.ra_link[0], "default");
	(void)strcpy(lan_host.ra_link[1], "enp3s0");
	(void)strcpy(lan_host.ra_link[2], "ve-media");
	lan_host.n_ra_links = 3;
	lan_add_allow("192.168.1.7", 445);
	make();
	expect(LINK "sysctl.set net/ipv4/conf/enp3s0/forwarding = 1\n"
		    "sysctl.set net/ipv6/conf/default/accept_ra = 2\n"
		    "sysctl.set net/ipv6/conf/enp3s0/accept_ra = 2\n"
		    "sysctl.set net/ipv6/conf/all/forwarding = 1\n");
}

static void test_one_family_is_enough(void **state)
{
	(void)state;
	profile.n_lan_host = profile.n_lan_namespace = 1;
	lan_add_forward(80, 80, 1);
	make();
	expect("firewall.load the namespace's table on the host, in place of what there is\n"
	       "veth.create ve-media peer eth-lan inside\n"
	       "address.add 192.168.10.10/32 dev ve-media\n"
	       "link.up ve-media\n"
	       "route.add 192.168.10.11/32 dev ve-media\n"
	       "sysctl.set net/ipv4/conf/enp3s0/forwarding = 1\n");
}

static void test_a_host_that_nobody_looked_at_and_rules_that_do_not_fit_are_errors(void **state)
{
	const struct plan_environment blind = {.has_ipv6 = true};

	(void)state;
	assert_int_equal(plan_host(&profile, &blind, &plan, NULL), -EINVAL);
	lan_add_forward(1, 1001, 257);
	assert_int_equal(plan_host(&profile, &environment, &plan, NULL), -E2BIG);
	assert_null(plan.step);
}

#define LAN(test) cmocka_unit_test_setup_teardown(test, lan_begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAN(test_without_a_veth_there_is_nothing_but_what_one_would_be_called),
		LAN(test_the_rules_come_first_and_forwarding_last),
		LAN(test_the_host_alone_needs_no_forwarding),
		LAN(test_every_link_that_flows_come_by_is_told_once),
		LAN(test_router_advertisements_are_kept_before_ipv6_is_forwarded),
		LAN(test_one_family_is_enough),
		LAN(test_a_host_that_nobody_looked_at_and_rules_that_do_not_fit_are_errors),
	};

	return cmocka_run_group_tests_name("plan/host", tests, NULL, NULL);
}
