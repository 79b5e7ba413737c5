#include "config/check.h"

#include "base/text.h"
#include "config/builder.h"
#include "config/key.h"
#include "config/peers.h"

#include <string.h>

const struct profile_place *check_seen(const struct builder *builder, enum section section,
				       const char *name)
{
	struct slice slice = {name, strlen(name)};

	return &builder->seen[key_find(section, slice) - key_table];
}

/* Or was tried to be given, which has been remarked on. */
static bool was_given(const struct builder *builder, enum section section, const char *name)
{
	const struct profile_place *seen = check_seen(builder, section, name);

	return seen->line > 0 || builder->is_guessed[seen - builder->seen];
}

/* Two things that exclude each other are both there: an error at the later. */
static void check_pair(struct builder *builder, const struct profile_place *place,
		       const struct profile_place *other, const char *what)
{
	char where[BUILDER_WHERE_LEN];

	if (place->line > 0 && other->line > 0)
		builder_remark(builder, REPORT_ERROR, place, 0, "%s (%s)", what,
			       builder_where(builder, place, other, where));
}

void check_peer(struct builder *builder, const struct profile_peer *peer)
{
	if (!was_given(builder, SECTION_PEER, "PublicKey")) {
		builder_remark(builder, REPORT_ERROR, &peer->place, 4,
			       "this [Peer] has no PublicKey");
		report_hint(builder->report, "the provider's file has one");
	}
	check_pair(builder, check_seen(builder, SECTION_PEER, "PresharedKeyFile"),
		   check_seen(builder, SECTION_PEER, "PresharedKey"),
		   "PresharedKeyFile: this peer has PresharedKey already");
	if (!was_given(builder, SECTION_PEER, "AllowedIPs"))
		builder_remark(builder, REPORT_WARNING, &peer->place, 4,
			       "this [Peer] has no AllowedIPs: nothing is ever sent to it");
}

/* ---- which tunnel ---- */

static const struct profile_place *first_of(const struct profile_place *a,
					    const struct profile_place *b)
{
	return a->line > 0 ? a : b;
}

const struct profile_place *check_source(struct builder *builder)
{
	const struct profile_place *inline_tunnel = first_of(
		&builder->section_place[SECTION_INTERFACE], &builder->section_place[SECTION_PEER]);
	const struct profile_place *file = check_seen(builder, SECTION_NAMESPACE, "WireGuard");

	check_pair(builder, file, inline_tunnel,
		   "WireGuard: the tunnel is described by [Interface] and [Peer] already");
	if (inline_tunnel->line > 0 || builder->wireguard_path[0] == '\0')
		return NULL;
	return file;
}

static void check_keys(struct builder *builder)
{
	check_pair(builder, check_seen(builder, SECTION_NAMESPACE, "PrivateKeyFile"),
		   check_seen(builder, SECTION_INTERFACE, "PrivateKey"),
		   "PrivateKeyFile: there is a PrivateKey already");
	check_pair(builder, check_seen(builder, SECTION_NAMESPACE, "Address"),
		   check_seen(builder, SECTION_INTERFACE, "Address"),
		   "Address: [Interface] has one already");
}

/* Something is not there: said at [Interface], else of the file. */
static void remark_missing(struct builder *builder, const char *what, const char *hint)
{
	const struct profile_place *interface = &builder->section_place[SECTION_INTERFACE];
	struct profile_place place = *interface;

	builder_remark(builder, REPORT_ERROR, &place, interface->line ? strlen("Interface") : 0,
		       "%s", what);
	report_hint(builder->report, "%s", hint);
}

static void check_complete(struct builder *builder)
{
	bool has_tunnel = builder->section_place[SECTION_INTERFACE].line > 0 ||
			  builder->section_place[SECTION_PEER].line > 0;

	if (builder->has_unknown_section)
		return;
	if (!has_tunnel && builder->wireguard_path[0] &&
	    report_count(builder->report, REPORT_ERROR))
		return; /* that file could not be read */
	if (!has_tunnel) {
		remark_missing(
			builder, "no tunnel is described here",
			"a WireGuard file has [Interface] and [Peer]; [Namespace] WireGuard= "
			"names one");
		return;
	}
	if (!was_given(builder, SECTION_INTERFACE, "PrivateKey") &&
	    !was_given(builder, SECTION_NAMESPACE, "PrivateKeyFile"))
		remark_missing(builder, "PrivateKey is missing",
			       "PrivateKey in [Interface], or PrivateKeyFile in [Namespace]");
	if (!was_given(builder, SECTION_INTERFACE, "Address") &&
	    !was_given(builder, SECTION_NAMESPACE, "Address"))
		remark_missing(builder, "Address is missing",
			       "the provider's file says which address is yours; a file of wg(8) "
			       "has none, so add it in [Namespace]");
	if (builder->section_place[SECTION_PEER].line == 0)
		remark_missing(builder, "there is no [Peer]",
			       "a peer is the server at the tunnel's other end");
}

