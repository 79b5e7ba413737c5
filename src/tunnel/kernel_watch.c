#include "tunnel/kernel_watch.h"

#include "tunnel/tunnel.h"
#include "wireguard/constants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHORTEST  (10 * NS_PER_MS)
#define LONGEST	  (5 * NS_PER_S)
#define FORGOTTEN (50 * NS_PER_S) /* twice a usual keepalive: nothing is sent any more */

enum { PART_OF_WAIT = 16 };

/* Of one peer, as it was at the last reading. */
struct kernel_watch_peer {
	uint8_t public_key[32];
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	struct instant last_sent;    /* seen to have been; 0: never */
	struct instant silent_since; /* sent to, and no answer; 0: not so */
	bool had_session;	     /* then */
	union endpoint seen;	     /* where the device said it was; AF_UNSPEC: not known */
	union endpoint rightful;     /* where it was before it moved; AF_UNSPEC: likewise */
	bool was_moved;		     /* from there by somebody else */
};

static const struct kernel_watch_peer unseen;

void kernel_watch_wait(struct kernel_watch *watch, const struct kernel_watch_time *time,
		       uint64_t age)
{
	watch->began = time->now;
	watch->newer_than.ns = time->wall.ns > age ? time->wall.ns - age : 0;
	watch->is_waiting = true;
}

static struct kernel_watch_peer *find(const struct kernel_watch *watch,
				      const uint8_t public_key[32])
{
	for (size_t i = 0; i < watch->n_peers; i++)
		if (memcmp(watch->peer[i].public_key, public_key, 32) == 0)
			return &watch->peer[i];
	return NULL;
}

int kernel_watch_place(struct kernel_watch *watch, const uint8_t public_key[32],
		       const union endpoint *endpoint)
{
	struct kernel_watch_peer *peer = find(watch, public_key);

	if (!peer) {
		peer = reallocarray(watch->peer, watch->n_peers + 1, sizeof(*peer));
		if (!peer)
			return -ENOMEM;
		watch->peer = peer;
		peer = &watch->peer[watch->n_peers++];
		*peer = unseen;
		memcpy(peer->public_key, public_key, sizeof(peer->public_key));
	}
	peer->rightful = *endpoint;
	peer->seen = *endpoint;
	peer->was_moved = false;
	return 0;
}

static bool has_session(const struct tunnel_peer_stats *stats, struct wall_time wall)
{
	return stats->last_handshake.ns != 0 &&
	       stats->last_handshake.ns + WG_REJECT_AFTER_TIME > wall.ns;
}

/* Silence begins with what is sent, and ends with whatever comes, or some time after
 * nothing is sent any more.
 */
static void note_silence(struct kernel_watch_peer *peer, const struct kernel_watch_time *time,
			 const struct tunnel_peer_stats *stats)
{
	if (stats->tx_bytes != peer->tx_bytes)
		peer->last_sent = time->now;
	if (stats->rx_bytes != peer->rx_bytes ||
	    instant_since(time->now, peer->last_sent) > FORGOTTEN) {
		peer->silent_since = (struct instant){0};
	} else if (!instant_is_set(peer->silent_since) && stats->tx_bytes != peer->tx_bytes) {
		peer->silent_since = time->now;
		peer->had_session = has_session(stats, time->wall);
	}
}

static void note_place(struct kernel_watch_peer *peer, const struct tunnel_peer_stats *stats)
{
	bool is_heard = stats->rx_bytes > peer->rx_bytes;
	bool has_moved = !endpoint_equal(&stats->endpoint, &peer->seen);

	peer->seen = stats->endpoint;
	if (has_moved && !is_heard)
		peer->was_moved = true;
	if (!endpoint_is_set(&peer->rightful) || (is_heard && !has_moved) ||
	    endpoint_equal(&stats->endpoint, &peer->rightful)) {
		peer->rightful = stats->endpoint;
		peer->was_moved = false;
	}
}

static uint64_t count_initiations(const struct kernel_watch_peer *peer, struct instant now)
{
	uint64_t quiet = peer->had_session ? WG_NEW_HANDSHAKE_TIME : 0;
	uint64_t silence = instant_since(now, peer->silent_since);

	if (!instant_is_set(peer->silent_since) || silence < quiet)
		return 0;
	return 1 + (silence - quiet) / WG_REKEY_TIMEOUT;
}

/* Where the peer ought to be, if that is not where it is. */
static union endpoint judge_place(const struct kernel_watch_peer *peer, uint64_t n_initiations)
{
	static const union endpoint right;

	if (endpoint_equal(&peer->seen, &peer->rightful))
		return right;
	return peer->was_moved || n_initiations > 0 ? peer->rightful : right;
}

static struct kernel_watch_peer update(const struct kernel_watch_peer *old,
				       const struct kernel_watch_time *time,
				       struct tunnel_peer_stats *stats)
{
	struct kernel_watch_peer peer = old ? *old : unseen;

	note_place(&peer, stats);
	note_silence(&peer, time, stats);
	memcpy(peer.public_key, stats->public_key, sizeof(peer.public_key));
	peer.rx_bytes = stats->rx_bytes;
	peer.tx_bytes = stats->tx_bytes;
	stats->handshakes_sent = count_initiations(&peer, time->now);
	stats->rightful = judge_place(&peer, stats->handshakes_sent);
	return peer;
}

int kernel_watch_note(struct kernel_watch *watch, const struct kernel_watch_time *time,
		      struct tunnel_stats *stats)
{
	struct kernel_watch_peer *peers = calloc(stats->n_peers + 1, sizeof(*peers));

	if (!peers)
		return -ENOMEM;
	watch->has_doubts = false;
	for (size_t i = 0; i < stats->n_peers; i++) {
		struct tunnel_peer_stats *peer = &stats->peer[i];

		peers[i] = update(find(watch, peer->public_key), time, peer);
		if (endpoint_is_set(&peer->rightful))
			watch->has_doubts = true;
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

	if (!watch->is_waiting || part > LONGEST)
		return LONGEST;
	return part < SHORTEST ? SHORTEST : part;
}

void kernel_watch_done(struct kernel_watch *watch)
{
	free(watch->peer);
	*watch = (struct kernel_watch){0};
}
