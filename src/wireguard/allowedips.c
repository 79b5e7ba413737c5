/* How it works
 *
 * A node is a prefix; its children are longer prefixes within it, one for each
 * value of the bit that follows.  Only prefixes that somebody owns have nodes,
 * and the places where two of them part ("forks", with no owner).  A fork has
 * two children always: one that loses a child is taken out.
 *
 * Addresses are compared as two numbers of 64 bits, IPv4 in the upper half of
 * the first.  Nodes name each other by their place in the array, which halves
 * their size and lets the array move.
 */
#include "wireguard/allowedips.h"

#include "base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { NONE = 0, N_NODES_MIN = 16, N_NODES_MAX = 1 << 27 };

struct bits {
	uint64_t high; /* the first bits are the uppermost */
	uint64_t low;
};

struct allowedips_node {
	struct bits bits;
	struct allowedips_owner *owner; /* NULL: a fork, or not in use */
	uint32_t child[2];
	uint32_t parent;
	uint32_t previous; /* of the owner's */
	uint32_t next;
	uint8_t len; /* bits that count; all others are 0 */
	bool is_v4;
};

/* ---- bits ---- */

static struct bits load_bits(const uint8_t *bytes, size_t len)
{
	if (len == 4)
		return (struct bits){.high = (uint64_t)be32_load(bytes) << 32};
	return (struct bits){
		.high = (uint64_t)be32_load(bytes) << 32 | be32_load(bytes + 4),
		.low = (uint64_t)be32_load(bytes + 8) << 32 | be32_load(bytes + 12),
	};
}

/* How many bits are equal, from the first. */
static unsigned int common_len(const struct bits *a, const struct bits *b)
{
	if (a->high != b->high)
		return (unsigned int)__builtin_clzll(a->high ^ b->high);
	if (a->low != b->low)
		return 64 + (unsigned int)__builtin_clzll(a->low ^ b->low);
	return 128;
}

static unsigned int bit_at(const struct bits *bits, unsigned int place)
{
	return (unsigned int)(place < 64 ? bits->high >> (63 - place)
					 : bits->low >> (127 - place)) &
	       1;
}

static struct bits keep_bits(struct bits bits, unsigned int len)
{
	if (len <= 64)
		return (struct bits){.high = len == 0 ? 0 : bits.high & UINT64_MAX << (64 - len)};
	bits.low &= UINT64_MAX << (128 - len);
	return bits;
}

/* ---- the array ---- */

/* Room for `n` nodes more, so that taking them cannot fail. */
static int reserve(struct allowedips *table, uint32_t n)
{
	struct allowedips_node *node;
	uint32_t n_allocated = table->n_allocated ? table->n_allocated : N_NODES_MIN;

	while (n_allocated < table->n_nodes + n + 1)
		n_allocated *= 2;
	if (n_allocated > N_NODES_MAX)
		return -ENOMEM;
	if (n_allocated == table->n_allocated)
		return 0;
	node = reallocarray(table->node, n_allocated, sizeof(*node));
	if (!node)
		return -ENOMEM;
	table->node = node;
	table->n_allocated = n_allocated;
	return 0;
}

static uint32_t take_node(struct allowedips *table, const struct allowedips_node *content)
{
	uint32_t n = table->free;

	if (n != NONE)
		table->free = table->node[n].child[0];
	else
		n = ++table->n_nodes;
	table->node[n] = *content;
	return n;
}

static void give_node(struct allowedips *table, uint32_t n)
{
	table->node[n] = (struct allowedips_node){.child = {table->free}};
	table->free = n;
}

void allowedips_done(struct allowedips *table)
{
	free(table->node);
	*table = (struct allowedips){0};
}

/* ---- an owner's list ---- */

static void list_node(struct allowedips *table, uint32_t n, struct allowedips_owner *owner)
{
	struct allowedips_node *node = &table->node[n];

	node->owner = owner;
	node->previous = owner->last;
	node->next = NONE;
	if (owner->last != NONE)
		table->node[owner->last].next = n;
	else
		owner->first = n;
	owner->last = n;
}

