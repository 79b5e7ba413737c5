/* How it works.  A socket belongs for good to the network namespace in which it
 * was made.  To have one of another namespace without going there, a child is
 * forked that enters, makes the socket and passes it back.  A child, not a
 * thread: a process with threads may not enter a user namespace (setns(2)).
 */
#include "net/netns.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

int netns_open(const char *path, int *ret_fd, struct error *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return error_errno(err, errno, "cannot open network namespace '%s'", path);
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return error_set(err, EINVAL, "'%s' is no network namespace", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

int netns_open_process(pid_t pid, int *ret_fd, struct error *err)
{
	char path[sizeof("/proc/2147483647/ns/net")] = "/proc/self/ns/net";

	if (pid != 0)
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return netns_open(path, ret_fd, err);
}

bool netns_is_same(int a, int b)
{
	struct stat a_info;
	struct stat b_info;

	return fstat(a, &a_info) == 0 && fstat(b, &b_info) == 0 && a_info.st_dev == b_info.st_dev &&
	       a_info.st_ino == b_info.st_ino;
}

struct answer {
	int32_t code; /* 0, or an errno */
	char task[32];
};

/* What the child could not do; the errno is still that of the call. */
static struct answer failure(const char *task)
{
	struct answer answer = {.code = errno};

	(void)snprintf(answer.task, sizeof(answer.task), "%s", task);
	return answer;
}

static struct answer make_socket(int userns_fd, int netns_fd, const struct netns_socket *wanted,
				 int *ret_fd)
{
	if (userns_fd >= 0 && setns(userns_fd, CLONE_NEWUSER) < 0)
		return failure("enter the user namespace");
	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return failure("enter the network namespace");
	*ret_fd = socket(wanted->domain, wanted->type | SOCK_CLOEXEC, wanted->protocol);
	if (*ret_fd < 0)
		return failure("open a socket there");
	return (struct answer){0};
}

/* syscalls: setns socket sendmsg exit_group */
__attribute__((noreturn)) static void be_child(int userns_fd, int netns_fd,
					       const struct netns_socket *wanted, int channel)
{
	int fd = -1;
	struct answer answer = make_socket(userns_fd, netns_fd, wanted, &fd);
	int r = fd_send(channel, &answer, sizeof(answer), &fd, fd >= 0 ? 1 : 0);

	_exit(r < 0 ? 1 : 0);
}

static int wait_for_answer(int channel, int *ret_fd, struct error *err)
{
	struct answer answer = {0};
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	ssize_t n = fd_receive(channel, &answer, sizeof(answer), fds, &n_fds);

	if (n == (ssize_t)sizeof(answer) && answer.code == 0 && n_fds == 1) {
		*ret_fd = fds[0];
		return 0;
	}
	for (size_t i = 0; i < n_fds; i++)
		(void)close(fds[i]);
	if (n != (ssize_t)sizeof(answer) || answer.code == 0)
		return error_set(err, ECHILD, "the helper in the network namespace did not answer");
	return error_errno(err, answer.code, "cannot %s", answer.task);
}

int netns_socket(int userns_fd, int netns_fd, const struct netns_socket *wanted, int *ret_fd,
		 struct error *err)
{
	int channel;
	pid_t child = fd_fork(SOCK_SEQPACKET, &channel, err);
	int r;

	if (child < 0)
		return child;
	if (child == 0)
		be_child(userns_fd, netns_fd, wanted, channel);
	r = wait_for_answer(channel, ret_fd, err);
	(void)close(channel);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	return r;
}

static int cookie_of(int socket, uint64_t *ret, struct error *err)
{
	if (getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, ret, &(socklen_t){sizeof(*ret)}) < 0)
		return error_errno(err, errno, "cannot tell network namespaces apart");
	return 0;
}

int netns_cookie(int netns_fd, uint64_t *ret, struct error *err)
{
	const struct netns_socket wanted = {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0};
	AUTO_FD int fd = -1;
	int r = netns_socket(-1, netns_fd, &wanted, &fd, err);

	return r < 0 ? r : cookie_of(fd, ret, err);
}

int netns_own_cookie(uint64_t *ret, struct error *err)
{
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return cookie_of(fd, ret, err);
}
