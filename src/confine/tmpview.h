/* /tmp and /var/tmp inside: the host's files through a writable overlay.
 *
 * How it works.  What the command writes goes into a folder of the user's,
 * $XDG_STATE_HOME/adit/tmp/ID/{tmp,var-tmp}/upper, made before and looked at
 * after: empty, it is removed; else it is kept, and its place told.  A lock on
 * the folder says that its run is alive, so folders of runs that were killed are
 * cleared by a later one.  Where the user's file system cannot carry an overlay
 * (NFS, an overlay itself) a tmpfs does, and what is written is lost at the end.
 */
#ifndef ADIT_CONFINE_TMPVIEW_H
#define ADIT_CONFINE_TMPVIEW_H

#include "confine/options.h"

#include <stdbool.h>

struct view_host;
struct view_plan;

/* Makes the folder and locks it: *ret_lock is the lock's descriptor.  Failing
 * is no error: `ret` is then "" and *ret_lock -1.
 */
void tmpview_prepare(char ret[CONFINE_PATH_LEN], int *ret_lock);

void tmpview_add(const struct view_host *host, struct view_plan *plan);

/* When nothing runs inside any more: is something of the command's left in
 * `kept`?  Empty folders, sockets and marks of deletion are nothing.  If not, the
 * folder is gone under its name at once, and is removed behind our back, as is
 * what dead runs left empty.
 */
bool tmpview_finish(const char *kept, int lock);

#endif
