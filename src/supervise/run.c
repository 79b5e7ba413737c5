#include "supervise/run.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "confine/command.h"
#include "confine/confine.h"
#include "confine/terminal.h"
#include "confine/user.h"
#include "supervise/diagnosis.h"
#include "supervise/join.h"
#include "supervise/keeper.h"
#include "supervise/network.h"
#include "supervise/prepare.h"
#include "supervise/registry.h"
#include "tunnel/tunnel.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#define GRACE_NS (10 * NS_PER_S) /* from SIGTERM to the end of all */

enum { STATUS_ADIT = 125, STATUS_SIGNAL = 128 };

enum run_state { RUN_CONNECTING, RUN_RUNNING, RUN_ENDED };

struct run {
	const struct run_options *options;
	enum run_state state;
	int status; /* with RUN_ENDED */

	struct prepared prepared;
	struct registry registry;
	struct confine confine;
	struct terminal terminal;
	struct loop *loop;
	int signals; /* signalfd */
	int fd[NETWORK_FDS];

	struct keeper keeper;
	bool is_ready; /* process 1 has made everything */
	struct instant began;
	struct instant deadline; /* of the wait for a handshake */
	struct instant end_of_grace;
	int grace_status; /* when it ends */
	struct error *err;
};

/* ---- the tunnel ---- */

static void fill_config(void *context, struct tunnel_config *config)
{
	const struct run *run = context;

	config->tun_fd = run->fd[NETWORK_FD_TUN];
	config->mtu = run->prepared.plan.mtu;
}

static int let_go(struct run *run)
{
	bool has_handshake = run->keeper.has_handshake;

	if (!run->is_ready || (run->options->has_wait && !has_handshake) ||
	    run->state != RUN_CONNECTING)
		return 0;
	run->state = RUN_RUNNING;
	run->deadline = (struct instant){0};
	if (!run->options->is_quiet && has_handshake && log_use_color())
		log_info("tunnel up after %.0f ms",
			 (double)instant_since(clock_now(), run->began) / (double)NS_PER_MS);
	return confine_go(&run->confine, run->err);
}

static int on_stats(void *context, const struct tunnel_stats *stats)
{
	(void)stats;
	return let_go(context);
}

/* Nobody has answered in time: why? */
static int explain_silence(struct run *run)
{
	struct tunnel_stats stats = {0};
	struct diagnosis_facts facts = {0};
	const struct profile *profile = run->prepared.profile;

	if (run->keeper.has_handshake)
		return error_set(run->err, ETIMEDOUT,
				 "the tunnel is up, but the namespace was not ready in time");
	if (!run->keeper.tunnel || tunnel_read_stats(run->keeper.tunnel, &stats, run->err) < 0)
		return error_set(run->err, EIO, "the data plane has ended");
	for (size_t i = 0; i < profile->n_peers; i++) {
		const struct profile_peer *peer = &profile->peer[i];

		if (!endpoint_is_set(&peer->endpoint))
			continue;
		facts.endpoint = peer->endpoint;
		facts.has_preshared_key = !secret_is_zero(peer->preshared_key.byte, 32);
		break;
	}
	facts.send_errno = stats.tx_errno;
	facts.icmp_errno = stats.icmp_errno;
	facts.bad_responses = stats.rx_bad_response;
	tunnel_stats_done(&stats);
	if (!endpoint_is_set(&facts.endpoint))
		return error_set(run->err, EDESTADDRREQ,
				 "no peer has an Endpoint, and none has called");
	return diagnosis_explain(&facts, run->options->wait_ns, run->err);
}

/* ---- the confinement ---- */

static void end(struct run *run, int status)
{
	run->state = RUN_ENDED;
	run->status = status;
}

static int take_network(struct run *run, const struct confine_event *event)
{
	if (event->n_fds != NETWORK_FDS)
		return error_set(run->err, EPROTO, "process 1 made no network");
	memcpy(run->fd, event->fd, sizeof(run->fd));
	return keeper_open(&run->keeper, run->err);
}

/* The command has stopped, and so do we: whoever waits for us sees it. */
static void stop_with_it(struct run *run)
{
	terminal_note_stop(&run->terminal);
	(void)raise(SIGSTOP);
}

