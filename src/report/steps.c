#include "report/steps.h"

#include "base/text.h"
#include "plan/plan.h"
#include "plan/print.h"
#include "plan/ruleset.h"

#include <stdlib.h>

enum { LINE_LEN = 512 };

/* The whole text for nft(8): what stands before the table, and the table. */
static const char *beginning(const struct plan *plan, const struct step *step,
			     char ret[RULESET_BEGINNING_LEN])
{
	return ruleset_beginning(plan_table_name(plan, step->side),
				 step->is_removal || step->firewall.is_replaced, ret);
}

static const char *table(const struct plan *plan, const struct step *step)
{
	const char *said = plan->ruleset[step->side];

	return step->is_removal || !said ? "" : said;
}

void steps_print(const struct plan *plan, FILE *out)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *step = &plan->step[i];
		char before[RULESET_BEGINNING_LEN];
		char line[LINE_LEN];
		struct text text;

		text_init(&text, line, sizeof(line));
		print_step(step, &text);
		(void)fprintf(out, "%s\n", line);
		if (step->kind == STEP_FIREWALL_LOAD)
			(void)fprintf(out, "%s%s", beginning(plan, step, before),
				      table(plan, step));
	}
}

static void set(json_t *object, const char *key, const char *value)
{
	if (value[0])
		(void)json_object_set_new(object, key, json_string(value));
}

static void set_number(json_t *object, const char *key, uint32_t value)
{
	if (value)
		(void)json_object_set_new(object, key, json_integer(value));
}

static void set_prefix(json_t *object, const char *key, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LEN];

	(void)json_object_set_new(object, key, json_string(prefix_print(prefix, text)));
}

static void fill_firewall(json_t *object, const struct plan *plan, const struct step *step)
{
	char before[RULESET_BEGINNING_LEN];

	(void)json_object_set_new(
		object, "text",
		json_sprintf("%s%s", beginning(plan, step, before), table(plan, step)));
}

static void fill_sysctl(json_t *object, const struct plan *plan, const struct step *step)
{
	(void)plan;
	set(object, "path", step->sysctl.path);
	set(object, "value", step->sysctl.value);
	set(object, "was", step->sysctl.restore);
}

static void fill_rule(json_t *object, const struct plan *plan, const struct step *step)
{
	const struct step_rule *rule = &step->rule;

	(void)plan;
	(void)json_object_set_new(object, "family", json_integer(rule->family == AF_INET ? 4 : 6));
	(void)json_object_set_new(object, "priority", json_integer(rule->priority));
	set_number(object, "table", rule->table);
	if (rule->from.len)
		set_prefix(object, "from", &rule->from);
	if (rule->to.len)
		set_prefix(object, "to", &rule->to);
	set(object, "iif", rule->iif);
	set(object, "oif", rule->oif);
}

static void fill_link(json_t *object, const struct plan *plan, const struct step *step)
{
	(void)plan;
	set(object, "device", step_link_name(step));
}

static void fill_create(json_t *object, const struct plan *plan, const struct step *step)
{
	fill_link(object, plan, step);
	set(object, "type", step->create.kind);
}

static void fill_veth(json_t *object, const struct plan *plan, const struct step *step)
{
	fill_link(object, plan, step);
	set(object, "peer", step->veth.peer);
}

static void fill_tun(json_t *object, const struct plan *plan, const struct step *step)
{
	fill_link(object, plan, step);
	set_number(object, "mtu", step->tun.mtu);
	set_number(object, "gso_max_segs", step->tun.gso_max_segs);
}

static void fill_alter(json_t *object, const struct plan *plan, const struct step *step)
{
	const struct step_tun *from = &step->alter.from;

	fill_link(object, plan, step);
	set_number(object, "mtu", step->alter.to.mtu);
	set_number(object, "gso_max_segs", step->alter.to.gso_max_segs);
	set(object, "was", from->renamed[0] ? from->renamed : from->name);
}

static void fill_address(json_t *object, const struct plan *plan, const struct step *step)
{
	fill_link(object, plan, step);
	set_prefix(object, "address", &step->address.address);
}

static const char *const ways[WAYS] = {
	[WAY_UNREACHABLE] = "unreachable",
	[WAY_LINK] = "",
	[WAY_LOCAL] = "local",
	[WAY_BLACKHOLE] = "blackhole",
	[WAY_PROHIBIT] = "prohibit",
	[WAY_THROW] = "throw",
	[WAY_SEVERAL] = "several",
};

static void fill_route(json_t *object, const struct plan *plan, const struct step *step)
{
	const struct step_route *route = &step->route;
	char gateway[ADDRESS_TEXT_LEN];

	set_prefix(object, "to", &route->to);
	set(object, "type", ways[route->way]);
	fill_link(object, plan, step);
	if (route->has_gateway)
		set(object, "gateway", address_print(&route->gateway, gateway));
	set_number(object, "metric", route->metric);
	set_number(object, "table", route->table);
}

static void (*const fillers[STEP_KINDS])(json_t *object, const struct plan *plan,
					 const struct step *step) = {
	[STEP_FIREWALL_LOAD] = fill_firewall, [STEP_SYSCTL_SET] = fill_sysctl,
	[STEP_RULE_ADD] = fill_rule,	      [STEP_LINK_UP] = fill_link,
	[STEP_LINK_CREATE] = fill_create,     [STEP_TUN_CREATE] = fill_tun,
	[STEP_VETH_CREATE] = fill_veth,	      [STEP_WIREGUARD_CREATE] = fill_tun,
	[STEP_LINK_ALTER] = fill_alter,	      [STEP_ADDRESS_ADD] = fill_address,
	[STEP_ROUTE_ADD] = fill_route,
};

static json_t *step_json(const struct plan *plan, const struct step *step)
{
	char line[LINE_LEN];
	struct text text;
	json_t *object;

	text_init(&text, line, sizeof(line));
	print_step(step, &text);
	object = json_pack("{s:s, s:s, s:s}", "operation", print_kind(step), "side",
			   step->side == SIDE_INSIDE ? "inside" : "host", "line", line);
	if (object)
		fillers[step->kind](object, plan, step);
	return object;
}

json_t *steps_json(const struct plan *plan)
{
	json_t *steps = json_array();

	for (size_t i = 0; steps && i < plan->n_steps; i++) {
		json_t *step = step_json(plan, &plan->step[i]);

		if (step && json_array_append_new(steps, step) == 0)
			continue;
		json_decref(steps);
		return NULL;
	}
	return steps;
}
