/* Mirrors src/plan/diff.c */
#include "cmocka_all.h"

#include "plan/model.h"

#include "base/error.h"
#include "base/text.h"
#include "plan/diff.h"
#include "plan/print.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

enum { TEXT_LEN = 16384, N_TRIALS = 20000 };

static struct model desired;
static struct model found;

static struct prefix make_prefix(const char *text)
{
	struct prefix prefix = {0};

	if (!prefix_parse(text, strlen(text), &prefix))
		fail_msg("%s is no prefix", text);
	return prefix;
}

static struct step firewall(bool is_changed)
{
	return (struct step){.kind = STEP_FIREWALL_LOAD, .firewall = {.is_changed = is_changed}};
}

static struct step sysctl(const char *path, const char *value)
{
	struct step step = {.kind = STEP_SYSCTL_SET};

	(void)snprintf(step.sysctl.path, sizeof(step.sysctl.path), "%s", path);
	(void)snprintf(step.sysctl.value, sizeof(step.sysctl.value), "%s", value);
	return step;
}

static struct step rule(int family, uint32_t priority, uint32_t table)
{
	return (struct step){.kind = STEP_RULE_ADD,
			     .rule = {.family = (uint8_t)family,
				      .action = FR_ACT_TO_TBL,
				      .priority = priority,
				      .table = table}};
}

static struct step up(const char *name)
{
	struct step step = {.kind = STEP_LINK_UP};

	(void)snprintf(step.link.name, sizeof(step.link.name), "%s", name);
	return step;
}

static struct step tunnel(enum step_kind kind, const char *name, uint32_t mtu)
{
	struct step step = {.kind = kind, .tun = {.mtu = mtu}};

	(void)snprintf(step.tun.name, sizeof(step.tun.name), "%s", name);
	step.side = kind == STEP_WIREGUARD_CREATE ? SIDE_HOST : SIDE_INSIDE;
	return step;
}

static struct step address(const char *link, const char *prefix)
{
	struct step step = {.kind = STEP_ADDRESS_ADD};

	(void)snprintf(step.address.link, sizeof(step.address.link), "%s", link);
	step.address.address = make_prefix(prefix);
	return step;
}

static struct step route(const char *link, const char *prefix)
{
	struct step step = {.kind = STEP_ROUTE_ADD, .route = {.way = WAY_LINK}};

	(void)snprintf(step.route.link, sizeof(step.route.link), "%s", link);
	step.route.to = make_prefix(prefix);
	return step;
}

static struct step unreachable(const char *prefix)
{
	struct step step = {.kind = STEP_ROUTE_ADD};

	step.route.to = make_prefix(prefix);
	step.route.metric = UINT32_MAX;
	return step;
}

static void put(struct model *model, struct step step)
{
	model_put(model, &step);
}

static void put_rules(struct model *model)
{
	put(model, rule(AF_INET, 0, RT_TABLE_LOCAL));
	put(model, rule(AF_INET, 32766, RT_TABLE_MAIN));
	put(model, rule(AF_INET, 32767, RT_TABLE_DEFAULT));
	put(model, rule(AF_INET6, 0, RT_TABLE_LOCAL));
	put(model, rule(AF_INET6, 32766, RT_TABLE_MAIN));
}

/* What a plan says, and what the kernel adds to it. */
static void put_named(struct model *model)
{
	put(model, firewall(false));
	put(model, sysctl("net/ipv4/conf/all/forwarding", "0"));
	put(model, up("lo"));
	put(model, unreachable("0.0.0.0/0"));
	put(model, tunnel(STEP_TUN_CREATE, "wg0", 1420));
	put(model, address("wg0", "10.0.0.2/32"));
	put(model, address("wg0", "fd00::2/128"));
	put(model, up("wg0"));
	put(model, route("wg0", "0.0.0.0/0"));
	put(model, route("wg0", "::/0"));
}

static void put_kernels(struct model *model)
{
	put_rules(model);
	put(model, address("lo", "127.0.0.1/8"));
	put(model, address("lo", "::1/128"));
}

