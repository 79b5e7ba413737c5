#include "confine/probe.h"

#include "base/error.h"
#include "base/fd.h"
#include "confine/mounts.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

static long read_number(const char *path)
{
	char text[32];

	return fd_read_file(path, text, sizeof(text)) == 0 ? strtol(text, NULL, 10) : -1;
}

static bool is_filtered(void)
{
	char status[4096];
	const char *line;

	if (fd_read_file("/proc/self/status", status, sizeof(status)) < 0)
		return false;
	line = strstr(status, "\nSeccomp:");
	return line && strtol(line + sizeof("\nSeccomp:") - 1, NULL, 10) == 2;
}

/* Docker, podman, and whatever sets systemd's variable for its process 1. */
static bool is_container(void)
{
	return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 ||
	       access("/run/systemd/container", F_OK) == 0 || getenv("container") != NULL;
}

/* The root of a mount namespace is a mount; that of a chroot need not be, and
 * is none of those we see.
 */
static bool is_chroot(void)
{
	struct mount_list mounts;
	bool has_root = false;

	if (mounts_read(&mounts, NULL) < 0)
		return false;
	for (size_t i = 0; i < mounts.n_entries; i++)
		has_root |= strcmp(mounts.entry[i].path, "/") == 0;
	mounts_free(&mounts);
	return !has_root;
}

int probe_judge_namespaces(const struct probe_facts *facts, struct error *err)
{
	const char *why = "";
	const char *hint = "";

	if (facts->unprivileged_userns == 0) {
		why = "the switch kernel.unprivileged_userns_clone is 0";
		hint = "as root: sysctl -w kernel.unprivileged_userns_clone=1";
	} else if (facts->max_user_namespaces == 0) {
		why = "user.max_user_namespaces is 0";
		hint = "as root: sysctl -w user.max_user_namespaces=15000";
	} else if (facts->code == ENOSPC) {
		why = "there are as many namespaces as user.max_*_namespaces allow";
		hint = "as root raise the limit in /proc/sys/user, or end some programs";
	} else if (facts->code == EINVAL) {
		why = "this kernel was built without them (CONFIG_USER_NS, CONFIG_NET_NS)";
	} else if (facts->is_chroot) {
		why = "the kernel refuses them in a chroot";
		hint = "run adit outside of it, or enter it with pivot_root (bwrap, nspawn)";
	} else if (facts->is_container) {
		why = "the container around us forbids them";
		hint = "run adit outside of it, or relax it (docker run --security-opt "
		       "seccomp=unconfined --security-opt systempaths=unconfined)";
	} else if (facts->apparmor_restricts == 1) {
		why = "AppArmor allows them to profiles alone (Ubuntu's "
		      "kernel.apparmor_restrict_unprivileged_userns is 1)";
		hint = "install adit's AppArmor profile (/etc/apparmor.d/adit with `userns,`), or "
		       "set the switch to 0";
	} else if (facts->is_filtered) {
		why = "a seccomp filter around us forbids them";
		hint = "run adit outside of that sandbox";
	} else {
		why = strerror(facts->code);
		hint = "a security module of the kernel may refuse them: look into its log";
	}
	(void)error_set(err, facts->code, "user namespaces cannot be used here: %s", why);
	error_hint(err, "%s", hint);
	return -facts->code;
}

int probe_explain_namespaces(int code, struct error *err)
{
	const struct probe_facts facts = {
		.code = code,
		.unprivileged_userns =
			(int)read_number("/proc/sys/kernel/unprivileged_userns_clone"),
		.max_user_namespaces = read_number("/proc/sys/user/max_user_namespaces"),
		.apparmor_restricts =
			(int)read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
		.is_chroot = is_chroot(),
		.is_container = is_container(),
		.is_filtered = is_filtered(),
	};

	return probe_judge_namespaces(&facts, err);
}

void probe_explain_sysctl(struct error *err)
{
	struct statfs found;

	if (!err || err->hint[0] || statfs("/proc/sys", &found) < 0)
		return;
	if (found.f_type != PROC_SUPER_MAGIC || found.f_flags & ST_RDONLY)
		error_hint(err,
			   "/proc/sys is hidden or read-only here, as in a container: run adit "
			   "outside of it, or docker run --security-opt systempaths=unconfined");
}

int probe_explain_tun(int code, struct error *err)
{
	(void)error_errno(err, code, "cannot open '/dev/net/tun'");
	if (code == ENOENT)
		error_hint(err, "as root: modprobe tun; in a container: docker run --device "
				"/dev/net/tun");
	else if (code == ENODEV || code == ENXIO)
		error_hint(err, "this kernel has no TUN driver (CONFIG_TUN): as root try modprobe "
				"tun");
	else if (code == EACCES || code == EPERM)
		error_hint(err, "it should be open to everybody: as root chmod 0666 /dev/net/tun, "
				"or run adit as root with --user");
	return -code;
}
