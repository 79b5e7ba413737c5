/* Process 1 of a confinement, and the process that enters a running one.
 *
 * How it works.  init_run() goes through the stages of a table in order: ids,
 * descriptors, network, views, then waits for the supervisor's word and stays
 * with the command (confine/serve.h).  Whatever stage fails is told to the
 * supervisor, and process 1 ends, which undoes everything: namespaces, mounts
 * and links go with their last process.
 *
 * It holds nothing of outside but the channel, is not dumpable once its
 * namespaces are handed over, and takes no signal but SIGKILL from outside.
 */
#ifndef ADIT_CONFINE_INIT_H
#define ADIT_CONFINE_INIT_H

#include "confine/entry.h"
#include "confine/options.h"

#include <stdnoreturn.h>

/* All is made by the supervisor before the fork. */
struct init {
	const struct confine_options *options;
	struct confine_signals signals;
	uid_t uid;
	gid_t gid;
	int channel;		  /* our end */
	const char *unix_sockets; /* of socktable_read() */
	const int *ns;		  /* join these instead of being process 1; NULL */
	const char *kept;	  /* of tmpview_prepare() */
	int given[ENTRY_MOUNTS];  /* of entry_fork(); -1 without an entry */
	char cwd[CONFINE_PATH_LEN];
	char terminal[64]; /* "/dev/pts/3", or "" */
};

noreturn void init_run(struct init *init);

#endif