static int begin(void **state)
{
	(void)state;
	memset(&desired, 0, sizeof(desired));
	memset(&found, 0, sizeof(found));
	return 0;
}

/* Both as put_named(); a test then changes one of them. */
static int begin_equal(void **state)
{
	int r = begin(state);

	put_named(&desired);
	put_named(&found);
	put_kernels(&found);
	return r;
}

static void print(const struct plan *plan, char *buffer)
{
	struct text text;

	text_init(&text, buffer, TEXT_LEN);
	for (size_t i = 0; i < plan->n_steps; i++) {
		print_step(&plan->step[i], &text);
		text_add(&text, "\n");
	}
}

static struct plan diff(void)
{
	struct plan wanted = model_list(&desired);
	struct plan is = model_list(&found);
	struct plan changes = {0};
	struct error err;

	/* a plan brings lo up before its tunnel, wherever a survey lists it */
	if (plan_diff(&wanted, &is, &changes, &err) < 0)
		fail_msg("%s", err.what);
	return changes;
}

static void expect(const char *lines)
{
	struct plan changes = diff();
	char text[TEXT_LEN];

	print(&changes, text);
	assert_string_equal(text, lines);
	for (size_t i = 0; i < changes.n_steps; i++)
		model_apply(&found, &changes.step[i]);
	assert_null(found.fault);
	plan_done(&changes);
	changes = diff();
	assert_int_equal(changes.n_steps, 0);
	plan_done(&changes);
}

static void lose(struct step step)
{
	assert_non_null(model_find(&found, &step));
	model_remove(&found, &step);
}

static void test_equal_states_need_nothing(void **state)
{
	(void)state;
	expect("");
}

static void test_a_lost_route_comes_back(void **state)
{
	(void)state;
	lose(route("wg0", "0.0.0.0/0"));
	expect("route.add 0.0.0.0/0 dev wg0\n");
}

static void test_a_foreign_route_goes(void **state)
{
	(void)state;
	put(&found, route("wg0", "192.168.0.0/16"));
	expect("route.delete 192.168.0.0/16 dev wg0\n");
}

static void test_a_table_that_is_gone_is_made_and_one_that_differs_is_replaced(void **state)
{
	struct step changed = firewall(true);

	(void)state;
	lose(firewall(false));
	expect("firewall.load table inet adit\n");
	*model_find(&found, &changed) = changed;
	expect("firewall.load table inet adit, in place of what there is\n");
}

static void test_a_table_comes_before_everything_and_goes_after_everything(void **state)
{
	(void)state;
	lose(firewall(false));
	lose(tunnel(STEP_TUN_CREATE, "wg0", 1420));
	put(&found, route("lo", "10.0.0.0/8"));
	expect("firewall.load table inet adit\n"
	       "route.delete 10.0.0.0/8 dev lo\n"
	       "tun.create wg0 mtu 1420\n"
	       "address.add 10.0.0.2/32 dev wg0\n"
	       "address.add fd00::2/128 dev wg0\n"
	       "link.up wg0\n"
	       "route.add 0.0.0.0/0 dev wg0\n"
	       "route.add ::/0 dev wg0\n");
	memset(&desired, 0, sizeof(desired));
	expect("route.delete ::/0 dev wg0\n"
	       "route.delete unreachable 0.0.0.0/0 metric 4294967295\n"
	       "route.delete 0.0.0.0/0 dev wg0\n"
	       "link.down wg0\n"
	       "link.down lo\n"
	       "address.delete fd00::2/128 dev wg0\n"
	       "address.delete 10.0.0.2/32 dev wg0\n"
	       "tun.delete wg0 mtu 1420\n"
	       "firewall.unload table inet adit\n");
}

static void test_a_setting_is_set_and_undo_knows_what_it_was(void **state)
{
	struct step wrong = sysctl("net/ipv4/conf/all/forwarding", "1");
	struct plan changes;

	(void)state;
	*model_find(&found, &wrong) = wrong;
	changes = diff();
	assert_int_equal(changes.n_steps, 1);
	assert_string_equal(changes.step[0].sysctl.restore, "1");
	plan_done(&changes);
	expect("sysctl.set net/ipv4/conf/all/forwarding = 0\n");
}

