/* The data plane: packets between a TUN device and two UDP sockets.
 *
 * How it works: each thread runs to completion what is ready, batch by batch,
 * with no queue between them.
 *
 *   the caller's   sender.h: TUN to UDP, and every other output; link.h: the
 *                  supervisor; timers; and, while it keeps up,
 *   a second       receiver.h: UDP to TUN; shift.h says which of the two
 *   more           pool.h: with four processors or more, helpers with the cipher
 *
 * What they share, and how one wakes the other, says plane.h.  Nothing is timed:
 * a thread reads until nothing is left or a share is done, sends what there is,
 * and sleeps in epoll until a descriptor is ready or the device's next deadline.
 * What waits for a handshake waits in the device.  A tunnel without traffic and
 * keepalive never wakes.  Until worker_start(), and where no thread can be had,
 * the caller's thread does everything.
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

struct worker_options {
	struct tun tun; /* its descriptor is borrowed */
	int uapi;	/* borrowed; a stream socket, non-blocking */
	/* An eventfd, borrowed; -1: none.  1 is added when a handshake was
	 * authenticated or completed; and, at most once in EVENTS_PERIOD_NS for
	 * each, when a send failed, an ICMP error came, a handshake response did
	 * not authenticate, or an initiation was sent (several without an answer
	 * are a reason to look the endpoint's name up again).
	 */
	int events;
	struct udp_sockets sockets; /* the worker's from now on, also on failure */
	uint32_t mtu;		    /* bytes of inner packet */
	bool is_down;		    /* begins down, until adit_up=true: see uapi.h */
	bool is_successor;	    /* of one that died: see sender_hold() */
};

int worker_new(const struct worker_options *options, struct worker **ret, struct error *err);
void worker_free(struct worker *worker); /* ends its threads; accepts NULL */

/* Makes the threads that suit so many processors; 0: those that the caller may run
 * on.  With one there are none, from four on there are helpers.  When this
 * returns, the threads have done all that a filter of system calls would not let
 * them do.  Where threads cannot be had, that is no harm: the caller's does the
 * work.  -ENOMEM.
 */
int worker_start(struct worker *worker, unsigned int n_processors);

/* Waits once and does what is ready.  0; -ESHUTDOWN: the supervisor has closed
 * its end; or what makes going on senseless, -EBADFD when the TUN is gone.
 */
int worker_turn(struct worker *worker);

#endif
