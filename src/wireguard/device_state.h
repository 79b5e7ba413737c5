/* What a device holds; for control.c, peer.c, receive.c and send.c alone. */
#ifndef ADIT_WIREGUARD_DEVICE_STATE_H
#define ADIT_WIREGUARD_DEVICE_STATE_H

#include "base/list.h"
#include "base/vault.h"
#include "wireguard/allowedips.h"
#include "wireguard/cookie.h"
#include "wireguard/device.h"
#include "wireguard/index.h"
#include "wireguard/load.h"
#include "wireguard/noise.h"
#include "wireguard/ratelimit.h"
#include "wireguard/roster.h"
#include "wireguard/schedule.h"

/* Cookie replies that wait for wg_next_output(); more are not sent. */
enum { COOKIE_REPLIES_MAX = 64 };

struct cookie_reply {
	struct message_cookie message;
	union endpoint to;
	union endpoint source;
	uint32_t ifindex;
};

struct cookie_replies {
	struct cookie_reply reply[COOKIE_REPLIES_MAX];
	unsigned int first;
	unsigned int n;
};

/* The last hits, since packets come in runs. */
struct receive_cache {
	struct wg_keypair *keypair; /* borrowed; NULL: none */
	struct address source;	    /* whose owner is: */
	struct wg_peer *owner;	    /* borrowed; NULL: none */
};

/* Is in secret memory itself. */
struct wg_device {
	struct vault vault; /* peers and keypairs */
	struct random_source random;
	struct wall_time boot_wall; /* wall time at instant 0 */
	bool is_up;
	size_t mtu;			      /* bound of padding; 0: none */
	struct instant sources_doubted_until; /* none is learned before; 0: they are */

	struct crypto *crypto;
	struct noise_static noise;
	struct cookie_checker checker;
	struct ratelimit *ratelimit;
	struct load load;

	struct roster roster;
	struct index_table indices;
	struct allowedips allowedips;
	struct schedule schedule;

	struct list wanting; /* queue of peers that have something to send */
	struct cookie_replies replies;
	struct receive_cache cache;
	struct wg_device_stats stats;
};

/* Wall time never goes back: it is boot time, counted from one reading. */
static inline struct wall_time device_wall(const struct wg_device *device, struct instant now)
{
	return (struct wall_time){device->boot_wall.ns + now.ns};
}

#endif
