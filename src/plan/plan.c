#include "plan/plan.h"

#include "base/error.h"
#include "config/profile.h"
#include "plan/mtu.h"
#include "plan/ruleset.h"
#include "plan/veth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Settings of the whole namespace or of the links that are still to be made.
 * A new namespace takes IPv4's from the host's (net.core.devconf_inherit_init_net),
 * whatever they are, so what matters is written also where the kernel's own
 * default would do.
 *
 * "all" is written where the kernel looks at it together with the link's; where
 * it does not, "default" alone is what counts.  lo is left alone: it hears
 * only what the namespace says.
 */
struct setting {
	const char *path;
	const char *value;
};

static const struct setting ipv4_settings[] = {
	/* nobody's router, and nobody's to be told about routes (RFC 1812 section 5.2.7.2) */
	{"net/ipv4/conf/all/forwarding", "0"},
	{"net/ipv4/conf/all/accept_redirects", "0"},
	{"net/ipv4/conf/default/accept_redirects", "0"},
	{"net/ipv4/conf/all/send_redirects", "0"},
	{"net/ipv4/conf/default/send_redirects", "0"},
	{"net/ipv4/conf/all/accept_source_route", "0"},
	{"net/ipv4/conf/default/accept_source_route", "0"},
	/* 127/8 and our own addresses never come from a link (RFC 1122 section 3.2.1.3) */
	{"net/ipv4/conf/all/route_localnet", "0"},
	{"net/ipv4/conf/default/route_localnet", "0"},
	{"net/ipv4/conf/all/accept_local", "0"},
	{"net/ipv4/conf/default/accept_local", "0"},
};

static const struct setting ipv6_settings[] = {
	/* for "default" and each link, too; the boot parameter ipv6.disable_ipv6 says 1 */
	{"net/ipv6/conf/all/disable_ipv6", "0"},
	{"net/ipv6/conf/all/forwarding", "0"},
	/* No address, route or MTU from anybody's advertisement (RFC 4861, RFC 4862). */
	{"net/ipv6/conf/default/accept_ra", "0"},
	{"net/ipv6/conf/default/autoconf", "0"},
	{"net/ipv6/conf/default/accept_redirects", "0"},
	{"net/ipv6/conf/default/accept_source_route", "0"},
	/* 1: no link-local address of the kernel's own making, so nothing is sent with one */
	{"net/ipv6/conf/default/addr_gen_mode", "1"},
};

/* The tunnel's own, of a lasting namespace: it was made with the "default" ones,
 * but whoever is root inside can write them.  Below net/FAMILY/conf/DEVICE.
 */
static const struct setting ipv4_link_settings[] = {
	{"forwarding", "0"},	      {"accept_redirects", "0"}, {"send_redirects", "0"},
	{"accept_source_route", "0"}, {"route_localnet", "0"},	 {"accept_local", "0"},
};

/* Of the link to the host besides: its own address is all that ARP tells of, and what
 * comes has a source that is there (RFC 3704 section 2.2).
 */
static const struct setting veth_settings[] = {
	{"arp_ignore", "1"},
	{"arp_announce", "2"},
	{"rp_filter", "1"},
};

static const struct setting ipv6_link_settings[] = {
	{"disable_ipv6", "0"},	{"forwarding", "0"},	   {"accept_ra", "0"},
	{"autoconf", "0"},	{"accept_redirects", "0"}, {"accept_source_route", "0"},
	{"addr_gen_mode", "1"},
};

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

enum {
	N_SETTINGS = LEN(ipv4_settings) + LEN(ipv6_settings) + 2 * LEN(ipv4_link_settings) +
		     2 * LEN(ipv6_link_settings) + LEN(veth_settings),
	/* firewall, ping_group_range, lo, two unreachable routes, tunnel, tunnel up, and of
	 * the link to the host: two addresses, up, two routes
	 */
	N_SINGLE_STEPS = 12,
};

/* What differs between the kinds of namespaces. */
struct build {
	const struct profile *profile; /* NULL: no tunnel */
	const struct plan_environment *environment;
	enum step_kind tunnel; /* STEP_TUN_CREATE, STEP_WIREGUARD_CREATE */
	/* More than one plan is made true in it, one after the other, by diff.h. */
	bool is_lasting;
	struct plan plan;
	bool has_ipv4_address;
	bool has_ipv6_address;
	bool has_veth; /* a link to the host, which plan_host() makes */
	struct veth veth;
};

static struct step *add(struct build *build, enum step_kind kind)
{
	struct step *step = &build->plan.step[build->plan.n_steps++];

