/* The namespaces of a confinement: making them, mapping ids, joining them.
 *
 * Two user namespaces, one in the other.  The outer one owns the network,
 * mounts and processes, and has only adit's process 1 in it; the command lives
 * in the inner one, whose capabilities reach none of that.  Ids are the same in
 * all: one uid and one gid, or (as root) all of them.
 *
 * Source: user_namespaces(7), pid_namespaces(7).
 */
#ifndef ADIT_CONFINE_NAMESPACES_H
#define ADIT_CONFINE_NAMESPACES_H

#include "confine/options.h"

#include <stdbool.h>
#include <sys/types.h>

struct error;

/* As fork(2), with clone(2)'s CLONE_NEW* flags; only the calling thread goes on
 * in the child.  -errno.
 */
pid_t namespaces_fork(unsigned long flags);

/* In the child, without privilege: maps the one uid and gid it was made with.
 * Makes the process dumpable, since the maps could not be opened otherwise.
 */
int namespaces_map_self(uid_t uid, gid_t gid, struct error *err);
/* In the parent, as root: maps every id to itself. */
int namespaces_map_all(pid_t pid, struct error *err);

/* This process's own; ret is wholly filled, NS_IPC with -1 unless has_ipc. */
int namespaces_open(bool has_ipc, int ret[CONFINE_NAMESPACES], struct error *err);
void namespaces_close(int ns[CONFINE_NAMESPACES]);
/* Joins all that are not -1; children are then in the process namespace. */
int namespaces_join(const int ns[CONFINE_NAMESPACES], struct error *err);

#endif
