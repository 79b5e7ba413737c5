#include "supervise/refresh.h"

#include "base/error.h"
#include "base/log.h"
#include "config/profile.h"
#include "supervise/prepare.h"
#include "tunnel/tunnel.h"

#include <stdlib.h>
#include <string.h>

int refresh_init(struct refresh *refresh, struct profile *profile)
{
	*refresh = (struct refresh){.profile = profile, .look_up = {.fd = -1}};
	refresh->peer = calloc(profile->n_peers ? profile->n_peers : 1, sizeof(*refresh->peer));
	return refresh->peer ? 0 : -1;
}

void refresh_done(struct refresh *refresh)
{
	resolve_cancel(&refresh->look_up);
	free(refresh->peer);
	refresh->peer = NULL;
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
		refresh->peer[i].last_try = now;
		refresh->looked_up = i;
		(void)resolve_start(peer->endpoint_host, peer->endpoint_port, &refresh->look_up,
				    NULL);
	}
}

void refresh_finish(struct refresh *refresh, struct tunnel *tunnel)
{
	struct profile_peer *peer = &refresh->profile->peer[refresh->looked_up];
	struct resolve_answer answer;
	union endpoint fresh;
	char text[ENDPOINT_TEXT_LEN];

	if (resolve_finish(&refresh->look_up, &answer) < 0 || answer.gai_code != 0 ||
	    answer.n_endpoints == 0)
		return;
	fresh = prepare_choose_endpoint(&answer, refresh->profile->fwmark);
	if (endpoint_equal(&fresh, &peer->endpoint))
		return;
	peer->endpoint = fresh;
	log_debug("'%s' is now %s", peer->endpoint_host, endpoint_print(&fresh, text));
	(void)tunnel_set_endpoint(tunnel, peer->public_key, &fresh, NULL);
}
