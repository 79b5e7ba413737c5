/* What the kernel tells of a WireGuard device: no secret is kept of it.
 *
 * Source: linux/wireguard.h, the answer to WG_CMD_GET_DEVICE.
 */
#ifndef ADIT_NET_WGSTATE_H
#define ADIT_NET_WGSTATE_H

#include "base/address.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

/* More are not read, whatever the kernel says. */
enum {
	WGSTATE_PEERS_MAX = 1 << 16,
	WGSTATE_ALLOWED_IPS_MAX = 1 << 20, /* of all peers together */
};

struct wgstate_peer {
	uint8_t public_key[32];
	union endpoint endpoint; /* AF_UNSPEC: not known */
	uint16_t keepalive_s;	 /* seconds; 0: off */
	uint64_t rx_bytes;	 /* UDP payload of authentic messages */
	uint64_t tx_bytes;
	struct wall_time last_handshake; /* completed; 0: never */
	struct prefix *allowed_ip;	 /* owned; host bits cleared, each once */
	size_t n_allowed_ips;
	bool is_misjudged; /* its preshared key is not the one that the judge wants */
};

/* Looks at preshared keys in passing, since none is kept. */
struct wgstate_judge {
	/* zeroes: the peer has none */
	bool (*is_right)(const void *context, const uint8_t public_key[32],
			 const uint8_t preshared_key[32]);
	const void *context;
};

/* Starts zeroed; release with wgstate_done(). */
struct wgstate {
	uint8_t public_key[32];	   /* zeroes: it has no private key */
	uint16_t listen_port;	   /* host byte order; 0: none yet */
	uint32_t fwmark;	   /* 0: off */
	struct wgstate_peer *peer; /* owned */
	size_t n_peers;
	size_t n_allowed_ips;		   /* of all peers together */
	const struct wgstate_judge *judge; /* borrowed; NULL: nobody wants to know */
};

/* Takes one message of the answer in.  A peer may go on in the next message.
 * -EBADMSG: no part of such an answer; -ENOMEM; -E2BIG.
 */
int wgstate_add(struct wgstate *state, const struct nlmsghdr *message);
void wgstate_done(struct wgstate *state);

/* NULL: no such peer. */
const struct wgstate_peer *wgstate_find(const struct wgstate *state, const uint8_t public_key[32]);

#endif
