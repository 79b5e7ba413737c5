/* What a process of adit's gives up before it reads a stranger's byte.
 *
 * Sources: seccomp(2), capabilities(7), prctl(2), getrlimit(2).
 */
#ifndef ADIT_BASE_LOCKDOWN_H
#define ADIT_BASE_LOCKDOWN_H

#include "base/landlock.h"

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

struct lockdown {
	const char *who; /* "the data plane": in errors */
	bool has_ids;	 /* root started us: become uid and gid */
	uid_t uid;
	gid_t gid;
	pid_t parent;		/* dies with us: if it is gone already, -ESRCH */
	unsigned int files_max; /* descriptors */
	enum landlock_network network;
};

/* All capabilities, the bounding set where that is allowed, other groups, core
 * files, files at all (landlock.h), new privileges, being traced by its own user;
 * SIGKILL when the parent thread ends.  For a process of one thread: those it
 * makes afterwards inherit it.
 */
int lockdown_drop_privileges(const struct lockdown *lockdown, struct error *err);

/* No handler, nothing blocked, and SIGPIPE ignored: what the parent had set is its own. */
void lockdown_reset_signals(void);

/* An argument that must be `value` in the bits of `mask`. */
struct lockdown_arg {
	unsigned int index; /* from 0 */
	uint64_t mask;
	uint64_t value;
};

#define LOCKDOWN_IS(index, value)                                                                  \
	{                                                                                          \
		(index), UINT64_MAX, (value)                                                       \
	}

/* A call that is allowed when its arguments are these. */
struct lockdown_rule {
	int call; /* SCMP_SYS() */
	unsigned int n_args;
	struct lockdown_arg arg[2];
};

struct lockdown_filter {
	const char *who;
	const int *allowed; /* SCMP_SYS() each */
	size_t n_allowed;
	const int *refused; /* -EPERM, and not fatal: what libraries can do without */
	size_t n_refused;
	const struct lockdown_rule *rule;
	size_t n_rules;
};

/* From here on, in every thread that there is, only these system calls, memory
 * that is no code, and no new threads nor processes; any other call ends the
 * process.  A build with sanitizers has more calls, and none is fatal.
 */
int lockdown_filter_calls(const struct lockdown_filter *filter, struct error *err);

#endif
