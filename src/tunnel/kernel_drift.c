#include "tunnel/kernel_drift.h"

#include "base/secret.h"
#include "config/profile.h"
#include "net/wgstate.h"
#include "tunnel/tunnel.h"

#include <string.h>

static bool is_right(const void *context, const uint8_t public_key[32],
		     const uint8_t preshared_key[32])
{
	const struct profile *profile = context;

	for (size_t i = 0; i < profile->n_peers; i++)
		if (memcmp(profile->peer[i].public_key, public_key, 32) == 0)
			return secret_equal(profile->peer[i].preshared_key.byte, preshared_key, 32);
	return true; /* it should not be there at all */
}

struct wgstate_judge kernel_drift_judge(const struct profile *profile)
{
	return (struct wgstate_judge){.is_right = is_right, .context = profile};
}

/* The kernel lists them in the order in which they came, mostly the profile's. */
static struct wgstate_peer *find(struct wgstate *state, size_t i, const uint8_t public_key[32])
{
	if (i < state->n_peers && memcmp(state->peer[i].public_key, public_key, 32) == 0)
		return &state->peer[i];
	for (i = 0; i < state->n_peers; i++)
		if (memcmp(state->peer[i].public_key, public_key, 32) == 0)
			return &state->peer[i];
	return NULL;
}

static bool has_networks(struct wgstate_peer *found, const struct profile_peer *wanted)
{
	if (found->n_allowed_ips != wanted->n_allowed_ips)
		return false;
	prefix_list_sort(found->allowed_ip, found->n_allowed_ips);
	for (size_t i = 0; i < wanted->n_allowed_ips; i++)
		if (!prefix_list_has(found->allowed_ip, found->n_allowed_ips,
				     &wanted->allowed_ip[i]))
			return false;
	return true;
}

static unsigned int compare_peer(struct wgstate_peer *found, const struct profile_peer *wanted)
{
	unsigned int drift = 0;

	if (!found)
		return TUNNEL_DRIFT_PEERS;
	if (found->is_misjudged)
		drift |= TUNNEL_DRIFT_PRESHARED_KEYS;
	if (found->keepalive_s != wanted->keepalive_s)
		drift |= TUNNEL_DRIFT_KEEPALIVES;
	if (!has_networks(found, wanted))
		drift |= TUNNEL_DRIFT_ALLOWED_IPS;
	return drift;
}

unsigned int kernel_drift_find(struct wgstate *state, const struct profile *profile)
{
	unsigned int drift = state->n_peers != profile->n_peers ? TUNNEL_DRIFT_PEERS : 0;

	if (memcmp(state->public_key, profile->public_key, sizeof(state->public_key)) != 0)
		drift |= TUNNEL_DRIFT_KEY;
	if (profile->listen_port != 0 && state->listen_port != profile->listen_port)
		drift |= TUNNEL_DRIFT_PORT;
	if (state->fwmark != profile->fwmark)
		drift |= TUNNEL_DRIFT_MARK;
	for (size_t i = 0; i < profile->n_peers; i++) {
		const struct profile_peer *wanted = &profile->peer[i];

		drift |= compare_peer(find(state, i, wanted->public_key), wanted);
	}
	return drift;
}
