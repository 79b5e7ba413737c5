/* Allowed IPs: the routing table of outgoing packets, and the access list of
 * incoming ones.  Each prefix belongs to one owner; the longest one wins.
 *
 * Two tries with compressed paths, one for each family, their nodes in one
 * array that grows when prefixes are added; looking up allocates nothing.
 *
 * Source: WireGuard whitepaper section 2 (cryptokey routing).
 */
#ifndef ADIT_WIREGUARD_ALLOWEDIPS_H
#define ADIT_WIREGUARD_ALLOWEDIPS_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wg_peer;

/* A peer's end of the list of its prefixes; lives in the peer, and must stay
 * where it is while it owns any.
 */
struct allowedips_owner {
	struct wg_peer *peer; /* what a lookup returns; never NULL */
	uint32_t first;	      /* node; 0: owns nothing */
	uint32_t last;
};

struct allowedips_node;

/* Zeroed: empty. */
struct allowedips {
	struct allowedips_node *node; /* [0] is never used */
	uint32_t n_nodes;	      /* made, in use or free */
	uint32_t n_allocated;
	uint32_t free;	  /* list by child[0] */
	uint32_t root[2]; /* IPv4, IPv6 */
};

void allowedips_done(struct allowedips *table);

/* Takes the prefix from whoever has it; host bits do not count.  -ENOMEM: as
 * before.
 */
int allowedips_insert(struct allowedips *table, const struct prefix *prefix,
		      struct allowedips_owner *owner);
/* False: the owner does not have exactly that prefix. */
bool allowedips_remove(struct allowedips *table, const struct prefix *prefix,
		       struct allowedips_owner *owner);
void allowedips_remove_owner(struct allowedips *table, struct allowedips_owner *owner);

/* NULL: nobody's. */
struct wg_peer *allowedips_find(const struct allowedips *table, const struct address *address);
/* The same for the destination, or the source, of an IP packet whose header is
 * complete; NULL also when it is neither IPv4 nor IPv6.
 */
struct wg_peer *allowedips_find_destination(const struct allowedips *table, const uint8_t *packet);
struct wg_peer *allowedips_find_source(const struct allowedips *table, const uint8_t *packet);

/* Every prefix of an owner, in the order in which it came to own them. */
void allowedips_each(const struct allowedips *table, const struct allowedips_owner *owner,
		     void (*each)(void *context, const struct prefix *prefix), void *context);

#endif
