/* Mirrors src/plan/plan.c: profiles in, the exact steps out (as print_step()
 * writes them, tested on its own).
 */
#include "cmocka_all.h"

#include "base/error.h"
#include "base/text.h"
#include "config/profile.h"
#include "plan/plan.h"
#include "plan/print.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEERS_MAX = 3, ROUTES_MAX = 70000, TEXT_LEN = 8192 };

static struct profile profile;
static struct profile_peer peers[PEERS_MAX];
static struct prefix routes[ROUTES_MAX];
static size_t n_routes;

static const struct plan_environment usual = {
	.path_mtu = 1500,
	.ping_gid = 1001,
	.has_ipv6 = true,
};

static int begin(void **state)
{
	(void)state;
	memset(&profile, 0, sizeof(profile));
	memset(peers, 0, sizeof(peers));
	n_routes = 0;
	(void)strcpy(profile.device, "wg0");
	profile.peer = peers;
	return 0;
}

static void add_address(const char *text)
{
	struct prefix *address = &profile.address[profile.n_addresses++];

	assert_true(prefix_parse(text, strlen(text), address));
}

/* `allowed_ips`: separated by one space */
static void add_peer(const char *allowed_ips)
{
	struct profile_peer *peer = &peers[profile.n_peers++];

	peer->allowed_ip = &routes[n_routes];
	while (*allowed_ips) {
		size_t len = strcspn(allowed_ips, " ");

		assert_true(prefix_parse(allowed_ips, len, &routes[n_routes++]));
		peer->n_allowed_ips++;
		allowed_ips += len;
		allowed_ips += *allowed_ips == ' ';
	}
}

/* All steps as lines; those of the settings, the same in every plan, as one. */
static void print(const struct plan *plan, char *buffer)
{
	struct text text;

	text_init(&text, buffer, TEXT_LEN);
	for (size_t i = 0; i < plan->n_steps; i++) {
		if (plan->step[i].kind == STEP_SYSCTL_SET) {
			if (i > 0 && plan->step[i - 1].kind != STEP_SYSCTL_SET)
				text_add(&text, "sysctls\n");
			continue;
		}
		print_step(&plan->step[i], &text);
		text_add(&text, "\n");
	}
	assert_false(text.is_truncated);
}

static void expect_lines(struct plan *plan, const char *lines)
{
	char text[TEXT_LEN];

	print(plan, text);
	assert_string_equal(text, lines);
	plan_done(plan);
	assert_null(plan->step);
	assert_null(plan->ruleset[SIDE_INSIDE]);
}

static void expect(const struct plan_environment *environment, const char *lines)
{
	struct plan plan = {0};
	struct error err;

	assert_int_equal(plan_run(&profile, environment, &plan, &err), 0);
	expect_lines(&plan, lines);
}

static void test_a_provider_with_both_families(void **state)
{
	(void)state;
	add_address("10.66.1.2/32");
	add_address("fc00:bbbb:bbbb:bb01::3:1/128");
	add_peer("0.0.0.0/0 ::/0");
	expect(&usual, "firewall.load table inet adit\n"
		       "sysctls\n"
		       "link.up lo\n"
		       "route.add unreachable 0.0.0.0/0 metric 4294967295\n"
		       "route.add unreachable ::/0 metric 4294967295\n"
		       "tun.create wg0 mtu 1420 gso_max_segs 45\n"
		       "address.add 10.66.1.2/32 dev wg0\n"
		       "address.add fc00:bbbb:bbbb:bb01::3:1/128 dev wg0\n"
		       "link.up wg0\n"
		       "route.add 0.0.0.0/0 dev wg0\n"
		       "route.add ::/0 dev wg0\n");
}