/* ---- nat mode ---- */

static void check_nat(struct builder *builder)
{
	const struct profile_place *nat = &builder->section_place[SECTION_NAT];
	char where[BUILDER_WHERE_LEN];

	builder->profile->mode = MODE_NAT;
	check_pair(builder, nat, &builder->section_place[SECTION_INTERFACE],
		   "[Nat] uses a tunnel of the host's own, and there is an [Interface]");
	check_pair(builder, nat, &builder->section_place[SECTION_PEER],
		   "[Nat] uses a tunnel of the host's own, and there is a [Peer]");
	for (size_t i = 0; i < n_keys; i++) {
		const struct profile_place *seen = &builder->seen[i];

		if (seen->line > 0 && key_table[i].flags & KEY_MOVE)
			builder_remark(builder, REPORT_ERROR, seen, strlen(key_table[i].name),
				       "%s: has no meaning beside [Nat] (%s)", key_table[i].name,
				       builder_where(builder, seen, nat, where));
	}
	if (!was_given(builder, SECTION_NAT, "Via")) {
		builder_remark(builder, REPORT_ERROR, nat, strlen("Nat"), "[Nat] has no Via");
		report_hint(builder->report,
			    "Via names the host's WireGuard interface, such as wg0");
	}
}

/* Host and namespace ends of a veth: both or neither, family by family. */
struct veth {
	const struct prefix *host;
	size_t n_host;
	const struct prefix *inside;
	size_t n_inside;
	enum section section;
};

static const struct prefix *find_family(const struct prefix *prefix, size_t count, int family)
{
	for (size_t i = 0; i < count; i++)
		if (address_family(&prefix[i].address) == family)
			return &prefix[i];
	return NULL;
}

static void check_veth(struct builder *builder, const struct veth *veth)
{
	static const int families[] = {AF_INET, AF_INET6};
	const struct profile_place *host = check_seen(builder, veth->section, "HostAddress");
	const struct profile_place *inside = check_seen(builder, veth->section, "NamespaceAddress");

	for (size_t i = 0; i < 2; i++) {
		const struct prefix *a = find_family(veth->host, veth->n_host, families[i]);
		const struct prefix *b = find_family(veth->inside, veth->n_inside, families[i]);
		const char *family = families[i] == AF_INET ? "IPv4" : "IPv6";

		if (a && !b)
			builder_remark(builder, REPORT_ERROR, host, 0,
				       "HostAddress: %s here and not in NamespaceAddress", family);
		else if (b && !a)
			builder_remark(builder, REPORT_ERROR, inside, 0,
				       "NamespaceAddress: %s here and not in HostAddress", family);
		else if (a && b && address_equal(&a->address, &b->address))
			builder_remark(builder, REPORT_ERROR, inside, 0,
				       "NamespaceAddress: the same %s address as HostAddress",
				       family);
	}
}

/* ---- DNS ---- */

static void choose_dns(struct builder *builder)
{
	const struct builder_dns *dns =
		builder->namespace_dns.is_given ? &builder->namespace_dns : &builder->interface_dns;
	struct profile *profile = builder->profile;

	memcpy(profile->dns, dns->address, sizeof(profile->dns));
	memcpy(profile->dns_place, dns->place, sizeof(profile->dns_place));
	profile->n_dns = dns->n_addresses;
	memcpy(profile->search, dns->search, sizeof(profile->search));
	profile->n_search = dns->n_search;
}

static bool is_loopback(const struct address *address)
{
	return address_is_v4(address) ? address->ip.s6_addr[12] == 127
				      : IN6_IS_ADDR_LOOPBACK(&address->ip);
}

static bool has_address(const struct profile *profile, int family)
{
	for (size_t i = 0; i < profile->n_addresses; i++)
		if (address_family(&profile->address[i].address) == family)
			return true;
	return false;
}

static bool is_allowed(const struct profile *profile, const struct address *address)
{
	for (size_t i = 0; i < profile->n_peers; i++)
		for (size_t j = 0; j < profile->peer[i].n_allowed_ips; j++)
			if (prefix_contains(&profile->peer[i].allowed_ip[j], address))
				return true;
	return false;
}