	step->kind = kind;
	return step;
}

static void add_firewall(struct build *build)
{
	add(build, STEP_FIREWALL_LOAD)->firewall.is_replaced = build->is_lasting;
}

static void add_sysctl(struct build *build, const char *path, const char *value)
{
	step_write_sysctl(add(build, STEP_SYSCTL_SET), path, value);
}

static void add_sysctls(struct build *build)
{
	char group_range[STEP_SYSCTL_VALUE_LEN];
	unsigned int gid = build->environment->ping_gid;
	unsigned int last = build->environment->ping_gid_last;

	for (size_t i = 0; i < LEN(ipv4_settings); i++)
		add_sysctl(build, ipv4_settings[i].path, ipv4_settings[i].value);
	for (size_t i = 0; build->environment->has_ipv6 && i < LEN(ipv6_settings); i++)
		add_sysctl(build, ipv6_settings[i].path, ipv6_settings[i].value);
	/* ICMP sockets without a capability (icmp(7)); IPv6's heed it, too. */
	(void)snprintf(group_range, sizeof(group_range), "%u %u", gid, last > gid ? last : gid);
	add_sysctl(build, "net/ipv4/ping_group_range", group_range);
}

/* The settings of one family. */
struct settings {
	const char *family;
	const struct setting *setting;
	size_t n_settings;
};

static void add_link_settings(struct build *build, const char *link,
			      const struct settings *settings)
{
	char path[STEP_SYSCTL_PATH_LEN];

	for (size_t i = 0; i < settings->n_settings; i++) {
		step_write_path(path, settings->family, link, settings->setting[i].path);
		add_sysctl(build, path, settings->setting[i].value);
	}
}

static void add_usual_settings(struct build *build, const char *link)
{
	static const struct settings ipv4 = {"ipv4", ipv4_link_settings, LEN(ipv4_link_settings)};
	static const struct settings ipv6 = {"ipv6", ipv6_link_settings, LEN(ipv6_link_settings)};

	add_link_settings(build, link, &ipv4);
	if (build->environment->has_ipv6)
		add_link_settings(build, link, &ipv6);
}

static void add_tunnel_settings(struct build *build)
{
	if (build->is_lasting)
		add_usual_settings(build, build->profile->device);
}

static void add_link_up(struct build *build, const char *name)
{
	step_write_name(add(build, STEP_LINK_UP)->link.name, name);
}

/* Behind every route: what has no other fails at once, also when the tunnel's
 * routes are gone with it.
 */
static void add_unreachable(struct build *build, const char *everything)
{
	struct step_route *route = &add(build, STEP_ROUTE_ADD)->route;

	(void)prefix_parse(everything, strlen(everything), &route->to);
	route->way = WAY_UNREACHABLE;
	route->metric = UINT32_MAX;
}

static void add_tunnel(struct build *build)
{
	struct step *step = add(build, build->tunnel);

	step_write_name(step->tun.name, build->profile->device);
	step->tun.mtu = build->plan.mtu;
	if (build->tunnel == STEP_TUN_CREATE)
		step->tun.gso_max_segs = mtu_batch_segments(build->plan.mtu);
	else
		step->side = SIDE_HOST;
}

static void add_addresses(struct build *build)
{
	for (size_t i = 0; i < build->profile->n_addresses; i++) {
		const struct prefix *address = &build->profile->address[i];
		struct step_address *step;

		if (!address_is_v4(&address->address) && !build->environment->has_ipv6)
			continue;
		step = &add(build, STEP_ADDRESS_ADD)->address;
		step_write_name(step->link, build->profile->device);
		step->address = *address;
	}
}

/* The same list however the file orders it. */
static int compare_routes(const void *left, const void *right)
{
	return step_compare(left, right);
}

/* Two peers may name one prefix; the last has it, and one route leads there. */
static void merge_routes(struct plan *plan, size_t first)
{
	size_t kept = first;

	qsort(plan->step + first, plan->n_steps - first, sizeof(*plan->step), compare_routes);
	for (size_t i = first; i < plan->n_steps; i++) {
		if (kept > first && compare_routes(&plan->step[kept - 1], &plan->step[i]) == 0)
			continue;
		plan->step[kept++] = plan->step[i];
	}
	plan->n_steps = kept;
}

/* Without an address of the family nothing could be sent from here, so there is
 * no route and the unreachable one answers at once.
 */
