/* A folder tree of the host seen through an overlay: files are readable, and
 * sockets are dead, since connect(2) finds a socket by its inode and an
 * overlay's inodes are its own.
 *
 * How it works.  One overlay with the tree as its lower layer does it, unless
 * something is mounted in the tree: the kernel refuses an unprivileged overlay
 * that would show what a mount hides (has_locked_children() in fs/namespace.c,
 * Linux 5.14).  Then the folder is split: a fresh folder in which every entry
 * gets its own overlay, file mount or link, and the folders on the way to a
 * mount are split in turn.  What is mounted in the tree is judged by its type:
 * kernel objects are left out, a tmpfs is seen through an overlay like the rest,
 * and real file systems are attached as they are.
 */
#ifndef ADIT_CONFINE_LAYER_H
#define ADIT_CONFINE_LAYER_H

#include <stdbool.h>
#include <stddef.h>

struct mount_list;
struct view_plan;

/* An entry of ours that takes the place of the host's. */
struct layer_extra {
	const char *name;    /* without a slash */
	const char *content; /* of a file; NULL: a folder */
};

struct layer {
	struct view_plan *plan;
	const struct mount_list *mounts;
	const char *path; /* the tree, absolute, no symbolic link in it */
	const struct layer_extra *extra;
	size_t n_extras;
	/* NULL: read-only.  Else writable: a folder of VIEW_PRIVATE whose "upper"
	 * and "work" take what is written; and likewise where an overlay cannot have
	 * those (the user's file system is none that can), a tmpfs's.
	 */
	const char *store;
	const char *store_instead;
};

enum { LAYER_ENTRIES_MAX = 512 }; /* of a split folder; the rest is not seen */

/* Looks at the host's tree and adds the steps. */
void layer_add(const struct layer *layer);

#endif
