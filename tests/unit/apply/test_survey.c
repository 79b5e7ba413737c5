/* Mirrors src/apply/survey.c: a namespace made by a plan is found to be so, and made
 * so again whatever somebody did to it.
 */
#include "cmocka_all.h"

#include "apply/snapshot.h"
#include "namespace.h"

#include "apply/apply.h"
#include "apply/record.h"
#include "apply/survey.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "net/nft.h"
#include "plan/diff.h"
#include "plan/print.h"
#include "plan/ruleset.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

enum { TEXT_LEN = 8192 };

static const struct plan_environment environment = {.ping_gid = NAMESPACE_ID, .has_ipv6 = true};
static struct profile profile;
static struct prefix allowed_ips[3];
static struct profile_peer peer = {.allowed_ip = allowed_ips, .n_allowed_ips = 3};
static struct host host;
static struct record record;
static struct plan named;
static struct error err;

static struct prefix make_prefix(const char *text)
{
	struct prefix prefix = {0};

	(void)prefix_parse(text, strlen(text), &prefix);
	return prefix;
}

static void make_profile(void)
{
	memset(&profile, 0, sizeof(profile));
	(void)snprintf(profile.device, sizeof(profile.device), "wg0");
	profile.address[0] = make_prefix("10.2.0.2/24");
	profile.address[1] = make_prefix("fd00::2/64");
	profile.n_addresses = 2;
	allowed_ips[0] = make_prefix("0.0.0.0/1");
	allowed_ips[1] = make_prefix("128.0.0.0/1");
	allowed_ips[2] = make_prefix("::/0");
	profile.peer = &peer;
	profile.n_peers = 1;
	profile.accept[0] =
		(struct profile_accept){.protocol = PROTOCOL_TCP, .ports = {1111, 1111}};
	profile.n_accepts = 1;
}

static int setup(void **state)
{
	int r = namespace_setup(state);

	make_profile();
	memset(&err, 0, sizeof(err));
	record = (struct record){0};
	if (r < 0 || namespace_reason)
		return r;
	r = plan_named(&profile, &environment, BACKEND_USERSPACE, &named, &err);
	if (r == 0)
		r = host_open(&host, &err);
	host.record = &record;
	return r;
}

static int teardown(void **state)
{
	(void)state;
	host_done(&host);
	record_done(&record);
	plan_done(&named);
	return 0;
}

/* What differs from the plan, as lines. */
static const char *differences(const struct plan *desired)
{
	static char buffer[TEXT_LEN];
	struct plan changes = {0};
	struct survey survey;
	struct text text;

	if (survey_network(&host, desired, &survey, &err) < 0)
		fail_msg("%s", err.what);
	assert_int_equal(plan_diff(desired, &survey.plan, &changes, &err), 0);
	text_init(&text, buffer, sizeof(buffer));
	for (size_t i = 0; i < changes.n_steps; i++) {
		print_step(&changes.step[i], &text);
		text_add(&text, "\n");
	}
	survey_done(&survey);
	plan_done(&changes);
	return buffer;
}

static int repair(const struct plan *desired)
{
	int r = survey_repair(&host, desired, NULL, NULL, &err);

	if (r < 0)
		fail_msg("%s", err.what);
	assert_string_equal(differences(desired), "");
	return r;
}

static void test_a_new_namespace_is_sealed_then_named_and_then_as_it_should_be(void **state)
{
	struct plan seal = {0};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(plan_seal(&environment, &seal, &err), 0);
	assert_true(repair(&seal) > 10);
	assert_int_equal(survey_repair(&host, &seal, NULL, NULL, &err), 0);
	assert_true(repair(&named) > 5);
	assert_true(host.tun_fd >= 0);
	assert_int_equal(repair(&named), 0);
	plan_done(&seal);
}

/* Named, and as it should be. */
static void make_named(void)
{
	assert_true(repair(&named) > 10);
}

static uint32_t index_of(const char *name)
{
	struct link_info link;

	if (link_get(host.route, name, &link, &err) < 0)
		fail_msg("%s", err.what);
	return link.index;
}

static void add_route(const char *to, const char *link, const struct route *like)
{
	struct route route = *like;

	route.to = make_prefix(to);
	route.oif = link ? index_of(link) : 0;
	if (route_add(host.route, &route, &err) < 0)
		fail_msg("%s", err.what);
}