static void test_everything_ipv6_without_an_ipv6_address_has_no_route(void **state)
{
	struct plan plan = {0};

	(void)state;
	add_address("10.2.0.2/32");
	add_peer("0.0.0.0/0 ::/0");
	expect(&usual, "firewall.load table inet adit\n"
		       "sysctls\n"
		       "link.up lo\n"
		       "route.add unreachable 0.0.0.0/0 metric 4294967295\n"
		       "route.add unreachable ::/0 metric 4294967295\n"
		       "tun.create wg0 mtu 1420 gso_max_segs 45\n"
		       "address.add 10.2.0.2/32 dev wg0\n"
		       "link.up wg0\n"
		       "route.add 0.0.0.0/0 dev wg0\n");
	assert_int_equal(plan_run(&profile, &usual, &plan, NULL), 0);
	assert_int_equal(plan.n_ipv6_left_out, 1);
	assert_int_equal(plan.n_ipv4_left_out, 0);
	plan_done(&plan);
}

static void test_everything_ipv4_without_an_ipv4_address_has_no_route(void **state)
{
	struct plan plan = {0};

	(void)state;
	add_address("fd00::2/128");
	add_peer("0.0.0.0/1 128.0.0.0/1 ::/0");
	assert_int_equal(plan_run(&profile, &usual, &plan, NULL), 0);
	assert_int_equal(plan.n_ipv4_left_out, 2);
	assert_int_equal(plan.n_ipv6_left_out, 0);
	plan_done(&plan);
}

static void test_halves_several_peers_and_a_name_and_mtu_of_the_file(void **state)
{
	(void)state;
	(void)strcpy(profile.device, "tunnel.7_a");
	profile.mtu = 1380;
	add_address("192.168.6.151/18");
	add_peer("128.0.0.0/1 0.0.0.0/1");
	add_peer("10.0.0.0/8 10.1.0.0/16");
	expect(&usual, "firewall.load table inet adit\n"
		       "sysctls\n"
		       "link.up lo\n"
		       "route.add unreachable 0.0.0.0/0 metric 4294967295\n"
		       "route.add unreachable ::/0 metric 4294967295\n"
		       "tun.create tunnel.7_a mtu 1380 gso_max_segs 46\n"
		       "address.add 192.168.6.151/18 dev tunnel.7_a\n"
		       "link.up tunnel.7_a\n"
		       "route.add 0.0.0.0/1 dev tunnel.7_a\n"
		       "route.add 10.0.0.0/8 dev tunnel.7_a\n"
		       "route.add 10.1.0.0/16 dev tunnel.7_a\n"
		       "route.add 128.0.0.0/1 dev tunnel.7_a\n");
}

static void test_one_prefix_of_two_peers_is_one_route_and_host_bits_are_cleared(void **state)
{
	(void)state;
	add_address("10.0.0.2/32");
	add_peer("10.0.0.0/24 192.0.2.1/32");
	add_peer("10.0.0.9/24 192.0.2.1/32");
	add_peer("10.0.0.0/24");
	expect(&usual, "firewall.load table inet adit\n"
		       "sysctls\n"
		       "link.up lo\n"
		       "route.add unreachable 0.0.0.0/0 metric 4294967295\n"
		       "route.add unreachable ::/0 metric 4294967295\n"
		       "tun.create wg0 mtu 1420 gso_max_segs 45\n"
		       "address.add 10.0.0.2/32 dev wg0\n"
		       "link.up wg0\n"
		       "route.add 10.0.0.0/24 dev wg0\n"
		       "route.add 192.0.2.1/32 dev wg0\n");
}

static void test_no_peer_is_a_tunnel_to_nowhere(void **state)
{
	(void)state;
	add_address("10.0.0.2/32");
	expect(&usual, "firewall.load table inet adit\n"
		       "sysctls\n"
		       "link.up lo\n"
		       "route.add unreachable 0.0.0.0/0 metric 4294967295\n"
		       "route.add unreachable ::/0 metric 4294967295\n"
		       "tun.create wg0 mtu 1420 gso_max_segs 45\n"
		       "address.add 10.0.0.2/32 dev wg0\n"
		       "link.up wg0\n");
}

