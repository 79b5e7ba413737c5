#include "confine/sockets.h"

#include "base/error.h"
#include "confine/host.h"
#include "confine/mounts.h"
#include "confine/options.h"
#include "confine/socktable.h"
#include "confine/view.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { FOLDERS_MAX = 512 };

static const char dead_socket[] = VIEW_PRIVATE "/dead-socket";

/* Every other view makes sockets dead by itself. */
static const char *const dead_trees[] = {"/run",  "/var/run", "/tmp",	  "/var/tmp", "/etc",
					 "/proc", "/sys",     "/dev/shm", "/dev/pts"};

/* The folders looked at so far; the text is the plan's. */
struct folders {
	struct view_plan *plan;
	const struct view_host *host;
	const char *path[FOLDERS_MAX];
	size_t n_paths;
	const char *bound; /* the name that is being looked at */
	bool are_too_many;
};

static bool is_dead_tree(const struct folders *folders, const char *path)
{
	for (size_t i = 0; i < sizeof(dead_trees) / sizeof(*dead_trees); i++) {
		bool is_shared =
			folders->host->options->share_tmp && strstr(dead_trees[i], "tmp") != NULL;

		if (!is_shared && mounts_is_below(path, dead_trees[i]))
			return !view_is_attached(folders->plan, path);
	}
	return false;
}

static void cover(struct folders *folders, const char *folder, const char *name)
{
	const char *path = view_format(folders->plan, "%s/%s", folder, name);

	/* What we may not write to we cannot connect to; what is shared stays. */
	if (view_is_shared(folders->plan, path) ||
	    (access(path, W_OK) < 0 && (errno == EACCES || errno == ENOENT)))
		return;
	view_add(folders->plan, &(struct view_step){.kind = VIEW_BIND,
						    .source = dead_socket,
						    .target = path,
						    .flags = VIEW_OPTIONAL});
}

static bool is_socket(const char *folder, const struct dirent *found)
{
	char path[PATH_MAX + NAME_MAX + 2];
	struct stat status;

	if (found->d_type != DT_UNKNOWN)
		return found->d_type == DT_SOCK;
	(void)snprintf(path, sizeof(path), "%s/%s", folder, found->d_name);
	return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* A place that is gone or shut is so for connect(2), too; but what we lack
 * ourselves, the command might have.
 */
static void look_failed(struct folders *folders, const char *path)
{
	if (errno == ENOMEM || errno == EMFILE || errno == ENFILE)
		view_fail(folders->plan, path, errno);
}

/* False when it may be entered but not listed: then only the name that was bound
 * is known.
 */
static bool cover_folder(struct folders *folders, const char *folder, const char *bound)
{
	const char *prefix = strcmp(folder, "/") == 0 ? "" : folder;
	DIR *dir = opendir(folder);
	struct dirent *found;

	if (!dir) {
		look_failed(folders, folder);
		cover(folders, prefix, bound);
		return false;
	}
	for (errno = 0; (found = readdir(dir)); errno = 0)
		if (is_socket(prefix, found))
			cover(folders, prefix, found->d_name);
	if (errno != 0)
		view_fail(folders->plan, folder, errno);
	(void)closedir(dir);
	return true;
}

static bool is_known(const struct folders *folders, const char *folder)
{
	for (size_t i = 0; i < folders->n_paths; i++)
		if (strcmp(folders->path[i], folder) == 0)
			return true;
	return false;
}

static void look_into(void *context, const char *folder)
{
	struct folders *folders = context;

	if (is_dead_tree(folders, folder) || is_known(folders, folder))
		return;
	if (folders->n_paths == FOLDERS_MAX) {
		folders->are_too_many = true;
		return;
	}
	if (cover_folder(folders, folder, folders->bound))
		folders->path[folders->n_paths++] = view_format(folders->plan, "%s", folder);
}

/* Most are in trees that are dead anyway, and need no look-up; but a part of such
 * a tree may be mounted elsewhere, too.
 */
static void look_at(void *context, const char *name, size_t len)
{
	struct folders *folders = context;
	char bound[PATH_MAX];
	char folder[PATH_MAX];
	char *slash;

	if (name[0] != '/' || len >= sizeof(bound))
		return;
	memcpy(bound, name, len);
	bound[len] = '\0';
	slash = strrchr(bound, '/');
	*slash = '\0';
	folders->bound = slash + 1;
	if (is_dead_tree(folders, bound) && !mounts_is_below(bound, "/var/run")) {
		(void)snprintf(folder, sizeof(folder), "%s", bound);
	} else if (!realpath(*bound ? bound : "/", folder)) {
		look_failed(folders, bound); /* or gone, or not for us */
		return;
	}
	look_into(folders, folder);
	mounts_each_alias(&folders->host->mounts, folder, look_into, folders);
}

/* A file with keys is none of the command's business either: opening it
 * says ENXIO.
 */
static void hide_files(const struct view_host *host, struct view_plan *plan)
{
	for (size_t i = 0; i < host->options->n_hidden_files; i++)
		view_add(plan, &(struct view_step){.kind = VIEW_BIND,
						   .source = dead_socket,
						   .target = host->options->hidden_file[i],
						   .flags = VIEW_OPTIONAL});
}

int sockets_add_covers(const struct view_host *host, struct view_plan *plan, struct error *err)
{
	struct folders *folders = calloc(1, sizeof(*folders));
	bool are_too_many;

	if (!folders)
		return error_set(err, ENOMEM, "out of memory");
	folders->plan = plan;
	folders->host = host;
	view_add(plan, &(struct view_step){.kind = VIEW_DEAD_SOCKET, .target = dead_socket});
	hide_files(host, plan);
	socktable_each(host->unix_sockets, look_at, folders);
	are_too_many = folders->are_too_many;
	free(folders);
	if (are_too_many)
		return error_set(err, E2BIG,
				 "sockets of other programs lie in more than %d folders",
				 FOLDERS_MAX);
	return 0;
}
