/* Process 1 in a network namespace that is there already (`adit exec`).
 *
 * How it works.  That namespace belongs to a user namespace of adit's own (U1),
 * and whoever has capabilities in U1 can change the network.  So process 1 is
 * not in U1 but in a user namespace made below it, as is the command, one
 * further down.  A bridge, a child of the caller's that ends at once, enters U1
 * and the network namespace, opens there what only U1's capabilities give, as
 * detached mounts, becomes the user, and makes process 1 as the caller's own
 * child (CLONE_PARENT).
 *
 * Source: user_namespaces(7), mount_namespaces(7); sysfs asks for CAP_SYS_ADMIN
 * over the network namespace that it shows (fs/sysfs/mount.c).
 */
#ifndef ADIT_CONFINE_ENTRY_H
#define ADIT_CONFINE_ENTRY_H

#include <stdbool.h>
#include <sys/types.h>

struct confine_entry;
struct error;

/* What the bridge opens: descriptors of detached mounts, read-only. */
enum entry_mount { ENTRY_SYSFS, ENTRY_RESOLV_CONF, ENTRY_NSSWITCH, ENTRY_MOUNTS };

/* As namespaces_fork(), with `flags` that have CLONE_NEWUSER: the pid, or 0 in
 * the child, where ret_mounts is filled.  A caller that has stepped down
 * (user_step_down()) enters as root, and the child is the user all the same.
 * maps_all: every id is mapped to itself already; else the child maps its own.
 */
pid_t entry_fork(const struct confine_entry *entry, unsigned long flags, bool maps_all,
		 int ret_mounts[ENTRY_MOUNTS], struct error *err);

#endif
