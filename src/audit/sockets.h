/* Network sockets that a process holds, by the network namespace that they are of.
 *
 * Source: pidfd_getfd(2), SIOCGSKNS of linux/sockios.h.
 */
#ifndef ADIT_AUDIT_SOCKETS_H
#define ADIT_AUDIT_SOCKETS_H

#include <stddef.h>
#include <sys/types.h>

/* Each of the two is one of them, by its number there; -1: there are none. */
struct sockets {
	size_t n_inside;
	int inside_fd;
	size_t n_outside;
	int outside_fd;
};

/* Those of process `pid`: of that namespace, and of others.  UNIX sockets lead to no
 * network and do not count.  -EPERM and so on: they cannot be looked at; -ESRCH,
 * -ENOENT: the process has ended.
 */
int sockets_look(pid_t pid, int netns, struct sockets *ret);

#endif
