#include "confine/tmpview.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "confine/host.h"
#include "confine/layer.h"
#include "confine/options.h"
#include "confine/view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* The trees, and their folders in the store. */
static const struct {
	const char *path;
	const char *name;
} trees[] = {{"/tmp", "tmp"}, {"/var/tmp", "var-tmp"}};
enum { TREES = sizeof(trees) / sizeof(*trees) };

/* Every folder on the way, as `mkdir -p`. */
static int make_path(char *path)
{
	for (char *at = path + 1;; at++) {
		char end = *at;

		if (end != '/' && end != '\0')
			continue;
		*at = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -errno;
		*at = end;
		if (end == '\0')
			return 0;
	}
}

/* Where all runs of this user have theirs. */
static int find_state(char ret[CONFINE_PATH_LEN])
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int len;

	if (state && state[0] == '/')
		len = snprintf(ret, CONFINE_PATH_LEN, "%s/adit/tmp", state);
	else if (home && home[0] == '/')
		len = snprintf(ret, CONFINE_PATH_LEN, "%s/.local/state/adit/tmp", home);
	else
		return -ENOENT;
	return len < CONFINE_PATH_LEN - 64 ? 0 : -ENAMETOOLONG;
}

static int make_trees(int folder)
{
	for (size_t i = 0; i < TREES; i++) {
		AUTO_FD int tree = -1;

		if (mkdirat(folder, trees[i].name, 0700) < 0)
			return -errno;
		tree = openat(folder, trees[i].name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (tree < 0 || mkdirat(tree, "upper", 0) < 0 ||
		    fchmodat(tree, "upper", 01777, 0) < 0)
			return -errno;
	}
	return 0;
}

void tmpview_prepare(char ret[CONFINE_PATH_LEN], int *ret_lock)
{
	char path[CONFINE_PATH_LEN];
	time_t now = time(NULL);
	struct tm day;
	size_t len;
	int lock;

	ret[0] = '\0';
	*ret_lock = -1;
	if (find_state(path) < 0 || make_path(path) < 0 || !localtime_r(&now, &day))
		return;
	len = strlen(path);
	len += strftime(path + len, sizeof(path) - len, "/%Y-%m-%d-%H%M%S", &day);
	(void)snprintf(path + len, sizeof(path) - len, "-%d", getpid());
	if (mkdir(path, 0700) < 0)
		return;
	lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0 || make_trees(lock) < 0) {
		if (lock >= 0)
			(void)close(lock);
		return;
	}
	memcpy(ret, path, sizeof(path));
	*ret_lock = lock;
}

static void add_folder(struct view_plan *plan, const char *path, mode_t mode)
{
	view_add(plan, &(struct view_step){.kind = VIEW_FOLDER, .target = path, .mode = mode});
}

/* A store in VIEW_PRIVATE itself, a tmpfs. */
static const char *add_lost(struct view_plan *plan, const char *name)
{
	const char *store = view_format(plan, VIEW_PRIVATE "/lost-%s", name);

	add_folder(plan, store, 0700);
	add_folder(plan, view_format(plan, "%s/upper", store), 01777);
	add_folder(plan, view_format(plan, "%s/work", store), 0700);
	return store;
}

static void add_kept(const struct view_host *host, struct view_plan *plan)
{
	static const char target[] = VIEW_PRIVATE "/kept";

	add_folder(plan, target, 0700);
	view_add(plan,
		 &(struct view_step){.kind = VIEW_ATTACH, .source = host->kept, .target = target});
}

void tmpview_add(const struct view_host *host, struct view_plan *plan)
{
	if (host->options->share_tmp)
		return;
	if (*host->kept)
		add_kept(host, plan);
	for (size_t i = 0; i < TREES; i++) {
		const char *lost = add_lost(plan, trees[i].name);
		const char *kept =
			*host->kept ? view_format(plan, VIEW_PRIVATE "/kept/%s", trees[i].name)
				    : lost;

		layer_add(&(struct layer){.plan = plan,
					  .mounts = &host->mounts,
					  .path = trees[i].path,
					  .store = kept,
					  .store_instead = lost});
	}
}

