#include "config/check.h"

#include "config/builder.h"
#include "config/key.h"

#include <string.h>

enum {
	WIDE_LEN = 3, /* bits */
	LAN_LEN_IPV4 = 8,
	LAN_LEN_IPV6 = 16,
};

/* ---- what lies over what ---- */

/* An address or a network of [Lan], and the line that it stands in. */
struct part {
	const char *key;
	const struct profile_place *place;
	struct prefix prefix;
};

/* A half, a quarter, an eighth of all addresses: everything, written in pieces. */
static bool is_wide(const struct prefix *prefix)
{
	return prefix->len <= WIDE_LEN;
}

static void remark_overlap(struct builder *builder, const struct part *part, const char *what,
			   const struct prefix *other, const struct profile_place *other_place)
{
	char where[BUILDER_WHERE_LEN];
	char mine[PREFIX_TEXT_LEN];
	char theirs[PREFIX_TEXT_LEN];

	builder_remark(builder, REPORT_ERROR, part->place, 0, "%s: %s and %s %s overlap (%s)",
		       part->key, prefix_print(&part->prefix, mine), what,
		       prefix_print(other, theirs),
		       builder_where(builder, part->place, other_place, where));
}

static bool do_overlap(const struct prefix *a, const struct prefix *b)
{
	return address_family(&a->address) == address_family(&b->address) &&
	       (prefix_covers(a, b) || prefix_covers(b, a));
}

static struct prefix alone(const struct address *address)
{
	return (struct prefix){.address = *address, .len = prefix_full_len(address)};
}

static void check_tunnel_addresses(struct builder *builder, const struct part *part)
{
	const struct profile *profile = builder->profile;
	const struct profile_place *place = check_seen(builder, SECTION_INTERFACE, "Address");

	if (place->line == 0)
		place = check_seen(builder, SECTION_NAMESPACE, "Address");
	for (size_t i = 0; i < profile->n_addresses; i++) {
		struct prefix own = alone(&profile->address[i].address);

		if (do_overlap(&part->prefix, &own))
			remark_overlap(builder, part, "the tunnel's address", &own, place);
	}
}

static void check_servers(struct builder *builder, const struct part *part)
{
	const struct profile *profile = builder->profile;

	for (size_t i = 0; i < profile->n_dns; i++) {
		struct prefix server = alone(&profile->dns[i]);

		if (do_overlap(&part->prefix, &server))
			remark_overlap(builder, part, "the DNS server", &server,
				       &profile->dns_place[i]);
	}
}

/* The first is enough. */
static void check_allowed_ips(struct builder *builder, const struct part *part)
{
	const struct profile *profile = builder->profile;

	for (size_t i = 0; i < profile->n_peers; i++) {
		const struct profile_peer *peer = &profile->peer[i];

		for (size_t j = 0; j < peer->n_allowed_ips; j++) {
			if (is_wide(&peer->allowed_ip[j]) ||
			    !do_overlap(&part->prefix, &peer->allowed_ip[j]))
				continue;
			remark_overlap(builder, part, "AllowedIPs", &peer->allowed_ip[j],
				       &peer->allowed_ip_place[j]);
			return;
		}
	}
}

static void check_part(struct builder *builder, const struct part *part)
{
	check_tunnel_addresses(builder, part);
	check_servers(builder, part);
	check_allowed_ips(builder, part);
}

static void check_ends(struct builder *builder, const char *key, const struct prefix *end,
		       size_t n_ends)
{
	for (size_t i = 0; i < n_ends; i++) {
		struct part part = {key, check_seen(builder, SECTION_LAN, key),
				    alone(&end[i].address)};

		check_part(builder, &part);
	}
}

