/* Who is in a network namespace.  Source: proc(5), namespaces(7). */
#ifndef ADIT_NET_RESIDENTS_H
#define ADIT_NET_RESIDENTS_H

#include <sys/stat.h>
#include <sys/types.h>

/* Calls `visit` for each process that is in the namespace of that device and inode, as far
 * as this process may tell; it may have ended, or gone elsewhere, by then.  A visit that
 * returns other than 0 is the last one, and what it returned is returned.  -errno: /proc
 * cannot be read.
 */
int residents_each(const struct stat *netns, int (*visit)(void *context, pid_t pid), void *context);

#endif
