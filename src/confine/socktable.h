/* The kernel's tables of UNIX sockets, of every network namespace that shows.
 *
 * A path leads to a socket whatever network namespace it was bound in: a service
 * with PrivateNetwork=, a container with a volume, another adit.  So the tables
 * of all of them are read, each once, by /proc/PID/net/unix, which asks for
 * no privilege.
 */
#ifndef ADIT_CONFINE_SOCKTABLE_H
#define ADIT_CONFINE_SOCKTABLE_H

#include <stddef.h>

struct error;

/* One text in the format of /proc/net/unix, the caller's to free.  A name that
 * was bound relative to a folder is there again by each absolute path that it
 * may have: below the working directories of this user's processes.
 */
int socktable_read(char **ret, struct error *err);

/* Calls back with each name that a socket was bound to, abstract ones left out. */
void socktable_each(const char *table, void (*each)(void *context, const char *name, size_t len),
		    void *context);

#endif