static void delete_route(const char *to, const char *link, const struct route *like)
{
	struct route route = *like;

	route.to = make_prefix(to);
	route.oif = link ? index_of(link) : 0;
	if (route_delete(host.route, &route, &err) < 0)
		fail_msg("%s", err.what);
}

static void change_link(const char *name, const struct link_change *change)
{
	if (link_change(host.route, name, change, &err) < 0)
		fail_msg("%s", err.what);
}

static void set_down(const char *name)
{
	static const struct link_change down = {.flags_mask = IFF_UP};

	change_link(name, &down);
}

static void delete_address(const char *link, const char *prefix)
{
	const struct link_address address = {.index = index_of(link),
					     .address = make_prefix(prefix)};

	if (ifaddr_delete(host.route, &address, &err) < 0)
		fail_msg("%s", err.what);
}

static void add_address(const char *link, const char *prefix)
{
	const struct link_address address = {.index = index_of(link),
					     .address = make_prefix(prefix)};

	if (ifaddr_add(host.route, &address, &err) < 0)
		fail_msg("%s", err.what);
}

static void load(const char *rules)
{
	if (nft_apply(rules, &err) < 0)
		fail_msg("%s", err.what);
}

static void add_bridge(const char *name)
{
	struct link_new bridge = {.kind = "bridge"};
	static const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};

	(void)snprintf(bridge.name, sizeof(bridge.name), "%s", name);
	if (link_create(host.route, &bridge, &err) < 0)
		fail_msg("%s", err.what);
	change_link(name, &up);
}

static const struct route unicast = {.type = ROUTE_UNICAST};
static const struct route unreachable = {.type = ROUTE_UNREACHABLE, .metric = ROUTE_METRIC_LAST};

static void lose_a_route(void)
{
	delete_route("128.0.0.0/1", "wg0", &unicast);
}

static void lose_an_ipv6_route(void)
{
	delete_route("::/0", "wg0", &unicast);
}

static void lose_the_unreachable(void)
{
	delete_route("0.0.0.0/0", NULL, &unreachable);
	delete_route("::/0", NULL, &unreachable);
}

static void add_a_lan_route(void)
{
	add_route("192.168.0.0/16", "lo", &unicast);
}

static void add_a_default_by_another_link(void)
{
	add_bridge("other");
	add_route("0.0.0.0/0", "other", &unicast);
	add_route("::/0", "other", &(struct route){.type = ROUTE_UNICAST, .metric = 1});
}

static void add_routes_that_say_no(void)
{
	add_route("192.0.2.0/24", NULL, &(struct route){.type = ROUTE_BLACKHOLE});
	add_route("198.51.100.0/24", NULL, &(struct route){.type = ROUTE_PROHIBIT, .metric = 3});
	add_route("203.0.113.0/24", NULL, &(struct route){.type = ROUTE_THROW});
	add_route("2001:db8::/32", NULL, &(struct route){.type = ROUTE_BLACKHOLE});
}

static void add_a_local_everything(void)
{
	add_route("0.0.0.0/0", "lo", &(struct route){.type = ROUTE_LOCAL, .table = RT_TABLE_LOCAL});
}

static void add_a_route_for_some_sources(void)
{
	struct route route = {.type = ROUTE_UNICAST, .from = make_prefix("fd00::/16")};

	add_route("2001:db8::/32", "wg0", &route);
}

static void add_a_table_and_rules(void)
{
	struct rule rule = {.family = AF_INET, .priority = 10, .table = 77};

	add_route("0.0.0.0/0", "lo", &(struct route){.type = ROUTE_UNICAST, .table = 77});
	assert_int_equal(rule_add(host.route, &rule, NULL), 0);
	rule = (struct rule){.family = AF_INET6, .priority = 11, .action = FR_ACT_PROHIBIT};
	rule.to = make_prefix("2001:db8::/32");
	assert_int_equal(rule_add(host.route, &rule, NULL), 0);
}

static void lose_the_rules(void)
{
	struct rule rule = {.family = AF_INET, .priority = 0, .table = RT_TABLE_LOCAL};

	assert_int_equal(rule_delete(host.route, &rule, NULL), 0);
	rule = (struct rule){.family = AF_INET6, .priority = 32766, .table = RT_TABLE_MAIN};
	assert_int_equal(rule_delete(host.route, &rule, NULL), 0);
}

