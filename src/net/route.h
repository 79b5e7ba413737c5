/* Routes, and the kernel's opinion on the way to an address.
 *
 * Source: rtnetlink(7), linux/rtnetlink.h.
 */
#ifndef ADIT_NET_ROUTE_H
#define ADIT_NET_ROUTE_H

#include "base/address.h"

#include <stdbool.h>
#include <stdint.h>

struct error;
struct nlsock;

enum route_type {
	ROUTE_UNICAST,
	ROUTE_UNREACHABLE, /* an error at once for whoever sends there */
	ROUTE_LOCAL,	   /* to this namespace itself */
	ROUTE_BLACKHOLE,
	ROUTE_PROHIBIT,
	ROUTE_THROW,
	ROUTE_OTHER, /* broadcast, multicast and so on: in dumps only */
	ROUTE_TYPES
};

struct route {
	enum route_type type;
	struct prefix to; /* host bits cleared */
	/* Index of the link; 0 where there can be none, and with ROUTE_UNICAST where
	 * there are several, which is in dumps only.
	 */
	uint32_t oif;
	uint32_t metric; /* smaller wins; 0: the family's default */
	uint32_t table;	 /* 0: main */
	uint8_t tos;
	bool is_kernels; /* in dumps: the kernel says that it made it by itself */
	bool has_gateway;
	struct address gateway;
	struct prefix from; /* IPv6: for these sources only; len 0: for all */
};

/* Behind every other route of either family. */
#define ROUTE_METRIC_LAST UINT32_MAX

/* -EEXIST: there is one to the prefix with this metric. */
int route_add(struct nlsock *sock, const struct route *route, struct error *err);
/* -ESRCH: there is none; -ENOENT: the family never had any route. */
int route_delete(struct nlsock *sock, const struct route *route, struct error *err);

typedef int (*route_each)(void *context, const struct route *route);
int route_dump(struct nlsock *sock, route_each each, void *context, struct error *err);

/* The host's default route, found in a dump: zeroed at first, and shown each route of
 * the main table.  Of several IPv4's comes before IPv6's, then the smaller metric.
 */
struct route_default {
	uint32_t oif; /* 0: none yet */
	uint32_t metric;
	bool is_v4;
};
void route_consider_default(struct route_default *best, const struct route *route);

struct route_path {
	uint32_t oif;
	uint32_t
		mtu; /* bytes of IP packet: what was learned for the destination, else the link's */
	bool is_local; /* the address is one of this namespace's own */
	bool has_gateway;
	bool has_source;
	struct address gateway;
	struct address source; /* what an unbound socket would send from */
};

/* The way to an address as a packet with `mark` (0: none) would go; an IPv6
 * scope is kept to.  -ENETUNREACH, -EHOSTUNREACH, -EACCES: the route says no.
 */
int route_get(struct nlsock *sock, const union endpoint *to, uint32_t mark, struct route_path *ret,
	      struct error *err);

/* A flow whose source is chosen already. */
struct route_flow {
	const union endpoint *to;
	const union endpoint *from; /* of the same family; an IPv6 scope is kept to */
	uint32_t mark;		    /* 0: none */
};

/* The link that it leaves by.  -EINVAL: the source is no address of this
 * namespace's; else as route_get().
 */
int route_find_link(struct nlsock *sock, const struct route_flow *flow, uint32_t *ret);

#endif
