/* The link between a namespace and its host, for LAN flows by a veth: what its
 * ends are called, its addresses, and the rules inside that are about it.
 *
 * The host's end is ve-NAME, the inner one eth-lan.  Each has one address a family
 * and a route to the other's.  What goes over it: flows that the host began, whether
 * of its own or of the LAN's (these bear the host's address, too), answers to
 * them, and what Allow= names.  The rules inside are for order and early refusal;
 * what holds against root inside is the host's table (host_ruleset.h).
 */
#ifndef ADIT_PLAN_VETH_H
#define ADIT_PLAN_VETH_H

#include "base/address.h"
#include "config/profile.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

struct text;

#define VETH_INSIDE "eth-lan"

enum { VETH_TABLE_LEN = 80 }; /* of a table's name, NUL included */

enum veth_family { VETH_IPV4, VETH_IPV6, VETH_FAMILIES };

/* Of one family. */
struct veth_ends {
	bool is_used;
	struct address host;
	struct address inside;
};

struct veth {
	char host_link[IFNAMSIZ];
	char host_table[VETH_TABLE_LEN];
	struct veth_ends ends[VETH_FAMILIES];
	const struct profile_allow *allow; /* borrowed from the profile */
	size_t n_allows;
};

/* Whether the profile's LAN flows need a veth. */
bool veth_is_wanted(const struct profile *profile);

/* Without given addresses they follow from the namespace's name, out of 10.0.0.0/8 and
 * fd00::/8, and never are those of the tunnel or its DNS servers.
 */
void veth_describe(const struct profile *profile, bool has_ipv6, struct veth *ret);

/* ve-NAME, or its beginning and a few letters that the whole of it gives.  Returns ret. */
const char *veth_host_link(const char *name, char ret[IFNAMSIZ]);
/* adit-NAME. */
const char *veth_host_table(const char *name, char ret[VETH_TABLE_LEN]);

/* Lines of the chains inside; both decide about all that is on the link, but for what
 * falls through to the end of the chain, where it is counted and dropped.
 */
void veth_print_output(const struct veth *veth, const char *tunnel, struct text *text);
void veth_print_input(const struct veth *veth, struct text *text);

/* "tcp dport 445 ", "udp dport 1-9 ", "" for all: as flows are matched. */
void veth_print_ports(const struct profile_allow *allow, struct text *text);
/* "ip" or "ip6". */
const char *veth_family_word(enum veth_family family);
enum veth_family veth_family_of(const struct address *address);

#endif