static void add_route(struct build *build, const struct prefix *to)
{
	bool is_v4 = address_is_v4(&to->address);
	struct step_route *route;

	if (is_v4 && !build->has_ipv4_address) {
		build->plan.n_ipv4_left_out++;
		return;
	}
	if (!is_v4 && !build->has_ipv6_address) {
		build->plan.n_ipv6_left_out++;
		return;
	}
	route = &add(build, STEP_ROUTE_ADD)->route;
	route->way = WAY_LINK;
	step_write_name(route->link, build->profile->device);
	route->to = *to;
	prefix_normalize(&route->to);
}

static void add_peers_routes(struct build *build)
{
	size_t first = build->plan.n_steps;

	for (size_t i = 0; i < build->profile->n_peers; i++)
		for (size_t j = 0; j < build->profile->peer[i].n_allowed_ips; j++)
			add_route(build, &build->profile->peer[i].allowed_ip[j]);
	if (build->plan.n_steps > first)
		merge_routes(&build->plan, first);
}

/* ---- the link to the host ---- */

static void add_veth_route(struct build *build, const struct prefix *to,
			   const struct address *gateway)
{
	struct step_route *route = &add(build, STEP_ROUTE_ADD)->route;

	route->way = WAY_LINK;
	step_write_name(route->link, VETH_INSIDE);
	route->to = *to;
	prefix_normalize(&route->to);
	route->has_gateway = gateway != NULL;
	if (gateway)
		route->gateway = *gateway;
}

static void add_veth_address(struct build *build, const struct veth_ends *ends)
{
	struct step_address *address = &add(build, STEP_ADDRESS_ADD)->address;

	step_write_name(address->link, VETH_INSIDE);
	address->address.address = ends->inside;
	address->address.len = prefix_full_len(&ends->inside);
}

/* To the host's end, and by it to what Allow= names. */
static void add_veth_routes(struct build *build, enum veth_family family)
{
	const struct veth *veth = &build->veth;
	const struct address *host = &veth->ends[family].host;
	struct prefix to = {.address = *host, .len = prefix_full_len(host)};
	size_t first;

	add_veth_route(build, &to, NULL);
	first = build->plan.n_steps;
	for (size_t i = 0; i < veth->n_allows; i++)
		if (veth_family_of(&veth->allow[i].prefix.address) == family)
			add_veth_route(build, &veth->allow[i].prefix, host);
	if (build->plan.n_steps > first)
		merge_routes(&build->plan, first);
}

static void add_veth(struct build *build)
{
	static const struct settings own = {"ipv4", veth_settings, LEN(veth_settings)};

	add_usual_settings(build, VETH_INSIDE);
	add_link_settings(build, VETH_INSIDE, &own);
	for (unsigned int i = 0; i < VETH_FAMILIES; i++)
		if (build->veth.ends[i].is_used)
			add_veth_address(build, &build->veth.ends[i]);
	add_link_up(build, VETH_INSIDE);
	for (unsigned int i = 0; i < VETH_FAMILIES; i++)
		if (build->veth.ends[i].is_used)
			add_veth_routes(build, i);
}

static void add_seal(struct build *build)
{
	add_firewall(build);
	add_sysctls(build);
	add_link_up(build, "lo");
	add_unreachable(build, "0.0.0.0/0");
	if (build->environment->has_ipv6)
		add_unreachable(build, "::/0");
}

static void add_steps(struct build *build)
{
	add_seal(build);
	if (!build->profile)
		return;
	add_tunnel(build);
	add_tunnel_settings(build);
	add_addresses(build);
	add_link_up(build, build->profile->device);
	add_peers_routes(build);
	if (build->has_veth)
		add_veth(build);
}

/* What the steps at most can be; those left out are counted in. */
static size_t count_steps(const struct profile *profile)
{
	size_t n = N_SINGLE_STEPS + N_SETTINGS;

	if (!profile)
		return n;
	n += profile->n_addresses + profile->n_allows;
	for (size_t i = 0; i < profile->n_peers; i++)
		n += profile->peer[i].n_allowed_ips;
	return n;
}

static void find_families(struct build *build)
{
	for (size_t i = 0; i < build->profile->n_addresses; i++) {
		if (address_is_v4(&build->profile->address[i].address))
			build->has_ipv4_address = true;
		else if (build->environment->has_ipv6)
			build->has_ipv6_address = true;
	}
}