static int obey_event(struct run *run, const struct confine_event *event)
{
	switch (event->kind) {
	case CONFINE_NETWORK:
		return take_network(run, event);
	case CONFINE_READY:
		run->is_ready = true;
		return let_go(run);
	case CONFINE_NOTE:
		log_warn("%s%s%s", event->error.what, event->error.hint[0] ? "; " : "",
			 event->error.hint);
		return 0;
	case CONFINE_STARTED:
	case CONFINE_CONTINUED:
		return 0;
	case CONFINE_STOPPED:
		stop_with_it(run);
		return 0;
	case CONFINE_EXITED:
		end(run, event->status);
		return 0;
	case CONFINE_FAILED:
		end(run, event->status);
		log_error(&event->error);
		return 0;
	case CONFINE_GONE:
		end(run, STATUS_ADIT);
		return error_set(run->err, ECHILD,
				 "process 1 of the namespace was killed; with "
				 "it ended everything inside");
	case CONFINE_EVENTS:
		break;
	}
	return 0;
}

static int on_channel(void *context, int fd, uint32_t events)
{
	struct run *run = context;
	struct confine_event event = {0};
	int r = confine_receive(&run->confine, &event, run->err);

	(void)fd;
	(void)events;
	return r < 0 ? r : obey_event(run, &event);
}

static int on_join(void *context, int fd, uint32_t events)
{
	struct run *run = context;

	(void)fd;
	(void)events;
	join_serve(&run->registry, run->confine.ns);
	return 0;
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
static void obey_signal_early(struct run *run, int number)
{
	if (number == SIGTSTP)
		(void)raise(SIGSTOP);
	else if (number != SIGCONT)
		end(run, STATUS_SIGNAL + number);
}

static void obey_signal(struct run *run, const struct signalfd_siginfo *info)
{
	int number = (int)info->ssi_signo;
	bool is_from_terminal = info->ssi_code == SI_KERNEL;

	switch (number) {
	case SIGCONT:
		terminal_give_back(&run->terminal);
		(void)confine_continue(&run->confine);
		return;
	case SIGTSTP:
	case SIGINT:
	case SIGQUIT:
		/* the terminal's own reach the command too, being in our group */
		if (!is_from_terminal)
			(void)confine_signal(&run->confine, number);
		return;
	default:
		if (instant_is_set(run->end_of_grace))
			end(run, STATUS_SIGNAL + number); /* asked twice */
		run->end_of_grace = instant_add(clock_now(), GRACE_NS);
		run->grace_status = STATUS_SIGNAL + number;
		(void)confine_signal(&run->confine, number);
	}
}

static int on_signal(void *context, int fd, uint32_t events)
{
	struct run *run = context;
	struct signalfd_siginfo info;

	(void)events;
	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	if (info.ssi_signo == SIGCONT)
		takeover_note_continued(&run->keeper.takeover, clock_now());
	if (run->state == RUN_CONNECTING)
		obey_signal_early(run, (int)info.ssi_signo);
	else
		obey_signal(run, &info);
	return 0;
}

static int open_signals(struct run *run, const struct confine_signals *found)
{
	sigset_t mine;

	choose_signals(found, &mine);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &mine, NULL) < 0)
		return error_errno(run->err, errno, "cannot block signals");
	run->signals = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signals < 0)
		return error_errno(run->err, errno, "cannot read signals");
	return 0;
}

/* ---- from beginning to end ---- */

/* What process 1 needs of the profile, copied out of the secret memory that is
 * zeroes after a fork.
 */
struct names {
	struct address dns[PROFILE_DNS_MAX];
	char search_text[PROFILE_SEARCH_MAX][PROFILE_DOMAIN_LEN];
	const char *search[PROFILE_SEARCH_MAX];
	char **hidden; /* owned, and what it points to */
	size_t n_hidden;
};

static void hide_file(struct names *names, const char *path)
{
	char *whole = realpath(path, NULL);

	/* what this user cannot reach, the command cannot either */
	if (whole)
		names->hidden[names->n_hidden++] = whole;
}