static void test_a_renamed_tunnel_is_called_by_its_name_again_and_keeps_its_routes(void **state)
{
	struct step step = tunnel(STEP_TUN_CREATE, "wg0", 1280);

	(void)state;
	(void)strcpy(step.tun.renamed, "x");
	*model_find(&found, &step) = step;
	expect("link.alter wg0 mtu 1420, was x mtu 1280\n");
}

static void test_another_backend_makes_all_of_the_tunnel_anew(void **state)
{
	(void)state;
	lose(tunnel(STEP_TUN_CREATE, "wg0", 1420));
	put(&found, tunnel(STEP_WIREGUARD_CREATE, "wg0", 1420));
	put(&found, address("wg0", "10.0.0.2/32"));
	put(&found, up("wg0"));
	put(&found, route("wg0", "0.0.0.0/0"));
	expect("route.delete 0.0.0.0/0 dev wg0\n"
	       "link.down wg0\n"
	       "address.delete 10.0.0.2/32 dev wg0\n"
	       "wireguard.delete wg0 mtu 1420\n"
	       "tun.create wg0 mtu 1420\n"
	       "address.add 10.0.0.2/32 dev wg0\n"
	       "address.add fd00::2/128 dev wg0\n"
	       "link.up wg0\n"
	       "route.add 0.0.0.0/0 dev wg0\n"
	       "route.add ::/0 dev wg0\n");
}

/* Linux takes a link's IPv4 routes away with its last IPv4 address. */
static void test_another_address_brings_its_routes_back(void **state)
{
	(void)state;
	lose(address("wg0", "10.0.0.2/32"));
	put(&found, address("wg0", "10.0.0.3/32"));
	put(&found, route("wg0", "0.0.0.0/0"));
	expect("route.delete 0.0.0.0/0 dev wg0\n"
	       "address.delete 10.0.0.3/32 dev wg0\n"
	       "address.add 10.0.0.2/32 dev wg0\n"
	       "route.add 0.0.0.0/0 dev wg0\n");
}

static void test_a_deaf_address_is_made_anew(void **state)
{
	struct step deaf = address("wg0", "fd00::2/128");

	(void)state;
	deaf.address.is_deaf = true;
	*model_find(&found, &deaf) = deaf;
	expect("address.delete fd00::2/128 dev wg0\n"
	       "address.add fd00::2/128 dev wg0\n");
}

static void test_what_the_kernel_has_by_itself_is_desired_always(void **state)
{
	(void)state;
	lose(rule(AF_INET, 32766, RT_TABLE_MAIN));
	lose(address("lo", "127.0.0.1/8"));
	put(&found, rule(AF_INET6, 100, 77));
	expect("rule.delete ipv6 100: from all table 77\n"
	       "rule.add ipv4 32766: from all table 254\n"
	       "address.add 127.0.0.1/8 dev lo\n");
}

static void test_without_ipv6_nothing_of_it_is_missed(void **state)
{
	struct plan none = {0};
	struct plan changes = {0};

	(void)state;
	assert_int_equal(plan_diff(&none, &none, &changes, NULL), 0);
	assert_int_equal(changes.n_steps, 3);
	for (size_t i = 0; i < changes.n_steps; i++)
		assert_int_equal(changes.step[i].rule.family, AF_INET);
	plan_done(&changes);
}

