/* One peer of a device: what control.c, receive.c and send.c do with it.  The
 * calls that configure a peer are declared in device.h.
 *
 * How it works: nothing is sent from here.  What a peer has to send it wants
 * (enum peer_want), and a peer that wants something stands in its device's
 * queue, from which wg_next_output() takes one datagram at a time.  A want that
 * has lost its reason by then is dropped there.
 */
#ifndef ADIT_WIREGUARD_PEER_H
#define ADIT_WIREGUARD_PEER_H

#include "base/list.h"
#include "wireguard/allowedips.h"
#include "wireguard/cookie.h"
#include "wireguard/device.h"
#include "wireguard/keypair.h"
#include "wireguard/noise.h"
#include "wireguard/roster.h"
#include "wireguard/schedule.h"
#include "wireguard/stage.h"
#include "wireguard/timers.h"

enum peer_want {
	PEER_RESPONSE = 1 << 0, /* the initiation in `handshake` is to be answered */
	PEER_INITIATION = 1 << 1,
	PEER_FLUSH = 1 << 2, /* packets wait */
	PEER_KEEPALIVE = 1 << 3,
};

/* Owned by its device; one that is removed while packets are under way, by the
 * last of its keypairs.
 */
struct wg_peer {
	struct wg_device *device; /* borrowed */
	struct roster_node node;  /* its key is the public key */
	struct alarm alarm;	  /* the first of `timers` */
	struct timers timers;
	struct allowedips_owner allowed;

	union endpoint endpoint; /* AF_UNSPEC: not known yet */
	union endpoint source;	 /* sticky; AF_UNSPEC: the kernel chooses */
	uint32_t ifindex;	 /* with source; 0: none */

	struct noise_handshake handshake;
	struct index_entry handshake_index;
	struct cookie_maker cookie;
	struct keypairs keypairs;
	unsigned int n_keypairs; /* in a place or in use by a batch under way */
	bool is_removed;	 /* nothing but n_keypairs means anything */
	struct stage stage;

	unsigned int wants;	  /* bits of enum peer_want; not 0: in the queue */
	struct list_node wanting; /* in the device's queue */

	uint64_t rx_bytes; /* UDP payload of authentic messages, as the kernel module counts */
	uint64_t tx_bytes;
	uint64_t handshakes_sent;
	struct wall_time last_handshake;
};

static inline struct wg_peer *peer_of_node(struct roster_node *node)
{
	return node ? (struct wg_peer *)(void *)((char *)node - offsetof(struct wg_peer, node))
		    : NULL;
}

static inline struct wg_peer *peer_of_wanting(struct list_node *node)
{
	return LIST_ELEMENT(node, struct wg_peer, wanting);
}

static inline struct wg_peer *peer_of_alarm(struct alarm *alarm)
{
	return (struct wg_peer *)(void *)((char *)alarm - offsetof(struct wg_peer, alarm));
}

/* To be called after timers were set or cleared. */
void peer_reschedule(struct wg_peer *peer);
/* Does what the timers that are due ask for. */
void peer_run_timers(struct wg_peer *peer, struct instant now);

/* Nothing is wanted while the device is down. */
void peer_want(struct wg_peer *peer, unsigned int wants);
void peer_unwant(struct wg_peer *peer, unsigned int wants);
/* Wants an initiation, unless a handshake message was sent less than 5 s ago. */
void peer_initiate(struct wg_peer *peer, struct instant now);
/* A keepalive; packets that wait say the same. */
void peer_send_keepalive(struct wg_peer *peer);
/* Begins a handshake when the key we send with nears its end. */
void peer_refresh_after_sending(struct wg_peer *peer, struct instant now);
void peer_refresh_after_receiving(struct wg_peer *peer, struct instant now);
/* 0 to 333 ms */
uint64_t peer_jitter(const struct wg_peer *peer);

/* An authentic datagram came: its sender is where we send to from now on. */
void peer_roam(struct wg_peer *peer, struct instant now, const struct wg_datagram *datagram);
void peer_forget_source(struct wg_peer *peer);

/* After a response was created or consumed.  False: out of memory. */
bool peer_begin_session(struct wg_peer *peer, struct instant now);
/* The other side has the keys. */
void peer_complete_handshake(struct wg_peer *peer, struct instant now);
/* Data came under `keypair`: if it is the first, the session is confirmed. */
void peer_confirm(struct wg_peer *peer, struct instant now, const struct wg_keypair *keypair);

/* A batch under way has done with its keypair. */
void peer_release(struct wg_keypair *keypair);
/* Wipes the handshake under way and all sessions. */
void peer_wipe_sessions(struct wg_peer *peer);
/* The device's private key has changed: no session sends any more. */
void peer_change_key(struct wg_peer *peer, struct instant now);
void peer_start(struct wg_peer *peer, struct instant now);
/* Everything but the configuration goes. */
void peer_stop(struct wg_peer *peer);

#endif
