/* What each line is for stands in the text, where nft(8) and `adit plan` show it.
 * What has no line: ARP is no business of family inet, and tells of the link's own
 * address only (arp_ignore).  Fragments are put together before any chain sees them.
 * A flow that conntrack has forgotten (flushed, timed out) is an original one when it
 * goes on, so its answers are dropped.
 */
#include "plan/host_ruleset.h"

#include "base/error.h"
#include "base/text.h"
#include "plan/plan.h"

#include <errno.h>
#include <string.h>

/* Text in the making, with what every part of it needs. */
struct print {
	const struct host_ruleset *ruleset;
	const struct veth *veth;
	const char *link; /* the host's end */
	struct text text;
};

/* One family's ends, as text. */
struct ends {
	enum veth_family family;
	const char *word;
	char host[ADDRESS_TEXT_LEN];
	char inside[ADDRESS_TEXT_LEN];
};

/* False: the family is not used. */
static bool take_ends(const struct print *print, unsigned int family, struct ends *ret)
{
	const struct veth_ends *ends = &print->veth->ends[family];

	if (!ends->is_used)
		return false;
	ret->family = (enum veth_family)family;
	ret->word = veth_family_word(ret->family);
	(void)address_print(&ends->host, ret->host);
	(void)address_print(&ends->inside, ret->inside);
	return true;
}

/* ---- where clients come from ---- */

static const char *lan_link(const struct host_ruleset *ruleset)
{
	return ruleset->profile->lan_interface[0] ? ruleset->profile->lan_interface
						  : ruleset->host->default_link;
}

const char *host_ruleset_link(const struct host_ruleset *ruleset,
			      const struct profile_forward *forward)
{
	if (forward->interface[0])
		return forward->interface;
	if (!forward->has_address)
		return lan_link(ruleset);
	for (size_t i = 0; i < ruleset->host->n_subnets; i++) {
		const struct plan_subnet *subnet = &ruleset->host->subnet[i];

		if (subnet->is_address && address_equal(&subnet->prefix.address, &forward->address))
			return subnet->link;
	}
	return "";
}

/* The networks of the link, in one family: "{ 192.168.1.0/24, ... }".  False: none. */
static bool print_sources(const struct host_ruleset *ruleset, const char *link,
			  enum veth_family family, struct text *text)
{
	char prefix_text[PREFIX_TEXT_LEN];
	size_t n = 0;

	for (size_t i = 0; i < ruleset->host->n_subnets; i++) {
		const struct plan_subnet *subnet = &ruleset->host->subnet[i];
		struct prefix prefix = subnet->prefix;

		if (strcmp(subnet->link, link) != 0 || veth_family_of(&prefix.address) != family)
			continue;
		prefix_normalize(&prefix);
		text_add(text, "%s %s", n++ == 0 ? "{" : ",", prefix_print(&prefix, prefix_text));
	}
	text_add(text, " }");
	return n > 0;
}

/* ---- one forward in one family ---- */

struct path {
	const struct profile_forward *forward;
	const char *link;
	char sources[PLAN_SUBNETS_MAX * PREFIX_TEXT_LEN];
};

/* False: nobody comes by it now. */
static bool find_path(const struct print *print, const struct profile_forward *forward,
		      enum veth_family family, struct path *ret)
{
	struct text sources;

	if (forward->has_address && veth_family_of(&forward->address) != family)
		return false;
	ret->forward = forward;
	ret->link = host_ruleset_link(print->ruleset, forward);
	text_init(&sources, ret->sources, sizeof(ret->sources));
	return ret->link[0] && strcmp(ret->link, "lo") != 0 &&
	       print_sources(print->ruleset, ret->link, family, &sources) && !sources.is_truncated;
}

static const char *protocol_word(const struct profile_forward *forward)
{
	return forward->protocol == PROTOCOL_TCP ? "tcp" : "udp";
}

static void print_range(const struct profile_port_range *ports, struct text *text)
{
	text_add(text, "%u", ports->first);
	if (ports->last != ports->first)
		text_add(text, "-%u", ports->last);
}

/* Where it leads; a port outside that is the same inside is not named. */
static void print_target(const struct profile_forward *forward, const struct ends *ends,
			 struct text *text)
{
	unsigned int first = forward->outside.first;
	unsigned int n = forward->outside.last - first + 1U;

