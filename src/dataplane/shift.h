/* Who reads the UDP sockets: the sender's thread, or a second one.
 *
 * How it works: while one thread keeps up it reads everything, so that an answer
 * is found by the thread that has just brought the question, and no other has to
 * wake.  When a share was used up and more waits, in either direction, the second
 * thread takes the sockets; when that has not happened for SHIFT_NS, and the first
 * one sleeps, it gives them back, and sleeps until it is called again.  They
 * change hands between two receives, so that what comes stays in order.
 *
 * Unless it says so, a function is for the sender's thread.
 */
#ifndef ADIT_DATAPLANE_SHIFT_H
#define ADIT_DATAPLANE_SHIFT_H

#include "base/clock.h"
#include "base/loop.h"
#include "dataplane/udp.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

struct plane;
struct receiver;

#define SHIFT_NS (200 * NS_PER_MS)

struct shift {
	struct plane *plane;	   /* borrowed, as all down to `context` */
	struct receiver *receiver; /* whoever has the sockets calls it */
	struct loop *callers;	   /* of the sender's thread */
	loop_handler handler;	   /* for the sockets, in that loop */
	void *context;

	bool is_read_here; /* in the callers' loop */
	bool has_thread;
	pthread_t thread;
	sem_t started;
	int control_fd; /* owned: an eventfd that the second thread watches */

	/* The second thread's. */
	struct loop *own;
	bool is_read_there;

	/* Under the plane's lock. */
	bool is_second; /* the sockets are the second thread's */
	bool is_stopping;
	struct instant busy_until;	 /* when it gives them back */
	struct udp_sockets sockets;	 /* owned */
	struct udp_sockets next_sockets; /* owned: to be used from now on */
	bool has_next;
	pthread_cond_t has_changed; /* has_next has become false */
};

/* `shift` holds what is borrowed, and else zeroes.  The sockets are its own from
 * now on, also on failure.  They are read in the caller's loop.
 */
int shift_init(struct shift *shift, const struct udp_sockets *sockets);
/* Ends the thread; also of one zeroed, or half made. */
void shift_done(struct shift *shift);

/* Makes the second thread, which sleeps at first; or the errno of
 * pthread_create(3), with no harm done.
 */
int shift_start(struct shift *shift);

/* A share was used up and more waits. */
void shift_call(struct shift *shift, struct instant now);
/* After a call of the sender (plane.h): takes the sockets back if they were given.
 * When it fails (loop_add), nobody reads them.
 */
int shift_take_back(struct shift *shift);
/* Before the sender's thread sleeps: nothing of a key stays in the receiver's cipher. */
void shift_forget(struct shift *shift);

/* With the plane's lock.  The sockets, which may be none, are its own from now on. */
void shift_use_sockets(struct shift *shift, const struct udp_sockets *sockets);
/* Without it: when this returns, the old ones are closed. */
void shift_settle(struct shift *shift);

#endif
