#include "apply/survey.h"

#include "apply/apply.h"
#include "apply/record.h"
#include "base/error.h"
#include "net/ifaddr.h"
#include "net/link.h"
#include "net/nftables.h"
#include "net/nsid.h"
#include "net/route.h"
#include "net/rule.h"
#include "net/sysctl.h"
#include "plan/diff.h"
#include "plan/veth.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINKS_MAX = 1 << 16, /* more than that are not looked at */
	ADDRESSES_MAX = 4096,
	ATTEMPTS_MAX = 5,
	IPV6_DEFAULT_METRIC = 1024, /* IP6_RT_PRIO_USER of net/ip6_route.h */
};

/* An address, and whether the kernel takes in what is sent to it. */
struct address_seen {
	struct link_address address;
	bool is_heard;
};

/* Steps, as many as there are. */
struct list {
	struct step *step; /* owned */
	size_t n_steps;
	size_t n_steps_max; /* there is room for */
};

struct search {
	struct host *host;
	const struct plan *desired;
	const struct step *desired_tunnel; /* NULL: none */
	struct survey survey;
	struct list found;
	struct list routes; /* come last in a plan, but what follows needs to see them first */

	struct link_info *link; /* by index; owned */
	size_t n_links;
	size_t n_links_max;	      /* there is room for */
	bool is_torn;		      /* something was of a link that came while we looked */
	uint32_t tunnel;	      /* index of its link; 0: there is none */
	uint32_t veth;		      /* of the host's end, on the host; likewise */
	int32_t inside;		      /* the host's number for the namespace; -1: none */
	struct address_seen *address; /* owned */
	size_t n_addresses;
};

static struct step *append(struct list *list, enum step_kind kind)
{
	struct step *step;

	if (list->n_steps == list->n_steps_max) {
		size_t n = list->n_steps_max ? 2 * list->n_steps_max : 256;
		struct step *grown = n <= 2 * PLAN_STEPS_MAX
					     ? reallocarray(list->step, n, sizeof(*grown))
					     : NULL;

		if (!grown)
			return NULL;
		list->step = grown;
		list->n_steps_max = n;
	}
	step = &list->step[list->n_steps++];
	*step = (struct step){.kind = kind};
	return step;
}

static struct step *add(struct search *search, enum step_kind kind)
{
	return append(&search->found, kind);
}

static void copy_name(char ret[IFNAMSIZ], const char *name)
{
	(void)snprintf(ret, IFNAMSIZ, "%s", name);
}

/* How the table compares with what was loaded last. */
enum firewall {
	FIREWALL_NONE,
	FIREWALL_OURS,	  /* as it was loaded, whatever is desired by now */
	FIREWALL_CHANGED, /* or nobody knows: there is no record */
};

static enum firewall compare_firewall(const struct host *host, enum step_side side,
				      const struct nftables_image *image)
{
	const struct record *record = host->record;
	const char *loaded = record ? record->table[side].ruleset : NULL;

	return loaded && record_knows_table(record, side, loaded, image) ? FIREWALL_OURS
									 : FIREWALL_CHANGED;
}

static int look_at_firewall(struct host *host, const struct plan *desired, enum firewall *ret,
			    struct error *err)
{
	struct nftables_image image = {0};
	int r = host->nftables ? 0 : nftables_open(&host->nftables, err);

	if (r == 0)
		r = nftables_read(host->nftables, plan_table_name(desired, desired->side), &image,
				  err);
	if (r == -ENOENT)
		*ret = FIREWALL_NONE;
	else if (r == 0)
		*ret = compare_firewall(host, desired->side, &image);
	free(image.bytes);
	return r == -ENOENT ? 0 : r;
}

/* It says what the desired one says. */
static bool is_desired(const struct host *host, const struct plan *desired)
{
	const char *loaded = host->record->table[desired->side].ruleset;
	const char *wanted = desired->ruleset[desired->side];

	return wanted && strcmp(loaded, wanted) == 0;
}

