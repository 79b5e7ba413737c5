/* From the TUN to the UDP sockets, and everything else that leaves.
 *
 *   TUN frame -> split -> sealed into the send buffer -> one UDP_SEGMENT send
 *
 * How it works: one thread, the sender, calls all of this.  For each frame it
 * takes the plane's lock twice: to find the peer and reserve counters, and to
 * count what has become of them; it seals with a cipher of its own in between.
 * What waits in the device leaves before the frame does.
 */
#ifndef ADIT_DATAPLANE_SENDER_H
#define ADIT_DATAPLANE_SENDER_H

#include "base/address.h"
#include "dataplane/batch.h"
#include "dataplane/events.h"
#include "dataplane/health.h"
#include "dataplane/icmp.h"
#include "dataplane/offload_split.h"
#include "dataplane/udp.h"
#include "dataplane/udp_sender.h"

struct crypto;
struct loop;
struct plane;

enum { SENDER_FRAMES_MAX = 16 }; /* of the TUN, before other things have their turn */

struct sender {
	struct plane *plane;	    /* borrowed */
	struct crypto *crypto;	    /* owned */
	struct udp_sockets sockets; /* borrowed: the receiver closes them */
	uint32_t mtu;		    /* bytes of inner packet */
	struct health health;	    /* its own part */
	struct events events;

	uint8_t *frame; /* owned: the TUN frame under way, and the heads of its packets */
	size_t frame_len;
	struct split split;
	struct batch batch;
	struct udp_sender udp;
	union endpoint refused_source; /* peer whose sticky source did not work */
	struct icmp_limit icmp_limit;
	struct instant now; /* when the call that runs began */
};

/* `sender` is zeroed.  -ENOMEM. */
int sender_init(struct sender *sender, struct plane *plane);
void sender_done(struct sender *sender); /* also of one zeroed, or half made */

/* Reads the TUN, or leaves it, in the loop of its thread.  The loop ends with
 * -EBADFD when the device is gone.
 */
int sender_listen(struct sender *sender, struct loop *loop);
void sender_ignore(struct sender *sender, struct loop *loop);

/* Sends what waits in the device. */
void sender_drain(struct sender *sender, struct instant now);

/* Before the thread sleeps: nothing of a key stays in its cipher. */
void sender_forget(struct sender *sender);

#endif
