/* Pipes for splice(2): data that is in flight stands in one, and connections at
 * rest have none.  There are at most `max`.
 *
 * The one put back last is taken first, so that few are in use and their memory
 * stays warm.  The first ones are large, which is what a fast flow needs; with
 * thousands at once each has what the kernel gives an ordinary user.
 *
 * Source: splice(2), pipe(7).
 */
#ifndef ADIT_RELAY_PIPE_POOL_H
#define ADIT_RELAY_PIPE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PIPE_POOL_IDLE_MAX = 32,
	PIPE_POOL_LARGE_MAX = 32,
	PIPE_POOL_LARGE_LEN = 512 * 1024, /* bytes */
	PIPE_POOL_SPARE_LEN = 64 * 1024,
};

struct pipe {
	int in;	 /* to write to */
	int out; /* to read from */
	bool is_large;
};

struct pipe_pool {
	struct pipe idle[PIPE_POOL_IDLE_MAX];
	size_t n_idle;
	size_t n_large; /* that exist */
	size_t n_pipes; /* that exist, taken or not */
	size_t max;
	uint8_t spare[PIPE_POOL_SPARE_LEN]; /* for who gets none */
};

/* Zeroed but for max is empty. */
void pipe_pool_done(struct pipe_pool *pool);

/* -EMFILE: all are taken; -ENFILE */
int pipe_pool_take(struct pipe_pool *pool, struct pipe *ret);
/* An empty one. */
void pipe_pool_put(struct pipe_pool *pool, const struct pipe *pipe);
/* One that still holds bytes of a connection that is gone. */
void pipe_pool_discard(struct pipe_pool *pool, const struct pipe *pipe);

#endif