static void flush_the_ruleset(void)
{
	load("flush ruleset");
}

static void let_more_out(void)
{
	load("insert rule inet adit output accept");
}

static void let_the_table_sleep(void)
{
	load("add table inet adit { flags dormant; }");
}

static void make_the_table_anew(void)
{
	char beginning[RULESET_BEGINNING_LEN];
	AUTO_FREE char *text = NULL;

	assert_true(asprintf(&text, "%s%s", ruleset_beginning(RULESET_TABLE, true, beginning),
			     named.ruleset[SIDE_INSIDE]) > 0);
	load(text);
}

static void rename_the_tunnel(void)
{
	assert_int_equal(link_rename(host.route, "wg0", "x", NULL), 0);
}

static void swap_the_tunnel(void)
{
	rename_the_tunnel();
	add_bridge("wg0");
}

static void change_the_mtu(void)
{
	change_link("wg0", &(struct link_change){.mtu = 1300, .gso_max_segs = 1});
}

/* Below 1280 the kernel takes IPv6 away from the link. */
static void change_the_mtu_so_that_ipv6_goes(void)
{
	change_link("wg0", &(struct link_change){.mtu = 1000});
}

static void set_the_tunnel_down(void)
{
	set_down("wg0");
}

static void delete_the_tunnel(void)
{
	assert_int_equal(link_delete(host.route, "wg0", NULL), 0);
}

static void lose_addresses(void)
{
	delete_address("wg0", "10.2.0.2/24");
	delete_address("wg0", "fd00::2/64");
}

static void have_other_addresses(void)
{
	lose_addresses();
	add_address("wg0", "10.2.0.3/24");
	add_address("wg0", "fd00::3/64");
	add_address("lo", "192.0.2.1/32");
}

static void set_lo_down(void)
{
	set_down("lo");
}

static void lose_the_addresses_of_lo(void)
{
	delete_address("lo", "127.0.0.1/8");
	delete_address("lo", "::1/128");
}

static void make_addresses_deaf(void)
{
	delete_route("10.2.0.2/32", "wg0",
		     &(struct route){.type = ROUTE_LOCAL, .table = RT_TABLE_LOCAL});
	delete_route("fd00::2/128", "wg0",
		     &(struct route){.type = ROUTE_LOCAL, .table = RT_TABLE_LOCAL});
}

