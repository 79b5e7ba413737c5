#include "confine/view.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

struct view_plan *view_new(void)
{
	return calloc(1, sizeof(struct view_plan));
}

void view_free(struct view_plan *plan)
{
	free(plan);
}

const char *view_format(struct view_plan *plan, const char *format, ...)
{
	char *at = plan->text + plan->text_len;
	size_t room = sizeof(plan->text) - plan->text_len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(at, room, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= room) {
		plan->is_full = true;
		return "";
	}
	plan->text_len += (size_t)len + 1;
	return at;
}

static const char *keep(struct view_plan *plan, const char *text)
{
	bool is_ours = text >= plan->text && text < plan->text + sizeof(plan->text);

	return !text || is_ours ? text : view_format(plan, "%s", text);
}

void view_add(struct view_plan *plan, const struct view_step *step)
{
	struct view_step *to;

	if (plan->n_steps == VIEW_STEPS_MAX) {
		plan->is_full = true;
		return;
	}
	to = &plan->step[plan->n_steps++];
	*to = *step;
	to->target = keep(plan, step->target);
	to->source = keep(plan, step->source);
	to->content = keep(plan, step->content);
	to->fd = step->kind == VIEW_GIVEN ? step->fd : -1;
}

void view_fail(struct view_plan *plan, const char *path, int code)
{
	if (plan->failure == 0)
		plan->unseen = keep(plan, path);
	plan->failure = -code;
}

static bool is_attached(const struct view_plan *plan, const char *path, unsigned int flags)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct view_step *step = &plan->step[i];
		size_t len;

		if (step->kind != VIEW_ATTACH || (step->flags & flags) != flags ||
		    strcmp(step->target, step->source) != 0)
			continue;
		len = strlen(step->target);
		if (strncmp(path, step->target, len) == 0 &&
		    (path[len] == '\0' || path[len] == '/'))
			return true;
	}
	return false;
}

bool view_is_attached(const struct view_plan *plan, const char *path)
{
	return is_attached(plan, path, 0);
}

bool view_is_shared(const struct view_plan *plan, const char *path)
{
	return is_attached(plan, path, VIEW_SHARED);
}

/* A detached copy of the mount at `path`, or -errno. */
static int detach(const char *path, unsigned int flags)
{
	unsigned int how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT;
	int fd = open_tree(AT_FDCWD, path, how | (flags & VIEW_RECURSIVE ? AT_RECURSIVE : 0));

	return fd < 0 ? -errno : fd;
}

