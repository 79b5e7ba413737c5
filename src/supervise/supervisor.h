/* One lasting namespace's life, from `adit up` to `adit down`.
 *
 * How it works.  The namespace is sealed first (seal.h); then the network inside
 * is made what the file says (converge.h), and the tunnel is opened and kept up
 * (keeper.h).  From then on the supervisor answers requests (control.h), repairs
 * what others change inside, and tells systemd how it is (notify.h).  It never
 * waits: names that do not resolve and servers that do not answer are tried
 * again while the namespace stays sealed.
 *
 * When it ends, by whatever death, the namespace stays: sealed, pinned, with all
 * that runs inside.  The next one adopts it.
 *
 *     STARTING ──► CONNECTING ⇄ UP ──► ENDED
 */
#ifndef ADIT_SUPERVISE_SUPERVISOR_H
#define ADIT_SUPERVISE_SUPERVISOR_H

#include <stdbool.h>

struct error;

struct supervisor_options {
	const char *name;
	/* Written to once the namespace is sealed and configured: one byte; -1: nobody
	 * waits for it.
	 */
	int ready_fd;
	const char *log; /* a file that becomes stderr then; NULL: it stays */
};

/* Returns when it was told to end: 0.  Negative: it could not begin, and what was
 * there is as it was; -EBADMSG with an empty err: what is wrong has been printed.
 * *ret_is_files: that is the configuration's fault, which is wrong or missing, so that it
 * is of no use to try again before somebody has mended it.
 */
int supervisor_run(const struct supervisor_options *options, bool *ret_is_files, struct error *err);

#endif
