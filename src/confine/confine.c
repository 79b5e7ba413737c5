#include "confine/confine.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "confine/channel.h"
#include "confine/descriptors.h"
#include "confine/entry.h"
#include "confine/init.h"
#include "confine/namespaces.h"
#include "confine/probe.h"
#include "confine/socktable.h"
#include "confine/tmpview.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A stop that is followed by a continuation within this time is no stop: both
 * were waiting while we were stopped ourselves (Ctrl-Z, fg).
 */
enum { STALE_STOP_MS = 20 };

void confine_signals_save(struct confine_signals *ret)
{
	(void)sigemptyset(&ret->ignored);
	(void)sigprocmask(SIG_SETMASK, NULL, &ret->mask);
	for (int number = 1; number < NSIG; number++) {
		struct sigaction action;

		if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			(void)sigaddset(&ret->ignored, number);
	}
}

void confine_options_init(struct confine_options *options)
{
	*options =
		(struct confine_options){.has_display = true, .has_sound = true, .tun_helper = -1};
}

static void clear(struct confine *confine)
{
	*confine = (struct confine){.init = -1, .init_fd = -1, .channel = -1, .kept_lock = -1};
	for (size_t i = 0; i < CONFINE_NAMESPACES; i++)
		confine->ns[i] = -1;
}

/* The first of 0 to 2 that is a terminal of /dev/pts. */
static void find_terminal(char *ret, size_t size)
{
	ret[0] = '\0';
	for (int fd = 0; fd <= 2 && !ret[0]; fd++)
		if (ttyname_r(fd, ret, size) != 0 || strncmp(ret, "/dev/pts/", 9) != 0)
			ret[0] = '\0';
}

static int prepare(const struct confine_options *options, struct init *ret, struct error *err)
{
	int r = descriptors_check(options, err);

	if (r < 0)
		return r;
	*ret = (struct init){.options = options, .uid = geteuid(), .gid = getegid()};
	for (size_t i = 0; i < ENTRY_MOUNTS; i++)
		ret->given[i] = -1;
	if (!options->as_root && ret->uid == 0)
		return error_set(err, EPERM, "a command is not run as root without --as-root");
	if (options->signals)
		ret->signals = *options->signals;
	else
		confine_signals_save(&ret->signals);
	if (!getcwd(ret->cwd, sizeof(ret->cwd)))
		return error_errno(err, errno, "cannot tell the working directory");
	find_terminal(ret->terminal, sizeof(ret->terminal));
	return 0;
}

/* As fork(2): the pid, 0 in the child, negative with err filled. */
static pid_t make_process(struct init *init, unsigned long flags, struct error *err)
{
	const struct confine_options *options = init->options;
	pid_t pid;

	if (options->entry && !init->ns)
		return entry_fork(options->entry, flags, options->as_root, init->given, err);
	pid = namespaces_fork(flags);
	if (pid >= 0)
		return pid;
	return flags & CLONE_NEWUSER ? probe_explain_namespaces(-pid, err)
				     : error_errno(err, -pid, "cannot fork");
}

/* The child speaks on one end, and the other becomes the confine's. */
static int fork_init(struct init *init, unsigned long flags, struct confine *confine,
		     struct error *err)
{
	int pair[2];
	int r = channel_open(pair);

	if (r < 0)
		return error_errno(err, -r, "cannot make a socket pair");
	init->channel = pair[1];
	confine->channel = pair[0];
	confine->init = make_process(init, flags, err);
	if (confine->init == 0)
		init_run(init);
	(void)close(pair[1]);
	if (confine->init < 0) {
		r = confine->init;
		confine->init = -1;
		return r;
	}
	confine->init_fd = (int)syscall(SYS_pidfd_open, confine->init, 0);
	if (confine->init_fd < 0)
		return error_errno(err, errno, "cannot watch process 1");
	return 0;
}

/* With an entry the ids are mapped: only the parent namespace may do that. */
static int map_as_root(const struct confine *confine, bool has_entry, struct error *err)
{
	int r = has_entry ? 0 : namespaces_map_all(confine->init, err);

	if (r == 0) {
		r = channel_say(confine->channel, CHANNEL_MAPPED, 0);
		if (r < 0)
			(void)error_errno(err, -r, "process 1 ended at once");
	}
	return r;
}

/* HELLO with the namespaces, or FAILED with the reason. */
static int receive_namespaces(struct confine *confine, struct error *err)
{
	static const enum confine_ns order[] = {NS_USER, NS_PID, NS_NET, NS_MNT, NS_IPC};
	struct channel_message message;
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	int r = channel_receive(confine->channel, &message, fds, &n_fds);

	if (r <= 0)
		return error_errno(err, r < 0 ? -r : ECONNRESET, "process 1 ended at once");
	for (size_t i = 0; i < n_fds && i < CONFINE_NAMESPACES; i++)
		confine->ns[order[i]] = fds[i];
	if (message.kind == CHANNEL_HELLO)
		return 0;
	if (message.kind != CHANNEL_FAILED)
		return error_set(err, EPROTO, "process 1 said something unexpected");
	if (err)
		*err = message.error;
	return message.error.code > 0 ? -message.error.code : -EIO;
}

