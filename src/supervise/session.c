#include "supervise/session.h"

#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "confine/command.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define GRACE_NS (10 * NS_PER_S) /* from SIGTERM to the end of all */

enum { STATUS_ADIT = 125, STATUS_SIGNAL = 128 };

/* ---- the confinement ---- */

static void end(struct session *session, int status)
{
	session->state = SESSION_ENDED;
	session->status = status;
}

/* The command has stopped, and so do we: whoever waits for us sees it. */
static void stop_with_it(struct session *session)
{
	terminal_note_stop(&session->terminal);
	(void)raise(SIGSTOP);
}

static int obey_event(struct session *session, const struct confine_event *event)
{
	switch (event->kind) {
	case CONFINE_NETWORK:
		return session->ops->take_network(session->context, event);
	case CONFINE_READY:
		return session->ops->ready(session->context);
	case CONFINE_NOTE:
		log_warn("%s%s%s", event->error.what, event->error.hint[0] ? "; " : "",
			 event->error.hint);
		return 0;
	case CONFINE_STARTED:
	case CONFINE_CONTINUED:
		return 0;
	case CONFINE_STOPPED:
		stop_with_it(session);
		return 0;
	case CONFINE_EXITED:
		end(session, event->status);
		return 0;
	case CONFINE_FAILED:
		end(session, event->status);
		log_error(&event->error);
		return 0;
	case CONFINE_GONE:
		end(session, STATUS_ADIT);
		return error_set(session->err, ECHILD,
				 "process 1 of the namespace was killed; with "
				 "it ended everything inside");
	case CONFINE_EVENTS:
		break;
	}
	return 0;
}

static int on_channel(void *context, int fd, uint32_t events)
{
	struct session *session = context;
	struct confine_event event = {0};
	int r = confine_receive(&session->confine, &event, session->err);

	(void)fd;
	(void)events;
	return r < 0 ? r : obey_event(session, &event);
}

/* ---- signals ---- */

/* What this process handles itself.  What was ignored at the start (nohup(1))
 * stays ignored.
 */
static void choose_signals(const struct confine_signals *found, sigset_t *ret)
{
	static const int wanted[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT};

	sigemptyset(ret);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!sigismember(&found->ignored, wanted[i]))
			(void)sigaddset(ret, wanted[i]);
}

/* Before the command runs there is nobody to pass a signal to. */
static void obey_signal_early(struct session *session, int number)
{
	if (number == SIGTSTP)
		(void)raise(SIGSTOP);
	else if (number != SIGCONT)
		end(session, STATUS_SIGNAL + number);
}

static void obey_signal(struct session *session, const struct signalfd_siginfo *info)
{
	int number = (int)info->ssi_signo;
	bool is_from_terminal = info->ssi_code == SI_KERNEL;

	switch (number) {
	case SIGCONT:
		terminal_give_back(&session->terminal);
		(void)confine_continue(&session->confine);
		return;
	case SIGTSTP:
	case SIGINT:
	case SIGQUIT:
		/* the terminal's own reach the command too, being in our group */
		if (!is_from_terminal)
			(void)confine_signal(&session->confine, number);
		return;
	default:
		if (instant_is_set(session->end_of_grace))
			end(session, STATUS_SIGNAL + number); /* asked twice */
		session->end_of_grace = instant_add(clock_now(), GRACE_NS);
		session->grace_status = STATUS_SIGNAL + number;
		(void)confine_signal(&session->confine, number);
	}
}

static void note_continued(struct session *session)
{
	if (session->ops->continued)
		session->ops->continued(session->context);
}

static int on_signal(void *context, int fd, uint32_t events)
{
	struct session *session = context;
	struct signalfd_siginfo info;

	(void)events;
	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	if (info.ssi_signo == SIGCONT)
		note_continued(session);
	if (session->state == SESSION_STARTING)
		obey_signal_early(session, (int)info.ssi_signo);
	else
		obey_signal(session, &info);
	return 0;
}

