#include "config/peers.h"

#include "config/builder.h"

#include <stdlib.h>
#include <string.h>

/* ---- one key, one peer ---- */

/* A second section of a peer replaces what it names, and its AllowedIPs always. */
static void join_peer(struct profile *profile, size_t first, size_t second)
{
	struct profile_peer *into = &profile->peer[first];
	struct profile_peer *from = &profile->peer[second];
	struct prefix *allowed_ip = into->allowed_ip;
	struct profile_place *allowed_ip_place = into->allowed_ip_place;

	if (from->preshared_key_place.line > 0) {
		into->preshared_key = from->preshared_key;
		into->preshared_key_place = from->preshared_key_place;
	}
	if (from->endpoint_place.line > 0) {
		into->endpoint = from->endpoint;
		memcpy(into->endpoint_host, from->endpoint_host, sizeof(into->endpoint_host));
		into->endpoint_port = from->endpoint_port;
		into->endpoint_place = from->endpoint_place;
	}
	if (from->keepalive_place.line > 0) {
		into->keepalive_s = from->keepalive_s;
		into->keepalive_place = from->keepalive_place;
	}
	into->allowed_ip = from->allowed_ip;
	into->allowed_ip_place = from->allowed_ip_place;
	into->n_allowed_ips = from->n_allowed_ips;
	from->allowed_ip = allowed_ip;
	from->allowed_ip_place = allowed_ip_place;
	profile_remove_peer(profile, second);
}

static size_t find_same_key(const struct profile *profile, size_t index)
{
	size_t other = 0;

	while (other < index &&
	       memcmp(profile->peer[other].public_key, profile->peer[index].public_key, 32) != 0)
		other++;
	return other;
}

static void join_peers(struct builder *builder)
{
	struct profile *profile = builder->profile;
	char where[BUILDER_WHERE_LEN];
	size_t index = 1;

	while (index < profile->n_peers) {
		struct profile_peer *peer = &profile->peer[index];
		size_t first = find_same_key(profile, index);

		if (peer->public_key_place.line == 0 || first == index) {
			index++;
			continue;
		}
		builder_remark(builder, REPORT_WARNING, &peer->public_key_place, 0,
			       "PublicKey: this peer was described before (%s): what is said here "
			       "replaces that",
			       builder_where(builder, &peer->public_key_place,
					     &profile->peer[first].public_key_place, where));
		join_peer(profile, first, index);
	}
}

/* ---- one network, one peer ---- */

/* An allowed network, found again in the profile. */
struct network {
	struct prefix prefix;
	struct profile_place place;
	uint32_t peer;	/* its section */
	uint32_t owner; /* the first section with its PublicKey */
	uint32_t index;
};

static int compare_places(const struct profile_place *a, const struct profile_place *b)
{
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->column < b->column ? -1 : a->column > b->column;
}

/* A network before those inside it; the same network in the order of places. */
static int compare_networks(const void *left, const void *right)
{
	const struct network *a = left;
	const struct network *b = right;
	int order = address_family(&a->prefix.address) - address_family(&b->prefix.address);

	if (order == 0)
		order = memcmp(&a->prefix.address, &b->prefix.address, sizeof(a->prefix.address));
	if (order != 0)
		return order;
	if (a->prefix.len != b->prefix.len)
		return a->prefix.len < b->prefix.len ? -1 : 1;
	return compare_places(&a->place, &b->place);
}

static bool is_same_prefix(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && address_equal(&a->address, &b->address);
}

static size_t collect(const struct profile *profile, struct network *network)
{
	size_t count = 0;

	for (uint32_t i = 0; i < profile->n_peers; i++) {
		uint32_t owner = (uint32_t)find_same_key(profile, i);

		for (uint32_t j = 0; j < profile->peer[i].n_allowed_ips; j++)
			network[count++] = (struct network){
				.prefix = profile->peer[i].allowed_ip[j],
				.place = profile->peer[i].allowed_ip_place[j],
				.peer = i,
				.owner = owner,
				.index = j,
			};
	}
	qsort(network, count, sizeof(*network), compare_networks);
	return count;
}

static void remark_overlap(struct builder *builder, const struct network *inner,
			   const struct network *outer)
{
	char inner_text[PREFIX_TEXT_LEN];
	char outer_text[PREFIX_TEXT_LEN];
	char where[BUILDER_WHERE_LEN];

	prefix_print(&inner->prefix, inner_text);
	prefix_print(&outer->prefix, outer_text);
	builder_where(builder, &inner->place, &outer->place, where);
	if (is_same_prefix(&inner->prefix, &outer->prefix))
		builder_remark(builder, REPORT_WARNING, &inner->place, 0,
			       "AllowedIPs: %s was another peer's (%s): the last one has it",
			       inner_text, where);
	else
		builder_remark(builder, REPORT_WARNING, &inner->place, 0,
			       "AllowedIPs: %s lies inside %s of another peer (%s): the narrower "
			       "one counts",
			       inner_text, outer_text, where);
}

/* A walk over the sorted networks keeps those that may hold the next one: each
 * lies inside the one before it.
 */
struct walk {
	const struct network *around[129]; /* at most one of each length */
	size_t depth;
	uint8_t is_warned[PROFILE_PEERS_MAX]; /* one remark for each inner peer is enough */
};

static void visit(struct builder *builder, struct walk *walk, const struct network *network)
{
	const struct network *around;

	while (walk->depth > 0 &&
	       !prefix_covers(&walk->around[walk->depth - 1]->prefix, &network->prefix))
		walk->depth--;
	for (size_t i = walk->depth; i-- > 0;) {
		around = walk->around[i];
		if (around->owner == network->owner || walk->is_warned[network->owner])
			continue;
		walk->is_warned[network->owner] = 1;
		remark_overlap(builder, network, around);
	}
	around = walk->depth > 0 ? walk->around[walk->depth - 1] : NULL;
	if (around && is_same_prefix(&around->prefix, &network->prefix)) {
		/* A place without a line marks what drop_lost() removes. */
		builder->profile->peer[around->peer].allowed_ip_place[around->index].line = 0;
		walk->depth--;
	}
	walk->around[walk->depth++] = network;
}

static void drop_lost(struct profile_peer *peer)
{
	size_t kept = 0;

	for (size_t i = 0; i < peer->n_allowed_ips; i++) {
		if (peer->allowed_ip_place[i].line == 0)
			continue;
		peer->allowed_ip[kept] = peer->allowed_ip[i];
		peer->allowed_ip_place[kept] = peer->allowed_ip_place[i];
		kept++;
	}
	peer->n_allowed_ips = kept;
}

void peers_settle(struct builder *builder)
{
	struct profile *profile = builder->profile;
	struct walk walk = {.depth = 0};
	struct network *network;
	size_t count;

	network = calloc(builder->n_allowed_ips + 1, sizeof(*network));
	if (!network) {
		builder->is_out_of_memory = true;
		return;
	}
	count = collect(profile, network);
	for (size_t i = 0; i < count; i++)
		visit(builder, &walk, &network[i]);
	for (size_t i = 0; i < profile->n_peers; i++)
		drop_lost(&profile->peer[i]);
	free(network);
	/* After the networks: one that a section takes and a later section of the
	 * same peer gives up does not return to whom it was taken from.
	 */
	join_peers(builder);
}
