#include "supervise/resolve.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static void take(const struct addrinfo *info, struct resolve_answer *answer)
{
	for (; info && answer->n_endpoints < RESOLVE_ADDRESSES_MAX; info = info->ai_next) {
		union endpoint *to = &answer->endpoint[answer->n_endpoints];

		if (info->ai_addrlen > sizeof(*to))
			continue;
		memcpy(to, info->ai_addr, info->ai_addrlen);
		answer->n_endpoints++;
	}
}

/* The child: one question, one answer, gone. */
__attribute__((noreturn)) static void answer_and_exit(const char *host, uint16_t port, int out)
{
	struct resolve_answer answer = {0};
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV,
	};
	struct addrinfo *list = NULL;
	char service[8];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(service, sizeof(service), "%u", port);
	answer.gai_code = getaddrinfo(host, service, &hints, &list);
	if (answer.gai_code == 0)
		take(list, &answer);
	_exit(fd_write_all(out, &answer, sizeof(answer)) < 0);
}

int resolve_start(const char *host, uint16_t port, struct resolve *ret, struct error *err)
{
	char name[NI_MAXHOST]; /* of the child: `host` may be in memory that is zeroes there */
	int ends[2];
	pid_t pid;

	if (strlen(host) >= sizeof(name))
		return error_set(err, ENAMETOOLONG, "the endpoint's name is too long");
	memcpy(name, host, strlen(host) + 1);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	pid = fork();
	if (pid < 0) {
		int code = errno;

		(void)close(ends[0]);
		(void)close(ends[1]);
		return error_errno(err, code, "cannot start the resolver");
	}
	if (pid == 0)
		answer_and_exit(name, port, ends[1]);
	(void)close(ends[1]);
	*ret = (struct resolve){.pid = pid, .fd = ends[0]};
	return 0;
}

static void reap(struct resolve *resolve)
{
	while (waitpid(resolve->pid, NULL, 0) < 0 && errno == EINTR)
		;
	(void)close(resolve->fd);
	*resolve = (struct resolve){.fd = -1};
}

int resolve_finish(struct resolve *resolve, struct resolve_answer *ret)
{
	struct resolve_answer answer;
	int r = fd_read_exact(resolve->fd, &answer, sizeof(answer));

	reap(resolve);
	if (r < 0)
		return r;
	*ret = answer;
	return 0;
}

void resolve_cancel(struct resolve *resolve)
{
	if (resolve->pid <= 0)
		return;
	(void)kill(resolve->pid, SIGKILL);
	reap(resolve);
}

static int poll_until(int fd, struct instant deadline)
{
	for (;;) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		int n = poll(&ready, 1, instant_poll_ms(deadline, clock_now()));

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int resolve_wait(const char *host, uint16_t port, uint64_t timeout_ns, struct resolve_answer *ret,
		 struct error *err)
{
	struct resolve resolve = {.fd = -1};
	int r = resolve_start(host, port, &resolve, err);

	if (r < 0)
		return r;
	r = poll_until(resolve.fd, instant_add(clock_now(), timeout_ns));
	if (r < 0) {
		resolve_cancel(&resolve);
		r = error_set(err, -r,
			      "the endpoint's name '%s' does not resolve: no answer from "
			      "this machine's resolver",
			      host);
		error_hint(err, "is this machine online?");
		return r;
	}
	r = resolve_finish(&resolve, ret);
	if (r < 0)
		return error_set(err, -r, "the resolver child ended without an answer");
	if (ret->gai_code != 0 || ret->n_endpoints == 0) {
		r = error_set(err, ENOENT, "the endpoint's name '%s' does not resolve: %s", host,
			      ret->gai_code ? gai_strerror(ret->gai_code) : "no address");
		error_hint(err, "%s",
			   ret->gai_code == EAI_AGAIN ? "is this machine online?"
						      : "is the name in Endpoint right?");
		return r;
	}
	return 0;
}