static int open_signals(struct session *session)
{
	sigset_t mine;

	choose_signals(&session->found, &mine);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL); /* ignored, our children's ends would not be told */
	if (sigprocmask(SIG_BLOCK, &mine, NULL) < 0)
		return error_errno(session->err, errno, "cannot block signals");
	session->signals = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
	if (session->signals < 0)
		return error_errno(session->err, errno, "cannot read signals");
	return 0;
}

/* ---- from beginning to end ---- */

void session_init(struct session *session)
{
	session->confine = (struct confine){
		.init = -1,
		.init_fd = -1,
		.channel = -1,
		.kept_lock = -1,
		.ns = {-1, -1, -1, -1, -1},
	};
	session->terminal.fd = -1;
	session->signals = -1;
}

int session_open(struct session *session)
{
	confine_signals_save(&session->found);
	terminal_open(&session->terminal);
	session->loop = loop_new();
	if (!session->loop)
		return error_set(session->err, ENOMEM, "out of memory");
	return open_signals(session);
}

static void tell_what_is_kept(struct session *session)
{
	char path[CONFINE_PATH_LEN];

	if (confine_kept(&session->confine, path))
		log_info("what the command left in /tmp is in %s", path);
}

void session_end(struct session *session)
{
	confine_end(&session->confine);
	terminal_reclaim(&session->terminal);
	tell_what_is_kept(session);
	confine_done(&session->confine);
}

void session_done(struct session *session)
{
	if (session->signals >= 0)
		(void)close(session->signals);
	loop_free(session->loop);
	terminal_close(&session->terminal);
}

/* ---- before the command ---- */

int session_choose_user(const char *asked, bool as_root, struct user *ret, struct error *err)
{
	if (geteuid() != 0)
		return asked ? error_set(err, EPERM, "--user needs root") : 0;
	if (as_root)
		return asked ? error_set(err, EINVAL, "--user and --as-root exclude each other")
			     : 0;
	return user_choose(asked, ret, err) < 0 ? -err->code : 1;
}

int session_judge(char *const *argv, struct error *err)
{
	struct error advice = {0};

	switch (command_judge(argv, &advice)) {
	case COMMAND_FINE:
		return 0;
	case COMMAND_WARN:
		log_warn("%s%s%s", advice.what, advice.hint[0] ? "; " : "", advice.hint);
		return 0;
	case COMMAND_REFUSE:
		if (err)
			*err = advice;
		return -advice.code;
	}
	return 0;
}

/* ---- while it runs ---- */

int session_go(struct session *session)
{
	if (session->state != SESSION_STARTING)
		return 0;
	session->state = SESSION_RUNNING;
	return confine_go(&session->confine, session->err);
}

static int watch(struct session *session)
{
	int r = loop_add(session->loop, session->confine.channel, EPOLLIN, on_channel, session);

	if (r == 0)
		r = loop_add(session->loop, session->signals, EPOLLIN, on_signal, session);
	return r < 0 ? error_errno(session->err, -r, "cannot watch the namespace") : 0;
}

static struct instant next_deadline(struct session *session)
{
	if (!session->ops->next_deadline)
		return session->end_of_grace;
	return instant_first(session->end_of_grace, session->ops->next_deadline(session->context));
}

static int handle_deadlines(struct session *session)
{
	struct instant now = clock_now();
	int r = 0;

	if (session->ops->handle_deadlines)
		r = session->ops->handle_deadlines(session->context, now);
	if (instant_is_due(session->end_of_grace, now))
		end(session, session->grace_status);
	return r;
}

int session_run(struct session *session)
{
	int r = watch(session);

	while (r == 0 && session->state != SESSION_ENDED) {
		r = loop_turn(session->loop, next_deadline(session));
		if (r == 0)
			r = handle_deadlines(session);
	}
	return r;
}