static int start(struct init *init, struct confine *confine, struct error *err)
{
	const struct confine_options *options = init->options;
	unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
			      (options->shares & SHARE_X11 ? 0 : CLONE_NEWIPC) |
			      (options->entry ? 0 : CLONE_NEWNET);
	AUTO_FREE char *unix_sockets = NULL;
	int r = socktable_read(&unix_sockets, err);

	if (r < 0)
		return r;
	init->unix_sockets = unix_sockets;
	if (!options->share_tmp)
		tmpview_prepare(confine->kept, &confine->kept_lock);
	init->kept = confine->kept;
	r = fork_init(init, flags, confine, err);
	if (r == 0 && options->as_root)
		r = map_as_root(confine, options->entry != NULL, err);
	if (r == 0)
		r = receive_namespaces(confine, err);
	return r;
}

int confine_start(const struct confine_options *options, struct confine *ret, struct error *err)
{
	struct confine confine;
	struct init init;
	int r = prepare(options, &init, err);

	if (r < 0)
		return r;
	clear(&confine);
	r = start(&init, &confine, err);
	if (r < 0) {
		char kept[CONFINE_PATH_LEN];

		confine_end(&confine);
		(void)confine_kept(&confine, kept);
		confine_done(&confine);
		return r;
	}
	*ret = confine;
	return 0;
}

int confine_join(const struct confine_options *options, const int ns[CONFINE_NAMESPACES],
		 struct confine *ret, struct error *err)
{
	struct confine confine;
	struct init init;
	int r = prepare(options, &init, err);

	if (r < 0)
		return r;
	clear(&confine);
	confine.is_joined = true;
	init.ns = ns;
	r = fork_init(&init, 0, &confine, err);
	if (r < 0) {
		confine_done(&confine);
		return r;
	}
	*ret = confine;
	return 0;
}

/* What the channel says, and what it is for the caller. */
static const enum confine_event_kind events[CHANNEL_KINDS] = {
	[CHANNEL_NETWORK] = CONFINE_NETWORK,	 [CHANNEL_READY] = CONFINE_READY,
	[CHANNEL_NOTE] = CONFINE_NOTE,		 [CHANNEL_LOST_TMP] = CONFINE_NOTE,
	[CHANNEL_STARTED] = CONFINE_STARTED,	 [CHANNEL_STOPPED] = CONFINE_STOPPED,
	[CHANNEL_CONTINUED] = CONFINE_CONTINUED, [CHANNEL_EXITED] = CONFINE_EXITED,
	[CHANNEL_FAILED] = CONFINE_FAILED,
};

static void forget_kept(struct error *ret)
{
	(void)error_set(ret, 0, "what is written to /tmp and /var/tmp is lost at the end");
	error_hint(ret, "the file system of $XDG_STATE_HOME (~/.local/state) cannot carry an "
			"overlay; set it to a folder on a local disk");
}

static int receive_one(struct confine *confine, struct confine_event *ret, struct error *err)
{
	struct channel_message message;
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	int r = channel_receive(confine->channel, &message, fds, &n_fds);

	if (r < 0)
		return error_errno(err, -r, "cannot hear process 1");
	*ret = (struct confine_event){.kind = CONFINE_GONE};
	if (r == 0)
		return 0;
	ret->kind = events[message.kind];
	ret->status = message.number;
	ret->pid = message.kind == CHANNEL_STARTED ? message.number : 0;
	ret->error = message.error;
	ret->n_fds = n_fds;
	memcpy(ret->fd, fds, sizeof(*fds) * n_fds);
	if (message.kind == CHANNEL_LOST_TMP)
		forget_kept(&ret->error);
	return 0;
}

static bool is_continued_at_once(const struct confine *confine)
{
	struct pollfd one = {.fd = confine->channel, .events = POLLIN};
	struct channel_message next;

	return poll(&one, 1, STALE_STOP_MS) > 0 &&
	       recv(confine->channel, &next, sizeof(next), MSG_PEEK) == sizeof(next) &&
	       next.kind == CHANNEL_CONTINUED;
}

int confine_receive(struct confine *confine, struct confine_event *ret, struct error *err)
{
	int r = receive_one(confine, ret, err);

	if (r == 0 && ret->kind == CONFINE_STOPPED && is_continued_at_once(confine))
		r = receive_one(confine, ret, err);
	return r;
}

int confine_go(struct confine *confine, struct error *err)
{
	int r = channel_say(confine->channel, CHANNEL_GO, 0);

	return r < 0 ? error_errno(err, -r, "process 1 has ended") : 0;
}

int confine_signal(struct confine *confine, int signal)
{
	return channel_say(confine->channel, CHANNEL_SIGNAL, signal);
}

int confine_continue(struct confine *confine)
{
	return channel_say(confine->channel, CHANNEL_CONTINUE, 0);
}

void confine_end(struct confine *confine)
{
	if (confine->init <= 0)
		return;
	(void)kill(confine->init, SIGKILL);
	while (waitpid(confine->init, NULL, 0) < 0 && errno == EINTR)
		;
	confine->init = -1;
}

bool confine_kept(struct confine *confine, char ret[CONFINE_PATH_LEN])
{
	bool is_left;

	/* the last hold on the mounts that have the folder in use */
	namespaces_close(confine->ns);
	is_left = confine->kept[0] && tmpview_finish(confine->kept, confine->kept_lock);
	if (is_left)
		memcpy(ret, confine->kept, CONFINE_PATH_LEN);
	confine->kept[0] = '\0';
	return is_left;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void confine_done(struct confine *confine)
{
	confine_end(confine);
	close_one(&confine->channel);
	close_one(&confine->init_fd);
	close_one(&confine->kept_lock);
	namespaces_close(confine->ns);
}