static void test_a_link_in_the_tunnels_place_goes(void **state)
{
	struct step impostor = {.kind = STEP_LINK_CREATE,
				.create = {.name = "wg0", .kind = "bridge"}};

	(void)state;
	lose(tunnel(STEP_TUN_CREATE, "wg0", 1420));
	put(&found, impostor);
	put(&found, up("wg0"));
	put(&found, route("wg0", "0.0.0.0/0"));
	expect("route.delete 0.0.0.0/0 dev wg0\n"
	       "link.down wg0\n"
	       "link.delete wg0 type bridge\n"
	       "tun.create wg0 mtu 1420\n"
	       "address.add 10.0.0.2/32 dev wg0\n"
	       "address.add fd00::2/128 dev wg0\n"
	       "link.up wg0\n"
	       "route.add 0.0.0.0/0 dev wg0\n"
	       "route.add ::/0 dev wg0\n");
}

static void test_the_changes_have_rules_of_their_own(void **state)
{
	char rules[] = "table inet adit { }\n";
	struct plan wanted = {.ruleset = {rules}, .mtu = 1420, .has_ipv6 = true};
	struct plan none = {0};
	struct plan changes = {0};

	(void)state;
	assert_int_equal(plan_diff(&wanted, &none, &changes, NULL), 0);
	assert_string_equal(changes.ruleset[SIDE_INSIDE], rules);
	assert_ptr_not_equal(changes.ruleset[SIDE_INSIDE], rules);
	assert_null(changes.ruleset[SIDE_HOST]);
	assert_int_equal(changes.mtu, 1420);
	plan_done(&changes);
}

/* xorshift32: the same states every time. */
static uint32_t random_state;

static bool chance(uint32_t percent)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % 100 < percent;
}

static const char *const own_addresses[] = {"10.0.0.2/32", "10.0.0.3/24", "fd00::2/128"};
static const char *const destinations[] = {"0.0.0.0/0", "10.0.0.0/8", "::/0", "fd00::/8"};

static void put_link(struct model *model, const char *name)
{
	bool is_up = chance(85);

	for (size_t i = 0; i < 3; i++)
		if (chance(60))
			put(model, address(name, own_addresses[i]));
	if (is_up)
		put(model, up(name));
	for (size_t i = 0; is_up && i < 4; i++)
		if (chance(60))
			put(model, route(name, destinations[i]));
}

static void put_tunnel(struct model *model, bool is_found)
{
	const char *name = chance(70) ? "wg0" : "wg1";
	struct step impostor = {.kind = STEP_LINK_CREATE, .create = {.kind = "bridge"}};
	struct step step = tunnel(chance(60) ? STEP_TUN_CREATE : STEP_WIREGUARD_CREATE, name,
				  chance(80) ? 1420 : 1280);

	if (is_found && chance(15))
		(void)strcpy(step.tun.renamed, "x");
	(void)snprintf(impostor.create.name, sizeof(impostor.create.name), "%s", name);
	model_put(model, is_found && chance(10) ? &impostor : &step);
	put_link(model, name);
}

static void put_state(struct model *model, bool is_found)
{
	if (chance(90))
		put(model, firewall(is_found && chance(30)));
	if (chance(80))
		put(model, sysctl("a", chance(50) ? "0" : "1"));
	if (chance(80))
		put(model, sysctl("b", chance(50) ? "0" : "1"));
	if (chance(90))
		put(model, up("lo"));
	if (chance(80))
		put(model, unreachable("0.0.0.0/0"));
	if (chance(80))
		put(model, unreachable("::/0"));
	if (chance(80))
		put_tunnel(model, is_found);
}

static void spoil(struct model *model)
{
	if (model_is_up(model, "lo"))
		model_lo_up(model);
	put_rules(model);
	for (size_t i = model->n_facts; i-- > 0;)
		if (chance(5)) {
			struct step lost = model->fact[i];

			model_remove(model, &lost);
			i = i < model->n_facts ? i : model->n_facts;
		}
	for (size_t i = 0; i < model->n_facts; i++)
		if (model->fact[i].kind == STEP_ADDRESS_ADD && chance(10))
			model->fact[i].address.is_deaf = true;
	if (chance(20))
		put(model, rule(AF_INET, 5, 77));
	if (model_is_up(model, "lo") && chance(20))
		put(model, route("lo", "198.51.100.0/24"));
	if (chance(20))
		put(model, address("lo", "192.0.2.9/32"));
}

