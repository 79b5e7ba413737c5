/* A device as a whole: its life, its key, its clock (device.h).  What comes in is
 * receive.c's, what goes out send.c's, and what belongs to one peer peer.c's.
 */
#include "base/secret.h"
#include "wireguard/constants.h"
#include "wireguard/device_state.h"
#include "wireguard/peer.h"

#include <errno.h>
#include <string.h>

struct wg_device *wg_device_new(wg_random random, void *random_context, struct wall_time boot_wall)
{
	struct wg_device *device = secret_new(sizeof(*device));

	if (!device)
		return NULL;
	device->vault = (struct vault)VAULT_INIT;
	device->random = (struct random_source){random, random_context};
	device->boot_wall = boot_wall;
	device->crypto = crypto_new();
	device->ratelimit = ratelimit_new(&device->random);
	if (!device->crypto || !device->ratelimit ||
	    index_init(&device->indices, device->random) < 0) {
		ratelimit_free(device->ratelimit);
		crypto_free(device->crypto);
		secret_free(device);
		return NULL;
	}
	noise_static_init(&device->noise, device->crypto, device->random);
	cookie_checker_init(&device->checker, device->crypto, device->random);
	return device;
}

void wg_device_free(struct wg_device *device)
{
	if (!device)
		return;
	wg_peer_remove_all(device);
	noise_static_done(&device->noise);
	cookie_checker_done(&device->checker);
	ratelimit_free(device->ratelimit);
	index_done(&device->indices);
	allowedips_done(&device->allowedips);
	schedule_done(&device->schedule);
	roster_done(&device->roster);
	crypto_free(device->crypto);
	vault_done(&device->vault);
	secret_free(device);
}

/* ---- time ---- */

struct instant wg_next_deadline(const struct wg_device *device)
{
	const struct alarm *alarm = schedule_first(&device->schedule);

	return alarm ? alarm->at : (struct instant){0};
}

void wg_tick(struct wg_device *device, struct instant now)
{
	struct alarm *alarm;

	while ((alarm = schedule_first(&device->schedule)) && instant_is_due(alarm->at, now))
		peer_run_timers(peer_of_alarm(alarm), now);
}

/* ---- configuration ---- */

/* A peer with our own key could only be us: packets to it would go in circles. */
static void remove_own_peer(struct wg_device *device)
{
	struct wg_peer *peer = wg_peer_find(device, device->noise.own.public_key);

	if (peer && device->noise.has_key)
		wg_peer_remove(device, peer);
}

int wg_device_set_private_key(struct wg_device *device, struct instant now, const uint8_t key[32])
{
	AUTO_WIPE struct secret_key old = {0};
	bool had_key = wg_device_get_private_key(device, old.byte);

	if (!noise_static_set_key(&device->noise, key))
		return -EINVAL;
	if (secret_equal(old.byte, device->noise.own.private_key, sizeof(old.byte)))
		return 0;
	cookie_checker_set_key(&device->checker, device->noise.own.public_key);
	remove_own_peer(device);
	for (struct wg_peer *peer = NULL; (peer = wg_peer_next(device, peer));) {
		peer_change_key(peer, now);
		/* those of a device without a key went nowhere */
		if (!had_key && peer->timers.keepalive_s > 0)
			peer_send_keepalive(peer);
	}
	crypto_forget(device->crypto);
	return 0;
}

bool wg_device_get_private_key(const struct wg_device *device, uint8_t ret[32])
{
	if (!device->noise.has_key)
		return false;
	memcpy(ret, device->noise.own.private_key, WG_KEY_LEN);
	return true;
}

void wg_device_set_mtu(struct wg_device *device, size_t mtu)
{
	device->mtu = mtu;
}

void wg_device_set_last_timestamp(struct wg_device *device, const uint8_t timestamp[12])
{
	memcpy(device->noise.floor.byte, timestamp, WG_TIMESTAMP_LEN);
}

void wg_device_get_last_timestamp(const struct wg_device *device, uint8_t ret[12])
{
	const struct noise_static *noise = &device->noise;
	const struct tai64n *last = tai64n_is_after(&noise->floor, &noise->last_timestamp)
					    ? &noise->floor
					    : &noise->last_timestamp;

	memcpy(ret, last->byte, WG_TIMESTAMP_LEN);
}

void wg_device_forget_sources(struct wg_device *device)
{
	for (struct wg_peer *peer = NULL; (peer = wg_peer_next(device, peer));)
		peer_forget_source(peer);
}

static void doubt(struct wg_device *device, struct instant now)
{
	device->sources_doubted_until = instant_add(now, WG_SOURCE_DOUBT_TIME);
}

void wg_device_doubt_sources(struct wg_device *device, struct instant now)
{
	wg_device_forget_sources(device);
	doubt(device, now);
}

void wg_peer_doubt_source(struct wg_device *device, struct instant now, struct wg_peer *peer)
{
	peer_forget_source(peer);
	doubt(device, now);
}

void wg_clear_source(struct wg_device *device, const union endpoint *to)
{
	for (struct wg_peer *peer = NULL; (peer = wg_peer_next(device, peer));)
		if (endpoint_equal(&peer->endpoint, to))
			peer_forget_source(peer);
}

void wg_device_up(struct wg_device *device, struct instant now)
{
	if (device->is_up)
		return;
	device->is_up = true;
	for (struct wg_peer *peer = NULL; (peer = wg_peer_next(device, peer));)
		peer_start(peer, now);
}

void wg_device_down(struct wg_device *device)
{
	for (struct wg_peer *peer = NULL; (peer = wg_peer_next(device, peer));)
		peer_stop(peer);
	memset(&device->replies, 0, sizeof(device->replies));
	device->is_up = false;
}

void wg_device_read_stats(const struct wg_device *device, struct wg_device_stats *ret)
{
	*ret = device->stats;
}
