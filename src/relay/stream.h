/* One TCP connection through the pump: a socket outside, one inside, and the
 * bytes between them.
 *
 * Both sockets do not block.  Who owns a stream watches them for edges
 * (EPOLLET), tells what it sees by stream_note(), and calls stream_move().
 */
#ifndef ADIT_RELAY_STREAM_H
#define ADIT_RELAY_STREAM_H

#include "relay/pipe_pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stream_side { STREAM_OUTSIDE, STREAM_INSIDE };

/* Bytes on their way from one side to the other. */
struct stream_way {
	struct pipe pipe; /* while held > 0 */
	size_t held;	  /* bytes in it */
	bool is_ended;	  /* the source has sent its last byte */
	bool is_shut;	  /* and the other side has been told */
};

struct stream {
	int fd[2]; /* by side; owned */
	bool is_readable[2];
	bool is_writable[2];
	bool is_broken;
	struct stream_way way[2]; /* by the side it comes from */
};

enum stream_verdict {
	STREAM_WAITS,	/* for an edge */
	STREAM_GOES_ON, /* it has had its turn, and there is more to move */
	STREAM_ENDED,	/* both ways, in order */
	STREAM_BROKEN,
};

/* Takes both over.  The edges that epoll tells at first say what can be done. */
void stream_init(struct stream *stream, int outside, int inside);
/* After STREAM_ENDED an ordinary end; before, both ends are reset. */
void stream_done(struct stream *stream, struct pipe_pool *pool);

void stream_note(struct stream *stream, enum stream_side side, uint32_t events);
/* moved: bytes that have been delivered, by the side they came from, are added. */
enum stream_verdict stream_move(struct stream *stream, struct pipe_pool *pool, uint64_t moved[2]);

/* Closes a socket so that its other end sees a reset. */
void stream_reset(int fd);

#endif
