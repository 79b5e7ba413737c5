/* The two processes of a relay, from fork(2) to their end. */
#ifndef ADIT_RELAY_CHILD_H
#define ADIT_RELAY_CHILD_H

#include "relay/connector.h"
#include "relay/pump.h"

#include <stdbool.h>
#include <sys/types.h>

struct child_ids {
	bool has_ids; /* root started us: become uid and gid */
	uid_t uid;
	gid_t gid;
};

struct child {
	pid_t pid; /* -1: none */
	int pidfd; /* readable when it has ended */
};

#define CHILD_NONE ((struct child){.pid = -1, .pidfd = -1})

/* Each runs in a process of its own with one socket and, of the caller's, nothing
 * else; it ends with the caller's thread, or when its socket's other end closes.
 * For a caller of one thread.  -errno.
 */
int child_start_pump(const struct pump_options *options, const struct child_ids *ids,
		     struct child *ret);

struct child_place {
	int netns;
	int userns; /* entered first; -1: none */
};

int child_start_connector(const struct connector_options *options, const struct child_place *place,
			  const struct child_ids *ids, struct child *ret);

/* SIGKILL, and waits.  Accepts CHILD_NONE, and leaves that. */
void child_stop(struct child *child);

/* What lockdown_filter_calls() leaves each: for the two, and for tests. */
int child_filter_pump(void);
int child_filter_connector(void);

#endif