static int find_firewall(struct search *search, struct error *err)
{
	enum firewall firewall = FIREWALL_NONE;
	struct step *step;
	int r = look_at_firewall(search->host, search->desired, &firewall, err);

	if (r < 0 || firewall == FIREWALL_NONE)
		return r;
	step = add(search, STEP_FIREWALL_LOAD);
	if (!step)
		return -ENOMEM;
	step->side = search->desired->side;
	step->firewall.is_changed =
		firewall == FIREWALL_CHANGED || !is_desired(search->host, search->desired);
	return 0;
}

/* A setting of a link that is not there has no value. */
static int find_setting(struct search *search, const struct step_sysctl *desired, struct error *err)
{
	char value[STEP_SYSCTL_VALUE_LEN];
	struct step *step;
	int r = sysctl_read(desired->path, value, sizeof(value), err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	step = add(search, STEP_SYSCTL_SET);
	if (!step)
		return -ENOMEM;
	step->side = search->desired->side;
	memcpy(step->sysctl.path, desired->path, sizeof(step->sysctl.path));
	/* The kernel writes some with other spaces. */
	memcpy(step->sysctl.value,
	       sysctl_value_equal(value, desired->value) ? desired->value : value,
	       sizeof(step->sysctl.value));
	return 0;
}

static int find_settings(struct search *search, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < search->desired->n_steps; i++)
		if (search->desired->step[i].kind == STEP_SYSCTL_SET)
			r = find_setting(search, &search->desired->step[i].sysctl, err);
	return r;
}

static int keep_rule(void *context, const struct rule *rule)
{
	struct step *step = add(context, STEP_RULE_ADD);

	if (!step)
		return -ENOMEM;
	step->rule = (struct step_rule){
		.family = (uint8_t)rule->family,
		.action = rule->action,
		.priority = rule->priority,
		.table = rule->table,
		.from = rule->from,
		.to = rule->to,
		.mark = rule->mark,
		.mark_mask = rule->mark_mask,
		.has_more = rule->has_more,
	};
	memcpy(step->rule.iif, rule->iif, sizeof(step->rule.iif));
	memcpy(step->rule.oif, rule->oif, sizeof(step->rule.oif));
	return 0;
}

static int find_rules(struct search *search, struct error *err)
{
	static const int families[] = {AF_INET, AF_INET6};
	int r = 0;

	/* The host's are its own. */
	if (search->desired->side == SIDE_HOST)
		return 0;
	for (size_t i = 0; r == 0 && i < sizeof(families) / sizeof(families[0]); i++) {
		if (families[i] == AF_INET6 && !search->desired->has_ipv6)
			continue;
		r = rule_dump(search->host->route, families[i], keep_rule, search, err);
	}
	return r;
}