/* What the profile must have for a tunnel to be. */
static int check(struct build *build, struct error *err)
{
	build->plan.mtu = mtu_choose(build->profile->mtu, build->environment->path_mtu);
	find_families(build);
	if (!build->has_ipv4_address && !build->has_ipv6_address)
		return error_set(err, EINVAL,
				 build->profile->n_addresses == 0
					 ? "the tunnel has no Address"
					 : "the tunnel has IPv6 addresses only, and "
					   "this machine has no IPv6");
	if (build->has_ipv6_address && build->plan.mtu < MTU_IPV6_MIN) {
		int r = error_set(err, EINVAL, "MTU %u is too small for an IPv6 address",
				  build->plan.mtu);

		error_hint(err, "IPv6 needs at least %d", MTU_IPV6_MIN);
		return r;
	}
	if (count_steps(build->profile) > PLAN_STEPS_MAX)
		return error_set(err, E2BIG, "more than %d AllowedIPs", PLAN_STEPS_MAX - 64);
	return 0;
}

static int write_ruleset(struct build *build, struct error *err)
{
	struct ruleset ruleset = {.device = ""};
	char *text = malloc(RULESET_TEXT_LEN);
	int r;

	if (!text)
		return error_errno(err, ENOMEM, "cannot make a plan");
	if (build->profile)
		ruleset = (struct ruleset){
			.device = build->profile->device,
			.accept = build->profile->accept,
			.n_accepts = build->profile->n_accepts,
			.veth = build->has_veth ? &build->veth : NULL,
		};
	r = ruleset_print(&ruleset, text, RULESET_TEXT_LEN, err);
	if (r < 0)
		free(text);
	else
		build->plan.ruleset[SIDE_INSIDE] = text;
	return r;
}

static int make(struct build *build, struct plan *ret, struct error *err)
{
	int r = build->profile ? check(build, err) : 0;

	if (r == 0)
		r = write_ruleset(build, err);
	if (r < 0)
		return r;
	build->plan.has_ipv6 = build->environment->has_ipv6;
	build->plan.step = calloc(count_steps(build->profile), sizeof(*build->plan.step));
	if (!build->plan.step) {
		plan_done(&build->plan);
		return error_errno(err, ENOMEM, "cannot make a plan");
	}
	add_steps(build);
	*ret = build->plan;
	return 0;
}

int plan_run(const struct profile *profile, const struct plan_environment *environment,
	     struct plan *ret, struct error *err)
{
	struct build build = {
		.profile = profile,
		.environment = environment,
		.tunnel = STEP_TUN_CREATE,
	};

	return make(&build, ret, err);
}

int plan_seal(const struct plan_environment *environment, struct plan *ret, struct error *err)
{
	struct build build = {.environment = environment, .is_lasting = true};

	return make(&build, ret, err);
}

static bool is_of_beginning(const struct step *step)
{
	return step->kind != STEP_TUN_CREATE && step->kind != STEP_WIREGUARD_CREATE;
}

static int copy_beginning(const struct plan *whole, struct plan *ret)
{
	size_t n = 0;

	while (n < whole->n_steps && is_of_beginning(&whole->step[n]))
		n++;
	ret->has_ipv6 = whole->has_ipv6;
	ret->ruleset[SIDE_INSIDE] = strdup(whole->ruleset[SIDE_INSIDE]);
	ret->step = calloc(n + 1, sizeof(*ret->step));
	if (!ret->ruleset[SIDE_INSIDE] || !ret->step)
		return -ENOMEM;
	memcpy(ret->step, whole->step, n * sizeof(*ret->step));
	ret->n_steps = n;
	for (size_t i = 0; i < n; i++)
		if (ret->step[i].kind == STEP_FIREWALL_LOAD)
			ret->step[i].firewall.is_replaced = false;
	return 0;
}

int plan_beginning(const struct plan *whole, struct plan *ret, struct error *err)
{
	struct plan plan = {0};

	if (copy_beginning(whole, &plan) < 0) {
		plan_done(&plan);
		return error_errno(err, ENOMEM, "cannot make a plan");
	}
	*ret = plan;
	return 0;
}

int plan_named(const struct profile *profile, const struct plan_environment *environment,
	       enum profile_backend backend, struct plan *ret, struct error *err)
{
	struct build build = {
		.profile = profile,
		.environment = environment,
		.tunnel = backend == BACKEND_KERNEL ? STEP_WIREGUARD_CREATE : STEP_TUN_CREATE,
		.is_lasting = true,
	};

	build.has_veth = veth_is_wanted(profile);
	if (build.has_veth)
		veth_describe(profile, environment->has_ipv6, &build.veth);
	if (backend == BACKEND_AUTO)
		return error_set(err, EINVAL, "the tunnel's backend is not chosen yet");
	return make(&build, ret, err);
}

void plan_done(struct plan *plan)
{
	for (size_t i = 0; i < SIDES; i++)
		free(plan->ruleset[i]);
	free(plan->step);
	*plan = (struct plan){0};
}