	text_add(text, "dnat %s to ", ends->word);
	if (first == forward->inside.first) {
		text_add(text, "%s\n", ends->inside);
		return;
	}
	if (n == 1) {
		text_add(text, ends->family == VETH_IPV4 ? "%s:%u\n" : "[%s]:%u\n", ends->inside,
			 forward->inside.first);
		return;
	}
	text_add(text, "%s : %s dport map {", ends->inside, protocol_word(forward));
	for (unsigned int i = 0; i < n; i++)
		text_add(text, "%s %u : %u", i == 0 ? "" : ",", first + i,
			 forward->inside.first + i);
	text_add(text, " }\n");
}

static void print_translation(struct print *print, const struct path *path, const struct ends *ends)
{
	const struct profile_forward *forward = path->forward;
	char address[ADDRESS_TEXT_LEN];

	text_add(&print->text, "\t\tiifname \"%s\" %s saddr %s ", path->link, ends->word,
		 path->sources);
	if (forward->has_address)
		text_add(&print->text, "%s daddr %s ", ends->word,
			 address_print(&forward->address, address));
	else
		text_add(&print->text, "fib daddr type local ");
	text_add(&print->text, "%s dport ", protocol_word(forward));
	print_range(&forward->outside, &print->text);
	text_add(&print->text, " ");
	print_target(forward, ends, &print->text);
}

static void print_passage(struct print *print, const struct path *path, const struct ends *ends)
{
	text_add(&print->text,
		 "\t\tiifname \"%s\" oifname \"%s\" %s saddr %s %s daddr %s %s dport ", path->link,
		 print->link, ends->word, path->sources, ends->word, ends->inside,
		 protocol_word(path->forward));
	print_range(&path->forward->inside, &print->text);
	text_add(&print->text, " ct status dnat accept\n");
}

typedef void (*print_path)(struct print *print, const struct path *path, const struct ends *ends);

static void print_paths(struct print *print, const struct ends *ends, print_path each)
{
	const struct profile *profile = print->ruleset->profile;

	for (size_t i = 0; i < profile->n_forwards; i++) {
		struct path path;

		if (find_path(print, &profile->forward[i], ends->family, &path))
			each(print, &path, ends);
	}
}

/* The links that flows come by or go out by, each once: "{ "enp3s0", ... }". */
static bool print_links(const struct print *print, struct text *text)
{
	const struct profile *profile = print->ruleset->profile;
	const char *known[PROFILE_FORWARDS_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i <= profile->n_forwards; i++) {
		const char *link =
			i < profile->n_forwards
				? host_ruleset_link(print->ruleset, &profile->forward[i])
				: (profile->n_allows > 0 ? lan_link(print->ruleset) : "");
		size_t at = 0;

		while (at < n && strcmp(known[at], link) != 0)
			at++;
		if (at < n || !link[0] || strcmp(link, "lo") == 0)
			continue;
		text_add(text, "%s \"%s\"", n == 0 ? "{" : ",", link);
		known[n++] = link;
	}
	text_add(text, " }");
	return n > 0;
}

/* ---- the chains ---- */

static void print_counters(struct print *print)
{
	text_add(&print->text, "\tcounter refused_from_inside { }\n"
			       "\tcounter refused_to_inside { }\n");
}

static void print_sources_inside(struct print *print)
{
	struct text *text = &print->text;
	struct ends ends;

	text_add(text,
		 "\n\t# From inside with its own address, or not at all.\n"
		 "\tchain spoofed {\n"
		 "\t\ttype filter hook prerouting priority -300; policy accept;\n"
		 "\t\tiifname != \"%s\" accept\n",
		 print->link);
	for (unsigned int i = 0; i < VETH_FAMILIES; i++)
		if (take_ends(print, i, &ends))
			text_add(text, "\t\t%s saddr %s accept\n", ends.word, ends.inside);
	text_add(text, "\t\tcounter name \"refused_from_inside\" drop\n\t}\n");
}

static void print_destination_nat(struct print *print)
{
	struct ends ends;

	text_add(&print->text, "\n\t# [Lan] Forward=, for clients of the link's own networks.\n"
			       "\tchain forwards {\n"
			       "\t\ttype nat hook prerouting priority -100; policy accept;\n");
	for (unsigned int i = 0; i < VETH_FAMILIES; i++)
		if (take_ends(print, i, &ends))
			print_paths(print, &ends, print_translation);
	text_add(&print->text, "\t}\n");
}