static int keep_link(void *context, const struct link_info *link)
{
	struct search *search = context;

	if (search->n_links == search->n_links_max && search->n_links < LINKS_MAX) {
		size_t n = search->n_links ? 2 * search->n_links : 16;
		struct link_info *grown = reallocarray(search->link, n, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		search->link = grown;
		search->n_links_max = n;
	}
	if (search->n_links < search->n_links_max)
		search->link[search->n_links++] = *link;
	return 0;
}

static int compare_links(const void *left, const void *right)
{
	const struct link_info *a = left;
	const struct link_info *b = right;

	return (a->index > b->index) - (a->index < b->index);
}

static const struct link_info *link_of(const struct search *search, uint32_t index)
{
	const struct link_info wanted = {.index = index};

	if (search->n_links == 0)
		return NULL;
	return bsearch(&wanted, search->link, search->n_links, sizeof(wanted), compare_links);
}

static enum step_kind tunnel_kind(const struct link_info *link)
{
	if (strcmp(link->kind, "tun") == 0)
		return STEP_TUN_CREATE;
	return strcmp(link->kind, "wireguard") == 0 ? STEP_WIREGUARD_CREATE : STEP_KINDS;
}

static bool is_lo(const struct link_info *link)
{
	return (link->flags & IFF_LOOPBACK) != 0;
}

static bool has_tunnels_name(const struct search *search, const struct link_info *link)
{
	return search->desired_tunnel && strcmp(link->name, search->desired_tunnel->tun.name) == 0;
}

/* Which link is the tunnel: the one of the record; without, the one of its name. */
static uint32_t find_tunnel(const struct search *search)
{
	uint32_t known = search->host->record ? search->host->record->tunnel : 0;

	for (size_t i = 0; i < search->n_links; i++) {
		const struct link_info *link = &search->link[i];

		if (tunnel_kind(link) == STEP_KINDS)
			continue;
		if (known ? link->index == known : has_tunnels_name(search, link))
			return link->index;
	}
	return 0;
}

/* By its name in the plan, where it only has to be called so again. */
static const char *planned_name(const struct search *search, const struct link_info *link)
{
	if (search->desired->side == SIDE_HOST)
		return search->desired->host_link;
	if (link->index == search->tunnel && search->desired_tunnel &&
	    tunnel_kind(link) == search->desired_tunnel->kind)
		return search->desired_tunnel->tun.name;
	return link->name;
}

static int add_tunnel(struct search *search, const struct link_info *link)
{
	const char *name = planned_name(search, link);
	struct step *step = add(search, tunnel_kind(link));

	if (!step)
		return -ENOMEM;
	copy_name(step->tun.name, name);
	if (strcmp(name, link->name) != 0)
		copy_name(step->tun.renamed, link->name);
	step->tun.mtu = link->mtu;
	if (step->kind == STEP_TUN_CREATE)
		step->tun.gso_max_segs = link->gso_max_segs;
	else
		step->side = SIDE_HOST;
	return 0;
}

/* In the tunnel's place, so the firewall would let it be used as the tunnel. */
static int add_impostor(struct search *search, const struct link_info *link)
{
	struct step *step = add(search, STEP_LINK_CREATE);

	if (!step)
		return -ENOMEM;
	copy_name(step->create.name, link->name);
	(void)snprintf(step->create.kind, sizeof(step->create.kind), "%s", link->kind);
	return 0;
}

static void add_foreign(struct search *search, const struct link_info *link)
{
	struct survey *survey = &search->survey;

	if (survey->n_foreign < SURVEY_FOREIGN_MAX)
		copy_name(survey->foreign[survey->n_foreign], link->name);
	survey->n_foreign++;
}

/* A link that somebody else makes and the plan is about: the inner end of a veth. */
static bool is_planned(const struct search *search, const struct link_info *link)
{
	for (size_t i = 0; i < search->desired->n_steps; i++)
		if (search->desired->step[i].kind == STEP_LINK_UP &&
		    strcmp(search->desired->step[i].link.name, link->name) == 0)
			return true;
	return false;
}

/* ---- on the host ---- */

/* The one of the record, else the one of its name whose other end is in the
 * namespace; a link that only is called so is somebody else's.
 */
static uint32_t find_veth(const struct search *search)
{
	uint32_t known = search->host->record ? search->host->record->veth : 0;
	uint32_t named = 0;

	for (size_t i = 0; i < search->n_links; i++) {
		const struct link_info *link = &search->link[i];

		if (strcmp(link->kind, "veth") != 0)
			continue;
		if (link->index == known)
			return known;
		if (strcmp(link->name, search->desired->host_link) == 0 && search->inside >= 0 &&
		    link->peer_nsid == search->inside)
			named = link->index;
	}
	return named;
}

/* Whether the other end is called so, inside. */
static bool has_peer(const struct search *search, const struct link_info *link, const char *name)
{
	struct link_info peer;

	return search->inside >= 0 && link->peer_nsid == search->inside &&
	       link_get_in(search->host->route, search->inside, name, &peer, NULL) == 0 &&
	       peer.index == link->peer_index;
}

static int add_veth(struct search *search, const struct link_info *link)
{
	struct step *step = add(search, STEP_VETH_CREATE);
	const char *peer = VETH_INSIDE;

	if (!step)
		return -ENOMEM;
	step->side = SIDE_HOST;
	copy_name(step->veth.name, search->desired->host_link);
	if (strcmp(link->name, search->desired->host_link) != 0)
		copy_name(step->veth.renamed, link->name);
	if (has_peer(search, link, peer))
		copy_name(step->veth.peer, peer);
	return 0;
}

/* Somebody else's link is in the way. */
static int refuse_link(const struct link_info *link, struct error *err)
{
	(void)error_set(err, EEXIST, "there is a link '%s' already, and it is not adit's",
			link->name);
	error_hint(err, "rename it, or the configuration");
	return -EEXIST;
}

static int sort_host_link(struct search *search, const struct link_info *link, struct error *err)
{
	if (link->index == search->veth)
		return add_veth(search, link);
	if (search->desired->n_steps > 0 && strcmp(link->name, search->desired->host_link) == 0)
		return refuse_link(link, err);
	return 0;
}

/* ---- inside ---- */

static int sort_link(struct search *search, const struct link_info *link)
{
	if (is_lo(link))
		return 0;
	if (link->index == search->tunnel)
		return add_tunnel(search, link);
	if (has_tunnels_name(search, link))
		return add_impostor(search, link);
	if (!is_planned(search, link))
		add_foreign(search, link);
	return 0;
}

static int find_links(struct search *search, struct error *err)
{
	int r = link_dump(search->host->route, keep_link, search, err);

	if (r < 0)
		return r;
	if (search->n_links > 0)
		qsort(search->link, search->n_links, sizeof(*search->link), compare_links);
	if (search->desired->side == SIDE_HOST)
		search->veth = find_veth(search);
	else
		search->tunnel = find_tunnel(search);
	for (size_t i = 0; r == 0 && i < search->n_links; i++)
		r = search->desired->side == SIDE_HOST
			    ? sort_host_link(search, &search->link[i], err)
			    : sort_link(search, &search->link[i]);
	return r;
}

static bool is_ours(const struct search *search, const struct link_info *link)
{
	if (search->desired->side == SIDE_HOST)
		return link->index == search->veth;
	return is_lo(link) || link->index == search->tunnel || is_planned(search, link);
}

static int find_ups(struct search *search)
{
	for (size_t i = 0; i < search->n_links; i++) {
		const struct link_info *link = &search->link[i];
		struct step *step;

		if (!is_ours(search, link) || !(link->flags & IFF_UP))
			continue;
		step = add(search, STEP_LINK_UP);
		if (!step)
			return -ENOMEM;
		step->side = search->desired->side;
		copy_name(step->link.name, planned_name(search, link));
	}
	return 0;
}

static int keep_address(void *context, const struct link_address *address)
{
	struct search *search = context;

	if (search->n_addresses < ADDRESSES_MAX)
		search->address[search->n_addresses++].address = *address;
	return 0;
}

/* Addresses are needed to tell the kernel's own routes from others' that say so. */
static int list_addresses(struct search *search, struct error *err)
{
	search->address = calloc(ADDRESSES_MAX, sizeof(*search->address));
	if (!search->address)
		return -ENOMEM;
	return ifaddr_dump(search->host->route, keep_address, search, err);
}

/* The kernel's route to one of our addresses; it has one in the table local. */
static void hear(struct search *search, const struct route *route)
{
	if (route->type != ROUTE_LOCAL || route->table != RT_TABLE_LOCAL)
		return;
	for (size_t i = 0; i < search->n_addresses; i++)
		if (prefix_contains(&route->to, &search->address[i].address.address.address))
			search->address[i].is_heard = true;
}

/* To a link's own network, or about the addresses of this namespace. */
static bool is_the_kernels(const struct search *search, const struct route *route)
{
	if (route->type == ROUTE_OTHER)
		return true;
	if (!route->is_kernels)
		return false;
	if (route->table == RT_TABLE_LOCAL)
		return true;
	for (size_t i = 0; route->to.len > 0 && i < search->n_addresses; i++)
		if (search->address[i].address.index == route->oif &&
		    prefix_contains(&route->to, &search->address[i].address.address.address))
			return true;
	return false;
}

static const enum step_way ways[ROUTE_TYPES] = {
	[ROUTE_UNICAST] = WAY_LINK,	 [ROUTE_UNREACHABLE] = WAY_UNREACHABLE,
	[ROUTE_LOCAL] = WAY_LOCAL,	 [ROUTE_BLACKHOLE] = WAY_BLACKHOLE,
	[ROUTE_PROHIBIT] = WAY_PROHIBIT, [ROUTE_THROW] = WAY_THROW,
};

static enum step_way way_of(const struct route *route)
{
	return route->type == ROUTE_UNICAST && route->oif == 0 ? WAY_SEVERAL : ways[route->type];
}

/* The kernel's numbers for what a plan leaves to it. */
static void forget_defaults(struct step_route *route)
{
	if (route->table == RT_TABLE_MAIN)
		route->table = 0;
	if (!address_is_v4(&route->to.address) && route->metric == IPV6_DEFAULT_METRIC)
		route->metric = 0;
}

static int keep_route(void *context, const struct route *route)
{
	struct search *search = context;
	const struct link_info *link = link_of(search, route->oif);
	struct step *step;

	hear(search, route);
	if (is_the_kernels(search, route))
		return 0;
	if (search->desired->side == SIDE_HOST && (!link || !is_ours(search, link)))
		return 0;
	search->is_torn = search->is_torn || (route->oif != 0 && !link);
	/* Beyond all that could be planned: the others' turn comes when these are gone. */
	if (search->routes.n_steps >= 2 * PLAN_STEPS_MAX)
		return 0;
	step = append(&search->routes, STEP_ROUTE_ADD);
	if (!step)
		return -ENOMEM;
	step->route = (struct step_route){
		.way = way_of(route),
		.to = route->to,
		.metric = route->metric,
		.table = route->table,
		.tos = route->tos,
		.has_gateway = route->has_gateway,
		.gateway = route->gateway,
		.from = route->from,
	};
	step->side = search->desired->side;
	if (route->from.len == 0)
		memset(&step->route.from, 0, sizeof(step->route.from));
	if (link)
		copy_name(step->route.link, planned_name(search, link));
	forget_defaults(&step->route);
	return 0;
}

static int add_address(struct search *search, const struct address_seen *seen)
{
	const struct link_info *link = link_of(search, seen->address.index);
	struct step *step;

	search->is_torn = search->is_torn || (!link && search->desired->side == SIDE_INSIDE);
	if (!link || !is_ours(search, link))
		return 0;
	step = add(search, STEP_ADDRESS_ADD);
	if (!step)
		return -ENOMEM;
	step->side = search->desired->side;
	copy_name(step->address.link, planned_name(search, link));
	step->address.address = seen->address.address;
	/* While it is down, it needs no route to its addresses. */
	step->address.is_deaf = !seen->is_heard && (link->flags & IFF_UP);
	return 0;
}

static int add_addresses(struct search *search)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < search->n_addresses; i++)
		r = add_address(search, &search->address[i]);
	return r;
}

