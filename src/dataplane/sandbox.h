/* What the data plane's process gives up before it reads a packet.
 *
 * Sources: seccomp(2), capabilities(7), prctl(2), getrlimit(2).
 */
#ifndef ADIT_DATAPLANE_SANDBOX_H
#define ADIT_DATAPLANE_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

struct error;

struct sandbox_options {
	bool has_ids; /* root started us: become uid and gid */
	uid_t uid;
	gid_t gid;
	pid_t parent; /* dies with us: if it is gone already, -ESRCH */
};

/* base/lockdown.h says what goes.  As much key memory as we may is locked. */
int sandbox_drop_privileges(const struct sandbox_options *options, struct error *err);

/* From here on, in every thread that there is, only the system calls in
 * sandbox.c's list, and no new threads nor processes.
 */
int sandbox_filter_syscalls(struct error *err);

#endif
