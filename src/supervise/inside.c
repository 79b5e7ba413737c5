#include "supervise/inside.h"

#include "base/error.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct answer {
	int r;
	struct error err;
};

int inside_enter(const struct inside *inside, struct error *err)
{
	if (inside->userns >= 0 && setns(inside->userns, CLONE_NEWUSER) < 0)
		return error_errno(err, errno, "cannot enter the namespace's user namespace");
	if (setns(inside->netns, CLONE_NEWNET) < 0)
		return error_errno(err, errno, "cannot enter the namespace");
	return 0;
}

__attribute__((noreturn)) static void work_and_exit(const struct inside *inside,
						    inside_function function, void *context,
						    int socket)
{
	struct answer answer = {0};
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	answer.r = inside_enter(inside, &answer.err);
	if (answer.r == 0)
		answer.r = function(context, fds, &n_fds, &answer.err);
	/* a place in the caller's memory is the same here, an own one is not */
	answer.err.pos.path = NULL;
	_exit(fd_send(socket, &answer, sizeof(answer), fds, answer.r < 0 ? 0 : n_fds) < 0);
}

static int take_answer(int socket, int ret_fds[FD_PASS_MAX], size_t *ret_n_fds, struct error *err)
{
	struct answer answer;
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	ssize_t n = fd_receive(socket, &answer, sizeof(answer), fds, &n_fds);

	if (n != (ssize_t)sizeof(answer))
		return error_set(err, ECHILD, "the process inside the namespace has ended");
	if (answer.r < 0 && err)
		*err = answer.err;
	for (size_t i = 0; i < n_fds; i++) {
		if (ret_fds && answer.r >= 0)
			ret_fds[i] = fds[i];
		else
			(void)close(fds[i]);
	}
	if (ret_n_fds && answer.r >= 0)
		*ret_n_fds = n_fds;
	return answer.r;
}

int inside_call(const struct inside *inside, inside_function function, void *context,
		int ret_fds[FD_PASS_MAX], size_t *ret_n_fds, struct error *err)
{
	int socket;
	pid_t pid = fd_fork(SOCK_SEQPACKET, &socket, err);
	int r;

	if (pid < 0)
		return pid;
	if (pid == 0)
		work_and_exit(inside, function, context, socket);
	r = take_answer(socket, ret_fds, ret_n_fds, err);
	(void)close(socket);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}