static void open_the_settings(void)
{
	static const char *const paths[] = {
		"net/ipv4/conf/all/forwarding",		 "net/ipv4/conf/wg0/accept_local",
		"net/ipv4/conf/wg0/accept_source_route", "net/ipv6/conf/wg0/accept_ra",
		"net/ipv6/conf/default/autoconf",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(sysctl_write(paths[i], "1", NULL), 0);
}

static void take_ipv6_away(void)
{
	assert_int_equal(sysctl_write("net/ipv6/conf/all/disable_ipv6", "1", NULL), 0);
}

static void do_everything(void)
{
	flush_the_ruleset();
	add_a_default_by_another_link();
	add_a_table_and_rules();
	lose_the_rules();
	open_the_settings();
	have_other_addresses();
	swap_the_tunnel();
	set_lo_down();
}

/* `line` is part of what is said to be wrong. */
static const struct {
	void (*harm)(void);
	const char *line;
} harms[] = {
	{lose_a_route, "route.add 128.0.0.0/1 dev wg0\n"},
	{lose_an_ipv6_route, "route.add ::/0 dev wg0\n"},
	{lose_the_unreachable, "route.add unreachable 0.0.0.0/0 metric 4294967295\n"
			       "route.add unreachable ::/0 metric 4294967295\n"},
	{add_a_lan_route, "route.delete 192.168.0.0/16 dev lo\n"},
	{add_a_default_by_another_link, "route.delete 0.0.0.0/0 dev other\n"},
	{add_routes_that_say_no, "route.delete prohibit 198.51.100.0/24 metric 3\n"},
	{add_a_local_everything, "route.delete local 0.0.0.0/0 dev lo table 255\n"},
	{add_a_route_for_some_sources, "route.delete 2001:db8::/32 from fd00::/16 dev wg0\n"},
	{add_a_table_and_rules, "rule.delete ipv4 10: from all table 77\n"},
	{add_a_table_and_rules, "rule.delete ipv6 11: from all to 2001:db8::/32 action 8\n"},
	{lose_the_rules, "rule.add ipv4 0: from all table 255\n"
			 "rule.add ipv6 32766: from all table 254\n"},
	{flush_the_ruleset, "firewall.load table inet adit\n"},
	{let_more_out, "firewall.load table inet adit, in place of what there is\n"},
	{let_the_table_sleep, "firewall.load table inet adit, in place of what there is\n"},
	{make_the_table_anew, "firewall.load table inet adit, in place of what there is\n"},
	{rename_the_tunnel, "link.alter wg0 mtu 1420 gso_max_segs 45, was x"},
	{swap_the_tunnel, "link.delete wg0 type bridge\n"},
	{change_the_mtu, "link.alter wg0 mtu 1420 gso_max_segs 45, was wg0 mtu 1300"},
	{change_the_mtu_so_that_ipv6_goes, "address.add fd00::2/64 dev wg0\n"},
	{set_the_tunnel_down, "link.up wg0\n"},
	{delete_the_tunnel, "tun.create wg0 mtu 1420 gso_max_segs 45\n"},
	{lose_addresses, "address.add 10.2.0.2/24 dev wg0\n"},
	{have_other_addresses, "address.delete 192.0.2.1/32 dev lo\n"},
	{set_lo_down, "link.up lo\n"},
	{lose_the_addresses_of_lo, "address.add ::1/128 dev lo\n"},
	{make_addresses_deaf, "address.delete 10.2.0.2/24 dev wg0\n"},
	{open_the_settings, "sysctl.set net/ipv4/conf/wg0/accept_local = 0\n"},
	{take_ipv6_away, "sysctl.set net/ipv6/conf/all/disable_ipv6 = 0\n"},
	{do_everything, "firewall.load table inet adit\n"},
};

static void check_harm(size_t i)
{
	const char *said;

	make_named();
	harms[i].harm();
	said = differences(&named);
	if (!strstr(said, harms[i].line))
		fail_msg("harm %zu: no\n%sin\n%s", i, harms[i].line, said);
	assert_true(repair(&named) > 0);
}

static void test_every_harm_is_found_and_repaired(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < sizeof(harms) / sizeof(harms[0]); i++) {
		check_harm(i);
		(void)teardown(NULL);
		assert_int_equal(setup(NULL), 0);
	}
}

static void test_what_runs_over_a_tunnel_that_is_renamed_goes_on(void **state)
{
	int tun;

	(void)state;
	NAMESPACE_OR_SKIP();
	make_named();
	tun = host.tun_fd;
	swap_the_tunnel();
	change_the_mtu_so_that_ipv6_goes();
	(void)repair(&named);
	assert_int_equal(host.tun_fd, tun);
	assert_int_equal(record.tunnel, index_of("wg0"));
}

static void test_a_foreign_link_is_named_and_left_alone(void **state)
{
	struct survey survey;

	(void)state;
	NAMESPACE_OR_SKIP();
	make_named();
	add_bridge("other");
	add_address("other", "192.0.2.1/24");
	assert_int_equal(survey_network(&host, &named, &survey, &err), 0);
	assert_int_equal(survey.n_foreign, 1);
	assert_string_equal(survey.foreign[0], "other");
	survey_done(&survey);
	assert_string_equal(differences(&named), "");
}

static void test_without_a_record_the_firewall_is_loaded_once_more(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	make_named();
	record_done(&record);
	assert_string_equal(differences(&named),
			    "firewall.load table inet adit, in place of what there is\n");
	assert_int_equal(repair(&named), 1);
}

static void test_a_record_from_its_file_knows_the_namespace(void **state)
{
	char path[] = "/tmp/test_survey.XXXXXX";
	int fd;

	(void)state;
	NAMESPACE_OR_SKIP();
	make_named();
	fd = mkstemp(path);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(record_save(&record, path, &err), 0);
	record_done(&record);
	assert_int_equal(record_load(path, &record, &err), 0);
	assert_string_equal(differences(&named), "");
	(void)unlink(path);
}

