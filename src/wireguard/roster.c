#include "wireguard/roster.h"

#include "base/bytes.h"
#include "base/secret.h"

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

static void put(struct roster *roster, struct roster_node *node)
{
	struct roster_node **bucket = bucket_of(roster, node->key);

	node->chain = *bucket;
	*bucket = node;
}

static int grow(struct roster *roster)
{
	size_t n_buckets = roster->n_buckets ? roster->n_buckets * 2 : BUCKETS_MIN;
	struct roster_node **buckets = calloc(n_buckets, sizeof(struct roster_node *));

	if (!buckets)
		return -ENOMEM;
	free(roster->buckets);
	roster->buckets = buckets;
	roster->n_buckets = n_buckets;
	for (struct roster_node *node = roster_first(roster); node; node = roster_next(node))
		put(roster, node);
	return 0;
}

int roster_add(struct roster *roster, struct roster_node *node)
{
	if (roster->n == roster->n_buckets && grow(roster) < 0)
		return -ENOMEM;
	put(roster, node);
	list_put_last(&roster->all, &node->node);
	roster->n++;
	return 0;
}

void roster_remove(struct roster *roster, struct roster_node *node)
{
	struct roster_node **link = bucket_of(roster, node->key);

	while (*link != node)
		link = &(*link)->chain;
	*link = node->chain;
	list_remove(&roster->all, &node->node);
	roster->n--;
}

struct roster_node *roster_find(const struct roster *roster, const uint8_t key[32])
{
	struct roster_node *node = roster->n_buckets ? *bucket_of(roster, key) : NULL;

	while (node && !secret_equal(node->key, key, sizeof(node->key)))
		node = node->chain;
	return node;
}

void roster_done(struct roster *roster)
{
	free(roster->buckets);
	*roster = (struct roster){0};
}
