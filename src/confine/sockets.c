#include "confine/sockets.h"

#include "base/error.h"
#include "confine/host.h"
#include "confine/mounts.h"
#include "confine/options.h"
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
	bool are_too_many;
};

/* Num RefCount Protocol Flags Type St Inode Path, the last only when bound; an
 * abstract name begins with '@'.  net/unix/af_unix.c, unix_seq_show().
 */
void sockets_each_path(const char *unix_sockets,
		       void (*each)(void *context, const char *path, size_t len), void *context)
{
	const char *line = unix_sockets;

	while (*line) {
		size_t len = strcspn(line, "\n");
		int at = -1;

		(void)sscanf(line, "%*[0-9a-fA-F]: %*x %*x %*x %*x %*x %*u%n", &at);
		if (at > 0 && (size_t)at + 1 < len && line[at] == ' ' && line[at + 1] == '/')
			each(context, line + at + 1, len - (size_t)at - 1);
		line += len + (line[len] == '\n');
	}
}

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
	if (access(path, W_OK) < 0 || view_is_attached(folders->plan, path))
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

/* A folder that may be entered but not listed still has the name that was bound. */
static void cover_folder(struct folders *folders, const char *folder, const char *bound)
{
	DIR *dir = opendir(folder);
	struct dirent *found;

	if (!dir) {
		cover(folders, folder, bound);
		return;
	}
	while ((found = readdir(dir)))
		if (is_socket(folder, found))
			cover(folders, folder, found->d_name);
	(void)closedir(dir);
}

static bool is_known(const struct folders *folders, const char *folder)
{
	for (size_t i = 0; i < folders->n_paths; i++)
		if (strcmp(folders->path[i], folder) == 0)
			return true;
	return false;
}

static void look_at(void *context, const char *path, size_t len)
{
	struct folders *folders = context;
	char bound[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
	char folder[PATH_MAX];
	char *slash;

	if (len >= sizeof(bound))
		return;
	memcpy(bound, path, len);
	bound[len] = '\0';
	if (is_dead_tree(folders, bound)) /* most are, and need no look-up */
		return;
	slash = strrchr(bound, '/');
	*slash = '\0';
	if (!realpath(*bound ? bound : "/", folder))
		return; /* gone, or not for us */
	if (is_dead_tree(folders, folder) || is_known(folders, folder))
		return;
	if (folders->n_paths == FOLDERS_MAX) {
		folders->are_too_many = true;
		return;
	}
	folders->path[folders->n_paths++] = view_format(folders->plan, "%s", folder);
	cover_folder(folders, strcmp(folder, "/") == 0 ? "" : folder, slash + 1);
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
	sockets_each_path(host->unix_sockets, look_at, folders);
	are_too_many = folders->are_too_many;
	free(folders);
	if (are_too_many)
		return error_set(err, E2BIG,
				 "sockets of other programs lie in more than %d folders",
				 FOLDERS_MAX);
	return 0;
}