static void test_sealed_again_the_tunnel_is_gone_and_the_drops_are_not(void **state)
{
	struct plan seal = {0};
	struct survey survey;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(plan_seal(&environment, &seal, &err), 0);
	make_named();
	assert_true(repair(&seal) > 3);
	assert_int_equal(survey_network(&host, &seal, &survey, &err), 0);
	assert_int_equal(survey.n_foreign, 0);
	assert_int_equal(survey.plan.step[0].kind, STEP_FIREWALL_LOAD);
	for (size_t i = 0; i < survey.plan.n_steps; i++)
		assert_int_not_equal(survey.plan.step[i].kind, STEP_TUN_CREATE);
	survey_done(&survey);
	plan_done(&seal);
}

/* Another file: other addresses, routes, ports and name, and the same tunnel. */
static void change_profile(void)
{
	(void)snprintf(profile.device, sizeof(profile.device), "tunnel0");
	profile.address[0] = make_prefix("10.9.0.2/32");
	allowed_ips[0] = make_prefix("10.0.0.0/8");
	profile.mtu = 1380;
	profile.n_accepts = 0;
}

static void test_another_plan_keeps_the_tunnel_and_changes_the_rest(void **state)
{
	struct plan other = {0};
	int tun;

	(void)state;
	NAMESPACE_OR_SKIP();
	make_named();
	tun = host.tun_fd;
	change_profile();
	assert_int_equal(plan_named(&profile, &environment, BACKEND_USERSPACE, &other, &err), 0);
	assert_true(repair(&other) > 0);
	assert_int_equal(host.tun_fd, tun);
	assert_int_equal(record.tunnel, index_of("tunnel0"));
	(void)repair(&named);
	assert_int_equal(host.tun_fd, tun);
	plan_done(&other);
}

static void test_a_change_that_fails_leaves_what_was_there(void **state)
{
	struct plan other = {0};
	struct plan changes = {0};
	struct survey survey;

	(void)state;
	NAMESPACE_OR_SKIP();
	make_named();
	change_profile();
	assert_int_equal(plan_named(&profile, &environment, BACKEND_USERSPACE, &other, &err), 0);
	assert_int_equal(survey_network(&host, &other, &survey, &err), 0);
	assert_int_equal(plan_diff(&other, &survey.plan, &changes, &err), 0);
	/* the last one: a route by a link that there is not */
	(void)strcpy(changes.step[changes.n_steps - 1].route.link, "none");
	assert_int_equal(apply_plan(&changes, &host, NULL, &err), -ENODEV);
	assert_string_equal(differences(&named), "");
	survey_done(&survey);
	plan_done(&changes);
	plan_done(&other);
}

/* Killed after any number of steps, its successor ends it. */
static void test_any_part_of_bringing_up_is_ended_by_the_next(void **state)
{
	size_t n_steps = 1;

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t n_done = 0; n_done < n_steps; n_done++) {
		struct plan changes = {0};
		struct survey survey;

		assert_int_equal(survey_network(&host, &named, &survey, &err), 0);
		assert_int_equal(plan_diff(&named, &survey.plan, &changes, &err), 0);
		n_steps = changes.n_steps;
		changes.n_steps = n_done;
		assert_int_equal(apply_plan(&changes, &host, NULL, &err), 0);
		changes.n_steps = n_steps;
		/* the record goes with the process, and so does the tunnel */
		record_done(&record);
		if (host.tun_fd >= 0)
			(void)close(host.tun_fd);
		host.tun_fd = -1;
		(void)repair(&named);
		survey_done(&survey);
		plan_done(&changes);
		(void)teardown(NULL);
		assert_int_equal(setup(NULL), 0);
	}
}

/* Links as many as a program inside may make, each with a route. */
static void test_a_crowd_of_links_keeps_nobody_from_repairing(void **state)
{
	enum { N_LINKS = 300 };

	(void)state;
	NAMESPACE_OR_SKIP();
	make_named();
	for (int i = 0; i < N_LINKS; i++) {
		char name[IFNAMSIZ];
		struct route route = {.type = ROUTE_UNICAST, .table = 1000};

		(void)snprintf(name, sizeof(name), "other%u", (unsigned int)i % 1000);
		add_bridge(name);
		route.metric = (uint32_t)i + 1;
		add_route("10.0.0.0/8", name, &route);
	}
	load("flush ruleset");
	assert_int_equal(repair(&named), N_LINKS + 1);
}

