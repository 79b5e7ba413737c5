#include "wireguard/roster.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_MIN = 8 };

/* Public keys are as good as random, and only configured ones come in, so that
 * a plain part of the key spreads them.
 */
static struct roster_node **bucket_of(const struct roster *roster, const uint8_t key[32])
{
	return &roster->buckets[le64_load(key + 8) & (roster->n_buckets - 1)];
}

static int grow(struct roster *roster)
{
	struct roster larger = *roster;

	larger.n_buckets = roster->n_buckets ? roster->n_buckets * 2 : BUCKETS_MIN;
	larger.buckets = calloc(larger.n_buckets, sizeof(struct roster_node *));
	if (!larger.buckets)
		return -ENOMEM;
	for (struct roster_node *node = roster->first; node; node = node->next) {
		struct roster_node **bucket = bucket_of(&larger, node->key);

		node->chain = *bucket;
		*bucket = node;
	}
	free(roster->buckets);
	*roster = larger;
	return 0;
}

int roster_add(struct roster *roster, struct roster_node *node)
{
	struct roster_node **bucket;

	if (roster->n == roster->n_buckets && grow(roster) < 0)
		return -ENOMEM;
	bucket = bucket_of(roster, node->key);
	node->chain = *bucket;
	*bucket = node;
	node->next = NULL;
	node->previous = roster->last;
	if (roster->last)
		roster->last->next = node;
	else
		roster->first = node;
	roster->last = node;
	roster->n++;
	return 0;
}

void roster_remove(struct roster *roster, struct roster_node *node)
{
	struct roster_node **link = bucket_of(roster, node->key);

	while (*link != node)
		link = &(*link)->chain;
	*link = node->chain;
	if (node->previous)
		node->previous->next = node->next;
	else
		roster->first = node->next;
	if (node->next)
		node->next->previous = node->previous;
	else
		roster->last = node->previous;
	roster->n--;
}

struct roster_node *roster_find(const struct roster *roster, const uint8_t key[32])
{
	struct roster_node *node = roster->n_buckets ? *bucket_of(roster, key) : NULL;

	while (node && memcmp(node->key, key, sizeof(node->key)) != 0)
		node = node->chain;
	return node;
}

void roster_done(struct roster *roster)
{
	free(roster->buckets);
	*roster = (struct roster){0};
}
