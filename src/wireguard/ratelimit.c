/* How it works
 *
 * A token is the right to one handshake message.  A source earns one every
 * 50 ms and keeps five at most; they are counted in nanoseconds of waiting, so
 * that no fraction is lost.  A source that is not in the table has five: that
 * is what a quiet second has earned, and why it can be forgotten after one.
 *
 * Entries are taken from one array.  Chains are short for sources chosen by an
 * attacker too: the hash is of a family from which the start chose at random.
 */
#include "wireguard/ratelimit.h"

#include "base/bytes.h"
#include "base/secret.h"
#include "wireguard/constants.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN	   (NS_PER_S / WG_RATELIMIT_PER_SECOND)
#define TOKENS_MAX (TOKEN * WG_RATELIMIT_BURST)
#define IDLE_TIME  NS_PER_S

enum {
	BUCKET_BITS = 12,
	N_BUCKETS = 1 << BUCKET_BITS,
	NONE = 0, /* entry [0] is never used */
};
static_assert(IDLE_TIME >= TOKENS_MAX, "who is forgotten has earned all tokens");
static_assert(RATELIMIT_SOURCES_MAX < UINT16_MAX, "entries are numbered in 16 bits");

/* A source: the network's bits, and which family's. */
struct source {
	uint32_t high; /* of an IPv6 address the first 32 bits; of IPv4 0 */
	uint32_t low;  /* the next 32; or the IPv4 address */
	bool is_v4;
};

struct entry {
	struct source source;
	uint16_t next;
	uint64_t tokens;     /* nanoseconds */
	struct instant last; /* seen */
};

struct ratelimit {
	uint64_t hash_key[3];
	struct instant swept;
	uint16_t free; /* list by next */
	uint16_t n_entries;
	uint16_t n_used; /* entries below this have been used once */
	uint16_t bucket[N_BUCKETS];
	struct entry entry[RATELIMIT_SOURCES_MAX + 1];
};

struct ratelimit *ratelimit_new(const struct random_source *random)
{
	/* Pages of the entries are not touched before they are used. */
	struct ratelimit *ratelimit = calloc(1, sizeof(*ratelimit));
	uint8_t key[sizeof(ratelimit->hash_key)];

	if (!ratelimit)
		return NULL;
	random_fill(random, key, sizeof(key));
	for (size_t i = 0; i < 3; i++)
		ratelimit->hash_key[i] = le64_load(key + 8 * i);
	secret_wipe(key, sizeof(key));
	ratelimit->n_used = 1;
	return ratelimit;
}

void ratelimit_free(struct ratelimit *ratelimit)
{
	free(ratelimit);
}

size_t ratelimit_count(const struct ratelimit *ratelimit)
{
	return ratelimit->n_entries;
}

static struct source find_source(const union endpoint *from)
{
	const struct address address = endpoint_address(from);
	size_t len;
	const uint8_t *bytes = address_bytes(&address, &len);

	if (len == 4)
		return (struct source){.low = be32_load(bytes), .is_v4 = true};
	return (struct source){.high = be32_load(bytes), .low = be32_load(bytes + 4)};
}

static bool same_source(const struct source *a, const struct source *b)
{
	return a->high == b->high && a->low == b->low && a->is_v4 == b->is_v4;
}

/* Pair-multiply-shift (M. Thorup, "High Speed Hashing for Integers and
 * Strings", section 3.5): whoever does not know the key finds collisions no
 * faster than by chance.  Both families share buckets: an IPv4 address is the
 * IPv6 network of the same bits, a collision of two at most.
 */
static uint16_t *find_bucket(struct ratelimit *ratelimit, const struct source *source)
{
	const uint64_t *key = ratelimit->hash_key;
	uint64_t hash = (key[0] + source->low) * (key[1] + source->high) + key[2];

	return &ratelimit->bucket[hash >> (64 - BUCKET_BITS)];
}

/* ---- forgetting ---- */

static void sweep_bucket(struct ratelimit *ratelimit, uint16_t *at, struct instant now)
{
	while (*at != NONE) {
		struct entry *entry = &ratelimit->entry[*at];
		uint16_t number = *at;

		if (instant_since(now, entry->last) < IDLE_TIME) {
			at = &entry->next;
			continue;
		}
		*at = entry->next;
		entry->next = ratelimit->free;
		ratelimit->free = number;
		ratelimit->n_entries--;
	}
}

/* Once a second at most, so that a full table does not cost a sweep a message. */
static void sweep(struct ratelimit *ratelimit, struct instant now)
{
	if (instant_is_set(ratelimit->swept) && instant_since(now, ratelimit->swept) < IDLE_TIME)
		return;
	ratelimit->swept = now;
	for (size_t i = 0; i < N_BUCKETS && ratelimit->n_entries > 0; i++)
		sweep_bucket(ratelimit, &ratelimit->bucket[i], now);
}

/* ---- a message ---- */

/* NONE: all are in use. */
static uint16_t take_entry(struct ratelimit *ratelimit)
{
	uint16_t number = ratelimit->free;

	if (number != NONE)
		ratelimit->free = ratelimit->entry[number].next;
	else if (ratelimit->n_used <= RATELIMIT_SOURCES_MAX)
		number = ratelimit->n_used++;
	return number;
}

static bool admit(struct ratelimit *ratelimit, uint16_t *bucket, const struct source *source,
		  struct instant now)
{
	uint16_t number = take_entry(ratelimit);

	if (number == NONE)
		return false;
	ratelimit->entry[number] = (struct entry){
		.source = *source,
		.next = *bucket,
		.tokens = TOKENS_MAX - TOKEN,
		.last = now,
	};
	*bucket = number;
	ratelimit->n_entries++;
	return true;
}

static bool take_token(struct entry *entry, struct instant now)
{
	entry->tokens += instant_since(now, entry->last);
	if (entry->tokens > TOKENS_MAX)
		entry->tokens = TOKENS_MAX;
	entry->last = now;
	if (entry->tokens < TOKEN)
		return false;
	entry->tokens -= TOKEN;
	return true;
}

bool ratelimit_allow(struct ratelimit *ratelimit, struct instant now, const union endpoint *from)
{
	const struct source source = find_source(from);
	uint16_t *bucket;

	sweep(ratelimit, now);
	bucket = find_bucket(ratelimit, &source);
	for (uint16_t number = *bucket; number != NONE; number = ratelimit->entry[number].next) {
		struct entry *entry = &ratelimit->entry[number];

		if (same_source(&entry->source, &source))
			return take_token(entry, now);
	}
	return admit(ratelimit, bucket, &source, now);
}
