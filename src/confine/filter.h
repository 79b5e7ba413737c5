/* The seccomp filter of everything inside.
 *
 * It refuses the calls by which a process reaches something that is not in its
 * network namespace: socket families other than IP, UNIX, NETLINK, PACKET and
 * ALG (VSOCK reaches the hypervisor, past every namespace); io_uring, whose
 * sockets pass a filter on socket(2); terminal injection; the kernel's key
 * requests, which run a helper outside; attaching to a tunnel device.  32-bit
 * calls are filtered alike, socketcall (whose arguments no filter can read) and
 * x32 refused.  unshare, clone and mount are never refused: programs with
 * sandboxes of their own need them.
 *
 * Source: seccomp(2); syscall numbers from libseccomp.
 */
#ifndef ADIT_CONFINE_FILTER_H
#define ADIT_CONFINE_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

struct error;

/* A BPF program; ret->filter is malloc()'s. */
int filter_make(bool allow_io_uring, struct sock_fprog *ret, struct error *err);

/* no_new_privs, then the filter, on the calling thread.  0 or -errno. */
int filter_install(const struct sock_fprog *program);

#endif
