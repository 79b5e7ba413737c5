/* From the UDP sockets to the TUN.
 *
 *   UDP receive -> opened in place -> wg_receive() -> merged by pointer -> one TUN write
 *
 * How it works: what a receive brought is cut into trains of up to 64 datagrams.
 * For each train the plane's lock is taken twice: to find whose it is, and to
 * pass every datagram through wg_receive(), in order; it is opened in between,
 * by the receiver or a helper (pool.h).  What has to be answered is the sender's
 * work: it is called when there is some.
 *
 * The receiver runs in a thread of its own after receiver_start(), or else in
 * whatever loop it was given to.
 */
#ifndef ADIT_DATAPLANE_RECEIVER_H
#define ADIT_DATAPLANE_RECEIVER_H

#include "base/loop.h"
#include "dataplane/events.h"
#include "dataplane/health.h"
#include "dataplane/pool.h"
#include "dataplane/udp.h"

#include <pthread.h>
#include <semaphore.h>

struct crypto;
struct merge;
struct plane;
struct train;
struct udp_reader;

enum {
	RECEIVER_RECEIVES_MAX = 4, /* of a socket, before the other has its turn */
	RECEIVER_READERS_MAX = 3,
};

/* With trains under way only the one that is being finished touches what comes
 * after `train`.
 */
struct receiver {
	struct plane *plane;	    /* borrowed */
	struct line *line;	    /* borrowed; this is its owner */
	struct crypto *crypto;	    /* owned */
	struct udp_sockets sockets; /* owned: those it listens on */
	struct instant now;	    /* when the call that runs began */
	/* Owned; each may be read into when the trains of its last receive are finished. */
	struct udp_reader *reader[RECEIVER_READERS_MAX];
	uint64_t n_submitted[RECEIVER_READERS_MAX]; /* trains, when it had been emptied */
	unsigned int n_readers;
	unsigned int n_receives;
	struct train *train[LINE_SLOTS_MAX]; /* owned; as many as the line has slots */

	struct merge *merge; /* owned */
	struct events events;
	struct health fresh; /* not yet in plane->received */
	uint64_t n_handshakes_seen;
	uint64_t n_bad_responses_seen;
	bool is_handshake_fresh; /* data may complete it, which is an event */

	struct loop *loop; /* its thread's own, or borrowed */
	loop_handler handler;
	void *context;

	pthread_t thread;
	bool has_thread;
	sem_t started;
	int control_fd; /* owned: an eventfd: look at the two below */
	/* Under the plane's lock. */
	struct udp_sockets next_sockets; /* to be used from now on */
	bool has_next;
	bool is_stopping;
	pthread_cond_t has_changed; /* has_next has become false */
};

/* `receiver` is zeroed; the sockets are its own from now on, also on failure. */
int receiver_init(struct receiver *receiver, struct plane *plane, struct line *line,
		  const struct udp_sockets *sockets);
/* After pool_start(): trains for more slots.  -ENOMEM. */
int receiver_grow(struct receiver *receiver);
/* Ends the thread; also of one zeroed, or half made. */
void receiver_done(struct receiver *receiver);

/* In the caller's loop: its handler calls receiver_on_udp(). */
void receiver_listen(struct receiver *receiver, struct loop *loop, loop_handler handler,
		     void *context);
/* From now on in a thread of its own, after receiver_listen(); or the errno of
 * pthread_create(3), and all is as it was.
 */
int receiver_start(struct receiver *receiver);
/* Takes what waits in the socket. */
void receiver_on_udp(struct receiver *receiver, int fd, uint32_t events);

/* With the plane's lock.  The sockets, which may be none, become the receiver's. */
void receiver_use_sockets(struct receiver *receiver, const struct udp_sockets *sockets);
/* Without it: when this returns, the receiver has closed the old ones. */
void receiver_settle(struct receiver *receiver);

#endif