static int set_read_only(int fd, const char *path, unsigned int flags)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	unsigned int how = *path ? 0 : AT_EMPTY_PATH;

	if (flags & VIEW_RECURSIVE)
		how |= AT_RECURSIVE;
	return mount_setattr(fd, path, how, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static int place(const struct view_step *step, int fd)
{
	int r = step->flags & VIEW_READ_ONLY ? set_read_only(fd, "", step->flags) : 0;

	if (r == 0 && move_mount(fd, "", AT_FDCWD, step->target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		r = -errno;
	return r;
}

static int do_filesystem(const struct view_step *step)
{
	unsigned long flags = MS_NOSUID | MS_NODEV;

	if (step->flags & VIEW_DEVICES)
		flags &= ~(unsigned long)MS_NODEV;
	if (step->flags & VIEW_NO_EXEC)
		flags |= MS_NOEXEC;
	if (step->flags & VIEW_READ_ONLY)
		flags |= MS_RDONLY;
	if (mount(step->source, step->target, step->source, flags, step->content) == 0)
		return 0;
	return step->flags & VIEW_OPTIONAL && errno == ENOENT ? 0 : -errno;
}

static int do_given(const struct view_step *step)
{
	return place(step, step->fd);
}

static int do_attach(const struct view_step *step)
{
	/* -1: gone since the plan was made, and optional */
	int r = step->fd < 0 ? 0 : place(step, step->fd);

	return step->flags & VIEW_OPTIONAL && r == -ENOENT ? 0 : r;
}

static int do_bind(const struct view_step *step)
{
	AUTO_FD int fd = detach(step->source, step->flags);
	int r = fd < 0 ? fd : place(step, fd);

	return step->flags & VIEW_OPTIONAL && r == -ENOENT ? 0 : r;
}

static int do_seal(const struct view_step *step)
{
	return set_read_only(AT_FDCWD, step->target, step->flags);
}

static int do_unmount(const struct view_step *step)
{
	return umount2(step->target, MNT_DETACH) < 0 ? -errno : 0;
}

static int do_folder(const struct view_step *step)
{
	if (mkdir(step->target, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	return chmod(step->target, step->mode) < 0 ? -errno : 0; /* the umask is the user's */
}

static int do_file(const struct view_step *step)
{
	AUTO_FD int fd = open(step->target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = 0;

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	if (step->content)
		r = fd_write_all(fd, step->content, strlen(step->content));
	if (r == 0 && fchmod(fd, step->mode) < 0)
		r = -errno;
	return r;
}

static int do_link(const struct view_step *step)
{
	return symlink(step->content, step->target) < 0 && errno != EEXIST ? -errno : 0;
}

static int do_dead_socket(const struct view_step *step)
{
	return mknod(step->target, S_IFSOCK | 0600, 0) < 0 && errno != EEXIST ? -errno : 0;
}

static const struct {
	int (*act)(const struct view_step *step);
	const char *verb; /* "cannot VERB 'TARGET' inside" */
} kinds[VIEW_KINDS] = {
	[VIEW_FILESYSTEM] = {do_filesystem, "mount the private"},
	[VIEW_GIVEN] = {do_given, "mount"},
	[VIEW_ATTACH] = {do_attach, "keep"},
	[VIEW_BIND] = {do_bind, "mount"},
	[VIEW_SEAL] = {do_seal, "make read-only"},
	[VIEW_UNMOUNT] = {do_unmount, "unmount"},
	[VIEW_FOLDER] = {do_folder, "make the folder"},
	[VIEW_FILE] = {do_file, "make the file"},
	[VIEW_LINK] = {do_link, "make the link"},
	[VIEW_DEAD_SOCKET] = {do_dead_socket, "make the socket"},
};

static int report(const struct view_step *step, int r, struct error *err)
{
	bool is_kernel_view = step->kind == VIEW_FILESYSTEM && (strcmp(step->source, "proc") == 0 ||
								strcmp(step->source, "sysfs") == 0);

	(void)error_errno(err, -r, "cannot %s '%s' inside", kinds[step->kind].verb, step->target);
	if (is_kernel_view && r == -EPERM)
		error_hint(err,
			   "parts of %s are hidden here, as in a container: "
			   "run adit outside of it, or unmask them (docker run "
			   "--security-opt systempaths=unconfined)",
			   step->target);
	return r;
}

/* First pass: what lies in the host's view is opened before anything hides it. */
static int open_sources(struct view_plan *plan, struct error *err)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		struct view_step *step = &plan->step[i];

		if (step->kind != VIEW_ATTACH)
			continue;
		step->fd = detach(step->source, step->flags);
		if (step->fd < 0 && !(step->flags & VIEW_OPTIONAL))
			return report(step, step->fd, err);
	}
	return 0;
}

static int do_steps(struct view_plan *plan, struct error *err)
{
	int last = 0;

	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct view_step *step = &plan->step[i];
		bool has_other = i + 1 < plan->n_steps && plan->step[i + 1].flags & VIEW_INSTEAD;

		if (step->flags & VIEW_INSTEAD) {
			if (last == 0)
				continue;
			plan->used_instead |= !(step->flags & VIEW_READ_ONLY);
		}
		last = kinds[step->kind].act(step);
		if (last < 0 && !has_other)
			return report(step, last, err);
	}
	return 0;
}

static void close_sources(struct view_plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		if (plan->step[i].fd >= 0)
			(void)close(plan->step[i].fd);
		plan->step[i].fd = -1;
	}
}

int view_apply(struct view_plan *plan, struct error *err)
{
	int r;

	if (plan->failure < 0)
		return error_errno(err, -plan->failure, "cannot look at '%s'", plan->unseen);
	if (plan->is_full)
		return error_set(err, E2BIG, "too many mounts, sockets or shares for one view");
	/* What the host mounts from now on does not show, nor the other way round. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_errno(err, errno, "cannot make the mounts private");
	r = open_sources(plan, err);
	if (r == 0)
		r = do_steps(plan, err);
	close_sources(plan);
	return r;
}
