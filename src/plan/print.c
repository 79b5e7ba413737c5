#include "plan/print.h"

#include "base/text.h"
#include "plan/ruleset.h"

#include <sys/socket.h>

static void print_firewall(const struct step *step, struct text *text)
{
	text_add(text, "%s%s",
		 step->side == SIDE_HOST ? "the namespace's table on the host"
					 : "table inet " RULESET_TABLE,
		 step->firewall.is_replaced ? ", in place of what there is" : "");
}

static void print_sysctl(const struct step *step, struct text *text)
{
	text_add(text, "%s = %s", step->sysctl.path, step->sysctl.value);
}

static void print_link(const struct step *step, struct text *text)
{
	text_add(text, "%s", step->link.name);
}

static void print_rule(const struct step *step, struct text *text)
{
	const struct step_rule *rule = &step->rule;
	char prefix[PREFIX_TEXT_LEN];

	text_add(text, "%s %u:", rule->family == AF_INET ? "ipv4" : "ipv6", rule->priority);
	text_add(text, " from %s", rule->from.len ? prefix_print(&rule->from, prefix) : "all");
	if (rule->to.len)
		text_add(text, " to %s", prefix_print(&rule->to, prefix));
	if (rule->iif[0])
		text_add(text, " iif %s", rule->iif);
	if (rule->oif[0])
		text_add(text, " oif %s", rule->oif);
	if (rule->mark_mask)
		text_add(text, " fwmark 0x%x/0x%x", rule->mark, rule->mark_mask);
	if (rule->has_more)
		text_add(text, " and more");
	if (rule->table)
		text_add(text, " table %u", rule->table);
	else
		text_add(text, " action %u", rule->action);
}

static void print_create(const struct step *step, struct text *text)
{
	text_add(text, "%s type %s", step->create.name,
		 step->create.kind[0] ? step->create.kind : "hardware");
}

static void print_veth(const struct step *step, struct text *text)
{
	text_add(text, "%s", step->veth.name);
	if (step->veth.peer[0])
		text_add(text, " peer %s inside", step->veth.peer);
	if (step->veth.renamed[0])
		text_add(text, ", now called %s", step->veth.renamed);
}

static void print_mtu(const struct step_tun *tun, struct text *text)
{
	text_add(text, " mtu %u", tun->mtu);
	if (tun->gso_max_segs)
		text_add(text, " gso_max_segs %u", tun->gso_max_segs);
}

static void print_tun(const struct step *step, struct text *text)
{
	text_add(text, "%s", step->tun.name);
	print_mtu(&step->tun, text);
}

static void print_alter(const struct step *step, struct text *text)
{
	const struct step_alter *alter = &step->alter;

	text_add(text, "%s", alter->to.name);
	print_mtu(&alter->to, text);
	text_add(text, ", was %s", alter->from.renamed[0] ? alter->from.renamed : alter->from.name);
	print_mtu(&alter->from, text);
}

static void print_address(const struct step *step, struct text *text)
{
	char prefix[PREFIX_TEXT_LEN];

	text_add(text, "%s dev %s", prefix_print(&step->address.address, prefix),
		 step->address.link);
}

static const char *const ways[WAYS] = {
	[WAY_UNREACHABLE] = "unreachable ",
	[WAY_LINK] = "",
	[WAY_LOCAL] = "local ",
	[WAY_BLACKHOLE] = "blackhole ",
	[WAY_PROHIBIT] = "prohibit ",
	[WAY_THROW] = "throw ",
	[WAY_SEVERAL] = "several ways ",
};

static void print_route(const struct step *step, struct text *text)
{
	const struct step_route *route = &step->route;
	char prefix[PREFIX_TEXT_LEN];
	char gateway[ADDRESS_TEXT_LEN];

	text_add(text, "%s%s", ways[route->way], prefix_print(&route->to, prefix));
	if (route->from.len)
		text_add(text, " from %s", prefix_print(&route->from, prefix));
	if (route->has_gateway)
		text_add(text, " via %s", address_print(&route->gateway, gateway));
	if (route->link[0])
		text_add(text, " dev %s", route->link);
	if (route->metric)
		text_add(text, " metric %u", route->metric);
	if (route->tos)
		text_add(text, " tos 0x%x", route->tos);
	if (route->table)
		text_add(text, " table %u", route->table);
}

static const struct {
	const char *name;
	const char *removal;
	void (*print)(const struct step *step, struct text *text);
} kinds[STEP_KINDS] = {
	[STEP_FIREWALL_LOAD] = {"firewall.load", "firewall.unload", print_firewall},
	[STEP_SYSCTL_SET] = {"sysctl.set", "sysctl.restore", print_sysctl},
	[STEP_RULE_ADD] = {"rule.add", "rule.delete", print_rule},
	[STEP_LINK_UP] = {"link.up", "link.down", print_link},
	[STEP_LINK_CREATE] = {"link.create", "link.delete", print_create},
	[STEP_VETH_CREATE] = {"veth.create", "veth.delete", print_veth},
	[STEP_TUN_CREATE] = {"tun.create", "tun.delete", print_tun},
	[STEP_WIREGUARD_CREATE] = {"wireguard.create", "wireguard.delete", print_tun},
	[STEP_LINK_ALTER] = {"link.alter", "link.alter.back", print_alter},
	[STEP_ADDRESS_ADD] = {"address.add", "address.delete", print_address},
	[STEP_ROUTE_ADD] = {"route.add", "route.delete", print_route},
};

const char *print_kind(const struct step *step)
{
	return step->is_removal ? kinds[step->kind].removal : kinds[step->kind].name;
}

void print_step(const struct step *step, struct text *text)
{
	text_add(text, "%s ", print_kind(step));
	kinds[step->kind].print(step, text);
}
