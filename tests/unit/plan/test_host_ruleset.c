/* Mirrors src/plan/host_ruleset.c.  What the rules do to packets is
 * tests/system/test_named_veth.py's; here is what they say.
 */
#include "cmocka_all.h"

#include "base/error.h"
#include "plan/host_ruleset.h"
#include "plan/veth_model.h"

#include <errno.h>
#include <stdlib.h>

static char text[HOST_RULESET_TEXT_LEN];

static int print(struct error *err)
{
	struct veth veth;
	struct host_ruleset ruleset = {&veth, &profile, &lan_host};

	veth_describe(&profile, true, &veth);
	return host_ruleset_print(&ruleset, text, sizeof(text), err);
}

static void expect(const char *line)
{
	struct error err = {0};

	if (print(&err) < 0)
		fail_msg("%s", err.what);
	if (!strstr(text, line))
		fail_msg("not there: %s\nin: %s", line, text);
}

static void expect_none(const char *word)
{
	assert_int_equal(print(NULL), 0);
	assert_null(strstr(text, word));
}

static void test_from_inside_come_only_answers_from_its_own_address(void **state)
{
	(void)state;
	expect("		iifname != \"ve-media\" accept\n"
	       "		ip saddr 192.168.10.11 accept\n"
	       "		ip6 saddr fd00:10::11 accept\n"
	       "		counter name \"refused_from_inside\" drop\n");
	expect("		iifname != \"ve-media\" accept\n"
	       "		ct direction reply ct reply ip saddr 192.168.10.11 accept\n"
	       "		ct direction reply ct reply ip6 saddr fd00:10::11 accept\n"
	       "		iifname \"ve-media\" icmpv6 type "
	       "{ nd-neighbor-solicit, nd-neighbor-advert } accept\n"
	       "		counter name \"refused_from_inside\" drop\n");
	expect("		iifname != \"ve-media\" oifname != \"ve-media\" accept\n"
	       "		iifname \"ve-media\" counter name \"refused_from_inside\" drop\n"
	       "		counter name \"refused_to_inside\" drop\n");
	expect_none("dnat ip");
	expect_none("established");
}

static void test_a_forward_is_for_the_links_own_networks(void **state)
{
	(void)state;
	lan_add_forward(2222, 22, 1);
	expect("		iifname \"enp3s0\" ip saddr { 192.168.1.0/24 } "
	       "fib daddr type local tcp dport 2222 dnat ip to 192.168.10.11:22\n");
	expect("		iifname \"enp3s0\" ip6 saddr { 2001:db8:77::/64 } "
	       "fib daddr type local tcp dport 2222 dnat ip6 to [fd00:10::11]:22\n");
	expect("		iifname \"enp3s0\" oifname \"ve-media\" ip saddr "
	       "{ 192.168.1.0/24 } ip daddr 192.168.10.11 tcp dport 22 ct status dnat accept\n");
	expect("		iifname \"ve-media\" oifname { \"enp3s0\" } ct direction reply "
	       "ct reply ip saddr 192.168.10.11 accept\n");
}

static void test_ranges_keep_their_ports_or_change_one_by_one(void **state)
{
	(void)state;
	lan_add_forward(7000, 7000, 3)->protocol = PROTOCOL_UDP;
	lan_add_forward(8000, 9000, 2);
	expect("udp dport 7000-7002 dnat ip to 192.168.10.11\n");
	expect("tcp dport 8000-8001 dnat ip to 192.168.10.11 : tcp dport map "
	       "{ 8000 : 9000, 8001 : 9001 }\n");
	expect("tcp dport 9000-9001 ct status dnat accept\n");
}

static void test_a_range_that_changes_too_many_ports_is_refused(void **state)
{
	struct error err;

	(void)state;
	lan_add_forward(1000, 2000, HOST_RULESET_SHIFTED_MAX + 1);
	assert_int_equal(print(&err), -E2BIG);
	assert_non_null(strstr(err.what, "more than 256 ports"));
	profile.n_forwards = 0;
	lan_add_forward(1000, 2000, HOST_RULESET_SHIFTED_MAX);
	assert_int_equal(print(&err), 0);
}

static void test_a_place_without_networks_lets_nobody_in(void **state)
{
	struct profile_forward *forward = lan_add_forward(80, 80, 1);

	(void)state;
	(void)strcpy(forward->interface, "br0");
	expect_none("dnat ip");
	(void)strcpy(lan_host.subnet[0].link, "br0");
	expect("iifname \"br0\" ip saddr { 192.168.1.0/24 } fib daddr");
	expect_none("dnat ip6");
}