/* A socket, a mark of deletion (overlayfs's 0:0 device), or a file of mode 0
 * and length 0: a place holder of layer.c's.
 */
static bool is_nothing(const struct stat *status)
{
	if (S_ISCHR(status->st_mode))
		return status->st_rdev == makedev(0, 0);
	if (S_ISREG(status->st_mode))
		return status->st_size == 0 && (status->st_mode & 07777) == 0;
	return S_ISSOCK(status->st_mode) || S_ISFIFO(status->st_mode);
}

enum { PRUNE_DEPTH_MAX = 32 };

enum prune {
	PRUNE_LOOK,    /* removes nothing */
	PRUNE_NOTHING, /* what is_nothing(), and folders that are then empty */
	PRUNE_ALL,     /* overlayfs's own folders, which it makes with mode 0 */
};

static DIR *open_folder(int parent, const char *name, enum prune how)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir;

	if (fd < 0 && how == PRUNE_ALL && fchmodat(parent, name, 0700, 0) == 0)
		fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		(void)close(fd);
	return dir;
}

static bool prune(int parent, const char *name, enum prune how, int depth);

static bool prune_entry(int folder, const char *name, enum prune how, int depth)
{
	struct stat status;

	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	if (S_ISDIR(status.st_mode))
		return depth >= PRUNE_DEPTH_MAX || prune(folder, name, how, depth + 1);
	if (how == PRUNE_LOOK)
		return !is_nothing(&status);
	return (how == PRUNE_NOTHING && !is_nothing(&status)) || unlinkat(folder, name, 0) < 0;
}

/* Deepest first.  True when something is left, or would be. */
static bool prune(int parent, const char *name, enum prune how, int depth)
{
	DIR *dir = open_folder(parent, name, how);
	bool is_left = !dir;
	struct dirent *found;

	while (dir && (found = readdir(dir))) {
		/* the store's own folders: ID/tmp/work-3 */
		bool is_work = depth == 1 && text_starts_with(found->d_name, "work");

		if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0 ||
		    (is_work && how == PRUNE_LOOK))
			continue;
		is_left |= prune_entry(dirfd(dir), found->d_name, is_work ? PRUNE_ALL : how, depth);
	}
	if (dir)
		(void)closedir(dir);
	return is_left || (how != PRUNE_LOOK && unlinkat(parent, name, AT_REMOVEDIR) < 0);
}

/* Every run of this user that is not alive: those that were found empty, those
 * that were killed, and the overlays' own folders of those that are kept.
 */
static void prune_dead(int state)
{
	DIR *dir = fdopendir(state);
	struct dirent *found;

	while (dir && (found = readdir(dir))) {
		AUTO_FD int run = -1;

		if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
			continue;
		run = openat(state, found->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (run >= 0 && flock(run, LOCK_EX | LOCK_NB) == 0)
			(void)prune(state, found->d_name, PRUNE_NOTHING, 0);
	}
}

/* In a process of its own, which nobody waits for: on a disk mounted with
 * "discard" each folder takes milliseconds to remove.
 */
static void prune_behind(int state)
{
	int moved;

	if (fork() != 0)
		return;
	(void)setsid();
	moved = dup2(state, 0);
	(void)close_range(1, ~0U, 0);
	if (moved == 0)
		prune_dead(moved);
	_exit(0);
}

bool tmpview_finish(const char *kept, int lock)
{
	AUTO_FD int state = -1;
	char folder[CONFINE_PATH_LEN];
	char empty[NAME_MAX + 1];
	const char *name = strrchr(kept, '/');
	bool is_left;

	if (!name || name == kept)
		return false;
	name++;
	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(name - kept), kept);
	state = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state < 0)
		return false;
	is_left = prune(state, name, PRUNE_LOOK, 0);
	if (!is_left && snprintf(empty, sizeof(empty), ".%s", name) < (int)sizeof(empty))
		(void)renameat(state, name, state, empty);
	if (lock >= 0)
		(void)flock(lock, LOCK_UN);
	prune_behind(state);
	return is_left;
}