/* In the order of a plan: routes are found before addresses, and stand behind them. */
static int join(struct search *search)
{
	struct plan *plan = &search->survey.plan;
	const struct list *found = &search->found;
	const struct list *routes = &search->routes;

	plan->step = calloc(found->n_steps + routes->n_steps + 1, sizeof(*plan->step));
	if (!plan->step)
		return -ENOMEM;
	if (found->n_steps > 0)
		memcpy(plan->step, found->step, found->n_steps * sizeof(*plan->step));
	if (routes->n_steps > 0)
		memcpy(plan->step + found->n_steps, routes->step,
		       routes->n_steps * sizeof(*plan->step));
	plan->n_steps = found->n_steps + routes->n_steps;
	plan->side = search->desired->side;
	plan->has_ipv6 = search->desired->has_ipv6;
	return 0;
}

/* Addresses are listed before the routes that tell of them, and those looked at
 * before the addresses are added.
 */
static int look(struct search *search, struct error *err)
{
	int r = find_firewall(search, err);

	if (r == 0)
		r = find_settings(search, err);
	if (r == 0)
		r = find_rules(search, err);
	if (r == 0)
		r = find_links(search, err);
	if (r == 0)
		r = list_addresses(search, err);
	if (r == 0)
		r = route_dump(search->host->route, keep_route, search, err);
	if (r == 0)
		r = add_addresses(search);
	if (r == 0)
		r = find_ups(search);
	return r == 0 ? join(search) : r;
}