static void unlist_node(struct allowedips *table, uint32_t n)
{
	struct allowedips_node *node = &table->node[n];

	assert(node->owner); /* the others are in no list */
	if (node->previous != NONE)
		table->node[node->previous].next = node->next;
	else
		node->owner->first = node->next;
	if (node->next != NONE)
		table->node[node->next].previous = node->previous;
	else
		node->owner->last = node->previous;
	node->owner = NULL;
}

/* ---- the tries ---- */

/* Where the node is named. */
static uint32_t *find_slot(struct allowedips *table, const struct allowedips_node *node)
{
	struct allowedips_node *parent = &table->node[node->parent];

	if (node->parent == NONE)
		return &table->root[node->is_v4 ? 0 : 1];
	return &parent->child[bit_at(&node->bits, parent->len)];
}

/* Makes `child` (not NONE) hang below `parent`. */
static void hang(struct allowedips *table, uint32_t child, uint32_t parent)
{
	table->node[child].parent = parent;
	*find_slot(table, &table->node[child]) = child;
}

/* Walks down while nodes are shorter than `wanted` and hold it.  Returns the
 * last of these, or NONE; *ret_below is what hangs there in its direction.
 */
static uint32_t descend(const struct allowedips *table, const struct allowedips_node *wanted,
			uint32_t *ret_below)
{
	uint32_t above = NONE;
	uint32_t below = table->root[wanted->is_v4 ? 0 : 1];

	while (below != NONE) {
		const struct allowedips_node *node = &table->node[below];

		if (node->len >= wanted->len || common_len(&node->bits, &wanted->bits) < node->len)
			break;
		above = below;
		below = node->child[bit_at(&wanted->bits, node->len)];
	}
	*ret_below = below;
	return above;
}

static bool same_prefix(const struct allowedips_node *a, const struct allowedips_node *b)
{
	return a->len == b->len && a->bits.high == b->bits.high && a->bits.low == b->bits.low;
}

/* Puts a node between `above` and `below`, or beside `below` under a new fork. */
static uint32_t add_node(struct allowedips *table, struct allowedips_node *wanted, uint32_t above,
			 uint32_t below)
{
	uint32_t added;
	unsigned int common;

	wanted->parent = above;
	added = take_node(table, wanted);
	hang(table, added, above);
	if (below == NONE)
		return added;
	common = common_len(&wanted->bits, &table->node[below].bits);
	if (common < wanted->len) {
		struct allowedips_node fork = {
			.bits = keep_bits(wanted->bits, common),
			.len = (uint8_t)common,
			.is_v4 = wanted->is_v4,
			.parent = above,
		};
		uint32_t n = take_node(table, &fork);

		hang(table, n, above);
		hang(table, added, n);
		hang(table, below, n);
	} else {
		hang(table, below, added);
	}
	return added;
}

static struct allowedips_node make_node(const struct prefix *prefix)
{
	size_t len;
	const uint8_t *bytes = address_bytes(&prefix->address, &len);

	return (struct allowedips_node){
		.bits = keep_bits(load_bits(bytes, len), prefix->len),
		.len = prefix->len,
		.is_v4 = len == 4,
	};
}

int allowedips_insert(struct allowedips *table, const struct prefix *prefix,
		      struct allowedips_owner *owner)
{
	struct allowedips_node wanted = make_node(prefix);
	uint32_t above, below;

	if (reserve(table, 2) < 0)
		return -ENOMEM;
	above = descend(table, &wanted, &below);
	if (below == NONE || !same_prefix(&table->node[below], &wanted))
		below = add_node(table, &wanted, above, below);
	else if (table->node[below].owner == owner)
		return 0;
	else if (table->node[below].owner)
		unlist_node(table, below);
	list_node(table, below, owner);
	return 0;
}

