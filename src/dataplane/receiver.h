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
 * One thread at a time calls all of this; which one, says shift.h.
 */
#ifndef ADIT_DATAPLANE_RECEIVER_H
#define ADIT_DATAPLANE_RECEIVER_H

#include "base/clock.h"
#include "dataplane/events.h"
#include "dataplane/health.h"
#include "dataplane/pool.h"

struct crypto;
struct merge;
struct plane;
struct train;
struct udp_reader;

enum {
	RECEIVER_RECEIVES_MAX = 2, /* of a socket, before the other has its turn */
	RECEIVER_READERS_MAX = 3,
};

/* With trains under way only the one that is being finished touches what comes
 * after `train`.
 */
struct receiver {
	struct plane *plane;   /* borrowed */
	struct line *line;     /* borrowed; this is its owner */
	struct crypto *crypto; /* owned */
	struct instant now;    /* when the call that runs began */
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
};

/* `receiver` is zeroed.  -ENOMEM. */
int receiver_init(struct receiver *receiver, struct plane *plane, struct line *line);
/* After pool_start(): trains for more slots.  -ENOMEM. */
int receiver_grow(struct receiver *receiver);
void receiver_done(struct receiver *receiver); /* also of one zeroed, or half made */

/* Takes what waits in the socket.  True: a share of it, and there may be more. */
bool receiver_on_udp(struct receiver *receiver, int fd, uint32_t events);

/* Before the thread sleeps: nothing of a key stays in its cipher. */
void receiver_forget(struct receiver *receiver);

#endif
