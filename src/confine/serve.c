#include "confine/serve.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "confine/bus.h"
#include "confine/channel.h"
#include "confine/descriptors.h"
#include "confine/launch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_OURS = 125, EXIT_SIGNALLED = 128 };

enum source { FROM_CHANNEL, FROM_SIGNALS, FROM_STATUS, FROM_BUS, SOURCES };

struct state {
	struct serve *serve;
	pid_t command;
	struct pollfd poll[SOURCES]; /* fd -1: nothing to be heard from it any more */
	bool is_over;
};

int serve_block_signals(void)
{
	sigset_t all;

	(void)sigfillset(&all);
	return sigprocmask(SIG_SETMASK, &all, NULL) < 0 ? -errno : 0;
}

static void fail(struct serve *serve, int status, const struct error *err)
{
	struct channel_message message = {.kind = CHANNEL_FAILED, .number = status, .error = *err};

	(void)channel_send(serve->channel, &message, NULL, 0);
}

static void stop_listening(struct state *state, enum source source)
{
	if (state->poll[source].fd >= 0)
		(void)close(state->poll[source].fd);
	state->poll[source].fd = -1;
}

static void report_change(struct state *state, int status)
{
	int channel = state->serve->channel;

	if (WIFSTOPPED(status)) {
		(void)channel_say(channel, CHANNEL_STOPPED, WSTOPSIG(status));
		return;
	}
	if (WIFCONTINUED(status)) {
		(void)channel_say(channel, CHANNEL_CONTINUED, 0);
		return;
	}
	/* One that could not start has said more than its status. */
	if (!state->is_over)
		(void)channel_say(channel, CHANNEL_EXITED,
				  WIFSIGNALED(status) ? EXIT_SIGNALLED + WTERMSIG(status)
						      : WEXITSTATUS(status));
	state->is_over = true;
}

static bool is_readable(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};

	return fd >= 0 && poll(&one, 1, 0) > 0;
}

/* End of file: exec has closed it. */
static void on_status(struct state *state)
{
	struct launch_failure failure;

	if (launch_read_failure(state->poll[FROM_STATUS].fd, &failure)) {
		fail(state->serve, failure.status, &failure.error);
		state->is_over = true;
	} else {
		(void)channel_say(state->serve->channel, CHANNEL_STARTED, state->command);
	}
	stop_listening(state, FROM_STATUS);
}

static void on_signals(struct state *state)
{
	struct signalfd_siginfo info;
	pid_t pid;
	int status;

	while (read(state->poll[FROM_SIGNALS].fd, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
		if (pid != state->command)
			continue;
		if (is_readable(state->poll[FROM_STATUS].fd))
			on_status(state); /* STARTED comes before what follows from it */
		report_change(state, status);
	}
}

/* The command, and its group when it has made one of its own: a group that is
 * outside shows as 0, and has been continued from there.
 */
static void go_on(struct state *state)
{
	pid_t group = getpgid(state->command);

	if (group > 1)
		(void)kill(-group, SIGCONT);
	(void)kill(state->command, SIGCONT);
}

static void on_channel(struct state *state)
{
	struct channel_message message;
	int fds[8];
	size_t n_fds;
	int r = channel_receive(state->serve->channel, &message, fds, &n_fds);

	if (r == -EAGAIN)
		return;
	if (r <= 0) {
		state->is_over = true;
		return;
	}
	if (message.kind == CHANNEL_SIGNAL)
		(void)kill(state->command, message.number);
	else if (message.kind == CHANNEL_CONTINUE)
		go_on(state);
}

static void on_bus(struct state *state)
{
	struct channel_message note = {.kind = CHANNEL_NOTE};

	if (bus_start(state->serve->launch, state->poll[FROM_BUS].fd, &note.error) < 0) {
		(void)error_wrap(&note.error, "no session bus inside");
		(void)channel_send(state->serve->channel, &note, NULL, 0);
	}
	stop_listening(state, FROM_BUS);
}

static void (*const handlers[SOURCES])(struct state *state) = {
	[FROM_CHANNEL] = on_channel,
	[FROM_SIGNALS] = on_signals,
	[FROM_STATUS] = on_status,
	[FROM_BUS] = on_bus,
};

static void turn(struct state *state)
{
	int n = poll(state->poll, SOURCES, -1);

	if (n < 0 && errno != EINTR)
		state->is_over = true;
	for (size_t i = 0; n > 0 && i < SOURCES; i++)
		if (state->poll[i].fd >= 0 && state->poll[i].revents)
			handlers[i](state);
}

static int begin(struct state *state, struct error *err)
{
	sigset_t child;
	int signals;
	int status;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return error_errno(err, errno, "cannot wait for the command");
	state->poll[FROM_SIGNALS].fd = signals;
	state->command = launch_start(state->serve->launch, &status, err);
	if (state->command < 0)
		return (int)state->command;
	state->poll[FROM_STATUS].fd = status;
	/* A pipe's reader must see its end when the command closes it. */
	if (descriptors_detach_standard() < 0)
		return error_errno(err, errno, "cannot open '/dev/null'");
	for (size_t i = 0; i < state->serve->launch->n_keep_fds; i++)
		(void)close(state->serve->launch->keep_fd[i]);
	return 0;
}

void serve_run(struct serve *serve)
{
	struct state state = {.serve = serve};
	struct error err;

	for (size_t i = 0; i < SOURCES; i++)
		state.poll[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	state.poll[FROM_CHANNEL].fd = serve->channel;
	state.poll[FROM_BUS].fd = serve->bus;
	if (begin(&state, &err) < 0) {
		fail(serve, EXIT_OURS, &err);
		return;
	}
	while (!state.is_over)
		turn(&state);
}
