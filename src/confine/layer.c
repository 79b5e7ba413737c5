#include "confine/layer.h"

#include "confine/mounts.h"
#include "confine/view.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Left out: they are windows into the kernel, other namespaces or daemons. */
static const char *const hidden_types[] = {
	"autofs",	   "binfmt_misc", "bpf",      "cgroup",	  "cgroup2",	 "configfs",
	"debugfs",	   "devpts",	  "devtmpfs", "efivarfs", "fuse.portal", "fusectl",
	"fuse.gvfsd-fuse", "hugetlbfs",	  "mqueue",   "nsfs",	  "proc",	 "pstore",
	"rpc_pipefs",	   "securityfs",  "sysfs",    "tracefs",
};

/* Seen through an overlay: where daemons put their sockets. */
static const char *const memory_types[] = {"tmpfs", "ramfs"};

static bool is_one_of(const char *type, const char *const *types, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}
#define IS_ONE_OF(type, types) is_one_of(type, types, sizeof(types) / sizeof(*(types)))

static bool has_mounts_inside(const struct mount_list *mounts, const char *path)
{
	for (size_t i = 0; i < mounts->n_entries; i++)
		if (mounts_is_below(mounts->entry[i].path, path) &&
		    strcmp(mounts->entry[i].path, path) != 0)
			return true;
	return false;
}

static bool is_mount(const struct mount_list *mounts, const char *path)
{
	for (size_t i = 0; i < mounts->n_entries; i++)
		if (strcmp(mounts->entry[i].path, path) == 0)
			return true;
	return false;
}

/* The mount that a look-up of `path` ends in; NULL when we may not go there. */
static const struct mount_entry *top_mount(const struct mount_list *mounts, const char *path)
{
	for (size_t i = mounts->n_entries; i-- > 0;)
		if (strcmp(mounts->entry[i].path, path) == 0 &&
		    mounts_is_visible(&mounts->entry[i]))
			return &mounts->entry[i];
	return NULL;
}

static void add_folder(struct view_plan *plan, const char *path, mode_t mode)
{
	view_add(plan,
		 &(struct view_step){.kind = VIEW_FOLDER, .target = path, .mode = mode & 07777});
}

/* Brings the host's tree to a name without commas and colons, and away from
 * what will hide it; returns that name.
 */
static const char *add_lower(struct view_plan *plan, const char *path)
{
	const char *lower = view_format(plan, VIEW_PRIVATE "/lower-%zu", plan->n_steps);

	add_folder(plan, lower, 0755);
	view_add(plan, &(struct view_step){.kind = VIEW_ATTACH, .source = path, .target = lower});
	return lower;
}

static void add_overlay(struct view_plan *plan, const char *path, unsigned int flags,
			const char *options)
{
	view_add(plan, &(struct view_step){.kind = VIEW_FILESYSTEM,
					   .source = "overlay",
					   .target = path,
					   .flags = flags,
					   .content = options});
}

/* The steps that follow name `top` first, so its mode is the merged folder's. */
static void add_extras(const struct layer *layer, const char *folder)
{
	for (size_t i = 0; i < layer->n_extras; i++) {
		const struct layer_extra *extra = &layer->extra[i];
		const char *path = view_format(layer->plan, "%s/%s", folder, extra->name);

		if (extra->content)
			view_add(layer->plan, &(struct view_step){.kind = VIEW_FILE,
								  .target = path,
								  .mode = 0644,
								  .content = extra->content});
		else
			add_folder(layer->plan, path, 0755);
	}
}

/* Two lower layers, since an overlay without an upper one needs them. */
static const char *read_only_options(const struct layer *layer, const char *path, const char *lower,
				     mode_t mode)
{
	const char *top = view_format(layer->plan, VIEW_PRIVATE "/top-%zu", layer->plan->n_steps);

	add_folder(layer->plan, top, mode);
	if (strcmp(path, layer->path) == 0)
		add_extras(layer, top);
	return view_format(layer->plan, "lowerdir=%s:%s", top, lower);
}

