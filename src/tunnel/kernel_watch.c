#include "tunnel/kernel_watch.h"

#include "tunnel/tunnel.h"
#include "wireguard/constants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHORTEST   (10 * NS_PER_MS)
#define UNANSWERED (5 * NS_PER_S)  /* as often as something is tried */
#define SELDOM	   (25 * NS_PER_S) /* as often as a keepalive usually goes */
#define FORGOTTEN  (2 * SELDOM)	   /* nothing is sent any more */

enum { PART_OF_WAIT = 16 };

/* Of one peer, as it was at the last reading. */
struct kernel_watch_peer {
	uint8_t public_key[32];
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	struct instant last_sent;    /* seen to have been; 0: never */
	struct instant silent_since; /* sent to, and no answer; 0: not so */
	bool had_session;	     /* then */
};

void kernel_watch_wait(struct kernel_watch *watch, const struct kernel_watch_time *time,
		       uint64_t age)
{
	watch->began = time->now;
	watch->newer_than.ns = time->wall.ns > age ? time->wall.ns - age : 0;
	watch->is_waiting = true;
}

static const struct kernel_watch_peer *find(const struct kernel_watch *watch,
					    const uint8_t public_key[32])
{
	for (size_t i = 0; i < watch->n_peers; i++)
		if (memcmp(watch->peer[i].public_key, public_key, 32) == 0)
			return &watch->peer[i];
	return NULL;
}

static bool has_session(const struct tunnel_peer_stats *stats, struct wall_time wall)
{
	return stats->last_handshake.ns != 0 &&
	       stats->last_handshake.ns + WG_REJECT_AFTER_TIME > wall.ns;
}

/* Silence begins with what is sent, and ends with whatever comes, or some time after
 * nothing is sent any more.
 */
static struct kernel_watch_peer note(const struct kernel_watch_peer *old,
				     const struct kernel_watch_time *time,
				     const struct tunnel_peer_stats *stats)
{
	static const struct kernel_watch_peer unseen;
	struct kernel_watch_peer peer = old ? *old : unseen;

	if (stats->tx_bytes != peer.tx_bytes)
		peer.last_sent = time->now;
	if (stats->rx_bytes != peer.rx_bytes ||
	    instant_since(time->now, peer.last_sent) > FORGOTTEN) {
		peer.silent_since = (struct instant){0};
	} else if (!instant_is_set(peer.silent_since) && stats->tx_bytes != peer.tx_bytes) {
		peer.silent_since = time->now;
		peer.had_session = has_session(stats, time->wall);
	}
	memcpy(peer.public_key, stats->public_key, sizeof(peer.public_key));
	peer.rx_bytes = stats->rx_bytes;
	peer.tx_bytes = stats->tx_bytes;
	return peer;
}

static uint64_t count_initiations(const struct kernel_watch_peer *peer, struct instant now)
{
	uint64_t quiet = peer->had_session ? WG_NEW_HANDSHAKE_TIME : 0;
	uint64_t silence = instant_since(now, peer->silent_since);

	if (!instant_is_set(peer->silent_since) || silence < quiet)
		return 0;
	return 1 + (silence - quiet) / WG_REKEY_TIMEOUT;
}

int kernel_watch_note(struct kernel_watch *watch, const struct kernel_watch_time *time,
		      struct tunnel_stats *stats)
{
	struct kernel_watch_peer *peers = calloc(stats->n_peers + 1, sizeof(*peers));

	if (!peers)
		return -ENOMEM;
	watch->is_unanswered = false;
	for (size_t i = 0; i < stats->n_peers; i++) {
		struct tunnel_peer_stats *peer = &stats->peer[i];

		peers[i] = note(find(watch, peer->public_key), time, peer);
		peer->handshakes_sent = count_initiations(&peers[i], time->now);
		if (peer->handshakes_sent > 0)
			watch->is_unanswered = true;
		if (peer->last_handshake.ns > watch->newer_than.ns)
			watch->is_waiting = false;
	}
	free(watch->peer);
	watch->peer = peers;
	watch->n_peers = stats->n_peers;
	return 0;
}

uint64_t kernel_watch_interval(const struct kernel_watch *watch, struct instant now)
{
	uint64_t part = instant_since(now, watch->began) / PART_OF_WAIT;

	if (!watch->is_waiting)
		return watch->is_unanswered ? UNANSWERED : SELDOM;
	if (part < SHORTEST)
		return SHORTEST;
	return part < UNANSWERED ? part : UNANSWERED;
}

void kernel_watch_done(struct kernel_watch *watch)
{
	free(watch->peer);
	*watch = (struct kernel_watch){0};
}
