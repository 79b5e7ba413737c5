/* File systems behind which somebody else does the input and output.
 *
 * A network or automount file system was mounted outside: its sockets are in
 * the host's network, so reading a file of it inside makes packets outside.  It
 * does not carry the command's own connections, but it is told (and --strict
 * masks it).
 */
#ifndef ADIT_CONFINE_FILESYSTEMS_H
#define ADIT_CONFINE_FILESYSTEMS_H

#include <stdbool.h>
#include <stddef.h>

struct mount_entry;
struct mount_list;
struct text;
struct view_plan;

/* By its type or its source (/dev/nbd0). */
bool filesystems_is_remote(const struct mount_entry *entry);

/* Those that can be seen inside, "/home (nfs4), /mnt/x (fuse.sshfs)"; how many. */
size_t filesystems_name(const struct mount_list *mounts, struct text *ret);

/* Covers each with an empty folder or file. */
void filesystems_add_masks(const struct mount_list *mounts, struct view_plan *plan);

#endif