/* One that the kernel refuses to make, last. */
static void test_the_drops_stand_also_when_the_rest_cannot_be_repaired(void **state)
{
	struct plan impossible = {0};
	struct survey survey;

	(void)state;
	NAMESPACE_OR_SKIP();
	make_named();
	assert_int_equal(plan_named(&profile, &environment, BACKEND_USERSPACE, &impossible, &err),
			 0);
	(void)strcpy(impossible.step[impossible.n_steps - 1].route.link, "none");
	load("flush ruleset");
	assert_int_equal(survey_repair(&host, &impossible, NULL, NULL, &err), -ENODEV);
	assert_int_equal(survey_network(&host, &named, &survey, &err), 0);
	assert_int_equal(survey.plan.step[0].kind, STEP_FIREWALL_LOAD);
	assert_false(survey.plan.step[0].firewall.is_changed);
	survey_done(&survey);
	plan_done(&impossible);
}

/* What a failed reload had loaded goes back to what was there. */
static void test_a_change_of_rules_that_comes_with_a_failure_is_undone(void **state)
{
	struct plan other = {0};

	(void)state;
	NAMESPACE_OR_SKIP();
	make_named();
	profile.n_accepts = 0;
	assert_int_equal(plan_named(&profile, &environment, BACKEND_USERSPACE, &other, &err), 0);
	(void)strcpy(other.step[other.n_steps - 1].route.link, "none");
	assert_int_equal(survey_repair(&host, &other, NULL, NULL, &err), -ENODEV);
	assert_string_equal(differences(&named), "");
	plan_done(&other);
}

static void tell(void *context, const struct step *step)
{
	text_add(context, "%s\n", print_kind(step));
}

static void test_a_repair_tells_what_it_does(void **state)
{
	char buffer[TEXT_LEN];
	struct text text;

	(void)state;
	NAMESPACE_OR_SKIP();
	make_named();
	lose_a_route();
	add_a_lan_route();
	text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(survey_repair(&host, &named, tell, &text, &err), 2);
	assert_string_equal(buffer, "route.delete\nroute.add\n");
}

static void test_what_does_not_stay_is_given_up(void **state)
{
	struct plan wrong = {0};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(plan_seal(&environment, &wrong, &err), 0);
	/* the kernel says 1 */
	(void)strcpy(wrong.step[1].sysctl.value, "01");
	(void)strcpy(wrong.step[1].sysctl.path, "net/ipv4/conf/all/forwarding");
	assert_int_equal(survey_repair(&host, &wrong, NULL, NULL, &err), -ELOOP);
	assert_string_equal(err.what, "what was changed did not stay so");
	plan_done(&wrong);
}

static void test_a_kernel_that_does_not_answer_is_an_error_in_words(void **state)
{
	struct survey survey = {0};
	int unconnected;

	(void)state;
	NAMESPACE_OR_SKIP();
	nlsock_close(host.route);
	unconnected = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(nlsock_adopt(unconnected, &host.route, NULL), 0);
	assert_true(survey_network(&host, &named, &survey, &err) < 0);
	assert_non_null(strstr(err.what, "cannot find out what the namespace is like: "));
	assert_null(survey.plan.step);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_a_new_namespace_is_sealed_then_named_and_then_as_it_should_be),
		EACH(test_every_harm_is_found_and_repaired),
		EACH(test_what_runs_over_a_tunnel_that_is_renamed_goes_on),
		EACH(test_a_foreign_link_is_named_and_left_alone),
		EACH(test_without_a_record_the_firewall_is_loaded_once_more),
		EACH(test_a_record_from_its_file_knows_the_namespace),
		EACH(test_sealed_again_the_tunnel_is_gone_and_the_drops_are_not),
		EACH(test_another_plan_keeps_the_tunnel_and_changes_the_rest),
		EACH(test_a_change_that_fails_leaves_what_was_there),
		EACH(test_any_part_of_bringing_up_is_ended_by_the_next),
		EACH(test_a_crowd_of_links_keeps_nobody_from_repairing),
		EACH(test_the_drops_stand_also_when_the_rest_cannot_be_repaired),
		EACH(test_a_change_of_rules_that_comes_with_a_failure_is_undone),
		EACH(test_a_repair_tells_what_it_does),
		EACH(test_what_does_not_stay_is_given_up),
		EACH(test_a_kernel_that_does_not_answer_is_an_error_in_words),
	};

	return cmocka_run_group_tests_name("apply/survey", tests, namespace_group_setup, NULL);
}