static void test_an_address_is_found_with_its_link(void **state)
{
	struct profile_forward *forward = lan_add_forward(80, 80, 1);

	(void)state;
	forward->has_address = true;
	forward->address = lan_prefix("192.168.1.2").address;
	expect("iifname \"enp3s0\" ip saddr { 192.168.1.0/24 } ip daddr 192.168.1.2 tcp dport 80 "
	       "dnat ip to 192.168.10.11\n");
	expect_none("dnat ip6");
	forward->address = lan_prefix("192.168.1.3").address;
	expect_none("dnat ip");
}

static void test_a_machine_without_a_default_route_forwards_nothing(void **state)
{
	(void)state;
	lan_add_forward(80, 80, 1);
	lan_add_allow("192.168.1.7", 445);
	lan_host.default_link[0] = '\0';
	expect_none("dnat");
	expect_none("192.168.1.7");
}

static void test_what_is_allowed_leaves_by_the_lans_link_with_the_hosts_address(void **state)
{
	(void)state;
	lan_add_allow("192.168.1.7", 445);
	expect("		iifname \"ve-media\" oifname \"enp3s0\" ip daddr 192.168.1.7/32 "
	       "tcp dport 445 accept\n");
	expect("		oifname \"enp3s0\" ip saddr 192.168.10.11 masquerade\n");
	expect("		iifname { \"enp3s0\" } oifname \"ve-media\" ct direction reply "
	       "ct original ip saddr 192.168.10.11 accept\n");
}

static void test_a_text_that_does_not_fit_is_an_error(void **state)
{
	struct veth veth;
	struct host_ruleset ruleset = {&veth, &profile, &lan_host};

	(void)state;
	veth_describe(&profile, true, &veth);
	assert_int_equal(host_ruleset_print(&ruleset, text, sizeof(text), NULL), 0);
	assert_int_equal(host_ruleset_print(&ruleset, text, strlen(text), NULL), -ENOSPC);
}

static void test_the_guard_lets_only_adits_own_links_have_what_came_by_others(void **state)
{
	static const char ipv4[][IFNAMSIZ] = {"enp3s0", "br0"};
	static const char own[][IFNAMSIZ] = {"ve-a", "ve-b"};
	struct host_guard guard = {.ipv4_link = ipv4, .n_ipv4_links = 2, .own = own, .n_own = 2};

	(void)state;
	assert_int_equal(host_guard_print(&guard, text, sizeof(text), NULL), 0);
	assert_non_null(strstr(text, "meta nfproto ipv4 iifname { \"enp3s0\", \"br0\" } oifname != "
				     "{ \"ve-a\", \"ve-b\" } drop\n"));
	assert_null(strstr(text, "ipv6"));
	guard.has_all_ipv6 = true;
	assert_int_equal(host_guard_print(&guard, text, sizeof(text), NULL), 0);
	assert_non_null(strstr(text, "meta nfproto ipv6 iifname != { \"ve-a\", \"ve-b\" } "
				     "oifname != { \"ve-a\", \"ve-b\" } drop\n"));
	assert_int_equal(host_guard_print(&guard, text, 100, NULL), -ENOSPC);
}

static void test_without_anything_to_guard_there_is_no_guard(void **state)
{
	static const char own[][IFNAMSIZ] = {"ve-a"};
	struct host_guard guard = {.own = own, .n_own = 1};

	(void)state;
	assert_int_equal(host_guard_print(&guard, text, sizeof(text), NULL), 0);
	assert_string_equal(text, "");
	guard.n_own = 0;
	guard.has_all_ipv6 = true;
	assert_int_equal(host_guard_print(&guard, text, sizeof(text), NULL), 0);
	assert_string_equal(text, "");
}

#define LAN(test) cmocka_unit_test_setup(test, lan_begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAN(test_from_inside_come_only_answers_from_its_own_address),
		LAN(test_a_forward_is_for_the_links_own_networks),
		LAN(test_ranges_keep_their_ports_or_change_one_by_one),
		LAN(test_a_range_that_changes_too_many_ports_is_refused),
		LAN(test_a_place_without_networks_lets_nobody_in),
		LAN(test_an_address_is_found_with_its_link),
		LAN(test_a_machine_without_a_default_route_forwards_nothing),
		LAN(test_what_is_allowed_leaves_by_the_lans_link_with_the_hosts_address),
		LAN(test_a_text_that_does_not_fit_is_an_error),
		LAN(test_the_guard_lets_only_adits_own_links_have_what_came_by_others),
		LAN(test_without_anything_to_guard_there_is_no_guard),
	};

	return cmocka_run_group_tests_name("plan/host_ruleset", tests, NULL, NULL);
}
