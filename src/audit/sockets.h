/* Network sockets that a process holds and that are another network namespace's.
 *
 * Source: pidfd_getfd(2), SIOCGSKNS of linux/sockios.h.
 */
#ifndef ADIT_AUDIT_SOCKETS_H
#define ADIT_AUDIT_SOCKETS_H

#include <stddef.h>
#include <sys/types.h>

/* Counts those of process `pid` that are not of that namespace; *ret_fd is one of them, by its
 * number there.  UNIX sockets lead to no network and do not count.  -EPERM and so on: they
 * cannot be looked at; -ESRCH, -ENOENT: the process has ended.
 */
int sockets_count_outside(pid_t pid, int netns, size_t *ret, int *ret_fd);

#endif
