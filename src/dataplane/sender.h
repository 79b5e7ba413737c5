/* From the TUN to the UDP sockets, and everything else that leaves.
 *
 *   TUN frames -> split -> sealed into the send buffer -> one UDP_SEGMENT send
 *
 * How it works: one thread, the sender, reads frames into bundles (bundle.h).
 * For each bundle it takes the plane's lock twice: to find the peers and reserve
 * counters, and to count what has become of them; packets are sealed in between,
 * by itself or a helper (pool.h).  What waits in the device leaves before the
 * frames do that were read later, and when no bundle is under way.
 */
#ifndef ADIT_DATAPLANE_SENDER_H
#define ADIT_DATAPLANE_SENDER_H

#include "base/address.h"
#include "base/clock.h"
#include "dataplane/batch.h"
#include "dataplane/events.h"
#include "dataplane/health.h"
#include "dataplane/icmp.h"
#include "dataplane/pool.h"
#include "dataplane/udp.h"
#include "dataplane/udp_sender.h"

struct bundle;
struct crypto;
struct loop;
struct plane;

/* Of the TUN, before other things have their turn; and after how long they have it
 * anyway: a send may wait for room in its socket.
 */
enum { SENDER_BUNDLES_MAX = 16 };
#define SENDER_SHARE_NS (10 * NS_PER_MS)

#define SENDER_HOLD_NS NS_PER_S

/* With bundles under way only the one that is being finished touches what comes
 * after `bundle`.
 */
struct sender {
	struct plane *plane;	    /* borrowed */
	struct line *line;	    /* borrowed; this is its owner */
	struct crypto *crypto;	    /* owned */
	struct udp_sockets sockets; /* borrowed: shift.c closes them */
	uint32_t mtu;		    /* bytes of inner packet */
	struct instant now;	    /* when the call that runs began */
	bool is_behind;		    /* a share of the TUN was read, and there may be more */
	struct icmp_limit icmp_limit;
	struct instant held_until;	       /* the TUN is left alone until then; 0: it is not */
	struct batch outputs;		       /* what waited in the device */
	struct bundle *bundle[LINE_SLOTS_MAX]; /* owned; as many as the line has slots */

	struct health from_tun; /* counted before the cipher */

	struct udp_sender udp;
	struct health to_udp; /* counted behind it */
	struct events events;
	union endpoint refused_source; /* peer whose sticky source did not work */
};

/* `sender` is zeroed.  -ENOMEM. */
int sender_init(struct sender *sender, struct plane *plane, struct line *line);
/* After pool_start(): bundles for more slots.  -ENOMEM. */
int sender_grow(struct sender *sender);
void sender_done(struct sender *sender); /* also of one zeroed, or half made */

/* Reads the TUN, or leaves it, in the loop of its thread.  The loop ends with
 * -EBADFD when the device is gone.
 */
int sender_listen(struct sender *sender, struct loop *loop);
void sender_ignore(struct sender *sender, struct loop *loop);

/* Its part, with no bundle under way. */
void sender_read_health(const struct sender *sender, struct health *ret);

/* For the successor of one that died: sender_listen() will not read the TUN until
 * sender_look_at_hold() has seen a handshake, or SENDER_HOLD_NS have passed.  A
 * device keeps 500 frames, a peer without a session 128 packets.
 */
void sender_hold(struct sender *sender, struct instant now);
/* Ends it when it is time. */
int sender_look_at_hold(struct sender *sender, struct loop *loop, struct instant now);

/* Sends what waits in the device. */
void sender_drain(struct sender *sender, struct instant now);

/* Before the thread sleeps: nothing of a key stays in its cipher. */
void sender_forget(struct sender *sender);

#endif
