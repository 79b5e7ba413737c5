/* The indices by which peers name our handshakes and keys: 32 random bits,
 * unique over both.
 *
 * Entries live in what they name, so that giving one out allocates nothing;
 * the table grows with the number of peers, when one is added.  Indices are
 * chosen here, at random, so a stranger cannot make a chain long.
 *
 * Source: WireGuard whitepaper section 5.4.2 (I_i).
 */
#ifndef ADIT_WIREGUARD_INDEX_H
#define ADIT_WIREGUARD_INDEX_H

#include "wireguard/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum index_kind { INDEX_HANDSHAKE, INDEX_KEYPAIR };

/* Zeroed but for kind and owner: not in the table. */
struct index_entry {
	struct index_entry *next;
	void *owner; /* borrowed; what it is, `kind` says */
	uint32_t index;
	enum index_kind kind;
	bool is_listed; /* it has an index, and is in the table */
};

struct index_table {
	struct random_source random;
	struct index_entry **bucket;
	size_t n_buckets; /* a power of two */
	size_t n_entries;
};

/* -ENOMEM. */
int index_init(struct index_table *table, struct random_source random);
void index_done(struct index_table *table); /* entries are their owners' */

/* Makes room for n entries in all, or for four million, whichever is less; more
 * entries than that only make it slower, as does -ENOMEM.
 */
int index_reserve(struct index_table *table, size_t n);

/* Gives the entry a new index, and the old one up. */
void index_insert(struct index_table *table, struct index_entry *entry);
/* `entry` takes over the index of `old`, which leaves the table.  `entry` must not be listed. */
void index_replace(struct index_table *table, struct index_entry *old, struct index_entry *entry);
void index_remove(struct index_table *table, struct index_entry *entry); /* unlisted: no change */

struct index_entry *index_find(const struct index_table *table, uint32_t index);

#endif
