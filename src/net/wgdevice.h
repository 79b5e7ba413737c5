/* The kernel's WireGuard device in another network namespace: its keys and peers,
 * as generic netlink has them.
 *
 * What is read and written holds keys, so a handle's messages are secret memory,
 * and wiped after each exchange.
 *
 * Source: linux/wireguard.h.
 */
#ifndef ADIT_NET_WGDEVICE_H
#define ADIT_NET_WGDEVICE_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct wgdevice;
struct wgstate;
struct wgstate_judge;

/* Whether the kernel has WireGuard, whose module the question loads, and lets the
 * caller have a device here.  0, -EOPNOTSUPP or -EPERM, with a hint.
 */
int wgdevice_probe(struct error *err);

/* Of the link `name`, which need not exist yet.  userns_fd as netns_socket() takes
 * it.  -ENOENT: the kernel has no WireGuard.
 */
int wgdevice_open(const char *name, int netns_fd, int userns_fd, struct wgdevice **ret,
		  struct error *err);
/* By a generic netlink socket, taken over on success only. */
int wgdevice_adopt(int fd, const char *name, struct wgdevice **ret, struct error *err);
void wgdevice_close(struct wgdevice *device); /* accepts NULL */

/* Its link is called otherwise from now on, or is another one. */
void wgdevice_set_name(struct wgdevice *device, const char *name);
const char *wgdevice_name(const struct wgdevice *device); /* borrowed */

/* ret is overwritten.  -ENODEV: no such link; -EOPNOTSUPP: it is of another kind. */
int wgdevice_read(struct wgdevice *device, struct wgstate *ret, struct error *err);
/* Likewise, and has the preshared keys judged. */
int wgdevice_read_judged(struct wgdevice *device, const struct wgstate_judge *judge,
			 struct wgstate *ret, struct error *err);

/* What is to be set; what is NULL or not had is left as it is. */
struct wgdevice_change {
	const uint8_t *private_key; /* zeroes: none */
	bool has_listen_port;
	uint16_t listen_port; /* host byte order; 0: any */
	bool has_fwmark;
	uint32_t fwmark;
	bool drops_peers; /* all of them, first */
};

struct wgdevice_peer_change {
	const uint8_t *public_key;
	const uint8_t *preshared_key; /* zeroes: none */
	const union endpoint *endpoint;
	bool has_keepalive;
	uint16_t keepalive_s;
	bool is_removal;   /* and nothing else of it is read */
	bool has_to_exist; /* else it is made */
	/* Added to those it has, and taken from whichever peer has them. */
	const struct prefix *allowed_ip;
	size_t n_allowed_ips;
};

/* A change: begun, then peers in any number, then finished.  It goes to the kernel
 * in as many requests as it needs, in this order: a refusal may come with a peer
 * or at the end, it ends the change, and what was sent before it stands.
 */
void wgdevice_begin(struct wgdevice *device, const struct wgdevice_change *change);
int wgdevice_put_peer(struct wgdevice *device, const struct wgdevice_peer_change *peer,
		      struct error *err);
int wgdevice_finish(struct wgdevice *device, struct error *err);

#endif
