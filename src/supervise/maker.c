#include "supervise/maker.h"

#include "base/error.h"
#include "base/fd.h"
#include "net/nlsock.h"
#include "net/wireguard_link.h"
#include "plan/step.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct answer {
	int r;
	struct error err;
};

static struct answer make(const struct step_tun *tun, int netns)
{
	struct answer answer = {0};
	struct nlsock *sock = NULL;

	answer.r = nlsock_open(&sock, &answer.err);
	if (answer.r == 0)
		answer.r = wireguard_link_create(sock, tun->name, netns, tun->mtu, &answer.err);
	nlsock_close(sock);
	return answer;
}

/* The child: until nobody can ask any more. */
__attribute__((noreturn)) static void serve_and_exit(int socket, int netns)
{
	struct step_tun tun;
	int fds[FD_PASS_MAX];
	size_t n_fds;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (fd_receive(socket, &tun, sizeof(tun), fds, &n_fds) == (ssize_t)sizeof(tun)) {
		const struct answer answer = make(&tun, netns);

		if (fd_send(socket, &answer, sizeof(answer), NULL, 0) < 0)
			break;
	}
	_exit(0);
}

int maker_start(int netns, struct maker *ret, struct error *err)
{
	int socket;
	pid_t pid = fd_fork(SOCK_SEQPACKET, &socket, err);

	if (pid < 0)
		return pid;
	if (pid == 0)
		serve_and_exit(socket, netns);
	*ret = (struct maker){.socket = socket, .pid = pid};
	return 0;
}

int maker_make(const struct maker *maker, const struct step_tun *tun, struct error *err)
{
	struct answer answer = {0};
	int fds[FD_PASS_MAX];
	size_t n_fds;
	int r = fd_send(maker->socket, tun, sizeof(*tun), NULL, 0);

	if (r == 0 && fd_receive(maker->socket, &answer, sizeof(answer), fds, &n_fds) !=
			      (ssize_t)sizeof(answer))
		r = -ECHILD;
	if (r < 0)
		return error_errno(err, -r, "cannot ask outside for the link '%s'", tun->name);
	if (answer.r < 0 && err)
		*err = answer.err;
	return answer.r;
}

void maker_end(struct maker *maker)
{
	if (maker->socket < 0)
		return;
	(void)close(maker->socket);
	while (waitpid(maker->pid, NULL, 0) < 0 && errno == EINTR)
		;
	maker->socket = -1;
}
