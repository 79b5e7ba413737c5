#include "plan/veth.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum {
	LINK_NAME_KEPT = 6, /* letters of a long name that stay */
	LINK_NAME_HASH = 5, /* and those that tell it from others, of 5 bits each */
};

/* FNV-1a, 64 bits: stable, and spread enough for names.  Source: Fowler, Noll and Vo,
 * draft-eastlake-fnv section 2.
 */
static uint64_t hash(const char *name, uint8_t salt)
{
	uint64_t value = (0xcbf29ce484222325 ^ salt) * 0x100000001b3;

	for (; *name; name++)
		value = (value ^ (uint8_t)*name) * 0x100000001b3;
	/* The last letters have not reached the lowest bits' neighbours yet. */
	value ^= value >> 32;
	return value * 0x9e3779b97f4a7c15;
}

const char *veth_host_link(const char *name, char ret[IFNAMSIZ])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	char suffix[LINK_NAME_HASH + 1] = "";
	uint64_t value = hash(name, 0);

	if (strlen(name) + strlen("ve-") < IFNAMSIZ) {
		(void)snprintf(ret, IFNAMSIZ, "ve-%s", name);
		return ret;
	}
	for (size_t i = 0; i < LINK_NAME_HASH; i++, value >>= 5)
		suffix[i] = letters[value >> 32 & 31];
	(void)snprintf(ret, IFNAMSIZ, "ve-%.*s-%s", LINK_NAME_KEPT, name, suffix);
	return ret;
}

const char *veth_host_table(const char *name, char ret[VETH_TABLE_LEN])
{
	(void)snprintf(ret, VETH_TABLE_LEN, "adit-%.64s", name);
	return ret;
}

bool veth_is_wanted(const struct profile *profile)
{
	return profile->lan_path == LAN_PATH_VETH;
}

const char *veth_family_word(enum veth_family family)
{
	return family == VETH_IPV4 ? "ip" : "ip6";
}

enum veth_family veth_family_of(const struct address *address)
{
	return address_is_v4(address) ? VETH_IPV4 : VETH_IPV6;
}

/* ---- addresses ---- */

static void choose_ipv4(uint64_t value, struct veth_ends *ret)
{
	struct prefix prefix;
	char text[ADDRESS_TEXT_LEN];

	/* Neither all zeroes nor all ones at the end, as in any usual network. */
	(void)snprintf(text, sizeof(text), "10.%u.%u.%u", (unsigned int)(value >> 40 & 255),
		       (unsigned int)(value >> 32 & 255),
		       (unsigned int)(2 * (1 + (value >> 24 & 127) % 126)));
	(void)prefix_parse(text, strlen(text), &prefix);
	ret->host = prefix.address;
	ret->inside = prefix.address;
	ret->inside.ip.s6_addr[15]++;
}

static void choose_ipv6(uint64_t value, struct veth_ends *ret)
{
	ret->host = (struct address){0};
	ret->host.ip.s6_addr[0] = 0xfd;
	for (size_t i = 1; i < 8; i++, value >>= 8)
		ret->host.ip.s6_addr[i] = (uint8_t)value;
	ret->inside = ret->host;
	ret->host.ip.s6_addr[15] = 1;
	ret->inside.ip.s6_addr[15] = 2;
}

static bool is_end(const struct veth_ends *ends, const struct address *address)
{
	return address_equal(&ends->host, address) || address_equal(&ends->inside, address);
}

static bool is_taken(const struct profile *profile, const struct veth_ends *ends)
{
	for (size_t i = 0; i < profile->n_addresses; i++)
		if (is_end(ends, &profile->address[i].address))
			return true;
	for (size_t i = 0; i < profile->n_dns; i++)
		if (is_end(ends, &profile->dns[i]))
			return true;
	return false;
}

static void choose(const struct profile *profile, enum veth_family family, struct veth_ends *ret)
{
	static void (*const choosers[VETH_FAMILIES])(uint64_t value, struct veth_ends * ret) = {
		[VETH_IPV4] = choose_ipv4,
		[VETH_IPV6] = choose_ipv6,
	};
	uint8_t salt = 1;

	do
		choosers[family](hash(profile->name, salt), ret);
	while (is_taken(profile, ret) && ++salt < UINT8_MAX);
	ret->is_used = true;
}

static void take_given(const struct profile *profile, struct veth *ret)
{
	for (size_t i = 0; i < profile->n_lan_host; i++) {
		enum veth_family family = veth_family_of(&profile->lan_host[i].address);

		ret->ends[family].host = profile->lan_host[i].address;
		ret->ends[family].is_used = true;
	}
	for (size_t i = 0; i < profile->n_lan_namespace; i++)
		ret->ends[veth_family_of(&profile->lan_namespace[i].address)].inside =
			profile->lan_namespace[i].address;
}

