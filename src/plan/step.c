#include "plan/step.h"

#include <stdio.h>
#include <string.h>

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_addresses(const struct address *a, const struct address *b)
{
	return memcmp(&a->ip, &b->ip, sizeof(a->ip));
}

/* IPv4 first, then by address, then the shorter prefix. */
static int compare_prefixes(const struct prefix *a, const struct prefix *b)
{
	int r = address_is_v4(&b->address) - address_is_v4(&a->address);

	if (r == 0)
		r = compare_addresses(&a->address, &b->address);
	return r != 0 ? r : compare_numbers(a->len, b->len);
}

static int compare_names(const char a[IFNAMSIZ], const char b[IFNAMSIZ])
{
	return strncmp(a, b, IFNAMSIZ);
}

static int same_firewall(const struct step *a, const struct step *b)
{
	(void)a;
	(void)b;
	return 0;
}

static int rest_of_firewall(const struct step *a, const struct step *b)
{
	return compare_numbers(a->firewall.is_changed, b->firewall.is_changed);
}

static int same_sysctl(const struct step *a, const struct step *b)
{
	return strncmp(a->sysctl.path, b->sysctl.path, sizeof(a->sysctl.path));
}

static int rest_of_sysctl(const struct step *a, const struct step *b)
{
	return strncmp(a->sysctl.value, b->sysctl.value, sizeof(a->sysctl.value));
}

static int same_rule(const struct step *a, const struct step *b)
{
	const struct step_rule *x = &a->rule;
	const struct step_rule *y = &b->rule;
	const int parts[] = {
		compare_numbers(x->family, y->family),
		compare_numbers(x->priority, y->priority),
		compare_numbers(x->table, y->table),
		compare_numbers(x->action, y->action),
		compare_prefixes(&x->from, &y->from),
		compare_prefixes(&x->to, &y->to),
		compare_names(x->iif, y->iif),
		compare_names(x->oif, y->oif),
		compare_numbers(x->mark, y->mark),
		compare_numbers(x->mark_mask, y->mark_mask),
		compare_numbers(x->has_more, y->has_more),
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i] != 0)
			return parts[i];
	return 0;
}

static int no_rest(const struct step *a, const struct step *b)
{
	(void)a;
	(void)b;
	return 0;
}

static int same_link(const struct step *a, const struct step *b)
{
	return compare_names(a->link.name, b->link.name);
}

static int same_create(const struct step *a, const struct step *b)
{
	return compare_names(a->create.name, b->create.name);
}

static int rest_of_create(const struct step *a, const struct step *b)
{
	return strncmp(a->create.kind, b->create.kind, sizeof(a->create.kind));
}

static int same_veth(const struct step *a, const struct step *b)
{
	return compare_names(a->veth.name, b->veth.name);
}

static int rest_of_veth(const struct step *a, const struct step *b)
{
	int r = compare_names(a->veth.peer, b->veth.peer);

	return r != 0 ? r : compare_names(a->veth.renamed, b->veth.renamed);
}

static int same_tun(const struct step *a, const struct step *b)
{
	return compare_names(a->tun.name, b->tun.name);
}

static int compare_tuns(const struct step_tun *a, const struct step_tun *b)
{
	int r = compare_numbers(a->mtu, b->mtu);

	if (r == 0)
		r = compare_numbers(a->gso_max_segs, b->gso_max_segs);
	return r != 0 ? r : compare_names(a->renamed, b->renamed);
}

static int rest_of_tun(const struct step *a, const struct step *b)
{
	return compare_tuns(&a->tun, &b->tun);
}

static int same_alter(const struct step *a, const struct step *b)
{
	return compare_names(a->alter.to.name, b->alter.to.name);
}

static int rest_of_alter(const struct step *a, const struct step *b)
{
	int r = compare_tuns(&a->alter.to, &b->alter.to);

	return r != 0 ? r : compare_tuns(&a->alter.from, &b->alter.from);
}

static int same_address(const struct step *a, const struct step *b)
{
	int r = compare_names(a->address.link, b->address.link);

	return r != 0 ? r : compare_prefixes(&a->address.address, &b->address.address);
}