static void fail_without(struct model *model, const struct step *step)
{
	const struct plan missing = {.step = &desired.fact[step - desired.fact], .n_steps = 1};
	struct plan all = model_list(model);
	char text[TEXT_LEN];
	char what[TEXT_LEN];

	print(&missing, what);
	print(&all, text);
	fail_msg("missing: %sthere is:\n%s", what, text);
}

/* Everything desired is there, and nothing else but settings and the kernel's own. */
static void expect_reached(struct model *model)
{
	struct plan changes;

	for (size_t i = 0; i < desired.n_facts; i++)
		if (!model_has(model, &desired.fact[i]))
			fail_without(model, &desired.fact[i]);
	changes = diff();
	if (changes.n_steps != 0) {
		char text[TEXT_LEN];

		print(&changes, text);
		fail_msg("still:\n%s", text);
	}
	plan_done(&changes);
}

static void check_changes(void)
{
	struct step table = firewall(false);
	bool had_table = model_find(&found, &table) != NULL;
	bool wants_table = model_find(&desired, &table) != NULL;
	struct plan changes = diff();

	for (size_t i = 0; i < changes.n_steps; i++) {
		model_apply(&found, &changes.step[i]);
		if (found.fault) {
			char text[TEXT_LEN];

			print(&changes, text);
			fail_msg("step %zu: %s:\n%s", i + 1, found.fault, text);
		}
		/* from the first step on, if need be, and to the last */
		if (wants_table || (had_table && i + 1 < changes.n_steps))
			assert_non_null(model_find(&found, &table));
	}
	plan_done(&changes);
}

static void test_any_state_becomes_any_other_and_never_without_the_drops(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= N_TRIALS; i++) {
		random_state = i * 2654435761U;
		(void)begin(NULL);
		put_state(&desired, false);
		put_state(&found, true);
		spoil(&found);
		check_changes();
		expect_reached(&found);
	}
}

/* A crash at any step: what is left is a state like any other. */
static void test_any_part_of_the_changes_and_then_the_rest_ends_the_same(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= N_TRIALS / 10; i++) {
		struct plan changes;
		size_t n_done;

		random_state = i * 2246822519U;
		(void)begin(NULL);
		put_state(&desired, false);
		put_state(&found, true);
		spoil(&found);
		changes = diff();
		(void)chance(1);
		n_done = changes.n_steps ? random_state % changes.n_steps : 0;
		for (size_t j = 0; j < n_done; j++)
			model_apply(&found, &changes.step[j]);
		plan_done(&changes);
		check_changes();
		expect_reached(&found);
	}
}

#define EQUAL(test) cmocka_unit_test_setup(test, begin_equal)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EQUAL(test_equal_states_need_nothing),
		EQUAL(test_a_lost_route_comes_back),
		EQUAL(test_a_foreign_route_goes),
		EQUAL(test_a_table_that_is_gone_is_made_and_one_that_differs_is_replaced),
		EQUAL(test_a_table_comes_before_everything_and_goes_after_everything),
		EQUAL(test_a_setting_is_set_and_undo_knows_what_it_was),
		EQUAL(test_a_renamed_tunnel_is_called_by_its_name_again_and_keeps_its_routes),
		EQUAL(test_another_backend_makes_all_of_the_tunnel_anew),
		EQUAL(test_another_address_brings_its_routes_back),
		EQUAL(test_a_deaf_address_is_made_anew),
		EQUAL(test_what_the_kernel_has_by_itself_is_desired_always),
		cmocka_unit_test_setup(test_without_ipv6_nothing_of_it_is_missed, begin),
		EQUAL(test_a_link_in_the_tunnels_place_goes),
		EQUAL(test_the_changes_have_rules_of_their_own),
		cmocka_unit_test(test_any_state_becomes_any_other_and_never_without_the_drops),
		cmocka_unit_test(test_any_part_of_the_changes_and_then_the_rest_ends_the_same),
	};

	return cmocka_run_group_tests_name("plan/diff", tests, NULL, NULL);
}
