#include "plan/print.h"

#include "base/text.h"

static void print_firewall(const struct step *step, struct text *text)
{
	text_add(text, "table inet adit, all dropped but what goes by lo and %s",
		 step->firewall.device);
}

static void print_sysctl(const struct step *step, struct text *text)
{
	text_add(text, "%s = %s", step->sysctl.path, step->sysctl.value);
}

static void print_link(const struct step *step, struct text *text)
{
	text_add(text, "%s", step->link.name);
}

static void print_tun(const struct step *step, struct text *text)
{
	text_add(text, "%s mtu %u", step->tun.name, step->tun.mtu);
	if (step->tun.gso_max_segs)
		text_add(text, " gso_max_segs %u", step->tun.gso_max_segs);
}

static void print_address(const struct step *step, struct text *text)
{
	char prefix[PREFIX_TEXT_LEN];

	text_add(text, "%s dev %s", prefix_print(&step->address.address, prefix),
		 step->address.link);
}

static void print_route(const struct step *step, struct text *text)
{
	char prefix[PREFIX_TEXT_LEN];

	if (step->route.link[0])
		text_add(text, "%s dev %s", prefix_print(&step->route.to, prefix),
			 step->route.link);
	else
		text_add(text, "unreachable %s", prefix_print(&step->route.to, prefix));
	if (step->route.metric)
		text_add(text, " metric %u", step->route.metric);
}

static const struct {
	const char *name;
	void (*print)(const struct step *step, struct text *text);
} kinds[STEP_KINDS] = {
	[STEP_FIREWALL_LOAD] = {"firewall.load", print_firewall},
	[STEP_SYSCTL_SET] = {"sysctl.set", print_sysctl},
	[STEP_LINK_UP] = {"link.up", print_link},
	[STEP_TUN_CREATE] = {"tun.create", print_tun},
	[STEP_ADDRESS_ADD] = {"address.add", print_address},
	[STEP_ROUTE_ADD] = {"route.add", print_route},
};

const char *print_kind(enum step_kind kind)
{
	return kinds[kind].name;
}

void print_step(const struct step *step, struct text *text)
{
	text_add(text, "%s ", kinds[step->kind].name);
	kinds[step->kind].print(step, text);
}