/* The first AllowedIPs that a reader would look at. */
static const struct profile_place *find_allowed_place(const struct profile *profile)
{
	for (size_t i = 0; i < profile->n_peers; i++)
		if (profile->peer[i].n_allowed_ips > 0)
			return &profile->peer[i].allowed_ip_place[0];
	return NULL;
}

static void check_server(struct builder *builder, const struct address *server,
			 const struct profile_place *place)
{
	const struct profile_place *allowed = find_allowed_place(builder->profile);
	char text[ADDRESS_TEXT_LEN];
	char where[BUILDER_WHERE_LEN];
	size_t width = strlen(address_print(server, text));

	if (is_loopback(server)) {
		builder_remark(builder, REPORT_WARNING, place, width,
			       "DNS: '%s' is the namespace's own loopback, where no server is "
			       "unless the command starts one",
			       text);
	} else if (allowed && !is_allowed(builder->profile, server)) {
		builder_remark(builder, REPORT_ERROR, place, width,
			       "DNS: '%s' lies outside the peers' AllowedIPs (%s)", text,
			       builder_where(builder, place, allowed, where));
		report_hint(builder->report,
			    "add %s/%u to AllowedIPs, or say in [Namespace] which DNS to use", text,
			    prefix_full_len(server));
	} else if (builder->profile->n_addresses > 0 &&
		   !has_address(builder->profile, address_family(server))) {
		builder_remark(builder, REPORT_WARNING, place, width,
			       "DNS: '%s' cannot be reached without an %s address", text,
			       address_is_v4(server) ? "IPv4" : "IPv6");
	}
}

static void check_dns(struct builder *builder)
{
	struct profile *profile = builder->profile;

	for (size_t i = 0; i < profile->n_dns; i++)
		check_server(builder, &profile->dns[i], &profile->dns_place[i]);
}

/* ---- the tunnel ---- */

/* One note for a family that has routes and no address. */
static void check_family(struct builder *builder, int family)
{
	const struct profile *profile = builder->profile;

	if (profile->n_addresses == 0 || has_address(profile, family))
		return;
	for (size_t i = 0; i < profile->n_peers; i++) {
		const struct profile_peer *peer = &profile->peer[i];

		for (size_t j = 0; j < peer->n_allowed_ips; j++) {
			if (address_family(&peer->allowed_ip[j].address) != family)
				continue;
			builder_remark(builder, REPORT_NOTE, &peer->allowed_ip_place[j], 0,
				       "AllowedIPs has %s and Address has none: %s destinations "
				       "are unreachable inside",
				       family == AF_INET ? "IPv4" : "IPv6",
				       family == AF_INET ? "IPv4" : "IPv6");
			return;
		}
	}
}

enum { MTU_IPV6 = 1280 }; /* RFC 8200 section 5 */

static void check_mtu(struct builder *builder)
{
	const struct profile *profile = builder->profile;

	if (profile->mtu == 0 || profile->mtu >= MTU_IPV6 || !has_address(profile, AF_INET6))
		return;
	builder_remark(builder, REPORT_ERROR, check_seen(builder, SECTION_INTERFACE, "MTU"), 0,
		       "MTU: %u is too little for the IPv6 address: %d at the least", profile->mtu,
		       MTU_IPV6);
}

static void check_endpoints(struct builder *builder)
{
	const struct profile *profile = builder->profile;

	for (size_t i = 0; i < profile->n_peers; i++)
		if (profile->peer[i].endpoint_place.line > 0)
			return;
	if (profile->n_peers == 0)
		return;
	builder_remark(builder, REPORT_WARNING, &profile->peer[0].place, strlen("Peer"),
		       "no peer has an Endpoint: the tunnel waits until a peer calls");
}

static void check_tunnel(struct builder *builder)
{
	check_keys(builder);
	check_complete(builder);
	peers_settle(builder);
	check_dns(builder);
	check_family(builder, AF_INET);
	check_family(builder, AF_INET6);
	check_mtu(builder);
	check_endpoints(builder);
}

void check_profile(struct builder *builder)
{
	struct profile *profile = builder->profile;
	struct veth nat = {profile->nat_host, profile->n_nat_host, profile->nat_namespace,
			   profile->n_nat_namespace, SECTION_NAT};
	struct veth lan = {profile->lan_host, profile->n_lan_host, profile->lan_namespace,
			   profile->n_lan_namespace, SECTION_LAN};

	choose_dns(builder);
	if (builder->section_place[SECTION_NAT].line > 0)
		check_nat(builder);
	else
		check_tunnel(builder);
	check_veth(builder, &nat);
	check_veth(builder, &lan);
	check_lan(builder);
}
