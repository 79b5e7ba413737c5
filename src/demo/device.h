/* A WireGuard interface of the demo's: TUN, address and data plane, with keys
 * made for the occasion.  The provider has one; so has the host that the
 * demonstration of a plain default route is about.
 */
#ifndef ADIT_DEMO_DEVICE_H
#define ADIT_DEMO_DEVICE_H

#include "base/secret.h"

#include <stdbool.h>
#include <stdint.h>

struct error;
struct nlsock;
struct tunnel;

struct device_keys {
	struct secret_key private_key;
	uint8_t public_key[32];
};
/* Fresh ones. */
int device_make_keys(struct device_keys *ret, struct error *err);

struct device {
	int tun; /* -1: none */
	struct tunnel *tunnel;
};

struct device_options {
	struct nlsock *nl;   /* of the caller's network namespace, where all of it is made */
	const char *address; /* of the interface, with its prefix length */
	const struct device_keys *own;
	const uint8_t *peer_public_key; /* 32 bytes */
	const char *allowed;		/* one prefix */
	const char *endpoint_ip;	/* NULL: the peer calls us, on DEMO_WIREGUARD_PORT */
};

int device_open(const struct device_options *options, struct device *ret, struct error *err);
/* The interface vanishes, and its routes with it. */
void device_close(struct device *device);

#endif
