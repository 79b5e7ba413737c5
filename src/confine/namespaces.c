#include "confine/namespaces.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	const char *path;
	int flag;
} namespaces[CONFINE_NAMESPACES] = {
	[NS_USER] = {"/proc/self/ns/user", CLONE_NEWUSER},
	[NS_PID] = {"/proc/self/ns/pid", CLONE_NEWPID},
	[NS_NET] = {"/proc/self/ns/net", CLONE_NEWNET},
	[NS_IPC] = {"/proc/self/ns/ipc", CLONE_NEWIPC},
	[NS_MNT] = {"/proc/self/ns/mnt", CLONE_NEWNS},
};

pid_t namespaces_fork(unsigned long flags)
{
	/* no stack: the child goes on with a copy of ours, as after fork(2) */
	long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	return pid < 0 ? -errno : (pid_t)pid;
}

/* The three files of one process, in the order the kernel wants. */
static int write_maps(const char *folder, const char *uids, const char *gids, bool denies_setgroups,
		      struct error *err)
{
	char path[64];
	int r = 0;

	if (denies_setgroups) {
		(void)snprintf(path, sizeof(path), "%s/setgroups", folder);
		r = fd_write_file(path, "deny", err);
	}
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "%s/uid_map", folder);
		r = fd_write_file(path, uids, err);
	}
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "%s/gid_map", folder);
		r = fd_write_file(path, gids, err);
	}
	return r;
}

int namespaces_map_self(uid_t uid, gid_t gid, struct error *err)
{
	char uids[48];
	char gids[48];

	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return error_errno(err, errno, "cannot make process 1 own its /proc files");
	(void)snprintf(uids, sizeof(uids), "%u %u 1", uid, uid);
	(void)snprintf(gids, sizeof(gids), "%u %u 1", gid, gid);
	return write_maps("/proc/self", uids, gids, true, err);
}

/* Every id that we have ourselves, to itself: in a container that is less than
 * all there are.  `own` is the text of our own map.
 */
static int make_identity(const char *own, char *ret, size_t size)
{
	struct text text;
	unsigned int inside;
	unsigned int outside;
	unsigned int count;
	int used;

	text_init(&text, ret, size);
	while (sscanf(own, " %u %u %u%n", &inside, &outside, &count, &used) == 3) {
		text_add(&text, "%u %u %u\n", inside, inside, count);
		own += used;
	}
	return text.is_truncated || text.len == 0 ? -EINVAL : 0;
}

int namespaces_map_all(pid_t pid, struct error *err)
{
	char folder[32];
	char own[4096];
	char uids[4096];
	char gids[4096];
	int r = fd_read_file("/proc/self/uid_map", own, sizeof(own));

	if (r == 0)
		r = make_identity(own, uids, sizeof(uids));
	if (r == 0)
		r = fd_read_file("/proc/self/gid_map", own, sizeof(own));
	if (r == 0)
		r = make_identity(own, gids, sizeof(gids));
	if (r < 0)
		return error_errno(err, -r, "cannot read '/proc/self/uid_map' and gid_map");
	(void)snprintf(folder, sizeof(folder), "/proc/%d", pid);
	return write_maps(folder, uids, gids, false, err);
}

int namespaces_open(bool has_ipc, int ret[CONFINE_NAMESPACES], struct error *err)
{
	int ns[CONFINE_NAMESPACES];

	for (size_t i = 0; i < CONFINE_NAMESPACES; i++)
		ns[i] = -1;
	for (size_t i = 0; i < CONFINE_NAMESPACES; i++) {
		if (i == NS_IPC && !has_ipc)
			continue;
		ns[i] = open(namespaces[i].path, O_RDONLY | O_CLOEXEC);
		if (ns[i] < 0) {
			int code = errno;

			namespaces_close(ns);
			return error_errno(err, code, "cannot open '%s'", namespaces[i].path);
		}
	}
	for (size_t i = 0; i < CONFINE_NAMESPACES; i++)
		ret[i] = ns[i];
	return 0;
}

void namespaces_close(int ns[CONFINE_NAMESPACES])
{
	for (size_t i = 0; i < CONFINE_NAMESPACES; i++) {
		if (ns[i] >= 0)
			(void)close(ns[i]);
		ns[i] = -1;
	}
}

int namespaces_join(const int ns[CONFINE_NAMESPACES], struct error *err)
{
	for (size_t i = 0; i < CONFINE_NAMESPACES; i++) {
		if (ns[i] < 0)
			continue;
		if (setns(ns[i], namespaces[i].flag) < 0)
			return error_errno(err, errno, "cannot enter the running one (%s)",
					   namespaces[i].path + sizeof("/proc/self/ns/") - 1);
	}
	return 0;
}
