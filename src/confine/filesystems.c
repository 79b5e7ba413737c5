#include "confine/filesystems.h"

#include "base/text.h"
#include "confine/mounts.h"
#include "confine/view.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char *const remote_types[] = {
	"9p",	    "afs",	 "autofs", "beegfs", "ceph",	 "cifs", "coda",
	"gfs2",	    "glusterfs", "lustre", "ncpfs",  "nfs",	 "nfs4", "ocfs2",
	"orangefs", "pvfs2",	 "smb3",   "smbfs",  "virtiofs",
};

/* Everything else of FUSE may be anything, so it counts as remote. */
static const char *const local_fuse_types[] = {
	"fuse.bindfs",	  "fuse.cryfs",	   "fuse.encfs",      "fuse.fuse-overlayfs",
	"fuse.gocryptfs", "fuse.lxcfs",	   "fuse.mergerfs",   "fuse.ntfs-3g",
	"fuse.portal",	  "fuse.snapfuse", "fuse.squashfuse",
};

/* Block devices that are sockets underneath. */
static const char *const remote_sources[] = {"/dev/nbd", "/dev/rbd", "/dev/drbd"};

/* Replaced by adit's own views, or the kernel's. */
static const char *const hidden_trees[] = {"/proc", "/sys", "/dev"};

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

bool filesystems_is_remote(const struct mount_entry *entry)
{
	if (is_one_of(entry->type, remote_types, LENGTH(remote_types)))
		return true;
	if (text_starts_with(entry->type, "fuse.") || strcmp(entry->type, "fuse") == 0)
		/* AppImages mount themselves: fuse.NAME.AppImage */
		return !is_one_of(entry->type, local_fuse_types, LENGTH(local_fuse_types)) &&
		       !strstr(entry->type, "AppImage");
	for (size_t i = 0; i < LENGTH(remote_sources); i++)
		if (text_starts_with(entry->source, remote_sources[i]))
			return true;
	return false;
}

static bool is_shown(const struct mount_entry *entry)
{
	for (size_t i = 0; i < LENGTH(hidden_trees); i++)
		if (mounts_is_below(entry->path, hidden_trees[i]))
			return false;
	return filesystems_is_remote(entry) && mounts_is_visible(entry);
}

size_t filesystems_name(const struct mount_list *mounts, struct text *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < mounts->n_entries; i++) {
		const struct mount_entry *entry = &mounts->entry[i];

		if (!is_shown(entry))
			continue;
		text_add(ret, "%s%s (%s)", n > 0 ? ", " : "", entry->path, entry->type);
		n++;
	}
	return n;
}

static bool is_folder(const char *path)
{
	struct statx found;

	/* no automount, and no waiting for a dead server */
	return statx(AT_FDCWD, path, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_TYPE, &found) <
		       0 ||
	       S_ISDIR(found.stx_mode);
}

void filesystems_add_masks(const struct mount_list *mounts, struct view_plan *plan)
{
	static const char empty[] = VIEW_PRIVATE "/empty";

	view_add(plan, &(struct view_step){.kind = VIEW_FILE, .target = empty, .mode = 0444});
	for (size_t i = 0; i < mounts->n_entries; i++) {
		const struct mount_entry *entry = &mounts->entry[i];

		if (!is_shown(entry) || view_is_shared(plan, entry->path))
			continue;
		if (is_folder(entry->path))
			view_add(plan, &(struct view_step){.kind = VIEW_FILESYSTEM,
							   .source = "tmpfs",
							   .target = entry->path,
							   .flags = VIEW_READ_ONLY | VIEW_OPTIONAL,
							   .content = "mode=555,size=4k"});
		else
			view_add(plan,
				 &(struct view_step){.kind = VIEW_BIND,
						     .source = empty,
						     .target = entry->path,
						     .flags = VIEW_READ_ONLY | VIEW_OPTIONAL});
	}
}