static const struct step *tunnel_of(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->step[i].kind == STEP_TUN_CREATE ||
		    plan->step[i].kind == STEP_WIREGUARD_CREATE)
			return &plan->step[i];
	return NULL;
}

static int search_once(struct host *host, const struct plan *desired, struct survey *ret,
		       bool *ret_is_torn, struct error *err)
{
	struct search search = {
		.host = host,
		.desired = desired,
		.desired_tunnel = tunnel_of(desired),
		.inside = -1,
	};
	int r = 0;

	if (desired->side == SIDE_HOST && host->netns >= 0)
		r = nsid_get(host->route, host->netns, &search.inside, err);
	if (r == 0)
		r = look(&search, err);

	*ret_is_torn = search.is_torn;
	free(search.link);
	free(search.address);
	free(search.found.step);
	free(search.routes.step);
	if (r < 0)
		survey_done(&search.survey);
	else
		*ret = search.survey;
	return r;
}

/* What cannot be had in one piece is taken as it is in the end: whoever keeps
 * changing things must not keep us from repairing others.
 */
int survey_network(struct host *host, const struct plan *desired, struct survey *ret,
		   struct error *err)
{
	struct error cause = {0};
	struct survey survey = {0};
	bool is_torn = false;
	int r = -EINTR;

	for (unsigned int i = 0; (r == -EINTR || is_torn) && i < ATTEMPTS_MAX; i++) {
		survey_done(&survey);
		r = search_once(host, desired, &survey, &is_torn, &cause);
	}
	if (r == 0) {
		*ret = survey;
		return 0;
	}
	if (cause.code != -r) /* found here, not by the kernel */
		(void)error_set(&cause, -r, "%s", strerror(-r));
	(void)error_wrap(&cause, "cannot find out what the namespace is like");
	if (err)
		*err = cause;
	return r;
}

