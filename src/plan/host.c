/* The host's side of LAN flows by a veth: plan_host() of plan.h.
 *
 * The order is that of plan.h: what drops stands before the link, and goes after it.
 * Forwarding is switched on last: until then nothing passes.
 */
#include "plan/plan.h"

#include "base/error.h"
#include "plan/host_ruleset.h"
#include "plan/veth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 512 };

_Static_assert((int)VETH_TABLE_LEN == (int)RULESET_NAME_LEN, "one name, two places");

struct setting {
	const char *path; /* below net/FAMILY/conf/LINK */
	const char *value;
};

/* Of the host's end, which was made with the host's own "default" ones. */
static const struct setting ipv4_settings[] = {
	{"accept_redirects", "0"},
	{"send_redirects", "0"},
	{"accept_source_route", "0"},
	{"route_localnet", "0"},
	{"accept_local", "0"},
	/* from there come only sources that are there (RFC 3704 section 2.2) */
	{"rp_filter", "1"},
	/* the link's own address is all that anybody hears of by ARP */
	{"arp_ignore", "1"},
	{"arp_announce", "2"},
	{"proxy_arp", "0"},
	{"forwarding", "1"},
};

static const struct setting ipv6_settings[] = {
	{"disable_ipv6", "0"},	   {"accept_ra", "0"},		 {"autoconf", "0"},
	{"accept_redirects", "0"}, {"accept_source_route", "0"}, {"proxy_ndp", "0"},
	{"addr_gen_mode", "1"},
};

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

struct build {
	const struct profile *profile;
	const struct plan_environment *environment;
	struct veth veth;
	struct host_ruleset ruleset;
	struct plan plan;
};

static struct step *add(struct build *build, enum step_kind kind)
{
	struct step *step = &build->plan.step[build->plan.n_steps++];

	step->kind = kind;
	step->side = SIDE_HOST;
	return step;
}

static struct step_sysctl *add_setting(struct build *build, const char *family, const char *link,
				       const struct setting *setting)
{
	struct step *step = add(build, STEP_SYSCTL_SET);
	char path[STEP_SYSCTL_PATH_LEN];

	step_write_path(path, family, link, setting->path);
	step_write_sysctl(step, path, setting->value);
	return &step->sysctl;
}

/* One that is the host's own: unless it is there already. */
static void borrow(struct build *build, const char *family, const char *link,
		   const struct setting *setting)
{
	char path[STEP_SYSCTL_PATH_LEN];

	step_write_path(path, family, link, setting->path);
	for (size_t i = 0; i < build->plan.n_steps; i++)
		if (build->plan.step[i].kind == STEP_SYSCTL_SET &&
		    strcmp(build->plan.step[i].sysctl.path, path) == 0)
			return;
	if (build->plan.n_steps < STEPS_MAX)
		add_setting(build, family, link, setting)->is_borrowed = true;
}

static void add_link(struct build *build)
{
	struct step_veth *veth = &add(build, STEP_VETH_CREATE)->veth;

	step_write_name(veth->name, build->veth.host_link);
	step_write_name(veth->peer, VETH_INSIDE);
	for (size_t i = 0; i < LEN(ipv4_settings); i++)
		add_setting(build, "ipv4", build->veth.host_link, &ipv4_settings[i]);
	for (size_t i = 0; build->environment->has_ipv6 && i < LEN(ipv6_settings); i++)
		add_setting(build, "ipv6", build->veth.host_link, &ipv6_settings[i]);
}

static struct prefix alone(const struct address *address)
{
	return (struct prefix){.address = *address, .len = prefix_full_len(address)};
}

static void add_addresses(struct build *build)
{
	for (unsigned int i = 0; i < VETH_FAMILIES; i++) {
		struct step_address *address;

		if (!build->veth.ends[i].is_used)
			continue;
		address = &add(build, STEP_ADDRESS_ADD)->address;
		step_write_name(address->link, build->veth.host_link);
		address->address = alone(&build->veth.ends[i].host);
	}
	step_write_name(add(build, STEP_LINK_UP)->link.name, build->veth.host_link);
	for (unsigned int i = 0; i < VETH_FAMILIES; i++) {
		struct step_route *route;

		if (!build->veth.ends[i].is_used)
			continue;
		route = &add(build, STEP_ROUTE_ADD)->route;
		route->way = WAY_LINK;
		step_write_name(route->link, build->veth.host_link);
		route->to = alone(&build->veth.ends[i].inside);
	}
}

