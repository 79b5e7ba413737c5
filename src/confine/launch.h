/* Starting a program on the command's side: the crossing.
 *
 * The child is made in a user and mount namespace below those of process 1,
 * with the same ids, so no capability it may get reaches the network or undoes
 * a mount.  Then it takes the caller's signal handling and working directory,
 * keeps only the descriptors it shall have, gives up new privileges, installs
 * the filter and becomes the program.
 */
#ifndef ADIT_CONFINE_LAUNCH_H
#define ADIT_CONFINE_LAUNCH_H

#include "base/error.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct confine_signals;

struct launch {
	char *const *argv;
	char *const *environment;
	const char *cwd;
	const struct sock_fprog *filter;
	const struct confine_signals *signals;
	const int *keep_fd; /* beside 0 to 2 */
	size_t n_keep_fds;
	uid_t uid;
	gid_t gid;
	bool as_root;
	bool dies_with_parent; /* it is not in a process namespace whose process 1 we are */
	int as_third; /* becomes descriptor 3, and 0 to 2 /dev/null, as a service; -1: no */
};

/* What the status descriptor carries when the program could not be started. */
struct launch_failure {
	int status; /* 125, 126 or 127 */
	struct error error;
};

/* Returns the pid in our numbering.  *ret_status then becomes readable: with
 * nothing (end of file) the program runs, else with a struct launch_failure.
 */
pid_t launch_start(const struct launch *launch, int *ret_status, struct error *err);

/* True with *ret filled when it could not be started. */
bool launch_read_failure(int status, struct launch_failure *ret);

#endif