/* "volatile": what is lost with the machine's power may be lost here, and the
 * end of the mount does not sync the user's whole file system.
 */
static const char *writable_options(const struct layer *layer, const char *lower, const char *upper,
				    const char *work)
{
	return view_format(layer->plan, "lowerdir=%s,upperdir=%s,workdir=%s,userxattr,volatile",
			   lower, upper, work);
}

/* What is written lands at the same place below the store's "upper". */
static void overlay_writable(const struct layer *layer, const char *path, mode_t mode)
{
	const char *inside = path + strlen(layer->path); /* "" for the tree itself */
	struct view_plan *plan = layer->plan;
	const char *lower = add_lower(plan, path);
	const char *upper = view_format(plan, "%s/upper%s", layer->store, inside);
	const char *work = view_format(plan, "%s/work-%zu", layer->store, plan->n_steps);
	const char *instead;

	add_folder(plan, upper, mode);
	add_folder(plan, work, 0700);
	if (*inside) /* of a split tree, whose base is the store itself */
		instead = read_only_options(layer, path, lower, mode);
	else
		instead = writable_options(layer, lower,
					   view_format(plan, "%s/upper", layer->store_instead),
					   view_format(plan, "%s/work", layer->store_instead));
	add_overlay(plan, path, 0, writable_options(layer, lower, upper, work));
	add_overlay(plan, path, VIEW_INSTEAD | (*inside ? VIEW_READ_ONLY : 0), instead);
}

static void overlay_read_only(const struct layer *layer, const char *path, mode_t mode)
{
	const char *lower = add_lower(layer->plan, path);

	add_overlay(layer->plan, path, VIEW_READ_ONLY, read_only_options(layer, path, lower, mode));
}

static void overlay(const struct layer *layer, const char *path, mode_t mode)
{
	if (layer->store)
		overlay_writable(layer, path, mode);
	else
		overlay_read_only(layer, path, mode);
}

static void split(const struct layer *layer, const char *path);

/* A folder, of the tree or mounted into it. */
static void add_tree(const struct layer *layer, const char *path, mode_t mode)
{
	bool may_enter = access(path, X_OK) == 0;

	add_folder(layer->plan, path, may_enter ? mode : 0);
	if (!may_enter)
		return;
	if (has_mounts_inside(layer->mounts, path))
		split(layer, path);
	else
		overlay(layer, path, mode);
}

static void attach(const struct layer *layer, const char *path, const struct stat *status,
		   unsigned int flags)
{
	if (S_ISDIR(status->st_mode))
		add_folder(layer->plan, path, 0755);
	else /* mode 0 marks a place holder of ours in a writable store */
		view_add(layer->plan, &(struct view_step){.kind = VIEW_FILE, .target = path});
	view_add(layer->plan, &(struct view_step){.kind = VIEW_ATTACH,
						  .source = path,
						  .target = path,
						  .flags = flags | VIEW_OPTIONAL});
}

static void add_mount(const struct layer *layer, const char *path, const struct stat *status)
{
	const struct mount_entry *entry = top_mount(layer->mounts, path);

	if (!entry || IS_ONE_OF(entry->type, hidden_types)) {
		if (S_ISDIR(status->st_mode))
			add_folder(layer->plan, path, 0);
		return;
	}
	if (S_ISDIR(status->st_mode) && IS_ONE_OF(entry->type, memory_types))
		add_tree(layer, path, status->st_mode);
	else if (S_ISDIR(status->st_mode))
		attach(layer, path, status, VIEW_RECURSIVE);
	else if (S_ISREG(status->st_mode))
		attach(layer, path, status, VIEW_READ_ONLY);
}

static void add_link(const struct layer *layer, const char *path)
{
	char to[4096];
	ssize_t len = readlink(path, to, sizeof(to) - 1);

	if (len < 0)
		return;
	to[len] = '\0';
	view_add(layer->plan,
		 &(struct view_step){.kind = VIEW_LINK, .target = path, .content = to});
}

