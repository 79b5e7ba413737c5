#include "confine/entry.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "confine/namespaces.h"
#include "confine/options.h"
#include "confine/probe.h"
#include "confine/user.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdnoreturn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the bridge says at its end. */
struct report {
	pid_t pid; /* of process 1; negative: -errno */
	struct error err;
};

/* ---- the bridge ---- */

static int enter(const struct confine_entry *entry, struct error *err)
{
	int r = user_step_up(err);

	if (r < 0)
		return r;
	if (entry->userns >= 0 && setns(entry->userns, CLONE_NEWUSER) < 0)
		return error_errno(err, errno, "cannot enter the namespace's user namespace");
	if (setns(entry->netns, CLONE_NEWNET) < 0)
		return error_errno(err, errno, "cannot enter the namespace");
	/* mounts may be opened and made only where the user namespace is ours, too */
	if (unshare(CLONE_NEWNS) < 0)
		return error_errno(err, errno, "cannot make a mount namespace");
	return 0;
}

static int open_sysfs(struct error *err)
{
	const unsigned int attributes =
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	AUTO_FD int system = fsopen("sysfs", FSOPEN_CLOEXEC);
	int fd = -1;

	if (system >= 0 && fsconfig(system, FSCONFIG_SET_STRING, "source", "sysfs", 0) == 0 &&
	    fsconfig(system, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = fsmount(system, FSMOUNT_CLOEXEC, attributes);
	if (fd >= 0)
		return fd;
	(void)error_errno(err, errno, "cannot make the /sys of the namespace");
	if (err && err->code == EPERM)
		error_hint(err, "parts of /sys are hidden here, as in a container: run adit "
				"outside of it, or unmask them");
	return err ? -err->code : -EPERM;
}

static int open_file(const char *path, struct error *err)
{
	struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	int fd = open_tree(AT_FDCWD, path,
			   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);

	if (fd < 0)
		return error_errno(err, errno, "cannot open '%s'", path);
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &read_only, sizeof(read_only)) == 0)
		return fd;
	(void)error_errno(err, errno, "cannot make '%s' read-only", path);
	(void)close(fd);
	return err ? -err->code : -EPERM;
}

static int open_mounts(const struct confine_entry *entry, int ret[ENTRY_MOUNTS], struct error *err)
{
	ret[ENTRY_SYSFS] = open_sysfs(err);
	if (ret[ENTRY_SYSFS] < 0)
		return ret[ENTRY_SYSFS];
	ret[ENTRY_RESOLV_CONF] = open_file(entry->resolv_conf, err);
	if (ret[ENTRY_RESOLV_CONF] < 0)
		return ret[ENTRY_RESOLV_CONF];
	ret[ENTRY_NSSWITCH] = open_file(entry->nsswitch, err);
	return ret[ENTRY_NSSWITCH] < 0 ? ret[ENTRY_NSSWITCH] : 0;
}

/* Returns 0 in process 1, whose parent is the caller's. */
static pid_t make(unsigned long flags, bool maps_all, struct error *err)
{
	pid_t pid;
	int r = user_step_down_for_good(err);

	if (r < 0)
		return r;
	pid = namespaces_fork(flags | CLONE_PARENT);
	if (pid < 0)
		return probe_explain_namespaces(-pid, err);
	if (pid > 0 && maps_all) {
		r = namespaces_map_all(pid, err);
		if (r < 0) {
			(void)kill(pid, SIGKILL);
			return r;
		}
	}
	return pid;
}

static noreturn void tell(int pipe, struct report *report)
{
	_exit(fd_write_all(pipe, report, sizeof(*report)) < 0);
}

/* ---- the caller ---- */

static pid_t take_report(int pipe, pid_t bridge, struct error *err)
{
	struct report report;
	int r = fd_read_exact(pipe, &report, sizeof(report));

	while (waitpid(bridge, NULL, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return error_set(err, ECHILD, "the process that enters the namespace has ended");
	if (report.pid < 0 && err)
		*err = report.err;
	return report.pid;
}

pid_t entry_fork(const struct confine_entry *entry, unsigned long flags, bool maps_all,
		 int ret_mounts[ENTRY_MOUNTS], struct error *err)
{
	struct report report = {0};
	int ends[2];
	pid_t bridge;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	bridge = namespaces_fork(0);
	if (bridge == 0) {
		report.pid = enter(entry, &report.err);
		if (report.pid == 0)
			report.pid = open_mounts(entry, ret_mounts, &report.err);
		if (report.pid == 0)
			report.pid = make(flags, maps_all, &report.err);
		if (report.pid != 0)
			tell(ends[1], &report);
		(void)close(ends[0]);
		(void)close(ends[1]);
		return 0;
	}
	(void)close(ends[1]);
	if (bridge > 0)
		bridge = take_report(ends[0], bridge, err);
	else
		(void)error_errno(err, -bridge, "cannot fork");
	(void)close(ends[0]);
	return bridge;
}
