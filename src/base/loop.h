/* A small event loop over epoll(7): descriptors, and one deadline each turn.
 *
 * Single-threaded.  A handler may add and remove any source, itself included.
 * The loop owns neither the descriptors nor what `context` points to.
 */
#ifndef ADIT_BASE_LOOP_H
#define ADIT_BASE_LOOP_H

#include "base/clock.h"

#include <stdint.h>

struct loop;

/* events: EPOLLIN and so on.  A negative return ends loop_run() with it. */
typedef int (*loop_handler)(void *context, int fd, uint32_t events);

enum { LOOP_SOURCES_MAX = 64 };

struct loop *loop_new(void); /* NULL: out of memory or descriptors */
void loop_free(struct loop *loop);

/* -EEXIST: already there; -ENOSPC: LOOP_SOURCES_MAX are. */
int loop_add(struct loop *loop, int fd, uint32_t events, loop_handler handler, void *context);
void loop_remove(struct loop *loop, int fd);

/* Waits until `deadline` at the longest and calls the handlers of what is
 * ready.  0, also at the deadline or after a signal; or what a handler returned.
 */
int loop_turn(struct loop *loop, struct instant deadline);

#endif
