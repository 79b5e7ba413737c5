#include "wireguard/index.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>

enum { BUCKETS_MIN = 64, BUCKETS_MAX = 1 << 22 /* four for each peer there can be */ };

int index_init(struct index_table *table, struct random_source random)
{
	struct index_entry **bucket = calloc(BUCKETS_MIN, sizeof(struct index_entry *));

	if (!bucket)
		return -ENOMEM;
	*table = (struct index_table){
		.random = random,
		.bucket = bucket,
		.n_buckets = BUCKETS_MIN,
	};
	return 0;
}

void index_done(struct index_table *table)
{
	free(table->bucket);
	*table = (struct index_table){0};
}

/* Indices are random already: no hashing. */
static struct index_entry **find_bucket(const struct index_table *table, uint32_t index)
{
	return &table->bucket[index & (table->n_buckets - 1)];
}

static void link_entry(struct index_table *table, struct index_entry *entry)
{
	struct index_entry **head = find_bucket(table, entry->index);

	entry->next = *head;
	*head = entry;
}

int index_reserve(struct index_table *table, size_t n)
{
	struct index_table larger = *table;

	while (larger.n_buckets < n && larger.n_buckets < BUCKETS_MAX)
		larger.n_buckets *= 2;
	if (larger.n_buckets == table->n_buckets)
		return 0;
	larger.bucket = calloc(larger.n_buckets, sizeof(struct index_entry *));
	if (!larger.bucket)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_buckets; i++) {
		struct index_entry *entry;

		while ((entry = table->bucket[i])) {
			table->bucket[i] = entry->next;
			link_entry(&larger, entry);
		}
	}
	free(table->bucket);
	*table = larger;
	return 0;
}

void index_insert(struct index_table *table, struct index_entry *entry)
{
	index_remove(table, entry);
	do {
		uint8_t bytes[4];

		random_fill(&table->random, bytes, sizeof(bytes));
		entry->index = le32_load(bytes);
	} while (index_find(table, entry->index));
	entry->is_listed = true;
	table->n_entries++;
	link_entry(table, entry);
}

void index_remove(struct index_table *table, struct index_entry *entry)
{
	struct index_entry **at;

	if (!entry->is_listed)
		return;
	at = find_bucket(table, entry->index);
	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	entry->next = NULL;
	entry->is_listed = false;
	table->n_entries--;
}

void index_replace(struct index_table *table, struct index_entry *old, struct index_entry *entry)
{
	index_remove(table, old);
	entry->index = old->index;
	entry->is_listed = true;
	table->n_entries++;
	link_entry(table, entry);
}

struct index_entry *index_find(const struct index_table *table, uint32_t index)
{
	struct index_entry *entry = *find_bucket(table, index);

	while (entry && entry->index != index)
		entry = entry->next;
	return entry;
}