static void test_a_machine_without_ipv6_gets_none(void **state)
{
	const struct plan_environment environment = {.path_mtu = 1400, .ping_gid = 1001};
	struct plan plan = {0};

	(void)state;
	add_address("10.0.0.2/32");
	add_address("fd00::2/128");
	add_peer("0.0.0.0/0 ::/0");
	expect(&environment, "firewall.load table inet adit\n"
			     "sysctls\n"
			     "link.up lo\n"
			     "route.add unreachable 0.0.0.0/0 metric 4294967295\n"
			     "tun.create wg0 mtu 1320 gso_max_segs 48\n"
			     "address.add 10.0.0.2/32 dev wg0\n"
			     "link.up wg0\n"
			     "route.add 0.0.0.0/0 dev wg0\n");
	assert_int_equal(plan_run(&profile, &environment, &plan, NULL), 0);
	for (size_t i = 0; i < plan.n_steps; i++)
		if (plan.step[i].kind == STEP_SYSCTL_SET)
			assert_null(strstr(plan.step[i].sysctl.path, "ipv6"));
	assert_int_equal(plan.n_ipv6_left_out, 1);
	plan_done(&plan);
}

static const char *setting_of(const struct plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->step[i].kind == STEP_SYSCTL_SET &&
		    strcmp(plan->step[i].sysctl.path, path) == 0)
			return plan->step[i].sysctl.value;
	return "not set";
}

static void test_a_range_of_groups_may_ping_where_the_environment_has_one(void **state)
{
	struct plan_environment environment = {.ping_gid = 0, .ping_gid_last = 2147483647};
	struct plan plan = {0};

	(void)state;
	assert_int_equal(plan_seal(&environment, &plan, NULL), 0);
	assert_string_equal(setting_of(&plan, "net/ipv4/ping_group_range"), "0 2147483647");
	plan_done(&plan);
}

static void test_settings_of_new_links_are_closed_before_there_is_one(void **state)
{
	static const char *const expected[][2] = {
		{"net/ipv4/conf/all/forwarding", "0"},
		{"net/ipv4/conf/all/accept_redirects", "0"},
		{"net/ipv4/conf/default/accept_redirects", "0"},
		{"net/ipv4/conf/all/send_redirects", "0"},
		{"net/ipv4/conf/default/send_redirects", "0"},
		{"net/ipv4/conf/all/accept_source_route", "0"},
		{"net/ipv4/conf/default/accept_source_route", "0"},
		{"net/ipv4/conf/all/route_localnet", "0"},
		{"net/ipv4/conf/default/route_localnet", "0"},
		{"net/ipv4/conf/all/accept_local", "0"},
		{"net/ipv4/conf/default/accept_local", "0"},
		{"net/ipv6/conf/all/forwarding", "0"},
		{"net/ipv6/conf/all/disable_ipv6", "0"},
		{"net/ipv6/conf/default/accept_ra", "0"},
		{"net/ipv6/conf/default/autoconf", "0"},
		{"net/ipv6/conf/default/accept_redirects", "0"},
		{"net/ipv6/conf/default/accept_source_route", "0"},
		{"net/ipv6/conf/default/addr_gen_mode", "1"},
		{"net/ipv4/ping_group_range", "1001 1001"},
	};
	struct plan plan = {0};
	size_t n_settings = 0;

	(void)state;
	add_address("10.0.0.2/32");
	assert_int_equal(plan_run(&profile, &usual, &plan, NULL), 0);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_string_equal(setting_of(&plan, expected[i][0]), expected[i][1]);
	for (size_t i = 0; i < plan.n_steps; i++)
		n_settings += plan.step[i].kind == STEP_SYSCTL_SET;
	assert_int_equal(n_settings, sizeof(expected) / sizeof(expected[0]));
	plan_done(&plan);
}

static size_t place_of(const struct plan *plan, enum step_kind kind)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->step[i].kind == kind)
			return i;
	fail_msg("no step of kind %d", (int)kind);
	return 0;
}

