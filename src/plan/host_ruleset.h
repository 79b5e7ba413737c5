/* The host's table of one namespace, for LAN flows by a veth, as nft(8) reads it.
 *
 * It stands before the link does and goes after it, keyed by the link's name.  What it
 * says holds whatever is done inside: from there come answers to flows that were
 * declared or that the host began, and what Allow= names; nothing else, in any family
 * and protocol, from any source, whether for the host or to be forwarded.
 *
 * Source: nft(8); conntrack's directions: an ICMP error about a flow has the direction
 * opposite to the packet that it quotes (nf_conntrack_proto_icmp.c).
 */
#ifndef ADIT_PLAN_HOST_RULESET_H
#define ADIT_PLAN_HOST_RULESET_H

#include "plan/veth.h"

#include <stddef.h>

struct error;
struct plan_host_environment;
struct text;

enum {
	HOST_RULESET_TEXT_LEN = 1 << 17, /* final NUL included */
	HOST_RULESET_SHIFTED_MAX = 256,	 /* ports of one range that changes on the way */
};

struct host_ruleset {
	const struct veth *veth;
	const struct profile *profile; /* its forwards */
	const struct plan_host_environment *host;
};

/* As ruleset_print().  A forward of which the link or the address is not there yet, or
 * has no clients of its own networks, has no rule.  -E2BIG: a range of more than
 * HOST_RULESET_SHIFTED_MAX ports that are others inside.
 */
int host_ruleset_print(const struct host_ruleset *ruleset, char *ret, size_t size,
		       struct error *err);

/* The link that a forward's clients come by; "": it is not there. */
const char *host_ruleset_link(const struct host_ruleset *ruleset,
			      const struct profile_forward *forward);

#define HOST_GUARD_TABLE "adit.guard" /* no namespace's: theirs begin with "adit-" */

/* What adit has a host forward that forwarded nothing before is for adit's own links
 * only: the others' packets are dropped as if it forwarded nothing.
 */
struct host_guard {
	const char (*ipv4_link)[IFNAMSIZ]; /* that were told to forward */
	size_t n_ipv4_links;
	const char (*ipv6_link)[IFNAMSIZ];
	size_t n_ipv6_links;
	bool has_all_ipv6;	     /* every link was told to, in IPv6 */
	const char (*own)[IFNAMSIZ]; /* the host's ends of all namespaces' veths */
	size_t n_own;
};
/* The whole text for nft(8), which replaces the table; "" said: it is to be removed. */
int host_guard_print(const struct host_guard *guard, char *ret, size_t size, struct error *err);

#endif