static void print_neighbours(struct print *print, const char *direction)
{
	if (!print->veth->ends[VETH_IPV6].is_used)
		return;
	text_add(&print->text,
		 "\t\t%s \"%s\" icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n",
		 direction, print->link);
}

static void print_input(struct print *print)
{
	struct text *text = &print->text;
	struct ends ends;

	text_add(text,
		 "\n\t# To the host, at whatever address of its: answers to what it began.\n"
		 "\tchain input {\n"
		 "\t\ttype filter hook input priority 0; policy accept;\n"
		 "\t\tiifname != \"%s\" accept\n",
		 print->link);
	for (unsigned int i = 0; i < VETH_FAMILIES; i++)
		if (take_ends(print, i, &ends))
			text_add(text, "\t\tct direction reply ct reply %s saddr %s accept\n",
				 ends.word, ends.inside);
	print_neighbours(print, "iifname");
	text_add(text, "\t\tcounter name \"refused_from_inside\" drop\n\t}\n");
}

static void print_output(struct print *print)
{
	struct text *text = &print->text;
	struct ends ends;

	text_add(text,
		 "\n\t# From the host: to the namespace's address, and no multicasts.\n"
		 "\tchain output {\n"
		 "\t\ttype filter hook output priority 0; policy accept;\n"
		 "\t\toifname != \"%s\" accept\n",
		 print->link);
	for (unsigned int i = 0; i < VETH_FAMILIES; i++)
		if (take_ends(print, i, &ends))
			text_add(text, "\t\t%s daddr %s accept\n", ends.word, ends.inside);
	print_neighbours(print, "oifname");
	text_add(text, "\t\tcounter name \"refused_to_inside\" drop\n\t}\n");
}

static void print_allowed(struct print *print, const struct ends *ends)
{
	const struct veth *veth = print->veth;
	const char *link = lan_link(print->ruleset);
	char prefix[PREFIX_TEXT_LEN];

	for (size_t i = 0; link[0] && i < veth->n_allows; i++) {
		const struct profile_allow *allow = &veth->allow[i];

		if (veth_family_of(&allow->prefix.address) != ends->family)
			continue;
		text_add(&print->text, "\t\tiifname \"%s\" oifname \"%s\" %s daddr %s ",
			 print->link, link, ends->word, prefix_print(&allow->prefix, prefix));
		veth_print_ports(allow, &print->text);
		text_add(&print->text, "accept\n");
	}
}

/* Of one family, between two links. */
static void print_forwarded(struct print *print, const struct ends *ends)
{
	struct text *text = &print->text;
	char buffer[(PROFILE_FORWARDS_MAX + 1) * (IFNAMSIZ + 4)];
	struct text links;

	text_init(&links, buffer, sizeof(buffer));
	if (!print_links(print, &links))
		return;
	text_add(text,
		 "\t\tiifname \"%s\" oifname %s ct direction reply ct reply %s saddr %s accept\n",
		 print->link, buffer, ends->word, ends->inside);
	print_allowed(print, ends);
	print_paths(print, ends, print_passage);
	/* ICMP errors of clients: of the direction in which they came */
	text_add(text,
		 "\t\tiifname %s oifname \"%s\" ct state related ct status dnat "
		 "meta l4proto { icmp, ipv6-icmp } ct reply %s saddr %s accept\n",
		 buffer, print->link, ends->word, ends->inside);
	if (print->veth->n_allows > 0)
		text_add(text,
			 "\t\tiifname %s oifname \"%s\" ct direction reply ct original %s saddr %s "
			 "accept\n",
			 buffer, print->link, ends->word, ends->inside);
}

static void print_forward(struct print *print)
{
	struct text *text = &print->text;
	struct ends ends;

	text_add(text,
		 "\n\t# Between the namespace and other links: what is declared, and answers.\n"
		 "\tchain forward {\n"
		 "\t\ttype filter hook forward priority 0; policy accept;\n"
		 "\t\tiifname != \"%s\" oifname != \"%s\" accept\n",
		 print->link, print->link);
	for (unsigned int i = 0; i < VETH_FAMILIES; i++)
		if (take_ends(print, i, &ends))
			print_forwarded(print, &ends);
	text_add(text,
		 "\t\tiifname \"%s\" counter name \"refused_from_inside\" drop\n"
		 "\t\tcounter name \"refused_to_inside\" drop\n\t}\n",
		 print->link);
}