static void test_the_firewall_comes_first_and_the_unreachable_routes_before_the_tunnel(void **state)
{
	struct plan plan = {0};

	(void)state;
	add_address("10.0.0.2/32");
	add_peer("0.0.0.0/0");
	assert_int_equal(plan_run(&profile, &usual, &plan, NULL), 0);
	assert_int_equal(place_of(&plan, STEP_FIREWALL_LOAD), 0);
	assert_true(place_of(&plan, STEP_ROUTE_ADD) < place_of(&plan, STEP_TUN_CREATE));
	assert_string_equal(plan.step[place_of(&plan, STEP_ROUTE_ADD)].route.link, "");
	plan_done(&plan);
}

static void expect_refusal(const struct plan_environment *environment, int code, const char *what)
{
	struct plan plan = {0};
	struct error err;

	assert_int_equal(plan_run(&profile, environment, &plan, &err), -code);
	assert_string_equal(err.what, what);
	assert_null(plan.step);
}

static void test_no_address_is_refused(void **state)
{
	(void)state;
	add_peer("0.0.0.0/0");
	expect_refusal(&usual, EINVAL, "the tunnel has no Address");
}

static void test_ipv6_addresses_alone_on_a_machine_without_ipv6_are_refused(void **state)
{
	const struct plan_environment environment = {.path_mtu = 1500};

	(void)state;
	add_address("fd00::2/128");
	expect_refusal(&environment, EINVAL,
		       "the tunnel has IPv6 addresses only, and this machine has no IPv6");
}

static void test_an_mtu_below_ipv6s_least_is_refused_with_an_ipv6_address(void **state)
{
	(void)state;
	profile.mtu = 1279;
	add_address("10.0.0.2/32");
	add_address("fd00::2/128");
	expect_refusal(&usual, EINVAL, "MTU 1279 is too small for an IPv6 address");
	profile.n_addresses = 1;
	expect(&usual, "firewall.load table inet adit\n"
		       "sysctls\n"
		       "link.up lo\n"
		       "route.add unreachable 0.0.0.0/0 metric 4294967295\n"
		       "route.add unreachable ::/0 metric 4294967295\n"
		       "tun.create wg0 mtu 1279 gso_max_segs 49\n"
		       "address.add 10.0.0.2/32 dev wg0\n"
		       "link.up wg0\n");
}

static void test_too_many_routes_are_refused(void **state)
{
	(void)state;
	add_address("10.0.0.2/32");
	for (size_t i = 0; i < ROUTES_MAX; i++)
		routes[i] = profile.address[0];
	peers[0].allowed_ip = routes;
	peers[0].n_allowed_ips = ROUTES_MAX;
	profile.n_peers = 1;
	expect_refusal(&usual, E2BIG, "more than 65472 AllowedIPs");
}

static void test_sealed_there_is_lo_and_nothing_else(void **state)
{
	struct plan plan = {0};

	(void)state;
	assert_int_equal(plan_seal(&usual, &plan, NULL), 0);
	assert_int_equal(plan.mtu, 0);
	assert_null(strstr(plan.ruleset[SIDE_INSIDE], "wg0"));
	expect_lines(&plan, "firewall.load table inet adit, in place of what there is\n"
			    "sysctls\n"
			    "link.up lo\n"
			    "route.add unreachable 0.0.0.0/0 metric 4294967295\n"
			    "route.add unreachable ::/0 metric 4294967295\n");
}

static void make_named(enum profile_backend backend, struct plan *ret)
{
	struct error err;

	add_address("10.0.0.2/32");
	add_address("fd00::2/128");
	add_peer("0.0.0.0/0 ::/0");
	profile.accept[0] = (struct profile_accept){.protocol = PROTOCOL_TCP, .ports = {22, 22}};
	profile.n_accepts = 1;
	if (plan_named(&profile, &usual, backend, ret, &err) < 0)
		fail_msg("%s", err.what);
}

