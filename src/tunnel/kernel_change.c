/* How it works.  The kernel has no transaction: each request is carried out peer by
 * peer while packets flow.  So the order makes that no packet finds half of each
 * configuration.  First the port, alone, since it is what may be refused.  Then
 * the peers that are wanted, each with the networks it has not yet: a network that
 * another peer has moves from one to the other at once.  What is left of the old
 * networks of peers that stay goes to a peer that lives for one request; older
 * kernels cannot take a single network from a peer otherwise, and to replace its
 * list would leave it without any for a moment.  Last go the peers that are not
 * wanted any more, and that one.
 */
#include "tunnel/kernel_change.h"

#include "base/error.h"
#include "config/profile.h"
#include "net/wgdevice.h"
#include "net/wgstate.h"
#include "tunnel/tunnel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Nobody has the private key to this. */
static const char sink_key[] = "adit: networks that are no more.";

static_assert(sizeof(sink_key) == 32 + 1, "as long as a key");

/* Everything that one change is made from. */
struct change {
	struct wgdevice *device;
	const struct wgstate *old;
	const struct tunnel_config *config;
	struct prefix *wanted; /* owned: the profile's networks, sorted */
	size_t n_wanted;
	struct prefix *list; /* owned: room for any one peer's, or for those that go */
};

const union endpoint *kernel_change_endpoint(const struct tunnel_config *config, size_t i)
{
	return config->endpoint ? &config->endpoint[i] : &config->profile->peer[i].endpoint;
}

static const struct profile_peer *find_wanted(const struct profile *profile,
					      const uint8_t public_key[32])
{
	for (size_t i = 0; i < profile->n_peers; i++)
		if (memcmp(profile->peer[i].public_key, public_key, 32) == 0)
			return &profile->peer[i];
	return NULL;
}

/* ---- the steps ---- */

/* ListenPort left out means any, so the one that there is. */
static int change_port(const struct change *change, struct error *err)
{
	const struct wgdevice_change port = {
		.has_listen_port = true,
		.listen_port = change->config->profile->listen_port,
	};

	int r;

	if (port.listen_port == 0 || port.listen_port == change->old->listen_port)
		return 0;
	wgdevice_begin(change->device, &port);
	r = wgdevice_finish(change->device, err);
	if (r < 0)
		(void)error_wrap(err, "ListenPort %u", port.listen_port);
	return r;
}

static void begin(const struct change *change)
{
	const struct profile *profile = change->config->profile;
	const struct wgdevice_change device = {
		.private_key = profile->private_key.byte,
		.has_fwmark = profile->fwmark != change->old->fwmark,
		.fwmark = profile->fwmark,
	};

	wgdevice_begin(change->device, &device);
}

/* Those of the peer's networks that it does not have; returns how many. */
static size_t list_new(const struct change *change, const struct profile_peer *peer,
		       const struct wgstate_peer *old)
{
	size_t n = 0;

	for (size_t i = 0; i < peer->n_allowed_ips; i++)
		if (!old ||
		    !prefix_list_has(old->allowed_ip, old->n_allowed_ips, &peer->allowed_ip[i]))
			change->list[n++] = peer->allowed_ip[i];
	return n;
}

static int put_wanted(const struct change *change, size_t i, struct error *err)
{
	const struct profile_peer *peer = &change->config->profile->peer[i];
	const struct wgstate_peer *old = wgstate_find(change->old, peer->public_key);
	const union endpoint *endpoint = kernel_change_endpoint(change->config, i);
	const struct wgdevice_peer_change wanted = {
		.public_key = peer->public_key,
		.preshared_key = peer->preshared_key.byte,
		.endpoint = endpoint_is_set(endpoint) ? endpoint : NULL,
		.has_keepalive = peer->keepalive_s != (old ? old->keepalive_s : 0),
		.keepalive_s = peer->keepalive_s,
		.allowed_ip = change->list,
		.n_allowed_ips = list_new(change, peer, old),
	};

	return wgdevice_put_peer(change->device, &wanted, err);
}