static void check_allows(struct builder *builder)
{
	const struct profile *profile = builder->profile;

	for (size_t i = 0; i < profile->n_allows; i++) {
		const struct profile_allow *allow = &profile->allow[i];
		struct part part = {"Allow", &allow->place, allow->prefix};
		int least = address_is_v4(&allow->prefix.address) ? LAN_LEN_IPV4 : LAN_LEN_IPV6;

		if (allow->prefix.len < least) {
			builder_remark(builder, REPORT_ERROR, &allow->place, 0,
				       "Allow: a network that wide is no LAN: /%d at the widest",
				       least);
			continue;
		}
		check_part(builder, &part);
	}
}

static bool is_loopback(const struct profile_forward *forward)
{
	if (!forward->has_address)
		return strcmp(forward->interface, "lo") == 0;
	return address_is_v4(&forward->address) ? forward->address.ip.s6_addr[12] == 127
						: IN6_IS_ADDR_LOOPBACK(&forward->address.ip);
}

static void check_veth_flows(struct builder *builder)
{
	const struct profile *profile = builder->profile;

	check_ends(builder, "HostAddress", profile->lan_host, profile->n_lan_host);
	check_ends(builder, "NamespaceAddress", profile->lan_namespace, profile->n_lan_namespace);
	check_allows(builder);
	for (size_t i = 0; i < profile->n_forwards; i++) {
		if (!is_loopback(&profile->forward[i]))
			continue;
		builder_remark(builder, REPORT_ERROR, &profile->forward[i].place, 0,
			       "Forward: the path is veth, which does not go by lo");
		report_hint(builder->report,
			    "the host reaches every port at NamespaceAddress by itself");
	}
}

/* ---- which way ---- */

/* Why flows go by veth; line 0: they need not. */
static struct profile_place find_veth_need(const struct builder *builder, const char **ret_key)
{
	static const char *const keys[] = {"HostAddress", "NamespaceAddress", "Allow"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct profile_place *seen = check_seen(builder, SECTION_LAN, keys[i]);

		*ret_key = keys[i];
		if (seen->line > 0)
			return *seen;
	}
	return (struct profile_place){0};
}

/* By the number of a veth's other end who has CAP_NET_ADMIN in the namespace's user
 * namespace reaches the host's links; that of adit's own has nobody in it.
 */
static void check_owner(struct builder *builder, const char *key, const struct profile_place *veth)
{
	const struct profile_place *path = check_seen(builder, SECTION_NAMESPACE, "Path");
	char where[BUILDER_WHERE_LEN];

	if (path->line == 0)
		return;
	builder_remark(builder, REPORT_ERROR, veth, strlen(key),
		       "%s: a veth needs a namespace of adit's own, and Path says another (%s)",
		       key, builder_where(builder, veth, path, where));
	report_hint(builder->report, "Forward works by the relay");
}

void check_lan(struct builder *builder)
{
	const struct profile_place *path = check_seen(builder, SECTION_LAN, "Path");
	const struct profile_place *proxy = check_seen(builder, SECTION_LAN, "ProxyProtocol");
	struct profile *profile = builder->profile;
	char where[BUILDER_WHERE_LEN];
	const char *key;
	struct profile_place need = find_veth_need(builder, &key);

	if (need.line > 0 && profile->has_lan_path && profile->lan_path == LAN_PATH_RELAY) {
		builder_remark(builder, REPORT_ERROR, &need, strlen(key),
			       "%s: needs Path=veth, and Path says relay (%s)", key,
			       builder_where(builder, &need, path, where));
		return;
	}
	if (need.line > 0 && !profile->has_lan_path) {
		profile->lan_path = LAN_PATH_VETH;
		builder_remark(builder, REPORT_NOTE, &need, strlen(key),
			       "%s: LAN flows go by a veth, not by the relay", key);
	}
	if (profile->has_proxy_protocol && profile->lan_path == LAN_PATH_VETH)
		builder_remark(builder, REPORT_ERROR, proxy, strlen("ProxyProtocol"),
			       "ProxyProtocol: only the relay can send it, and the path is veth");
	if (profile->lan_path != LAN_PATH_VETH)
		return;
	check_owner(builder, need.line > 0 ? key : "Path", need.line > 0 ? &need : path);
	check_veth_flows(builder);
}
