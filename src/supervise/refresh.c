#include "supervise/refresh.h"

#include "base/error.h"
#include "base/log.h"
#include "config/profile.h"
#include "supervise/prepare.h"
#include "tunnel/tunnel.h"

#include <stdlib.h>
#include <string.h>

int refresh_init(struct refresh *refresh, struct profile *profile, bool is_lasting)
{
	struct instant now = clock_now();

	*refresh = (struct refresh){
		.profile = profile,
		.look_up = {.fd = -1},
		.is_lasting = is_lasting,
	};
	refresh->peer = calloc(profile->n_peers ? profile->n_peers : 1, sizeof(*refresh->peer));
	if (!refresh->peer)
		return -1;
	for (size_t i = 0; i < profile->n_peers; i++) {
		if (profile->peer[i].endpoint_host[0] == '\0')
			continue;
		if (!endpoint_is_set(&profile->peer[i].endpoint))
			refresh->peer[i].due = now;
		else if (is_lasting)
			refresh->peer[i].due = instant_add(now, REFRESH_AGE_NS);
	}
	return 0;
}

void refresh_done(struct refresh *refresh)
{
	resolve_cancel(&refresh->look_up);
	free(refresh->peer);
	refresh->peer = NULL;
}

static void begin(struct refresh *refresh, size_t i, struct instant now)
{
	const struct profile_peer *peer = &refresh->profile->peer[i];

	refresh->peer[i].last_try = now;
	refresh->looked_up = i;
	(void)resolve_start(peer->endpoint_host, peer->endpoint_port, &refresh->look_up, NULL);
}

static const struct tunnel_peer_stats *find_stats(const struct tunnel_stats *stats,
						  const uint8_t public_key[32])
{
	for (size_t i = 0; i < stats->n_peers; i++)
		if (memcmp(stats->peer[i].public_key, public_key, 32) == 0)
			return &stats->peer[i];
	return NULL;
}

/* Whether this peer's name is worth asking for again. */
static bool is_stuck(struct refresh_peer *peer, struct instant now,
		     const struct tunnel_peer_stats *stats)
{
	if (stats->last_handshake.ns != peer->handshake_ns ||
	    stats->handshakes_sent < peer->n_answered) {
		peer->handshake_ns = stats->last_handshake.ns;
		peer->n_answered = stats->handshakes_sent;
		return false;
	}
	return stats->handshakes_sent - peer->n_answered >= REFRESH_AFTER &&
	       (!instant_is_set(peer->last_try) ||
		instant_since(now, peer->last_try) >= REFRESH_PAUSE_NS);
}

void refresh_consider(struct refresh *refresh, struct instant now, const struct tunnel_stats *stats)
{
	for (size_t i = 0; i < refresh->profile->n_peers; i++) {
		const struct profile_peer *peer = &refresh->profile->peer[i];
		const struct tunnel_peer_stats *seen = find_stats(stats, peer->public_key);

		if (peer->endpoint_host[0] == '\0' || !seen ||
		    !is_stuck(&refresh->peer[i], now, seen) || refresh->look_up.fd >= 0)
			continue;
		begin(refresh, i, now);
	}
}

/* ---- by time ---- */

struct instant refresh_next(const struct refresh *refresh)
{
	struct instant next = {0};

	if (!refresh->peer || refresh->look_up.fd >= 0)
		return next;
	for (size_t i = 0; i < refresh->profile->n_peers; i++)
		next = instant_first(next, refresh->peer[i].due);
	return next;
}

void refresh_begin_due(struct refresh *refresh, struct instant now)
{
	for (size_t i = 0; refresh->look_up.fd < 0 && i < refresh->profile->n_peers; i++) {
		if (!instant_is_due(refresh->peer[i].due, now))
			continue;
		begin(refresh, i, now);
		/* no child could be made: not at once again */
		refresh->peer[i].due = instant_add(now, REFRESH_RETRY_NS);
	}
}

/* When to ask next for a name that has just had an answer, or none. */
static void schedule(struct refresh *refresh, struct refresh_peer *peer, struct instant now,
		     bool has_endpoint)
{
	if (has_endpoint) {
		peer->retry_ns = 0;
		peer->due = (struct instant){0};
		if (refresh->is_lasting)
			peer->due = instant_add(now, REFRESH_AGE_NS);
		return;
	}
	peer->retry_ns = peer->retry_ns == 0 ? REFRESH_RETRY_NS : 2 * peer->retry_ns;
	if (peer->retry_ns > REFRESH_RETRY_LAST_NS)
		peer->retry_ns = REFRESH_RETRY_LAST_NS;
	peer->due = instant_add(now, peer->retry_ns);
}

/* ---- the answer ---- */

static bool has_answer(const struct resolve_answer *answer, const union endpoint *endpoint)
{
	for (uint32_t i = 0; i < answer->n_endpoints; i++)
		if (endpoint_equal(&answer->endpoint[i], endpoint))
			return true;
	return false;
}

/* Asked for by age, an address that is still among the answers is kept. */
static bool is_by_age(const struct refresh_peer *peer, struct instant now)
{
	return instant_is_due(peer->due, instant_add(now, REFRESH_RETRY_NS));
}

void refresh_finish(struct refresh *refresh, struct instant now, struct tunnel *tunnel)
{
	struct profile_peer *peer = &refresh->profile->peer[refresh->looked_up];
	struct refresh_peer *state = &refresh->peer[refresh->looked_up];
	bool is_kept = endpoint_is_set(&peer->endpoint) && is_by_age(state, now);
	struct resolve_answer answer = {0};
	union endpoint fresh;
	char text[ENDPOINT_TEXT_LEN];

	if (resolve_finish(&refresh->look_up, &answer) < 0 || answer.gai_code != 0)
		answer.n_endpoints = 0;
	schedule(refresh, state, now, answer.n_endpoints > 0 || endpoint_is_set(&peer->endpoint));
	if (answer.n_endpoints == 0 || (is_kept && has_answer(&answer, &peer->endpoint)))
		return;
	fresh = prepare_choose_endpoint(&answer, &peer->endpoint, refresh->profile->fwmark);
	if (endpoint_equal(&fresh, &peer->endpoint))
		return;
	peer->endpoint = fresh;
	log_debug("'%s' is now %s", peer->endpoint_host, endpoint_print(&fresh, text));
	(void)tunnel_set_endpoint(tunnel, peer->public_key, &fresh, NULL);
}
