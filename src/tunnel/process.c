#include "tunnel/process.h"

#include "base/cleanup.h"
#include "base/secret.h"
#include "tunnel/reply.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	CLOSE_WAIT_MS = 200,
	REPLY_FIRST_LEN = 4096 - SECRET_HEAD_LEN,
	REPLY_ROOM_LEN = 2048, /* bytes free before each read */
};

/* ---- requests ---- */

static int send_text(const struct process *process, const struct process_request *request)
{
	size_t n_fds = 0;
	int fds[UDP_FAMILIES] = {-1, -1};
	int r;

	for (int i = 0; request->sockets && i < UDP_FAMILIES; i++)
		if (request->sockets->fd[i] >= 0)
			fds[n_fds++] = request->sockets->fd[i];
	r = fd_send(process->uapi, request->head, request->head_len, fds, n_fds);
	if (r == 0 && request->body_len > 0)
		r = fd_send(process->uapi, request->body, request->body_len, NULL, 0);
	return r;
}

void process_reply_free(struct process_reply *reply)
{
	if (reply->memory == FD_SECRET)
		secret_free(reply->text);
	else
		free(reply->text);
	*reply = (struct process_reply){0};
}

static int make_room(struct process_reply *reply, size_t *size)
{
	size_t wanted = *size == 0 ? REPLY_FIRST_LEN : *size * 2 + SECRET_HEAD_LEN;
	struct process_reply larger = {.len = reply->len, .memory = reply->memory};

	if (*size - reply->len >= REPLY_ROOM_LEN)
		return 0;
	larger.text = reply->memory == FD_SECRET ? secret_new(wanted) : malloc(wanted);
	if (!larger.text)
		return -ENOMEM;
	if (reply->text)
		memcpy(larger.text, reply->text, reply->len);
	process_reply_free(reply);
	*reply = larger;
	*size = wanted;
	return 0;
}

/* To the empty line that ends a reply. */
static int receive_text(const struct process *process, struct process_reply *reply)
{
	size_t size = 0;

	do {
		ssize_t n;

		if (make_room(reply, &size) < 0)
			return -ENOMEM;
		n = read(process->uapi, reply->text + reply->len, size - reply->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n == 0)
			return -EPIPE;
		reply->len += (size_t)n;
		if (reply->len > PROCESS_REPLY_MAX)
			return -EPROTO;
	} while (!reply_is_whole(reply->text, reply->len));
	return 0;
}

int process_ask(const struct process *process, const struct process_request *request,
		struct process_reply *ret)
{
	struct process_reply reply = {.memory = request->memory};
	int r = send_text(process, request);

	if (r == -EAGAIN)
		r = -ETIMEDOUT;
	if (r == 0)
		r = receive_text(process, &reply);
	if (r < 0) {
		process_reply_free(&reply);
		return r;
	}
	*ret = reply;
	return 0;
}

/* ---- life ---- */

/* The child's end goes to *ret_other. */
static int connect_pair(struct process *process, unsigned int wait_s, int *ret_other)
{
	const struct timeval patience = {.tv_sec = wait_s};
	int pair[2];

	process->events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (process->events < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	process->uapi = pair[0];
	*ret_other = pair[1];
	(void)setsockopt(process->uapi, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(process->uapi, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return 0;
}

/* Only the child gets an answer, and it does not return. */
static int fork_child(struct process *process, const struct child_options *options)
{
	process->pid = fork();
	if (process->pid < 0)
		return -errno;
	if (process->pid == 0)
		_exit(child_run(options));
	process->pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	return process->pidfd < 0 ? -errno : 0;
}

int process_start(const struct child_options *options, unsigned int wait_s, struct process *ret)
{
	struct child_options with = *options;
	struct process process = PROCESS_NONE;
	AUTO_FD int other = -1;
	int r = connect_pair(&process, wait_s, &other);

	with.uapi = other;
	with.events = process.events;
	with.sandbox.parent = getpid();
	if (r == 0)
		r = fork_child(&process, &with);
	if (r < 0) {
		process_stop(&process);
		return r;
	}
	*ret = process;
	return 0;
}

/* Its socket's end is what tells the child to end; SIGKILL, if it does not hear. */
void process_stop(struct process *process)
{
	fd_cleanup(&process->uapi);
	if (process->pid > 0) {
		struct pollfd end = {.fd = process->pidfd, .events = POLLIN};

		if (poll(&end, 1, CLOSE_WAIT_MS) <= 0)
			(void)kill(process->pid, SIGKILL);
		while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	fd_cleanup(&process->pidfd);
	fd_cleanup(&process->events);
	*process = PROCESS_NONE;
}