/* The files that hold keys. */
static int fill_hidden(const struct profile *profile, struct names *names,
		       struct confine_options *options)
{
	names->hidden = calloc(profile->n_files + profile->n_key_files + 1, sizeof(char *));
	if (!names->hidden)
		return -ENOMEM;
	for (size_t i = 0; i < profile->n_files; i++)
		hide_file(names, profile->file[i]);
	for (size_t i = 0; i < profile->n_key_files; i++)
		hide_file(names, profile->key_file[i]);
	options->hidden_file = (const char *const *)names->hidden;
	options->n_hidden_files = names->n_hidden;
	return 0;
}

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->n_hidden; i++)
		free(names->hidden[i]);
	free(names->hidden);
}

static void fill_names(const struct profile *profile, struct names *names,
		       struct confine_options *options)
{
	memcpy(names->dns, profile->dns, sizeof(names->dns));
	memcpy(names->search_text, profile->search, sizeof(names->search_text));
	for (size_t i = 0; i < profile->n_search; i++)
		names->search[i] = names->search_text[i];
	options->dns = names->dns;
	options->n_dns = profile->n_dns;
	options->search = names->search;
	options->n_search = profile->n_search;
}

/* Root's file is read; from here on everything is the user's own doing. */
static int become_user(const struct run_options *options, struct confine_options *confine,
		       struct error *err)
{
	struct user user;
	int r;

	if (geteuid() != 0)
		return options->user ? error_set(err, EPERM, "--user needs root") : 0;
	if (confine->as_root)
		return options->user ? error_set(err, EINVAL,
						 "--user and --as-root exclude each "
						 "other")
				     : 0;
	r = user_choose(options->user, &user, err);
	if (r < 0)
		return r;
	confine->tun_helper = user_helper_start(err);
	if (confine->tun_helper < 0)
		return confine->tun_helper;
	return user_become(&user, err);
}

