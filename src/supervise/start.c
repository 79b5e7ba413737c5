#include "supervise/start.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "supervise/control.h"
#include "supervise/place.h"
#include "supervise/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIND_NS	 (10 * NS_PER_S)
#define PAUSE_NS (5 * NS_PER_MS)

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid();
	if (chdir("/") < 0)
		return;
	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)close(null);
	}
}

__attribute__((noreturn)) static void supervise_and_exit(const struct place *place, int ready_fd)
{
	struct supervisor_options options = {
		.name = place->name,
		.ready_fd = ready_fd,
		.log = place->log,
	};
	struct error err = {0};
	bool is_files;

	leave_terminal();
	if (supervisor_run(&options, &is_files, &err) == 0)
		_exit(0);
	if (err.code != 0)
		log_error(&err);
	_exit(1);
}

int start_supervisor(const struct place *place, struct error *err)
{
	int ends[2];
	char byte;
	pid_t pid;
	int r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	pid = fork();
	if (pid == 0) {
		(void)close(ends[0]);
		supervise_and_exit(place, ends[1]);
	}
	(void)close(ends[1]);
	r = pid < 0 ? error_errno(err, errno, "cannot fork") : fd_read_exact(ends[0], &byte, 1);
	(void)close(ends[0]);
	if (pid < 0 || r == 0)
		return r;
	if (r != -ECONNRESET) { /* it may well live, and nobody knows whether it is ready */
		(void)kill(pid, SIGTERM);
		(void)error_errno(err, -r, "cannot wait for the supervisor");
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -ECHILD;
}

static bool answers(const struct place *place)
{
	json_t *answer = NULL;
	int r = control_ask(place, CONTROL_BRIEF, FIND_NS, &answer, NULL);

	json_decref(answer);
	return r == 0;
}

int start_find_supervisor(const struct place *place, struct error *err)
{
	struct instant deadline = instant_add(clock_now(), FIND_NS);

	for (;;) {
		pid_t holder = place_holder(place);

		if (holder == 0)
			return 0;
		if (holder < 0 && holder != -EBUSY)
			return error_errno(err, -holder, "cannot tell whether '%s' is up",
					   place->name);
		if (answers(place))
			return 1;
		if (instant_is_due(deadline, clock_now())) {
			(void)error_set(err, ETIMEDOUT, "the supervisor of '%s' does not answer",
					place->name);
			error_hint(err, "adit restart %s", place->name);
			return -ETIMEDOUT;
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
}
