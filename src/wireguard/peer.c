#include "wireguard/peer.h"

#include "base/secret.h"
#include "wireguard/constants.h"
#include "wireguard/device_state.h"

#include <errno.h>
#include <string.h>

/* ---- what it wants ---- */

void peer_want(struct wg_peer *peer, unsigned int wants)
{
	if (!peer->device->is_up || wants == 0)
		return;
	if (peer->wants == 0)
		list_put_last(&peer->device->wanting, &peer->wanting);
	peer->wants |= wants;
}

void peer_unwant(struct wg_peer *peer, unsigned int wants)
{
	if (peer->wants == 0)
		return;
	peer->wants &= ~wants;
	if (peer->wants == 0)
		list_remove(&peer->device->wanting, &peer->wanting);
}

void peer_initiate(struct wg_peer *peer, struct instant now)
{
	peer->timers.attempts = 0;
	if (endpoint_is_set(&peer->endpoint) && timers_may_initiate(&peer->timers, now))
		peer_want(peer, PEER_INITIATION);
}

void peer_send_keepalive(struct wg_peer *peer)
{
	peer_want(peer, peer->stage.n > 0 ? PEER_FLUSH : PEER_KEEPALIVE);
}

void peer_refresh_after_sending(struct wg_peer *peer, struct instant now)
{
	if (keypair_is_stale_for_sending(peer->keypairs.current, now))
		peer_initiate(peer, now);
}

void peer_refresh_after_receiving(struct wg_peer *peer, struct instant now)
{
	if (peer->timers.has_asked_last_minute ||
	    !keypair_is_stale_for_receiving(peer->keypairs.current, now))
		return;
	peer->timers.has_asked_last_minute = true;
	peer_initiate(peer, now);
}

/* ---- timers ---- */

uint64_t peer_jitter(const struct wg_peer *peer)
{
	uint8_t random[4];

	random_fill(&peer->device->random, random, sizeof(random));
	return (WG_REKEY_TIMEOUT_JITTER * le32_load(random)) >> 32;
}

void peer_reschedule(struct wg_peer *peer)
{
	schedule_set(&peer->device->schedule, &peer->alarm, timers_first(&peer->timers));
}

static void drop_staged(struct wg_peer *peer)
{
	peer->device->stats.tx_staged_lost += stage_clear(&peer->stage);
	peer_unwant(peer, PEER_FLUSH);
}

static void retry(struct wg_peer *peer, struct instant now)
{
	if (timers_may_initiate(&peer->timers, now))
		peer_want(peer, PEER_INITIATION);
	else
		timers_retry_later(&peer->timers, peer_jitter(peer));
}

void peer_run_timers(struct wg_peer *peer, struct instant now)
{
	unsigned int actions = timers_expire(&peer->timers, now);

	if (actions & TIMER_FORGET_SOURCE)
		peer_forget_source(peer);
	if (actions & TIMER_GIVE_UP)
		drop_staged(peer);
	if (actions & TIMER_RETRY)
		retry(peer, now);
	if (actions & TIMER_SEND_KEEPALIVE)
		peer_send_keepalive(peer);
	if (actions & TIMER_INITIATE)
		peer_initiate(peer, now);
	if (actions & TIMER_WIPE_KEYS)
		peer_wipe_sessions(peer);
	peer_reschedule(peer);
}

/* ---- where it is ---- */

void peer_roam(struct wg_peer *peer, struct instant now, const struct wg_datagram *datagram)
{
	if (!endpoint_equal(&peer->endpoint, datagram->from))
		peer->endpoint = *datagram->from;
	if (now.ns < peer->device->sources_doubted_until.ns)
		return;
	peer->source = *datagram->to;
	peer->ifindex = datagram->ifindex;
}

void peer_forget_source(struct wg_peer *peer)
{
	memset(&peer->source, 0, sizeof(peer->source));
	peer->ifindex = 0;
}

/* ---- sessions ---- */

static void free_peer(struct wg_peer *peer)
{
	noise_done(&peer->handshake);
	cookie_maker_done(&peer->cookie);
	vault_give(peer);
}

void peer_release(struct wg_keypair *keypair)
{
	struct wg_peer *peer = keypair->peer;

	if (!keypair_unref(keypair))
		return;
	peer->n_keypairs--;
	if (peer->is_removed && peer->n_keypairs == 0)
		free_peer(peer);
}

static void drop_keypair(struct wg_peer *peer, struct wg_keypair *keypair)
{
	struct wg_device *device = peer->device;

	if (!keypair)
		return;
	if (device->cache.keypair == keypair)
		device->cache.keypair = NULL;
	index_remove(&device->indices, &keypair->index);
	peer_release(keypair);
}