static void print_source_nat(struct print *print)
{
	const char *out = print->veth->n_allows > 0 ? lan_link(print->ruleset) : "";
	struct text *text = &print->text;
	struct ends ends;

	text_add(text, "\n\t# Inside, everybody has the host's address at this link.\n"
		       "\tchain one_address {\n"
		       "\t\ttype nat hook postrouting priority 100; policy accept;\n");
	for (unsigned int i = 0; i < VETH_FAMILIES; i++) {
		if (!take_ends(print, i, &ends))
			continue;
		text_add(text, "\t\toifname \"%s\" %s saddr != %s snat %s to %s\n", print->link,
			 ends.word, ends.host, ends.word, ends.host);
		if (out[0])
			text_add(text, "\t\toifname \"%s\" %s saddr %s masquerade\n", out,
				 ends.word, ends.inside);
	}
	text_add(text, "\t}\n");
}

static void (*const parts[])(struct print *print) = {
	print_counters, print_sources_inside, print_destination_nat, print_input,
	print_output,	print_forward,	      print_source_nat,
};

static int check_forwards(const struct profile *profile, struct error *err)
{
	for (size_t i = 0; i < profile->n_forwards; i++) {
		const struct profile_forward *forward = &profile->forward[i];
		struct source_pos pos = profile_pos(profile, &forward->place);

		if (forward->outside.first != forward->inside.first &&
		    forward->outside.last - forward->outside.first >= HOST_RULESET_SHIFTED_MAX)
			return error_at(err, &pos,
					"Forward: more than %d ports that are others inside",
					HOST_RULESET_SHIFTED_MAX);
	}
	return 0;
}

int host_ruleset_print(const struct host_ruleset *ruleset, char *ret, size_t size,
		       struct error *err)
{
	struct print print = {
		.ruleset = ruleset,
		.veth = ruleset->veth,
		.link = ruleset->veth->host_link,
	};
	int r = check_forwards(ruleset->profile, err);

	if (r < 0)
		return -E2BIG;
	text_init(&print.text, ret, size);
	text_add(&print.text, "table inet %s {\n", ruleset->veth->host_table);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		parts[i](&print);
	text_add(&print.text, "}\n");
	if (print.text.is_truncated)
		return error_set(err, ENOSPC, "the rules of [Lan] do not fit");
	return 0;
}

/* ---- the guard ---- */

static void print_names(const char (*name)[IFNAMSIZ], size_t n, struct text *text)
{
	text_add(text, "{");
	for (size_t i = 0; i < n; i++)
		text_add(text, "%s \"%s\"", i == 0 ? "" : ",", name[i]);
	text_add(text, " }");
}

static void print_guarded(const struct host_guard *guard, const char *family,
			  const char (*link)[IFNAMSIZ], size_t n_links, struct text *text)
{
	text_add(text, "\t\tmeta nfproto %s ", family);
	if (n_links > 0) {
		text_add(text, "iifname ");
		print_names(link, n_links, text);
	} else {
		text_add(text, "iifname != ");
		print_names(guard->own, guard->n_own, text);
	}
	text_add(text, " oifname != ");
	print_names(guard->own, guard->n_own, text);
	text_add(text, " drop\n");
}

int host_guard_print(const struct host_guard *guard, char *ret, size_t size, struct error *err)
{
	struct text text;

	text_init(&text, ret, size);
	if (guard->n_own == 0 ||
	    (guard->n_ipv4_links == 0 && guard->n_ipv6_links == 0 && !guard->has_all_ipv6))
		return 0;
	text_add(&text,
		 "table inet " HOST_GUARD_TABLE "\ndelete table inet " HOST_GUARD_TABLE "\n"
		 "table inet " HOST_GUARD_TABLE " {\n"
		 "\t# This host forwarded nothing before adit told it to, for its namespaces.\n"
		 "\tchain forward {\n"
		 "\t\ttype filter hook forward priority 0; policy accept;\n");
	if (guard->n_ipv4_links > 0)
		print_guarded(guard, "ipv4", guard->ipv4_link, guard->n_ipv4_links, &text);
	if (guard->has_all_ipv6)
		print_guarded(guard, "ipv6", NULL, 0, &text);
	else if (guard->n_ipv6_links > 0)
		print_guarded(guard, "ipv6", guard->ipv6_link, guard->n_ipv6_links, &text);
	text_add(&text, "\t}\n}\n");
	if (text.is_truncated)
		return error_set(err, ENOSPC, "the guard's rules do not fit");
	return 0;
}