void survey_done(struct survey *survey)
{
	plan_done(&survey->plan);
	*survey = (struct survey){0};
}

static void tell_all(const struct plan *changes, survey_tell tell, void *context)
{
	for (size_t i = 0; tell && i < changes->n_steps; i++)
		tell(context, &changes->step[i]);
}

/* A table that somebody changed or took away comes before everything, and stays
 * whatever becomes of the rest.  So does one that cannot be looked at since it, or
 * another, is changed all the time.
 */
static int restore_firewall(struct host *host, const struct plan *desired, survey_tell tell,
			    void *context, struct error *err)
{
	enum step_side side = desired->side;
	struct step step = {.kind = STEP_FIREWALL_LOAD, .side = side};
	struct plan load = *desired;
	enum firewall firewall = FIREWALL_CHANGED;
	int r = -EINTR;

	for (unsigned int i = 0; r == -EINTR && i < ATTEMPTS_MAX; i++)
		r = look_at_firewall(host, desired, &firewall, err);
	if ((r < 0 && r != -EINTR) || firewall == FIREWALL_OURS || !desired->ruleset[side])
		return r == -EINTR ? 0 : r;
	step.firewall.is_replaced = firewall != FIREWALL_NONE;
	load.step = &step;
	load.n_steps = 1;
	tell_all(&load, tell, context);
	r = apply_plan(&load, host, NULL, err);
	return r < 0 ? r : 1;
}

/* How many steps it took; 0: nothing differed. */
static int repair_once(struct host *host, const struct plan *desired, survey_tell tell,
		       void *context, struct error *err)
{
	struct plan changes = {0};
	struct survey survey;
	int r = survey_network(host, desired, &survey, err);

	if (r < 0)
		return r;
	r = plan_diff(desired, &survey.plan, &changes, err);
	survey_done(&survey);
	if (r < 0)
		return r;
	tell_all(&changes, tell, context);
	r = apply_plan(&changes, host, NULL, err);
	if (r == 0)
		r = (int)changes.n_steps;
	plan_done(&changes);
	return r;
}

int survey_repair(struct host *host, const struct plan *desired, survey_tell tell, void *context,
		  struct error *err)
{
	int n_steps = restore_firewall(host, desired, tell, context, err);

	for (unsigned int i = 0; n_steps >= 0 && i < SURVEY_ROUNDS_MAX; i++) {
		int r = repair_once(host, desired, tell, context, err);

		if (r <= 0)
			return r < 0 ? r : n_steps;
		n_steps += r;
	}
	return n_steps < 0 ? n_steps : error_set(err, ELOOP, "what was changed did not stay so");
}
