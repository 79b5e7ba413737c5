/* The peers of a device: found by public key, walked in the order of addition.
 *
 * A node is part of its peer and borrowed while it is on the roster.
 */
#ifndef ADIT_WIREGUARD_ROSTER_H
#define ADIT_WIREGUARD_ROSTER_H

#include "base/list.h"

#include <stddef.h>
#include <stdint.h>

struct roster_node {
	struct list_node node;
	struct roster_node *chain; /* the next one of its bucket */
	uint8_t key[32];
};

/* Zeroed is empty. */
struct roster {
	struct list all; /* in the order of addition */
	struct roster_node **buckets;
	size_t n_buckets; /* a power of two, at least n */
	size_t n;
};

/* In the order of addition; NULL: no more. */
static inline struct roster_node *roster_first(const struct roster *roster)
{
	return LIST_ELEMENT(roster->all.first, struct roster_node, node);
}

static inline struct roster_node *roster_next(const struct roster_node *node)
{
	return LIST_ELEMENT(node->node.next, struct roster_node, node);
}

/* node->key is set and not on the roster yet.  -ENOMEM. */
int roster_add(struct roster *roster, struct roster_node *node);
void roster_remove(struct roster *roster, struct roster_node *node);
struct roster_node *roster_find(const struct roster *roster, const uint8_t key[32]);
/* Frees what the roster itself holds; the nodes are their owners'. */
void roster_done(struct roster *roster);

#endif