/* The networks of peers that stay which nobody has any more; returns how many. */
static size_t list_old(const struct change *change)
{
	size_t n = 0;

	for (size_t i = 0; i < change->old->n_peers; i++) {
		const struct wgstate_peer *peer = &change->old->peer[i];

		if (!find_wanted(change->config->profile, peer->public_key))
			continue;
		for (size_t k = 0; k < peer->n_allowed_ips; k++)
			if (!prefix_list_has(change->wanted, change->n_wanted,
					     &peer->allowed_ip[k]))
				change->list[n++] = peer->allowed_ip[k];
	}
	return n;
}

static int remove_peer(const struct change *change, const uint8_t *public_key, struct error *err)
{
	const struct wgdevice_peer_change gone = {.public_key = public_key, .is_removal = true};

	return wgdevice_put_peer(change->device, &gone, err);
}

static int drop_networks(const struct change *change, struct error *err)
{
	const struct wgdevice_peer_change sink = {
		.public_key = (const uint8_t *)sink_key,
		.allowed_ip = change->list,
		.n_allowed_ips = list_old(change),
	};
	int r;

	if (sink.n_allowed_ips == 0)
		return 0;
	r = wgdevice_put_peer(change->device, &sink, err);
	return r == 0 ? remove_peer(change, sink.public_key, err) : r;
}

static int drop_peers(const struct change *change, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < change->old->n_peers; i++) {
		const uint8_t *key = change->old->peer[i].public_key;

		if (!find_wanted(change->config->profile, key))
			r = remove_peer(change, key, err);
	}
	return r;
}

static int carry_out(const struct change *change, struct error *err)
{
	int r = change_port(change, err);

	if (r < 0)
		return r;
	begin(change);
	for (size_t i = 0; r == 0 && i < change->config->profile->n_peers; i++)
		r = put_wanted(change, i, err);
	if (r == 0)
		r = drop_networks(change, err);
	if (r == 0)
		r = drop_peers(change, err);
	return r == 0 ? wgdevice_finish(change->device, err) : r;
}

/* ---- the whole ---- */

static size_t count_wanted(const struct profile *profile)
{
	size_t n = 0;

	for (size_t i = 0; i < profile->n_peers; i++)
		n += profile->peer[i].n_allowed_ips;
	return n;
}

static void collect_wanted(struct change *change)
{
	const struct profile *profile = change->config->profile;
	size_t n = 0;

	for (size_t i = 0; i < profile->n_peers; i++)
		for (size_t k = 0; k < profile->peer[i].n_allowed_ips; k++)
			change->wanted[n++] = profile->peer[i].allowed_ip[k];
	change->n_wanted = n;
	prefix_list_sort(change->wanted, n);
}

int kernel_change(struct wgdevice *device, struct wgstate *old, const struct tunnel_config *config,
		  struct error *err)
{
	struct change change = {.device = device, .old = old, .config = config};
	size_t n = count_wanted(config->profile);
	int r;

	change.wanted = calloc(n + 1, sizeof(*change.wanted));
	change.list = calloc(n + old->n_allowed_ips + 1, sizeof(*change.list));
	if (change.wanted && change.list) {
		collect_wanted(&change);
		for (size_t i = 0; i < old->n_peers; i++)
			prefix_list_sort(old->peer[i].allowed_ip, old->peer[i].n_allowed_ips);
		r = carry_out(&change, err);
	} else {
		r = error_set(err, ENOMEM, "out of memory for the tunnel's peers");
	}
	free(change.wanted);
	free(change.list);
	return r;
}

void kernel_change_clear(struct wgdevice *device)
{
	static const uint8_t none[32];
	static const struct wgdevice_change nothing = {
		.private_key = none,
		.has_fwmark = true,
		.drops_peers = true,
	};

	wgdevice_begin(device, &nothing);
	(void)wgdevice_finish(device, NULL);
}
