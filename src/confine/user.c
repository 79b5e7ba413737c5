#include "confine/user.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "confine/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PASSWD_TEXT_MAX = 16384 };

static int take_entry(const struct passwd *entry, const char *asked, struct user *ret,
		      struct error *err)
{
	struct user user = {.uid = entry->pw_uid, .gid = entry->pw_gid};

	if (strlen(entry->pw_name) >= sizeof(user.name) ||
	    strlen(entry->pw_dir) >= sizeof(user.home) ||
	    strlen(entry->pw_shell) >= sizeof(user.shell))
		return error_set(err, ENAMETOOLONG, "the account of '%s' is too long", asked);
	(void)snprintf(user.name, sizeof(user.name), "%s", entry->pw_name);
	(void)snprintf(user.home, sizeof(user.home), "%s", entry->pw_dir);
	(void)snprintf(user.shell, sizeof(user.shell), "%s", entry->pw_shell);
	*ret = user;
	return 0;
}

int user_find(const char *name, struct user *ret, struct error *err)
{
	char text[PASSWD_TEXT_MAX];
	struct passwd entry;
	struct passwd *found = NULL;
	uint64_t uid;
	int code = getpwnam_r(name, &entry, text, sizeof(text), &found);

	if (!found && text_to_u64(name, strlen(name), UINT32_MAX - 1, &uid))
		code = getpwuid_r((uid_t)uid, &entry, text, sizeof(text), &found);
	if (found)
		return take_entry(found, name, ret, err);
	if (code != 0)
		return error_errno(err, code, "cannot look up the user '%s'", name);
	return error_set(err, ENOENT, "there is no user '%s'", name);
}

int user_choose(const char *asked, struct user *ret, struct error *err)
{
	static const char *const callers[] = {"SUDO_UID", "PKEXEC_UID", "DOAS_USER"};
	struct user user = {0};
	int r = -ENOENT;

	if (asked)
		r = user_find(asked, &user, err);
	for (size_t i = 0; !asked && r < 0 && i < sizeof(callers) / sizeof(*callers); i++) {
		const char *caller = getenv(callers[i]);

		if (caller && *caller)
			r = user_find(caller, &user, err);
	}
	if (r < 0 && asked)
		return r;
	if (r < 0 || user.uid == 0) {
		(void)error_set(err, EPERM, "the command would run as root");
		error_hint(err, "--user NAME runs it as that user; --as-root as root all the same");
		return -EPERM;
	}
	*ret = user;
	return 0;
}

/* A TUN descriptor belongs to the network namespace it is opened in. */
static int open_tun_in(int netns)
{
	int tun;

	if (setns(netns, CLONE_NEWNET) < 0)
		return -errno;
	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return tun < 0 ? -errno : tun;
}

/* One request, one answer: a namespace comes, a code and the descriptor go. */
static noreturn void help(int socket)
{
	int netns[FD_PASS_MAX];
	size_t n_fds = 0;
	char byte;
	int32_t code;
	int tun;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (fd_receive(socket, &byte, sizeof(byte), netns, &n_fds) <= 0 || n_fds != 1)
		_exit(0);
	tun = open_tun_in(netns[0]);
	code = tun < 0 ? -tun : 0;
	(void)fd_send(socket, &code, sizeof(code), &tun, tun < 0 ? 0 : 1);
	_exit(0);
}

int user_helper_start(struct error *err)
{
	int socket;
	pid_t pid = fd_fork(SOCK_SEQPACKET, &socket, err);

	if (pid == 0)
		help(socket);
	return pid < 0 ? pid : socket;
}

int user_helper_open_tun(int helper, struct error *err)
{
	AUTO_FD int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	int32_t code = EIO;
	int r = netns < 0 ? -errno : fd_send(helper, "", 1, &netns, 1);

	if (r == 0 && fd_receive(helper, &code, sizeof(code), fds, &n_fds) < (ssize_t)sizeof(code))
		r = -ECONNRESET;
	if (r < 0)
		return error_errno(err, -r, "cannot have '/dev/net/tun' opened");
	return n_fds == 1 ? fds[0] : probe_explain_tun(code > 0 ? code : EIO, err);
}

static int drop(const struct user *user, uid_t saved)
{
	if (initgroups(user->name, user->gid) < 0 ||
	    setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, saved) < 0)
		return -errno;
	return geteuid() == user->uid && getegid() == user->gid ? 0 : -EPERM;
}

/* Root's variables would have the command look into root's folders. */
static int set_environment(const struct user *user)
{
	char runtime_dir[32];
	struct stat status;
	int r = setenv("HOME", user->home, 1) | setenv("USER", user->name, 1) |
		setenv("LOGNAME", user->name, 1) | setenv("SHELL", user->shell, 1);

	(void)snprintf(runtime_dir, sizeof(runtime_dir), "/run/user/%u", user->uid);
	if (stat(runtime_dir, &status) == 0 && status.st_uid == user->uid)
		r |= setenv("XDG_RUNTIME_DIR", runtime_dir, 1);
	else
		r |= unsetenv("XDG_RUNTIME_DIR");
	r |= unsetenv("XDG_STATE_HOME") | unsetenv("XDG_CONFIG_HOME") | unsetenv("XDG_CACHE_HOME") |
	     unsetenv("XDG_DATA_HOME");
	return r == 0 ? 0 : -ENOMEM;
}

static int become(const struct user *user, uid_t saved, struct error *err)
{
	int r = drop(user, saved);

	if (r == 0 && saved != 0 && setuid(0) == 0)
		r = -EPERM;
	if (r == 0)
		r = set_environment(user);
	return r < 0 ? error_errno(err, -r, "cannot become the user '%s'", user->name) : 0;
}

int user_become(const struct user *user, struct error *err)
{
	return become(user, user->uid, err);
}

int user_step_down(const struct user *user, struct error *err)
{
	return become(user, 0, err);
}

int user_step_up(struct error *err)
{
	uid_t real;
	uid_t effective;
	uid_t saved;

	if (getresuid(&real, &effective, &saved) < 0 || (saved == 0 && seteuid(0) < 0))
		return error_errno(err, errno, "cannot be root again");
	return 0;
}

int user_step_down_for_good(struct error *err)
{
	uid_t uid = getuid();

	if (setresuid(uid, uid, uid) < 0 || (uid != 0 && setuid(0) == 0))
		return error_errno(err, EPERM, "cannot stop being root");
	return 0;
}