/* A packet is forwarded when the link that it came by says so, in either family; before
 * Linux 6.17 in IPv6 the host as a whole has to say so, and then forgets what routers
 * advertise, unless accept_ra is 2 first.
 */
static void add_forwarding(struct build *build, const char *link)
{
	static const struct setting ipv4 = {"forwarding", "1"};
	static const struct setting ipv6 = {"force_forwarding", "1"};
	const struct veth *veth = &build->veth;

	if (!link[0] || strcmp(link, "lo") == 0)
		return;
	if (veth->ends[VETH_IPV4].is_used)
		borrow(build, "ipv4", link, &ipv4);
	if (veth->ends[VETH_IPV6].is_used && build->environment->host->has_force_forwarding)
		borrow(build, "ipv6", link, &ipv6);
}

static void add_forwarding_of_all(struct build *build)
{
	static const struct setting keep_ra = {"accept_ra", "2"};
	static const struct setting forward = {"forwarding", "1"};
	const struct plan_host_environment *host = build->environment->host;

	for (size_t i = 0; i < host->n_ra_links; i++)
		if (strcmp(host->ra_link[i], build->veth.host_link) != 0)
			borrow(build, "ipv6", host->ra_link[i], &keep_ra);
	borrow(build, "ipv6", "all", &forward);
}

static bool has_passages(const struct build *build)
{
	return build->profile->n_forwards > 0 || build->profile->n_allows > 0;
}

static void add_passages(struct build *build)
{
	static const struct setting ipv6 = {"force_forwarding", "1"};
	const struct profile *profile = build->profile;
	bool has_ipv6 = build->veth.ends[VETH_IPV6].is_used;

	if (!has_passages(build))
		return;
	for (size_t i = 0; i < profile->n_forwards; i++)
		add_forwarding(build, host_ruleset_link(&build->ruleset, &profile->forward[i]));
	if (profile->n_allows > 0)
		add_forwarding(build, profile->lan_interface[0]
					      ? profile->lan_interface
					      : build->environment->host->default_link);
	if (has_ipv6 && build->environment->host->has_force_forwarding)
		add_setting(build, "ipv6", build->veth.host_link, &ipv6);
	else if (has_ipv6)
		add_forwarding_of_all(build);
}

static int write_ruleset(struct build *build, struct error *err)
{
	char *text = malloc(HOST_RULESET_TEXT_LEN);
	int r = text ? host_ruleset_print(&build->ruleset, text, HOST_RULESET_TEXT_LEN, err)
		     : error_errno(err, ENOMEM, "cannot make a plan");

	if (r == 0) {
		char *fitting = realloc(text, strlen(text) + 1);

		build->plan.ruleset[SIDE_HOST] = fitting ? fitting : text;
	} else {
		free(text);
	}
	return r;
}

static int make(struct build *build, struct error *err)
{
	int r = write_ruleset(build, err);

	if (r < 0)
		return r;
	build->plan.step = calloc(STEPS_MAX + 2, sizeof(*build->plan.step));
	if (!build->plan.step)
		return error_errno(err, ENOMEM, "cannot make a plan");
	add(build, STEP_FIREWALL_LOAD)->firewall.is_replaced = true;
	add_link(build);
	add_addresses(build);
	add_passages(build);
	return 0;
}

int plan_host(const struct profile *profile, const struct plan_environment *environment,
	      struct plan *ret, struct error *err)
{
	struct build build = {
		.profile = profile,
		.environment = environment,
		.plan = {.side = SIDE_HOST, .has_ipv6 = environment->has_ipv6},
	};
	int r = 0;

	(void)veth_host_link(profile->name, build.plan.host_link);
	(void)veth_host_table(profile->name, build.plan.host_table);
	if (veth_is_wanted(profile)) {
		if (!environment->host)
			return error_set(err, EINVAL, "the host has not been looked at");
		veth_describe(profile, environment->has_ipv6, &build.veth);
		build.ruleset = (struct host_ruleset){&build.veth, profile, environment->host};
		r = make(&build, err);
	}
	if (r < 0)
		plan_done(&build.plan);
	else
		*ret = build.plan;
	return r;
}
