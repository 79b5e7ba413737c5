/* The data plane's loop: one thread between a TUN device and two UDP sockets.
 *
 * How it works: everything that is ready is run to completion, batch by batch.
 *
 *   TUN frame -> split -> wg_seal() into the send buffer -> one UDP_SEGMENT send
 *   UDP receive -> wg_receive() in place -> merge by pointer -> one TUN write
 *
 * Nothing waits in between and nothing is timed: the loop reads until nothing
 * is left or a share is done, sends what there is, and sleeps in epoll until a
 * descriptor is ready or the device's next deadline.  What waits for a
 * handshake waits in the device.  A tunnel without traffic and keepalive never
 * wakes.
 *
 * Two threads were 3 to 20 % faster with a faster cipher and no faster with
 * OpenSSL's; busy polling was four times slower on two cores.
 *
 * The supervisor speaks the protocol of uapi.h on one socket.  Its end of file
 * ends the loop.  An event descriptor is written to when something happened
 * that the supervisor may be waiting for: see worker_options.events.
 */
#ifndef ADIT_DATAPLANE_WORKER_H
#define ADIT_DATAPLANE_WORKER_H

#include "dataplane/tun.h"
#include "dataplane/udp.h"

#include <stdbool.h>
#include <stdint.h>

struct error;
struct worker;

enum {
	WORKER_FRAMES_MAX = 16,	  /* of the TUN, before the sockets have their turn */
	WORKER_RECEIVES_MAX = 4,  /* of a socket, before the TUN has its turn */
	WORKER_UAPI_WAIT_MS = 200 /* for the rest of a request that has begun to come */
};

struct worker_options {
	struct tun tun; /* its descriptor is borrowed */
	int uapi;	/* borrowed; a stream socket, non-blocking */
	/* An eventfd, borrowed; -1: none.  1 is added when a handshake was
	 * authenticated or completed; and, at most once in WORKER_EVENT_NS for
	 * each, when a send failed, an ICMP error came, a handshake response did
	 * not authenticate, or an initiation was sent (several without an answer
	 * are a reason to look the endpoint's name up again).
	 */
	int events;
	struct udp_sockets sockets; /* the worker's from now on, also on failure */
	uint32_t mtu;		    /* bytes of inner packet */
	bool is_down;		    /* begins down, until adit_up=true: see uapi.h */
};

#define WORKER_EVENT_NS (100 * NS_PER_MS)

int worker_new(const struct worker_options *options, struct worker **ret, struct error *err);
void worker_free(struct worker *worker); /* accepts NULL */

/* Waits once and does what is ready.  0; -ESHUTDOWN: the supervisor has closed
 * its end; or what makes going on senseless, -EBADFD when the TUN is gone.
 */
int worker_turn(struct worker *worker);

#endif
