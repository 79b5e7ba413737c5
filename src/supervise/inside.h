/* A few calls made inside a network namespace, by a child that enters it, so
 * that this process never moves.
 *
 * Source: setns(2), user_namespaces(7).
 */
#ifndef ADIT_SUPERVISE_INSIDE_H
#define ADIT_SUPERVISE_INSIDE_H

#include "base/fd.h"

#include <stddef.h>

struct error;

struct inside {
	int netns;
	int userns; /* entered first; -1: the caller may enter as it is */
};

/* Moves the calling process, for good: of use in a child. */
int inside_enter(const struct inside *inside, struct error *err);

/* Runs in the child, which has the caller's memory but for its secrets and ends
 * afterwards.  What is in ret_fds is handed to the caller, in this order.
 */
typedef int (*inside_function)(void *context, int ret_fds[FD_PASS_MAX], size_t *ret_n_fds,
			       struct error *err);

/* Returns what `function` did, its error with it.  ret_fds may be NULL where none
 * are wanted; else *ret_n_fds descriptors are the caller's on success.
 */
int inside_call(const struct inside *inside, inside_function function, void *context,
		int ret_fds[FD_PASS_MAX], size_t *ret_n_fds, struct error *err);

#endif
