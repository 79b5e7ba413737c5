/* What the tables of legacy iptables do with what is forwarded: nftables knows nothing of them.
 *
 * A table is there once somebody has asked for it, and asking makes it: so /proc is asked
 * first, and nothing changes.
 *
 * Source: linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h,
 * linux/netfilter/x_tables.h; /proc/net/ip_tables_names.
 */
#ifndef ADIT_NET_LEGACY_H
#define ADIT_NET_LEGACY_H

#include <stdbool.h>

enum legacy_family { LEGACY_IPV4, LEGACY_IPV6, LEGACY_FAMILIES };

/* Of the filter table. */
struct legacy {
	bool drops;	 /* FORWARD's policy */
	bool is_named;	 /* the link is, in a rule of whatever chain */
	bool has_docker; /* the chain for others' rules */
};

/* In the caller's network namespace, with CAP_NET_ADMIN over it.  -ENOENT: there is no such
 * table; -EPERM and so on: it cannot be read.
 */
int legacy_look(enum legacy_family family, const char *link, struct legacy *ret);

#endif
