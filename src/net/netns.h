/* Network namespaces by descriptor.  Source: namespaces(7), ioctl_ns(2). */
#ifndef ADIT_NET_NETNS_H
#define ADIT_NET_NETNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

/* -EINVAL: the path is no network namespace. */
int netns_open(const char *path, int *ret_fd, struct error *err);
/* That of a process; 0: our own. */
int netns_open_process(pid_t pid, int *ret_fd, struct error *err);
/* Both are the same namespace. */
bool netns_is_same(int a, int b);
/* Its number that no other namespace has had or will have until the next boot (Linux
 * 5.14).  The caller has CAP_SYS_ADMIN over it.
 */
int netns_cookie(int netns_fd, uint64_t *ret, struct error *err);
/* That of the namespace that the caller is in. */
int netns_own_cookie(uint64_t *ret, struct error *err);

/* A socket made inside another namespace, for use from here: a short-lived
 * child enters and passes it back, so that this process never moves.
 * `userns_fd` is entered first; -1: none, and the caller has CAP_SYS_ADMIN over
 * the network namespace as it is.
 */
struct netns_socket {
	int domain;
	int type;
	int protocol;
};
int netns_socket(int userns_fd, int netns_fd, const struct netns_socket *wanted, int *ret_fd,
		 struct error *err);

#endif