static int judge_command(const struct confine_options *confine, struct error *err)
{
	struct error advice = {0};

	switch (command_judge(confine->argv, &advice)) {
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

static int claim_key(struct run *run)
{
	pid_t holder = 0;
	int r = registry_claim(run->prepared.profile->public_key, &run->registry, &holder,
			       run->err);

	if (r == -EBUSY)
		error_hint(run->err, "two clients with one key stall each other; --join runs the "
				     "command beside the other one");
	return r;
}

static void warn_of_profile(const struct run *run)
{
	if (run->prepared.profile->n_dns == 0)
		log_warn("the file has no DNS: names are not resolved inside, and the host's "
			 "resolver is out of reach; add 'DNS = ADDRESS'");
}

static int watch(struct run *run)
{
	int r = loop_add(run->loop, run->confine.channel, EPOLLIN, on_channel, run);

	if (r == 0)
		r = loop_add(run->loop, run->signals, EPOLLIN, on_signal, run);
	if (r == 0 && run->registry.listen >= 0)
		r = loop_add(run->loop, run->registry.listen, EPOLLIN, on_join, run);
	return r < 0 ? error_errno(run->err, -r, "cannot watch the namespace") : 0;
}

static int handle_deadlines(struct run *run)
{
	struct instant now = clock_now();

	if (instant_is_due(run->deadline, now) && run->state == RUN_CONNECTING)
		return explain_silence(run);
	keeper_handle_deadlines(&run->keeper, now);
	if (instant_is_due(run->end_of_grace, now))
		end(run, run->grace_status);
	return 0;
}

static int turn_until_ended(struct run *run)
{
	while (run->state != RUN_ENDED) {
		struct instant next = instant_first(run->deadline, run->end_of_grace);
		int r = loop_turn(run->loop,
				  instant_first(next, keeper_next_deadline(&run->keeper)));

		if (r == 0)
			r = handle_deadlines(run);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Namespaces, network, tunnel, command: everything that is this run's alone. */
static int run_own(struct run *run, const struct confine_options *asked)
{
	struct confine_options confine = *asked;
	struct names names = {0};
	int r = claim_key(run);

	if (r < 0)
		return r;
	warn_of_profile(run);
	r = prepare_network(&run->prepared, run->options->wait_ns, run->err);
	if (r < 0)
		return r;
	r = keeper_init(&run->keeper, run->loop, run->prepared.profile, run->err);
	if (r < 0)
		return r;
	fill_names(run->prepared.profile, &names, &confine);
	if (fill_hidden(run->prepared.profile, &names, &confine) < 0)
		return error_set(run->err, ENOMEM, "out of memory");
	confine.network = network_make;
	confine.network_context = &run->prepared.plan;
	r = confine_start(&confine, &run->confine, run->err);
	names_done(&names);
	if (r < 0)
		return r;
	run->began = clock_now();
	if (run->options->has_wait)
		run->deadline = instant_add(run->began, run->options->wait_ns);
	r = watch(run);
	if (r < 0)
		return r;
	keeper_watch_network(&run->keeper);
	return turn_until_ended(run);
}

static int run_joined(struct run *run, const struct confine_options *confine)
{
	int ns[CONFINE_NAMESPACES];
	int r = join_ask(run->prepared.profile->public_key, ns, run->err);

	if (r < 0) {
		if (r == -ENOENT)
			error_hint(run->err,
				   "without --join this command gets a tunnel of its own");
		return r;
	}
	run->keeper.has_handshake = true;
	r = confine_join(confine, ns, &run->confine, run->err);
	for (int i = 0; i < CONFINE_NAMESPACES; i++)
		if (ns[i] >= 0)
			(void)close(ns[i]);
	if (r == 0)
		r = watch(run);
	return r < 0 ? r : turn_until_ended(run);
}

static void tell_what_is_kept(struct run *run)
{
	char path[CONFINE_PATH_LEN];

	if (confine_kept(&run->confine, path))
		log_info("what the command left in /tmp is in %s", path);
}

static void run_done(struct run *run)
{
	confine_end(&run->confine);
	terminal_reclaim(&run->terminal);
	tell_what_is_kept(run);
	confine_done(&run->confine);
	keeper_done(&run->keeper);
	registry_release(&run->registry);
	for (int i = 0; i < NETWORK_FDS; i++)
		if (run->fd[i] >= 0)
			(void)close(run->fd[i]);
	if (run->signals >= 0)
		(void)close(run->signals);
	loop_free(run->loop);
	terminal_close(&run->terminal);
	prepare_done(&run->prepared);
}

/* Its namespaces are the user's, where the kernel's WireGuard would have its socket. */
static int judge_backend(const struct profile *profile, struct error *err)
{
	if (profile->backend != BACKEND_KERNEL)
		return 0;
	(void)error_set(err, EOPNOTSUPP, "Backend = kernel is for named namespaces");
	error_hint(err,
		   "leave it out, or write Backend = auto: adit run has a data plane of its own");
	return -EOPNOTSUPP;
}

static int prepare(struct run *run, struct confine_options *confine)
{
	int r = prepare_profile(run->options->config, &run->prepared, run->err);

	if (r == 0)
		r = judge_backend(run->prepared.profile, run->err);
	if (r == 0)
		r = become_user(run->options, confine, run->err);
	if (r == 0)
		r = judge_command(confine, run->err);
	if (r == 0)
		r = open_signals(run, confine->signals);
	if (r == 0 && !(run->loop = loop_new()))
		r = error_set(run->err, ENOMEM, "out of memory");
	return r;
}

int run_command(struct run_options *options, int *ret_status, struct error *err)
{
	struct confine_options confine = options->confine;
	struct confine_signals found;
	struct run run = {
		.options = options,
		.registry = {.lock = -1, .listen = -1},
		.confine = {.init = -1, .init_fd = -1, .channel = -1, .kept_lock = -1},
		.terminal = {.fd = -1},
		.keeper = {.refresh = {.look_up = {.fd = -1}},
			   .network = -1,
			   .on_stats = on_stats,
			   .fill_config = fill_config},
		.signals = -1,
		.fd = {-1, -1},
		.err = err,
	};
	int r;

	run.keeper.context = &run;
	confine_signals_save(&found);
	confine.signals = &found;
	(void)signal(SIGCHLD, SIG_DFL); /* ignored, our children's ends would not be told */
	terminal_open(&run.terminal);
	r = prepare(&run, &confine);
	if (r == 0)
		r = options->is_joining ? run_joined(&run, &confine) : run_own(&run, &confine);
	run_done(&run);
	if (r == 0)
		*ret_status = run.status;
	return r;
}