static void drop_keypairs(struct wg_peer *peer, const struct keypairs_dropped *dropped)
{
	for (unsigned int i = 0; i < KEYPAIRS_DROPPED_MAX; i++)
		drop_keypair(peer, dropped->keypair[i]);
	crypto_forget(peer->device->crypto);
}

bool peer_begin_session(struct wg_peer *peer, struct instant now)
{
	struct wg_device *device = peer->device;
	struct noise_session session = {0};
	struct keypairs_dropped dropped;
	struct wg_keypair *keypair = NULL;

	if (noise_begin_session(&peer->handshake, &device->noise, &session))
		keypair = keypair_new(&device->vault, &session, now, peer);
	secret_wipe(&session, sizeof(session));
	if (!keypair) {
		index_remove(&device->indices, &peer->handshake_index);
		return false;
	}
	peer->n_keypairs++;
	index_replace(&device->indices, &peer->handshake_index, &keypair->index);
	dropped = keypairs_add(&peer->keypairs, keypair);
	drop_keypairs(peer, &dropped);
	timers_session_derived(&peer->timers, now);
	return true;
}

void peer_complete_handshake(struct wg_peer *peer, struct instant now)
{
	timers_handshake_complete(&peer->timers);
	peer->last_handshake = device_wall(peer->device, now);
}

void peer_confirm(struct wg_peer *peer, struct instant now, const struct wg_keypair *keypair)
{
	struct keypairs_dropped dropped;

	if (!keypairs_confirm(&peer->keypairs, keypair, &dropped))
		return;
	drop_keypairs(peer, &dropped);
	peer_complete_handshake(peer, now);
	if (peer->stage.n > 0)
		peer_want(peer, PEER_FLUSH);
}

static void clear_handshake(struct wg_peer *peer)
{
	index_remove(&peer->device->indices, &peer->handshake_index);
	noise_clear(&peer->handshake);
	peer_unwant(peer, PEER_RESPONSE);
}

void peer_wipe_sessions(struct wg_peer *peer)
{
	struct keypairs *keypairs = &peer->keypairs;

	clear_handshake(peer);
	drop_keypair(peer, keypairs->current);
	drop_keypair(peer, keypairs->previous);
	drop_keypair(peer, keypairs->next);
	*keypairs = (struct keypairs){0};
	crypto_forget(peer->device->crypto);
}

void peer_change_key(struct wg_peer *peer, struct instant now)
{
	clear_handshake(peer);
	noise_set_static(&peer->handshake, &peer->device->noise);
	if (peer->keypairs.current)
		peer->keypairs.current->is_send_refused = true;
	if (peer->keypairs.next)
		peer->keypairs.next->is_send_refused = true;
	peer->timers.handshake_sent = (struct instant){0};
	if (peer->stage.n > 0)
		peer_initiate(peer, now);
}

void peer_start(struct wg_peer *peer, struct instant now)
{
	if (peer->timers.keepalive_s == 0)
		return;
	timers_set_persistent(&peer->timers, now, peer->timers.keepalive_s);
	peer_reschedule(peer);
	peer_send_keepalive(peer);
}

void peer_stop(struct wg_peer *peer)
{
	drop_staged(peer);
	peer_unwant(peer, ~0U);
	timers_stop(&peer->timers);
	peer_reschedule(peer);
	peer_wipe_sessions(peer);
}

/* ---- configuration ---- */

struct wg_peer *wg_peer_find(const struct wg_device *device, const uint8_t public_key[32])
{
	return peer_of_node(roster_find(&device->roster, public_key));
}

/* Entries in the index table: a handshake and up to three sessions a peer. */
enum { INDICES_PER_PEER = 4 };

