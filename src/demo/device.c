#include "demo/device.h"

#include "base/address.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "config/profile.h"
#include "demo/internet.h"
#include "demo/place.h"
#include "net/link.h"
#include "net/tun.h"
#include "supervise/public_key.h"
#include "tunnel/tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DEVICE_NAME "wg0"
enum { DEVICE_MTU = 1420 };

int device_make_keys(struct device_keys *ret, struct error *err)
{
	if (getrandom(ret->private_key.byte, sizeof(ret->private_key.byte), 0) !=
	    sizeof(ret->private_key.byte))
		return error_errno(err, errno, "no random bytes");
	ret->private_key.byte[0] &= 248; /* RFC 7748 section 5 */
	ret->private_key.byte[31] = (uint8_t)((ret->private_key.byte[31] & 127) | 64);
	return public_key_derive(ret->private_key.byte, ret->public_key, err);
}

/* The profile that a file with these keys would give. */
static struct profile *make_profile(const struct device_options *options)
{
	AUTO(profile) struct profile *profile = profile_new();
	struct profile_peer *peer;
	struct address endpoint;

	if (!profile)
		return NULL;
	profile->has_private_key = true;
	profile->private_key = options->own->private_key;
	peer = profile->peer = secret_new(sizeof(*peer));
	if (!peer)
		return NULL;
	profile->n_peers = 1;
	memcpy(peer->public_key, options->peer_public_key, sizeof(peer->public_key));
	peer->allowed_ip = calloc(1, sizeof(*peer->allowed_ip));
	if (!peer->allowed_ip ||
	    !prefix_parse(options->allowed, strlen(options->allowed), peer->allowed_ip))
		return NULL;
	peer->n_allowed_ips = 1;
	if (!options->endpoint_ip)
		profile->listen_port = DEMO_WIREGUARD_PORT;
	else if (address_parse(options->endpoint_ip, strlen(options->endpoint_ip), &endpoint))
		peer->endpoint = endpoint_make(&endpoint, DEMO_WIREGUARD_PORT);
	return take_ptr(profile);
}

int device_open(const struct device_options *options, struct device *ret, struct error *err)
{
	AUTO(profile) struct profile *profile = make_profile(options);
	struct tunnel_config config = {
		.profile = profile,
		.mtu = DEVICE_MTU,
		.starts_handshake = options->endpoint_ip != NULL,
	};
	AUTO_FD int tun = -1;
	int r;

	if (!profile)
		return error_set(err, ENOMEM, "out of memory");
	r = tun_create(DEVICE_NAME, &tun, err);
	if (r == 0)
		r = link_change(options->nl, DEVICE_NAME, &(struct link_change){.mtu = DEVICE_MTU},
				err);
	if (r == 0)
		r = internet_add_address(options->nl, DEVICE_NAME, options->address, err);
	config.tun_fd = tun;
	if (r == 0)
		r = tunnel_open(&config, &ret->tunnel, err);
	if (r == 0)
		ret->tun = take_fd(&tun);
	return r;
}

void device_close(struct device *device)
{
	if (!device->tunnel)
		return;
	tunnel_close(device->tunnel);
	(void)close(device->tun);
	*device = (struct device){.tun = -1};
}