static void add_entry(const struct layer *layer, const char *path)
{
	struct stat status;

	if (lstat(path, &status) < 0)
		return;
	if (is_mount(layer->mounts, path))
		add_mount(layer, path, &status);
	else if (S_ISDIR(status.st_mode))
		add_tree(layer, path, status.st_mode);
	else if (S_ISREG(status.st_mode))
		attach(layer, path, &status, VIEW_READ_ONLY);
	/* In a writable store links and sockets would be left behind as ours. */
	else if (S_ISLNK(status.st_mode) && !layer->store)
		add_link(layer, path);
	else if (S_ISSOCK(status.st_mode) && !layer->store)
		view_add(layer->plan,
			 &(struct view_step){.kind = VIEW_DEAD_SOCKET, .target = path});
}

static bool is_extra(const struct layer *layer, const char *folder, const char *name)
{
	if (strcmp(folder, layer->path) != 0)
		return false;
	for (size_t i = 0; i < layer->n_extras; i++)
		if (strcmp(layer->extra[i].name, name) == 0)
			return true;
	return false;
}

static void split(const struct layer *layer, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *found;
	size_t n = 0;

	if (!dir)
		return; /* may be entered, not listed: nothing of it is seen */
	while ((found = readdir(dir)) && n < LAYER_ENTRIES_MAX) {
		char entry[4096];

		if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0 ||
		    is_extra(layer, path, found->d_name))
			continue;
		if (snprintf(entry, sizeof(entry), "%s/%s", path, found->d_name) <
		    (int)sizeof(entry))
			add_entry(layer, entry);
		n++;
	}
	(void)closedir(dir);
}

static void add_base(const struct layer *layer, mode_t mode)
{
	if (layer->store)
		view_add(layer->plan,
			 &(struct view_step){
				 .kind = VIEW_BIND,
				 .source = view_format(layer->plan, "%s/upper", layer->store),
				 .target = layer->path});
	else
		view_add(layer->plan,
			 &(struct view_step){
				 .kind = VIEW_FILESYSTEM,
				 .source = "tmpfs",
				 .target = layer->path,
				 .content = view_format(layer->plan, "mode=%o", mode & 07777)});
}

static void add(const struct layer *layer, mode_t mode)
{
	if (!has_mounts_inside(layer->mounts, layer->path)) {
		overlay(layer, layer->path, mode);
		return;
	}
	add_base(layer, mode);
	add_extras(layer, layer->path);
	split(layer, layer->path);
	if (!layer->store)
		view_add(layer->plan,
			 &(struct view_step){.kind = VIEW_SEAL, .target = layer->path});
}

/* Where the tree really is: a link may lead to one that has its own view, or out
 * of them all (/tmp on another disk).
 */
static void add_target(const struct layer *layer)
{
	static const char *const own[] = {"/etc", "/run", "/tmp", "/var/tmp"};
	struct layer real = *layer;
	char path[PATH_MAX];
	struct stat status;

	if (!realpath(layer->path, path)) {
		if (errno != ENOENT)
			view_fail(layer->plan, layer->path, errno);
		return;
	}
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (mounts_is_below(path, own[i]) && strcmp(own[i], layer->path) != 0)
			return;
	if (stat(path, &status) < 0)
		view_fail(layer->plan, path, errno);
	real.path = path;
	if (S_ISDIR(status.st_mode))
		add(&real, status.st_mode);
}

void layer_add(const struct layer *layer)
{
	struct stat status;

	if (lstat(layer->path, &status) == 0) {
		if (S_ISLNK(status.st_mode))
			add_target(layer);
		else if (S_ISDIR(status.st_mode))
			add(layer, status.st_mode);
	} else if (errno != ENOENT) {
		view_fail(layer->plan, layer->path, errno);
	}
}
