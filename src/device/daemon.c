#include "device/daemon.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's word, or its death, whichever comes first. */
static int wait_for(pid_t child, int channel)
{
	char word;

	if (fd_read_exact(channel, &word, 1) == 0)
		return 0;
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	return 1;
}

static void close_others(const int *kept, size_t n_kept)
{
	unsigned int from = STDERR_FILENO + 1;
	unsigned int next;

	do {
		next = UINT_MAX;
		for (size_t i = 0; i < n_kept; i++)
			if (kept[i] >= (int)from && (unsigned int)kept[i] < next)
				next = (unsigned int)kept[i];
		if (next > from)
			(void)close_range(from, next - (next < UINT_MAX), 0);
		from = next + 1;
	} while (next < UINT_MAX);
}

int daemon_fork(const int *kept, size_t n_kept, int *ret_channel, int *ret_status,
		struct error *err)
{
	int ends[2];
	pid_t child;

	close_others(kept, n_kept);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot open a pipe");
	child = fork();
	if (child < 0) {
		int code = errno;

		(void)close(ends[0]);
		(void)close(ends[1]);
		return error_errno(err, code, "cannot go to the background");
	}
	if (child == 0) {
		(void)close(ends[0]);
		(void)setsid();
		if (chdir("/") < 0)
			_exit(1);
		*ret_channel = ends[1];
		return 0;
	}
	(void)close(ends[1]);
	*ret_status = wait_for(child, ends[0]);
	(void)close(ends[0]);
	return 1;
}

void daemon_ready(int channel, bool has_output)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int last = has_output ? STDIN_FILENO : STDERR_FILENO;

	for (int fd = STDIN_FILENO; null >= 0 && fd <= last; fd++)
		(void)dup2(null, fd);
	if (null > STDERR_FILENO)
		(void)close(null);
	(void)fd_write_all(channel, "", 1);
	(void)close(channel);
}
