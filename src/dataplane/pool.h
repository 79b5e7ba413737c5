/* Helpers: threads that share the cipher's work, and lines, which keep its order.
 *
 * How it works: the sender and the receiver have a line each.  A line is a ring
 * of slots; its owner, one thread, fills them in order with a super-packet or
 * what came with a receive.  Work (the cipher) on filled slots is done by
 * whoever comes first, several at a time; then each is finished (sent, or
 * written to the TUN), one at a time and strictly in the order in which they
 * were filled, by whoever has just made the first of them ready.
 *
 * The owner works too: with nothing more to fill, it does what nobody has taken
 * and waits for the rest.  A helper is woken only when more than one slot waits,
 * so that a lone packet never crosses a thread.  Without helpers there is one
 * slot, which is worked on and finished as soon as it is filled, and neither
 * lock nor wake-up.
 *
 * A helper that sleeps has nothing of a key left in its cipher.
 */
#ifndef ADIT_DATAPLANE_POOL_H
#define ADIT_DATAPLANE_POOL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

struct crypto;

enum {
	POOL_HELPERS_MAX = 4,
	POOL_LINES = 2,
	LINE_SLOTS_MAX = 8,
};

struct line {
	struct pool *pool; /* borrowed */
	void *context;	   /* of the two below */
	/* By any thread, with that thread's cipher; slots may overlap in time. */
	void (*work)(void *context, unsigned int slot, struct crypto *crypto);
	/* In order, one at a time. */
	void (*finish)(void *context, unsigned int slot, struct crypto *crypto);
	struct crypto *crypto; /* borrowed: the owner's */

	/* Under the pool's lock.  Slots are counted through; slot n lies at n % n_slots. */
	unsigned int n_slots;
	uint64_t n_filled;
	uint64_t n_taken;
	uint64_t n_finished;
	bool is_ready[LINE_SLOTS_MAX]; /* worked on, not yet finished */
	bool is_finishing;	       /* somebody is about it */
	pthread_cond_t progress;       /* n_finished has grown */
};

struct helper {
	struct pool *pool;     /* borrowed */
	struct crypto *crypto; /* owned */
	pthread_t thread;
};

struct pool {
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t filled;
	struct line line[POOL_LINES];
	unsigned int n_sleeping;
	bool is_stopping;
	sem_t started;
	unsigned int n_helpers; /* set by pool_start() */
	struct helper helper[POOL_HELPERS_MAX];
};

/* How many helpers are worth it for a process that may use so many processors. */
unsigned int pool_helpers_for(unsigned int n_processors);

/* No helpers, lines of one slot. */
void pool_init(struct pool *pool);
/* Ends the helpers; lines are empty. */
void pool_done(struct pool *pool);

/* Gives it helpers, as many of n as can be had, before any line is used; when it
 * returns, they run.  Returns how many there are.
 */
unsigned int pool_start(struct pool *pool, unsigned int n);

/* ---- for a line's owner ---- */

/* The slot to fill next; waits for it to be free. */
unsigned int line_next(struct line *line);
/* It is filled. */
void line_submit(struct line *line);
/* How many slots were submitted so far. */
uint64_t line_submitted(const struct line *line);
/* Returns when so many, from the first on, have been finished. */
void line_wait(struct line *line, uint64_t n);
/* Returns when all that was submitted has been finished. */
void line_drain(struct line *line);

#endif