static void test_a_lasting_namespace_begins_with_its_seal(void **state)
{
	struct plan plan = {0};

	(void)state;
	make_named(BACKEND_USERSPACE, &plan);
	assert_non_null(strstr(plan.ruleset[SIDE_INSIDE], "oifname \"wg0\" accept"));
	assert_non_null(strstr(plan.ruleset[SIDE_INSIDE], "tcp dport 22 accept"));
	assert_null(plan.ruleset[SIDE_HOST]);
	expect_lines(&plan, "firewall.load table inet adit, in place of what there is\n"
			    "sysctls\n"
			    "link.up lo\n"
			    "route.add unreachable 0.0.0.0/0 metric 4294967295\n"
			    "route.add unreachable ::/0 metric 4294967295\n"
			    "tun.create wg0 mtu 1420 gso_max_segs 45\n"
			    "sysctls\n"
			    "address.add 10.0.0.2/32 dev wg0\n"
			    "address.add fd00::2/128 dev wg0\n"
			    "link.up wg0\n"
			    "route.add 0.0.0.0/0 dev wg0\n"
			    "route.add ::/0 dev wg0\n");
}

static void expect_beginning(const struct plan *whole)
{
	struct plan plan = {0};

	assert_int_equal(plan_beginning(whole, &plan, NULL), 0);
	assert_string_equal(plan.ruleset[SIDE_INSIDE], whole->ruleset[SIDE_INSIDE]);
	assert_true(plan.has_ipv6);
	expect_lines(&plan, "firewall.load table inet adit\n"
			    "sysctls\n"
			    "link.up lo\n"
			    "route.add unreachable 0.0.0.0/0 metric 4294967295\n"
			    "route.add unreachable ::/0 metric 4294967295\n");
}

static void test_a_new_namespace_has_the_rules_before_the_tunnel_and_replaces_none(void **state)
{
	struct plan plan = {0};

	(void)state;
	make_named(BACKEND_USERSPACE, &plan);
	expect_beginning(&plan);
	plan_done(&plan);
	assert_int_equal(plan_named(&profile, &usual, BACKEND_KERNEL, &plan, NULL), 0);
	expect_beginning(&plan);
	plan_done(&plan);
	assert_int_equal(plan_seal(&usual, &plan, NULL), 0);
	expect_beginning(&plan);
	plan_done(&plan);
}

static void test_the_kernels_tunnel_is_asked_for_outside(void **state)
{
	struct plan plan = {0};
	const struct step *tunnel;

	(void)state;
	make_named(BACKEND_KERNEL, &plan);
	tunnel = &plan.step[place_of(&plan, STEP_WIREGUARD_CREATE)];
	assert_int_equal(tunnel->side, SIDE_HOST);
	assert_int_equal(tunnel->tun.mtu, 1420);
	assert_int_equal(tunnel->tun.gso_max_segs, 0);
	for (size_t i = 0; i < plan.n_steps; i++)
		assert_int_equal(plan.step[i].side,
				 &plan.step[i] == tunnel ? SIDE_HOST : SIDE_INSIDE);
	plan_done(&plan);
}