/* Takes out nodes that have no owner and do not fork, from `n` upwards. */
static void prune(struct allowedips *table, uint32_t n)
{
	while (n != NONE) {
		const struct allowedips_node *node = &table->node[n];
		uint32_t parent = node->parent;
		uint32_t child = node->child[0] != NONE ? node->child[0] : node->child[1];

		if (node->owner || (node->child[0] != NONE && node->child[1] != NONE))
			return;
		*find_slot(table, node) = child;
		give_node(table, n);
		if (child != NONE) {
			table->node[child].parent = parent;
			return;
		}
		n = parent;
	}
}

static void remove_node(struct allowedips *table, uint32_t n)
{
	unlist_node(table, n);
	prune(table, n);
}

bool allowedips_remove(struct allowedips *table, const struct prefix *prefix,
		       struct allowedips_owner *owner)
{
	struct allowedips_node wanted = make_node(prefix);
	uint32_t found;

	(void)descend(table, &wanted, &found);
	if (found == NONE || !same_prefix(&table->node[found], &wanted) ||
	    table->node[found].owner != owner)
		return false;
	remove_node(table, found);
	return true;
}

void allowedips_remove_owner(struct allowedips *table, struct allowedips_owner *owner)
{
	while (owner->first != NONE)
		remove_node(table, owner->first);
}

/* ---- looking up ---- */

static struct wg_peer *find(const struct allowedips *table, uint32_t n, const struct bits *bits)
{
	const struct allowedips_owner *found = NULL;

	while (n != NONE) {
		const struct allowedips_node *node = &table->node[n];

		if (common_len(&node->bits, bits) < node->len)
			break;
		if (node->owner)
			found = node->owner;
		if (node->len == 128)
			break;
		n = node->child[bit_at(bits, node->len)];
	}
	return found ? found->peer : NULL;
}

static struct wg_peer *find_bytes(const struct allowedips *table, const uint8_t *bytes, size_t len)
{
	const struct bits bits = load_bits(bytes, len);

	return find(table, table->root[len == 4 ? 0 : 1], &bits);
}

struct wg_peer *allowedips_find(const struct allowedips *table, const struct address *address)
{
	size_t len;
	const uint8_t *bytes = address_bytes(address, &len);

	return find_bytes(table, bytes, len);
}

/* Where addresses stand: RFC 791 section 3.1, RFC 8200 section 3. */
struct wg_peer *allowedips_find_source(const struct allowedips *table, const uint8_t *packet)
{
	switch (packet[0] >> 4) {
	case 4:
		return find_bytes(table, packet + 12, 4);
	case 6:
		return find_bytes(table, packet + 8, 16);
	}
	return NULL;
}

struct wg_peer *allowedips_find_destination(const struct allowedips *table, const uint8_t *packet)
{
	switch (packet[0] >> 4) {
	case 4:
		return find_bytes(table, packet + 16, 4);
	case 6:
		return find_bytes(table, packet + 24, 16);
	}
	return NULL;
}

/* ---- listing ---- */

static struct prefix make_prefix(const struct allowedips_node *node)
{
	struct prefix prefix = {.len = node->len};
	uint8_t *bytes = prefix.address.ip.s6_addr;

	if (node->is_v4) {
		struct in_addr v4 = {.s_addr = htonl((uint32_t)(node->bits.high >> 32))};

		prefix.address = address_from_v4(v4);
		return prefix;
	}
	be32_store(bytes, (uint32_t)(node->bits.high >> 32));
	be32_store(bytes + 4, (uint32_t)node->bits.high);
	be32_store(bytes + 8, (uint32_t)(node->bits.low >> 32));
	be32_store(bytes + 12, (uint32_t)node->bits.low);
	return prefix;
}

void allowedips_each(const struct allowedips *table, const struct allowedips_owner *owner,
		     void (*each)(void *context, const struct prefix *prefix), void *context)
{
	for (uint32_t n = owner->first; n != NONE; n = table->node[n].next) {
		const struct prefix prefix = make_prefix(&table->node[n]);

		each(context, &prefix);
	}
}
