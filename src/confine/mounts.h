/* The mounts of this process, as /proc/self/mountinfo lists them.
 *
 * Source: proc(5), "mountinfo"; fs/proc_namespace.c.
 */
#ifndef ADIT_CONFINE_MOUNTS_H
#define ADIT_CONFINE_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* One line; the strings are borrowed from the list's text. */
struct mount_entry {
	uint64_t id;
	const char *device; /* of the file system: "8:1" */
	const char *root;   /* the part of the file system that is seen; "/": all of it */
	const char *path;   /* where it is mounted, octal escapes undone */
	const char *type;   /* "ext4", "fuse.sshfs" */
	const char *source;
};

struct mount_list {
	char *text; /* owned: the file's, cut up */
	struct mount_entry *entry;
	size_t n_entries;
};

/* Takes `text` (from malloc), also when it fails.  -EINVAL, -ENOMEM. */
int mounts_parse(char *text, struct mount_list *ret);
int mounts_read(struct mount_list *ret, struct error *err);
void mounts_free(struct mount_list *list); /* accepts a zeroed one */

/* `path` is `folder` or lies below it; both absolute, without a final slash
 * ("/" excepted).
 */
bool mounts_is_below(const char *path, const char *folder);

/* Calls back with every other path at which the folder `path` may be seen, since
 * its file system, or a part that holds it, is mounted a second time.  No look-up
 * is made: what is said of may be hidden by a later mount.
 */
void mounts_each_alias(const struct mount_list *list, const char *path,
		       void (*each)(void *context, const char *alias), void *context);

/* A look-up of the entry's path really ends in this mount: nothing that was
 * mounted later hides it, and we may go there.  Triggers no automount.
 */
bool mounts_is_visible(const struct mount_entry *entry);

#endif
