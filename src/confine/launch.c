#include "confine/launch.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "confine/descriptors.h"
#include "confine/filter.h"
#include "confine/namespaces.h"
#include "confine/options.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EXIT_OURS = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

/* The parent's and the child's end of what passes before the program runs: as
 * root the child says its number and waits for its ids; then its failure.
 */
enum { PARENT, CHILD };

static int map_ids(const struct launch *launch, int channel, struct error *err)
{
	pid_t pid = getpid();
	char go;
	int r;

	if (!launch->as_root)
		return namespaces_map_self(launch->uid, launch->gid, err);
	r = fd_write_all(channel, &pid, sizeof(pid));
	if (r == 0)
		r = fd_read_exact(channel, &go, sizeof(go));
	return r < 0 ? error_errno(err, -r, "cannot map the ids of the command") : 0;
}

/* The number is that of the /proc we see, which need not be our own numbering. */
static int map_ids_of_child(int channel, struct error *err)
{
	pid_t pid;
	int r = fd_read_exact(channel, &pid, sizeof(pid));

	if (r < 0)
		return error_errno(err, -r, "the command's process ended at once");
	r = namespaces_map_all(pid, err);
	if (r == 0)
		r = fd_write_all(channel, "", 1);
	return r;
}

static void restore_signals(const struct confine_signals *signals)
{
	for (int number = 1; number < NSIG; number++) {
		struct sigaction action = {.sa_handler = SIG_DFL};

		if (sigismember(&signals->ignored, number) == 1)
			action.sa_handler = SIG_IGN;
		(void)sigaction(number, &action, NULL); /* KILL, STOP: EINVAL */
	}
	(void)sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}

/* A service's: its socket as 3, nothing of the user's terminal. */
static int take_service_descriptors(const struct launch *launch, int *channel)
{
	int moved = fcntl(*channel, F_DUPFD_CLOEXEC, 10);
	int r = moved < 0 ? -errno : descriptors_detach_standard();

	if (r < 0)
		return r;
	*channel = moved;
	if (launch->as_third == 3)
		r = fd_set_cloexec(3, 0);
	else if (dup2(launch->as_third, 3) < 0)
		r = -errno;
	(void)setsid();
	return r;
}

/* *channel stays the way to say what failed; it closes itself on exec. */
static int take_descriptors(const struct launch *launch, int *channel, struct error *err)
{
	int keep[CONFINE_KEEP_FDS_MAX + 2];
	size_t n = 0;
	int r = 0;

	if (launch->as_third >= 0) {
		r = take_service_descriptors(launch, channel);
		keep[n++] = 3;
	}
	for (size_t i = 0; r == 0 && i < launch->n_keep_fds; i++) {
		keep[n++] = launch->keep_fd[i];
		r = fd_set_cloexec(launch->keep_fd[i], 0);
	}
	if (r < 0)
		return error_errno(err, -r, "cannot pass descriptors to the command");
	keep[n++] = *channel;
	descriptors_close_others(keep, n);
	return 0;
}

static int enter(const struct launch *launch, int *channel, struct error *err)
{
	int r = map_ids(launch, *channel, err);

	if (r < 0)
		return r;
	if (chdir(launch->cwd) < 0) {
		(void)error_errno(err, errno, "the working directory '%s' is not there inside",
				  launch->cwd);
		error_hint(err, "cd elsewhere, or --share '%s'", launch->cwd);
		return -err->code;
	}
	r = take_descriptors(launch, channel, err);
	if (r < 0)
		return r;
	if (launch->dies_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return error_errno(err, errno, "cannot tie the command to adit");
	restore_signals(launch->signals);
	r = filter_install(launch->filter);
	if (r < 0)
		return error_errno(err, -r, "cannot install the system call filter");
	return 0;
}

static noreturn void become(const struct launch *launch, int channel)
{
	struct launch_failure failure = {.status = EXIT_OURS};

	if (enter(launch, &channel, &failure.error) == 0) {
		int code;

		(void)execvpe(launch->argv[0], launch->argv, launch->environment);
		code = errno;
		failure.status = code == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
		(void)error_errno(&failure.error, code, "cannot run '%s'", launch->argv[0]);
	}
	(void)fd_write_all(channel, &failure, sizeof(failure));
	_exit(failure.status);
}

pid_t launch_start(const struct launch *launch, int *ret_status, struct error *err)
{
	int pair[2];
	pid_t pid;
	int r = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_errno(err, errno, "cannot make a socket pair");
	pid = namespaces_fork(CLONE_NEWUSER | CLONE_NEWNS);
	if (pid == 0)
		become(launch, pair[CHILD]);
	(void)close(pair[CHILD]);
	if (pid < 0)
		r = error_errno(err, -pid, "cannot make the command's user namespace");
	else if (launch->as_root)
		r = map_ids_of_child(pair[PARENT], err);
	if (r < 0) {
		(void)close(pair[PARENT]);
		return r;
	}
	*ret_status = pair[PARENT];
	return pid;
}

bool launch_read_failure(int status, struct launch_failure *ret)
{
	struct launch_failure failure;

	if (fd_read_exact(status, &failure, sizeof(failure)) < 0)
		return false;
	failure.error.pos = (struct source_pos){0};
	*ret = failure;
	return true;
}