static void test_the_tunnels_own_settings_are_closed_in_a_lasting_namespace(void **state)
{
	static const char *const expected[][2] = {
		{"net/ipv4/conf/wg0/forwarding", "0"},
		{"net/ipv4/conf/wg0/accept_redirects", "0"},
		{"net/ipv4/conf/wg0/send_redirects", "0"},
		{"net/ipv4/conf/wg0/accept_source_route", "0"},
		{"net/ipv4/conf/wg0/route_localnet", "0"},
		{"net/ipv4/conf/wg0/accept_local", "0"},
		{"net/ipv6/conf/wg0/disable_ipv6", "0"},
		{"net/ipv6/conf/wg0/forwarding", "0"},
		{"net/ipv6/conf/wg0/accept_ra", "0"},
		{"net/ipv6/conf/wg0/autoconf", "0"},
		{"net/ipv6/conf/wg0/accept_redirects", "0"},
		{"net/ipv6/conf/wg0/accept_source_route", "0"},
		{"net/ipv6/conf/wg0/addr_gen_mode", "1"},
	};
	struct plan plan = {0};

	(void)state;
	make_named(BACKEND_USERSPACE, &plan);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_string_equal(setting_of(&plan, expected[i][0]), expected[i][1]);
	plan_done(&plan);
	assert_int_equal(
		plan_named(&profile, &(struct plan_environment){0}, BACKEND_USERSPACE, &plan, NULL),
		0);
	assert_string_equal(setting_of(&plan, "net/ipv6/conf/wg0/accept_ra"), "not set");
	plan_done(&plan);
}

static void test_a_backend_has_to_be_chosen_first(void **state)
{
	struct plan plan = {0};
	struct error err;

	(void)state;
	add_address("10.0.0.2/32");
	assert_int_equal(plan_named(&profile, &usual, BACKEND_AUTO, &plan, &err), -EINVAL);
	assert_string_equal(err.what, "the tunnel's backend is not chosen yet");
	assert_null(plan.step);
}

static void test_a_name_that_may_not_stand_in_the_rules_is_refused(void **state)
{
	(void)state;
	add_address("10.0.0.2/32");
	(void)strcpy(profile.device, "wg*");
	expect_refusal(&usual, EINVAL, "the tunnel's name is not the name of a link");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_provider_with_both_families, begin),
		cmocka_unit_test_setup(test_everything_ipv6_without_an_ipv6_address_has_no_route,
				       begin),
		cmocka_unit_test_setup(test_everything_ipv4_without_an_ipv4_address_has_no_route,
				       begin),
		cmocka_unit_test_setup(test_halves_several_peers_and_a_name_and_mtu_of_the_file,
				       begin),
		cmocka_unit_test_setup(
			test_one_prefix_of_two_peers_is_one_route_and_host_bits_are_cleared, begin),
		cmocka_unit_test_setup(test_no_peer_is_a_tunnel_to_nowhere, begin),
		cmocka_unit_test_setup(test_a_machine_without_ipv6_gets_none, begin),
		cmocka_unit_test_setup(
			test_a_range_of_groups_may_ping_where_the_environment_has_one, begin),
		cmocka_unit_test_setup(test_settings_of_new_links_are_closed_before_there_is_one,
				       begin),
		cmocka_unit_test_setup(
			test_the_firewall_comes_first_and_the_unreachable_routes_before_the_tunnel,
			begin),
		cmocka_unit_test_setup(test_no_address_is_refused, begin),
		cmocka_unit_test_setup(
			test_ipv6_addresses_alone_on_a_machine_without_ipv6_are_refused, begin),
		cmocka_unit_test_setup(
			test_an_mtu_below_ipv6s_least_is_refused_with_an_ipv6_address, begin),
		cmocka_unit_test_setup(test_too_many_routes_are_refused, begin),
		cmocka_unit_test_setup(test_sealed_there_is_lo_and_nothing_else, begin),
		cmocka_unit_test_setup(test_a_lasting_namespace_begins_with_its_seal, begin),
		cmocka_unit_test_setup(
			test_a_new_namespace_has_the_rules_before_the_tunnel_and_replaces_none,
			begin),
		cmocka_unit_test_setup(test_the_kernels_tunnel_is_asked_for_outside, begin),
		cmocka_unit_test_setup(
			test_the_tunnels_own_settings_are_closed_in_a_lasting_namespace, begin),
		cmocka_unit_test_setup(test_a_backend_has_to_be_chosen_first, begin),
		cmocka_unit_test_setup(test_a_name_that_may_not_stand_in_the_rules_is_refused,
				       begin),
	};

	return cmocka_run_group_tests_name("plan/plan", tests, NULL, NULL);
}
