/* What each line is for stands in the text itself, where whoever reads it with
 * nft(8) or `adit plan` finds it.  What has no line:
 *
 * Neighbour discovery, router advertisements and multicast listener reports are
 * needed by nobody on a link without neighbours; conntrack does not track them
 * (nf_conntrack_proto_icmpv6.c), so those that come in find the end of the
 * chain, as IGMP does.  Fragments are put together before conntrack sees them
 * (nf_defrag), so a later one needs no rule.  What conntrack calls invalid is
 * not a reply.  Path MTU discovery works: its ICMP errors are `related`.
 * Packet sockets send past these hooks, by a link that exists: the tunnel and
 * lo are all there are.
 */
#include "plan/ruleset.h"

#include "base/error.h"
#include "base/text.h"
#include "plan/step.h"

#include <errno.h>
#include <string.h>

/* Twice the name of the tunnel. */
/* clang-format off */
static const char table[] =
	"create table inet adit\n" /* refused where there is one; `table` would add to it */
	"table inet adit {\n"
	"\tcounter refused_out { }\n"
	"\tcounter refused_in { }\n"
	"\tcounter refused_forward { }\n"
	"\n"
	"\t# By the tunnel or not at all, in every family and protocol.\n"
	"\tchain output {\n"
	"\t\ttype filter hook output priority 300; policy drop;\n"
	"\t\toifname \"%s\" accept\n"
	"\t\toifname \"lo\" accept\n"
	"\t\tcounter name \"refused_out\" drop\n"
	"\t}\n"
	"\n"
	"\tchain input {\n"
	"\t\ttype filter hook input priority 300; policy drop;\n"
	"\t\tiifname \"lo\" accept\n"
	"\t\tiifname != \"%s\" counter name \"refused_in\" drop\n"
	"\t\t# Our own addresses, 127.0.0.1 and ::1 among them, are never the other\n"
	"\t\t# side's: such a packet could pass for one of a local connection.\n"
	"\t\tfib saddr type local counter name \"refused_in\" drop\n"
	"\t\tip daddr 127.0.0.0/8 counter name \"refused_in\" drop\n"
	"\t\tip6 daddr ::1 counter name \"refused_in\" drop\n"
	"\t\t# Replies, and ICMP errors about what was sent: nothing new.\n"
	"\t\tct state established,related accept\n"
	"\t\tcounter name \"refused_in\" drop\n"
	"\t}\n"
	"\n"
	"\t# Nobody's router.\n"
	"\tchain forward {\n"
	"\t\ttype filter hook forward priority 300; policy drop;\n"
	"\t\tcounter name \"refused_forward\" drop\n"
	"\t}\n"
	"}\n";
/* clang-format on */

int ruleset_print(const struct step_firewall *firewall, char *ret, size_t size, struct error *err)
{
	size_t len = strnlen(firewall->device, sizeof(firewall->device));
	struct text text;

	if (!text_is_link_name(firewall->device, len))
		return error_set(err, EINVAL, "the tunnel's name is not the name of a link");
	text_init(&text, ret, size);
	text_add(&text, table, firewall->device, firewall->device);
	if (text.is_truncated)
		return error_set(err, ENOSPC, "the rules do not fit");
	return 0;
}

const char *ruleset_removal(void)
{
	/* Making it first lets the deletion succeed where there is none. */
	return "table inet adit\ndelete table inet adit\n";
}