void veth_describe(const struct profile *profile, bool has_ipv6, struct veth *ret)
{
	*ret = (struct veth){.allow = profile->allow, .n_allows = profile->n_allows};
	(void)veth_host_link(profile->name, ret->host_link);
	(void)veth_host_table(profile->name, ret->host_table);
	if (profile->n_lan_host > 0) {
		take_given(profile, ret);
	} else {
		choose(profile, VETH_IPV4, &ret->ends[VETH_IPV4]);
		choose(profile, VETH_IPV6, &ret->ends[VETH_IPV6]);
	}
	if (!has_ipv6)
		ret->ends[VETH_IPV6].is_used = false;
}

/* ---- rules inside ---- */

void veth_print_ports(const struct profile_allow *allow, struct text *text)
{
	if (!allow->has_ports)
		return;
	text_add(text, "%s dport %u", allow->protocol == PROTOCOL_TCP ? "tcp" : "udp",
		 allow->ports.first);
	if (allow->ports.last != allow->ports.first)
		text_add(text, "-%u", allow->ports.last);
	text_add(text, " ");
}

static void print_neighbours(const char *direction, struct text *text)
{
	text_add(text,
		 "\t\t%s \"" VETH_INSIDE "\" icmpv6 type "
		 "{ nd-neighbor-solicit, nd-neighbor-advert } accept\n",
		 direction);
}

/* Neither side's flows go by the other's link, whatever the routes say. */
static void print_apart(const struct veth_ends *ends, const char *word, const char *tunnel,
			struct text *text)
{
	char inside[ADDRESS_TEXT_LEN];
	char host[ADDRESS_TEXT_LEN];

	if (!tunnel[0])
		return;
	text_add(text, "\t\toifname \"%s\" %s saddr %s counter name \"refused_out\" drop\n", tunnel,
		 word, address_print(&ends->inside, inside));
	text_add(text, "\t\toifname \"%s\" %s daddr %s counter name \"refused_out\" drop\n", tunnel,
		 word, address_print(&ends->host, host));
}

static void print_allowed(const struct veth *veth, enum veth_family family, struct text *text)
{
	const char *word = veth_family_word(family);
	char inside[ADDRESS_TEXT_LEN];
	char prefix[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < veth->n_allows; i++) {
		const struct profile_allow *allow = &veth->allow[i];

		if (veth_family_of(&allow->prefix.address) != family)
			continue;
		text_add(text, "\t\toifname \"" VETH_INSIDE "\" %s saddr %s %s daddr %s ", word,
			 address_print(&veth->ends[family].inside, inside), word,
			 prefix_print(&allow->prefix, prefix));
		veth_print_ports(allow, text);
		text_add(text, "accept\n");
	}
}

void veth_print_output(const struct veth *veth, const char *tunnel, struct text *text)
{
	for (unsigned int i = 0; i < VETH_FAMILIES; i++)
		if (veth->ends[i].is_used)
			print_apart(&veth->ends[i], veth_family_word(i), tunnel, text);
	text_add(text, "\t\t# To the host only answers, so that nothing is begun there and no\n"
		       "\t\t# flow of the tunnel goes on there.\n");
	for (unsigned int i = 0; i < VETH_FAMILIES; i++) {
		const struct veth_ends *ends = &veth->ends[i];
		char inside[ADDRESS_TEXT_LEN];
		char host[ADDRESS_TEXT_LEN];

		if (!ends->is_used)
			continue;
		text_add(text,
			 "\t\toifname \"" VETH_INSIDE
			 "\" %s saddr %s %s daddr %s ct direction reply accept\n",
			 veth_family_word(i), address_print(&ends->inside, inside),
			 veth_family_word(i), address_print(&ends->host, host));
		print_allowed(veth, i, text);
	}
	if (veth->ends[VETH_IPV6].is_used)
		print_neighbours("oifname", text);
}

void veth_print_input(const struct veth *veth, struct text *text)
{
	text_add(text,
		 "\t\t# From the host what it began, and answers to what [Lan] Allow= names.\n");
	for (unsigned int i = 0; i < VETH_FAMILIES; i++) {
		const struct veth_ends *ends = &veth->ends[i];
		const char *word = veth_family_word(i);
		char inside[ADDRESS_TEXT_LEN];
		char host[ADDRESS_TEXT_LEN];

		if (!ends->is_used)
			continue;
		(void)address_print(&ends->inside, inside);
		text_add(text,
			 "\t\tiifname \"" VETH_INSIDE
			 "\" %s saddr %s %s daddr %s ct direction original accept\n",
			 word, address_print(&ends->host, host), word, inside);
		if (veth->n_allows > 0)
			text_add(text,
				 "\t\tiifname \"" VETH_INSIDE
				 "\" %s daddr %s ct direction reply accept\n",
				 word, inside);
	}
	if (veth->ends[VETH_IPV6].is_used)
		print_neighbours("iifname", text);
}
