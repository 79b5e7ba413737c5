/* Going on in the background, once everything is ready.
 *
 * How it works: the process forks at once, and the first one waits with the
 * caller's terminal until the second says that it is ready, or ends.  So errors
 * are seen where they are expected, and the exit status is known.  Descriptors
 * that were left open by the caller are closed: a pipe would never end.
 */
#ifndef ADIT_DEVICE_DAEMON_H
#define ADIT_DEVICE_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

struct error;

/* 1 in the first process, with the exit status in *ret_status; 0 in the second, with
 * a descriptor for daemon_ready().  Above standard error only `kept` stays open;
 * -1 in there is none.
 */
int daemon_fork(const int *kept, size_t n_kept, int *ret_channel, int *ret_status,
		struct error *err);

/* Lets the first process end with status 0, and gives its terminal up;
 * has_output: not standard output and error.
 */
void daemon_ready(int channel, bool has_output);

#endif
