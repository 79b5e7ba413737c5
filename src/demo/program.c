#include "demo/program.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "demo/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* The child keeps nothing of ours, the tunnel's device least of all: it would
 * live on by it.
 */
__attribute__((noreturn)) static void become(char *const *argv, int in, int out)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
		_exit(125);
	if (!argv)
		_exit(attempt_main(STDIN_FILENO, STDOUT_FILENO));
	(void)execv(argv[0], argv);
	_exit(127);
}

int program_start(char *const *argv, struct program *ret, struct error *err)
{
	int words[2];
	int lines[2];
	pid_t pid;

	if (pipe2(words, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	if (pipe2(lines, O_CLOEXEC) < 0) {
		int code = errno;

		(void)close(words[0]);
		(void)close(words[1]);
		return error_errno(err, code, "cannot make a pipe");
	}
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void)close(words[1]);
		(void)close(lines[0]);
		become(argv, words[0], lines[1]);
	}
	(void)close(words[0]);
	(void)close(lines[1]);
	*ret = (struct program){.pid = pid, .in = words[1], .out = lines[0]};
	if (pid < 0) {
		int code = errno;

		program_stop(ret);
		return error_errno(err, code, "cannot start the program");
	}
	return 0;
}

int program_tell(struct program *program, const char *word, struct error *err)
{
	char line[PROGRAM_LINE_LEN];
	int len = snprintf(line, sizeof(line), "%s\n", word);
	int r = fd_write_all(program->in, line, (size_t)len);

	if (r < 0)
		return error_errno(err, -r, "the program does not listen");
	return 0;
}

/* Moves a whole line out of what has been read; false: there is none yet. */
static bool take_line(struct program *program, char ret[PROGRAM_LINE_LEN])
{
	char *end = memchr(program->pending, '\n', program->n_pending);
	size_t len;

	if (!end)
		return false;
	len = (size_t)(end - program->pending);
	memcpy(ret, program->pending, len);
	ret[len] = '\0';
	program->n_pending -= len + 1;
	memmove(program->pending, end + 1, program->n_pending);
	return true;
}

int program_listen(struct program *program, uint64_t timeout_ns, char ret[PROGRAM_LINE_LEN],
		   struct error *err)
{
	struct instant deadline = instant_add(clock_now(), timeout_ns);

	while (!take_line(program, ret)) {
		struct pollfd ready = {.fd = program->out, .events = POLLIN};
		ssize_t n;

		if (poll(&ready, 1, instant_poll_ms(deadline, clock_now())) == 0)
			return error_set(err, ETIMEDOUT, "the program does not answer");
		if (program->n_pending == sizeof(program->pending))
			return error_set(err, EPROTO, "the program talks nonsense");
		n = read(program->out, program->pending + program->n_pending,
			 sizeof(program->pending) - program->n_pending);
		if (n == 0)
			return error_set(err, EPIPE, "the program has ended");
		if (n < 0 && errno != EINTR)
			return error_errno(err, errno, "cannot read from the program");
		if (n > 0)
			program->n_pending += (size_t)n;
	}
	return 0;
}

int program_ask(struct program *program, const char *word, uint64_t timeout_ns,
		char ret[PROGRAM_LINE_LEN], struct error *err)
{
	int r = program_tell(program, word, err);

	return r < 0 ? r : program_listen(program, timeout_ns, ret, err);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void program_stop(struct program *program)
{
	close_fd(&program->in);
	if (program->pid > 0)
		while (waitpid(program->pid, NULL, 0) < 0 && errno == EINTR)
			;
	program->pid = 0;
	close_fd(&program->out);
}
