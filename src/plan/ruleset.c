/* What each line is for stands in the text itself, where whoever reads it with
 * nft(8) or `adit plan` finds it.  What has no line:
 *
 * Neighbour discovery, router advertisements and multicast listener reports are
 * needed by nobody on a link without neighbours; conntrack does not track them
 * (nf_conntrack_proto_icmpv6.c), so those that come in find the end of the
 * chain, as IGMP does.  Fragments are put together before any of our chains sees
 * them (nf_defrag), so a later one needs no rule.  Path MTU discovery works: its
 * ICMP errors are `related`.  The kernel itself would drop what `prerouting` does
 * (what comes for ::1 before any chain but an ingress one, which needs its link to
 * be there), but would not say so.
 * Packet sockets send past these hooks, by a link that exists: the tunnel and
 * lo are all there are.
 */
#include "plan/ruleset.h"

#include "base/error.h"
#include "base/text.h"
#include "config/profile.h"
#include "plan/veth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct ruleset_counter ruleset_counters[] = {
	{"refused_out", "sent by neither the tunnel nor lo"},
	{"refused_in", "received by neither the tunnel nor lo"},
	{"to_loopback_ipv4", "from the tunnel to 127.0.0.0/8"},
	{RULESET_COUNTER_LOOPBACK6, "from the tunnel to ::1, or with no IPv6 header"},
	{"own_source", "from the tunnel with an address of our own"},
	{"invalid", "from the tunnel and of no flow"},
	{"not_accepted", "new flows from the tunnel, to no accepted port"},
	{"refused_forward", "to be forwarded"},
	{NULL, NULL},
};

static void print_counters(const struct ruleset *ruleset, struct text *text)
{
	(void)ruleset;
	for (const struct ruleset_counter *counter = ruleset_counters; counter->name; counter++)
		text_add(text, "\tcounter %s { }\n", counter->name);
}

static void print_output(const struct ruleset *ruleset, struct text *text)
{
	text_add(text, "\n\t# %s, in every family and protocol.\n\tchain output {\n",
		 ruleset->device[0] ? "By the tunnel or not at all" : "Nothing but by lo");
	text_add(text, "\t\ttype filter hook output priority 300; policy drop;\n");
	if (ruleset->veth)
		veth_print_output(ruleset->veth, ruleset->device, text);
	if (ruleset->device[0])
		text_add(text, "\t\toifname \"%s\" accept\n", ruleset->device);
	text_add(text, "\t\toifname \"lo\" accept\n"
		       "\t\tcounter name \"refused_out\" drop\n\t}\n");
}

static void print_prerouting(const struct ruleset *ruleset, struct text *text)
{
	(void)ruleset;
	text_add(text, "\n\t# Our own addresses, 127.0.0.1 and ::1 among them, are never the other "
		       "side's:\n"
		       "\t# such a packet could pass for one of a local connection.\n"
		       "\tchain prerouting {\n"
		       "\t\ttype filter hook prerouting priority -300; policy accept;\n"
		       "\t\tiifname \"lo\" accept\n"
		       "\t\tip daddr 127.0.0.0/8 counter name \"to_loopback_ipv4\" drop\n"
		       "\t\tip6 daddr ::1 counter name \"to_loopback_ipv6\" drop\n"
		       "\t\tfib saddr type local counter name \"own_source\" drop\n\t}\n");
}

static void print_accept(const struct profile_accept *accept, struct text *text)
{
	text_add(text, "\t\tct state new %s dport %u",
		 accept->protocol == PROTOCOL_TCP ? "tcp" : "udp", accept->ports.first);
	if (accept->ports.last != accept->ports.first)
		text_add(text, "-%u", accept->ports.last);
	text_add(text, " accept\n");
}

/* What may come in by the tunnel. */
static void print_from_tunnel(const struct ruleset *ruleset, struct text *text)
{
	text_add(text, "\t\tiifname != \"%s\" counter name \"refused_in\" drop\n", ruleset->device);
	text_add(text, "\t\tct state invalid counter name \"invalid\" drop\n"
		       "\t\t# Replies, and ICMP errors about what was sent.\n"
		       "\t\tct state established,related accept\n");
	if (ruleset->n_accepts > 0)
		text_add(text, "\t\t# [Tunnel] Accept=\n");
	for (size_t i = 0; i < ruleset->n_accepts; i++)
		print_accept(&ruleset->accept[i], text);
	text_add(text, "\t\tcounter name \"not_accepted\" drop\n");
}

static void print_input(const struct ruleset *ruleset, struct text *text)
{
	text_add(text, "\n\tchain input {\n"
		       "\t\ttype filter hook input priority 300; policy drop;\n"
		       "\t\tiifname \"lo\" accept\n");
	if (ruleset->veth)
		veth_print_input(ruleset->veth, text);
	if (ruleset->device[0])
		print_from_tunnel(ruleset, text);
	else
		text_add(text, "\t\tcounter name \"refused_in\" drop\n");
	text_add(text, "\t}\n");
}

static void print_forward(const struct ruleset *ruleset, struct text *text)
{
	(void)ruleset;
	text_add(text, "\n\t# Nobody's router.\n\tchain forward {\n"
		       "\t\ttype filter hook forward priority 300; policy drop;\n"
		       "\t\tcounter name \"refused_forward\" drop\n\t}\n");
}

/* The table's parts in their order. */
static void (*const parts[])(const struct ruleset *ruleset, struct text *text) = {
	print_counters, print_output, print_prerouting, print_input, print_forward,
};

int ruleset_print(const struct ruleset *ruleset, char *ret, size_t size, struct error *err)
{
	size_t len = strnlen(ruleset->device, IFNAMSIZ);
	struct text text;

	if (len > 0 && !text_is_link_name(ruleset->device, len))
		return error_set(err, EINVAL, "the tunnel's name is not the name of a link");
	text_init(&text, ret, size);
	text_add(&text, "table inet " RULESET_TABLE " {\n");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		parts[i](ruleset, &text);
	text_add(&text, "}\n");
	if (text.is_truncated)
		return error_set(err, ENOSPC, "the rules do not fit");
	return 0;
}

const char *ruleset_beginning(const char *table, bool is_replaced, char ret[RULESET_BEGINNING_LEN])
{
	/* Making it first lets the deletion succeed where there is none; `create`
	 * is refused where `table` would add to what there is.
	 */
	if (is_replaced)
		return ruleset_removal(table, ret);
	(void)snprintf(ret, RULESET_BEGINNING_LEN, "create table inet %s\n", table);
	return ret;
}

const char *ruleset_removal(const char *table, char ret[RULESET_BEGINNING_LEN])
{
	(void)snprintf(ret, RULESET_BEGINNING_LEN, "table inet %s\ndelete table inet %s\n", table,
		       table);
	return ret;
}