static struct wg_peer *make_peer(struct wg_device *device, const uint8_t public_key[32])
{
	struct wg_peer *peer = vault_take(&device->vault, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->device = device;
	memcpy(peer->node.key, public_key, sizeof(peer->node.key));
	peer->allowed.peer = peer;
	peer->handshake_index.kind = INDEX_HANDSHAKE;
	peer->handshake_index.owner = peer;
	noise_init(&peer->handshake, &device->noise, public_key);
	cookie_maker_init(&peer->cookie, device->crypto, public_key);
	return peer;
}

struct wg_peer *wg_peer_add(struct wg_device *device, struct instant now,
			    const uint8_t public_key[32])
{
	size_t n = device->roster.n + 1;
	struct wg_peer *peer = wg_peer_find(device, public_key);

	(void)now;
	if (peer)
		return peer;
	if (n > WG_PEERS_MAX || (device->noise.has_key && secret_equal(device->noise.own.public_key,
								       public_key, WG_KEY_LEN)))
		return NULL;
	/* A table of indices that does not grow is slower, nothing else. */
	(void)index_reserve(&device->indices, n * INDICES_PER_PEER);
	if (schedule_reserve(&device->schedule, n) < 0)
		return NULL;
	peer = make_peer(device, public_key);
	if (peer && roster_add(&device->roster, &peer->node) < 0) {
		free_peer(peer);
		return NULL;
	}
	return peer;
}

void wg_peer_remove(struct wg_device *device, struct wg_peer *peer)
{
	peer_stop(peer);
	allowedips_remove_owner(&device->allowedips, &peer->allowed);
	device->cache = (struct receive_cache){0};
	roster_remove(&device->roster, &peer->node);
	if (peer->n_keypairs == 0) {
		free_peer(peer);
		return;
	}
	noise_done(&peer->handshake);
	cookie_maker_done(&peer->cookie);
	peer->is_removed = true;
}

void wg_peer_remove_all(struct wg_device *device)
{
	while (device->roster.n > 0)
		wg_peer_remove(device, peer_of_node(roster_first(&device->roster)));
}

void wg_peer_set_preshared_key(struct wg_peer *peer, const uint8_t key[32])
{
	memcpy(peer->handshake.peer.preshared_key, key, WG_KEY_LEN);
}

void wg_peer_get_preshared_key(const struct wg_peer *peer, uint8_t ret[32])
{
	memcpy(ret, peer->handshake.peer.preshared_key, WG_KEY_LEN);
}

void wg_peer_set_endpoint(struct wg_peer *peer, const union endpoint *endpoint)
{
	peer->endpoint = *endpoint;
	peer_forget_source(peer);
}

void wg_peer_set_keepalive(struct wg_device *device, struct instant now, struct wg_peer *peer,
			   uint16_t seconds)
{
	bool was_off = peer->timers.keepalive_s == 0;

	if (!device->is_up) {
		peer->timers.keepalive_s = seconds;
		return;
	}
	timers_set_persistent(&peer->timers, now, seconds);
	peer_reschedule(peer);
	if (was_off && seconds > 0)
		peer_send_keepalive(peer);
}

int wg_peer_add_allowed_ip(struct wg_device *device, struct wg_peer *peer,
			   const struct prefix *prefix)
{
	device->cache.owner = NULL;
	return allowedips_insert(&device->allowedips, prefix, &peer->allowed);
}

void wg_peer_remove_allowed_ip(struct wg_device *device, struct wg_peer *peer,
			       const struct prefix *prefix)
{
	device->cache.owner = NULL;
	(void)allowedips_remove(&device->allowedips, prefix, &peer->allowed);
}

void wg_peer_clear_allowed_ips(struct wg_device *device, struct wg_peer *peer)
{
	device->cache.owner = NULL;
	allowedips_remove_owner(&device->allowedips, &peer->allowed);
}

void wg_peer_start_handshake(struct wg_device *device, struct instant now, struct wg_peer *peer)
{
	(void)device;
	peer_initiate(peer, now);
}

/* ---- what is there ---- */

void wg_peer_add_past(struct wg_peer *peer, const struct wg_peer_past *past)
{
	peer->rx_bytes += past->rx_bytes;
	peer->tx_bytes += past->tx_bytes;
	if (peer->last_handshake.ns < past->last_handshake.ns)
		peer->last_handshake = past->last_handshake;
}

void wg_peer_read_stats(const struct wg_peer *peer, struct wg_peer_stats *ret)
{
	memcpy(ret->public_key, peer->node.key, sizeof(ret->public_key));
	ret->endpoint = peer->endpoint;
	ret->source = peer->source;
	ret->ifindex = peer->ifindex;
	ret->rx_bytes = peer->rx_bytes;
	ret->tx_bytes = peer->tx_bytes;
	ret->last_handshake = peer->last_handshake;
	ret->keepalive_s = peer->timers.keepalive_s;
	ret->handshakes_sent = peer->handshakes_sent;
}

struct wg_peer *wg_peer_next(const struct wg_device *device, const struct wg_peer *after)
{
	return peer_of_node(after ? roster_next(&after->node) : roster_first(&device->roster));
}

void wg_peer_each_allowed_ip(const struct wg_device *device, const struct wg_peer *peer,
			     void (*each)(void *context, const struct prefix *prefix),
			     void *context)
{
	allowedips_each(&device->allowedips, &peer->allowed, each, context);
}
