/* Addresses of links.  Source: rtnetlink(7), linux/if_addr.h. */
#ifndef ADIT_NET_IFADDR_H
#define ADIT_NET_IFADDR_H

#include "base/address.h"

#include <stdbool.h>
#include <stdint.h>

struct error;
struct nlsock;

struct link_address {
	uint32_t index; /* of the link */
	struct prefix address;
	bool has_prefix_route; /* for ifaddr_add(): the kernel makes a route to the prefix */
};

/* Makes no route to the prefix (IFA_F_NOPREFIXROUTE) unless told to, and an IPv6 address is
 * usable at once (IFA_F_NODAD): nobody else can have it on a tunnel.
 * -EEXIST: the link has it.
 */
int ifaddr_add(struct nlsock *sock, const struct link_address *ifaddr, struct error *err);
/* -EADDRNOTAVAIL: the link has it not; -ENODEV: no link. */
int ifaddr_delete(struct nlsock *sock, const struct link_address *ifaddr, struct error *err);

typedef int (*ifaddr_each)(void *context, const struct link_address *ifaddr);
int ifaddr_dump(struct nlsock *sock, ifaddr_each each, void *context, struct error *err);

#endif
