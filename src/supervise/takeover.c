#include "supervise/takeover.h"

#include "config/profile.h"
#include "wireguard/tai64n.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static_assert((int)TUNNEL_TIMESTAMP_LEN == (int)WG_TIMESTAMP_LEN, "a TAI64N either way");

int takeover_init(struct takeover *takeover, const struct profile *profile)
{
	size_t n = profile->n_peers;
	union endpoint *endpoint = calloc(n ? n : 1, sizeof(*endpoint));

	if (!endpoint)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		endpoint[i] = profile->peer[i].endpoint;
	*takeover = (struct takeover){.endpoint = endpoint, .n_endpoints = n};
	return 0;
}

void takeover_done(struct takeover *takeover)
{
	free(takeover->endpoint);
	takeover->endpoint = NULL;
}

void takeover_inherit(struct takeover *takeover, const struct takeover *from)
{
	union endpoint *endpoint = takeover->endpoint;
	size_t n_endpoints = takeover->n_endpoints;

	*takeover = *from;
	takeover->endpoint = endpoint;
	takeover->n_endpoints = n_endpoints;
}

/* ---- when ---- */

void takeover_note_start(struct takeover *takeover, struct instant now)
{
	takeover->opened = now;
	takeover->due = (struct instant){0};
}

void takeover_note_death(struct takeover *takeover, struct instant now)
{
	bool was_calm = instant_is_set(takeover->opened) &&
			instant_since(now, takeover->opened) >= TAKEOVER_CALM_NS;

	if (was_calm || !takeover->has_died) {
		takeover->delay_ns = TAKEOVER_FIRST_NS;
		takeover->sealed_since = now;
	} else {
		takeover->delay_ns *= 2;
		if (takeover->delay_ns > TAKEOVER_LAST_NS)
			takeover->delay_ns = TAKEOVER_LAST_NS;
	}
	takeover->has_died = true;
	takeover->due = instant_add(now, takeover->delay_ns);
}

void takeover_note_adopted(struct takeover *takeover)
{
	takeover->has_died = true;
	takeover->sealed_since = (struct instant){.ns = 1};
	takeover->delay_ns = TAKEOVER_FIRST_NS;
}

void takeover_note_continued(struct takeover *takeover, struct instant now)
{
	takeover->continued = now;
}

/* Whether something may have waited too long.  After we were stopped nobody
 * knows how long a data plane had been dead when we saw it.
 */
static bool is_backlog_stale(const struct takeover *takeover, struct instant now)
{
	if (!takeover->has_died)
		return false;
	if (instant_is_set(takeover->continued) &&
	    instant_since(takeover->sealed_since, takeover->continued) < TAKEOVER_CALM_NS)
		return true;
	return instant_since(now, takeover->sealed_since) > TAKEOVER_BACKLOG_NS;
}

/* ---- what ---- */

static const struct tunnel_peer_stats *find(const struct tunnel_stats *stats, size_t i,
					    const uint8_t public_key[32])
{
	/* the data plane lists them in the profile's order */
	if (i < stats->n_peers && memcmp(stats->peer[i].public_key, public_key, 32) == 0)
		return &stats->peer[i];
	for (i = 0; i < stats->n_peers; i++)
		if (memcmp(stats->peer[i].public_key, public_key, 32) == 0)
			return &stats->peer[i];
	return NULL;
}

void takeover_keep(struct takeover *takeover, const struct profile *profile,
		   const struct tunnel_stats *stats)
{
	memcpy(takeover->last_timestamp, stats->last_timestamp, sizeof(takeover->last_timestamp));
	takeover->port = stats->listen_port;
	for (size_t i = 0; i < takeover->n_endpoints; i++) {
		const struct tunnel_peer_stats *seen = find(stats, i, profile->peer[i].public_key);

		if (seen && endpoint_is_set(&seen->endpoint))
			takeover->endpoint[i] =
				endpoint_is_set(&seen->rightful) ? seen->rightful : seen->endpoint;
	}
}

void takeover_set_endpoint(struct takeover *takeover, size_t peer, const union endpoint *endpoint)
{
	if (peer < takeover->n_endpoints)
		takeover->endpoint[peer] = *endpoint;
}

/* After all that the dead one can have sent, also what it had no time to tell. */
static void choose_timestamp(const struct takeover *takeover, struct wall_time wall, uint8_t *ret)
{
	struct tai64n last;
	struct tai64n time = tai64n_from_wall(wall);

	memcpy(last.byte, takeover->last_timestamp, sizeof(last.byte));
	memcpy(ret, tai64n_is_after(&time, &last) ? time.byte : last.byte, sizeof(time.byte));
}

void takeover_hand_on(const struct takeover *takeover, struct instant now, struct wall_time wall,
		      struct tunnel_config *ret)
{
	if (!takeover->has_died)
		return;
	choose_timestamp(takeover, wall, ret->last_timestamp);
	ret->is_successor = true;
	ret->drops_backlog = is_backlog_stale(takeover, now);
	ret->last_port = takeover->port;
	ret->endpoint = takeover->endpoint;
}