static int rest_of_address(const struct step *a, const struct step *b)
{
	return compare_numbers(a->address.is_deaf, b->address.is_deaf);
}

/* What the kernel tells routes apart by, and where they lead. */
static int same_route(const struct step *a, const struct step *b)
{
	const struct step_route *x = &a->route;
	const struct step_route *y = &b->route;
	const int parts[] = {
		compare_numbers(x->table, y->table),
		compare_prefixes(&x->to, &y->to),
		compare_numbers(x->metric, y->metric),
		compare_numbers(x->tos, y->tos),
		compare_prefixes(&x->from, &y->from),
		compare_numbers(x->way, y->way),
		compare_names(x->link, y->link),
		compare_numbers(x->has_gateway, y->has_gateway),
		compare_addresses(&x->gateway, &y->gateway),
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i] != 0)
			return parts[i];
	return 0;
}

static const char *no_link(const struct step *step)
{
	(void)step;
	return "";
}

static const char *link_of_link(const struct step *step)
{
	return step->link.name;
}

static const char *link_of_create(const struct step *step)
{
	return step->create.name;
}

static const char *link_of_veth(const struct step *step)
{
	return step->veth.name;
}

static const char *link_of_tun(const struct step *step)
{
	return step->tun.name;
}

static const char *link_of_alter(const struct step *step)
{
	return step->alter.to.name;
}

static const char *link_of_address(const struct step *step)
{
	return step->address.link;
}

static const char *link_of_route(const struct step *step)
{
	return step->route.link;
}

static const struct {
	int (*identity)(const struct step *a, const struct step *b);
	int (*rest)(const struct step *a, const struct step *b);
	const char *(*link)(const struct step *step);
} kinds[STEP_KINDS] = {
	[STEP_FIREWALL_LOAD] = {same_firewall, rest_of_firewall, no_link},
	[STEP_SYSCTL_SET] = {same_sysctl, rest_of_sysctl, no_link},
	[STEP_RULE_ADD] = {same_rule, no_rest, no_link},
	[STEP_LINK_UP] = {same_link, no_rest, link_of_link},
	[STEP_LINK_CREATE] = {same_create, rest_of_create, link_of_create},
	[STEP_VETH_CREATE] = {same_veth, rest_of_veth, link_of_veth},
	[STEP_TUN_CREATE] = {same_tun, rest_of_tun, link_of_tun},
	[STEP_WIREGUARD_CREATE] = {same_tun, rest_of_tun, link_of_tun},
	[STEP_LINK_ALTER] = {same_alter, rest_of_alter, link_of_alter},
	[STEP_ADDRESS_ADD] = {same_address, rest_of_address, link_of_address},
	[STEP_ROUTE_ADD] = {same_route, no_rest, link_of_route},
};

static int compare_objects(const struct step *a, const struct step *b)
{
	int r = compare_numbers(a->side, b->side);

	if (r == 0)
		r = compare_numbers(a->kind, b->kind);
	return r != 0 ? r : kinds[a->kind].identity(a, b);
}

int step_compare(const struct step *a, const struct step *b)
{
	int r = compare_objects(a, b);

	return r != 0 ? r : kinds[a->kind].rest(a, b);
}

bool step_is_same_object(const struct step *a, const struct step *b)
{
	return compare_objects(a, b) == 0;
}

const char *step_link_name(const struct step *step)
{
	return kinds[step->kind].link(step);
}

void step_write_name(char ret[IFNAMSIZ], const char *name)
{
	(void)snprintf(ret, IFNAMSIZ, "%s", name);
}

void step_write_path(char ret[STEP_SYSCTL_PATH_LEN], const char *family, const char *link,
		     const char *setting)
{
	(void)snprintf(ret, STEP_SYSCTL_PATH_LEN, "net/%s/conf/%s/%s", family, link, setting);
}

void step_write_sysctl(struct step *ret, const char *path, const char *value)
{
	struct step_sysctl *sysctl = &ret->sysctl;

	(void)snprintf(sysctl->path, sizeof(sysctl->path), "%s", path);
	(void)snprintf(sysctl->value, sizeof(sysctl->value), "%s", value);
}
