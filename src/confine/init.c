#include "confine/init.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "confine/bus.h"
#include "confine/channel.h"
#include "confine/descriptors.h"
#include "confine/environment.h"
#include "confine/filesystems.h"
#include "confine/filter.h"
#include "confine/host.h"
#include "confine/launch.h"
#include "confine/namespaces.h"
#include "confine/probe.h"
#include "confine/rootview.h"
#include "confine/runview.h"
#include "confine/serve.h"
#include "confine/share.h"
#include "confine/user.h"
#include "confine/view.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_OURS = 125 };

/* Made on the way, for what comes after. */
struct state {
	struct init *init;
	char runtime_dir[RUNTIME_DIR_LEN];
	struct sock_fprog filter;
	char **environment;
	int bus; /* listening; -1: none */
};

static int note(struct state *state, const char *what, const char *hint)
{
	struct channel_message message = {.kind = CHANNEL_NOTE};

	(void)error_set(&message.error, 0, "%s", what);
	error_hint(&message.error, "%s", hint);
	return channel_send(state->init->channel, &message, NULL, 0);
}

static int tell(struct state *state, enum channel_kind kind, struct error *err)
{
	int r = channel_say(state->init->channel, kind, 0);

	return r < 0 ? error_errno(err, -r, "cannot speak to adit") : 0;
}

/* The parent's death is ours: as a signal at any moment, and as the channel's
 * end, since the parent may have died before prctl().
 */
static int tie_to_parent(struct state *state, struct error *err)
{
	int r = serve_block_signals();

	(void)state;
	if (r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		r = -errno;
	return r < 0 ? error_errno(err, -r, "cannot tie process 1 to adit") : 0;
}

static int map_ids(struct state *state, struct error *err)
{
	struct init *init = state->init;
	int r;

	if (init->options->as_root) {
		r = channel_expect(init->channel, CHANNEL_MAPPED);
		return r < 0 ? error_errno(err, -r, "the ids were not mapped") : 0;
	}
	r = namespaces_map_self(init->uid, init->gid, err);
	return r == -EPERM || r == -EACCES ? probe_explain_namespaces(-r, err) : r;
}

static int close_descriptors(struct state *state, struct error *err)
{
	const struct confine_options *options = state->init->options;
	int keep[CONFINE_KEEP_FDS_MAX + 2 + ENTRY_MOUNTS];
	size_t n = 0;

	(void)err;
	for (size_t i = 0; i < options->n_keep_fds; i++)
		keep[n++] = options->keep_fd[i];
	keep[n++] = state->init->channel;
	keep[n++] = options->tun_helper;
	for (size_t i = 0; i < ENTRY_MOUNTS; i++)
		keep[n++] = state->init->given[i];
	descriptors_close_others(keep, n);
	return 0;
}

static int hand_over_namespaces(struct state *state, struct error *err)
{
	const struct channel_message message = {.kind = CHANNEL_HELLO};
	bool has_ipc = !(state->init->options->shares & SHARE_X11);
	int ns[CONFINE_NAMESPACES];
	int r = namespaces_open(has_ipc, ns, err);

	if (r < 0)
		return r;
	/* the order of enum confine_ns, but IPC last, since it may be missing */
	r = channel_send(state->init->channel, &message,
			 (const int[]){ns[NS_USER], ns[NS_PID], ns[NS_NET], ns[NS_MNT], ns[NS_IPC]},
			 has_ipc ? 5 : 4);
	namespaces_close(ns);
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = -errno;
	return r < 0 ? error_errno(err, -r, "cannot hand the namespaces over") : 0;
}

static int open_tun(struct state *state, struct error *err)
{
	int helper = state->init->options->tun_helper;
	int tun;

	if (helper >= 0)
		return user_helper_open_tun(helper, err);
	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return tun < 0 ? probe_explain_tun(errno, err) : tun;
}

static int make_network(struct state *state, struct error *err)
{
	const struct channel_message message = {.kind = CHANNEL_NETWORK};
	const struct confine_options *options = state->init->options;
	int tun = open_tun(state, err);
	int fds[CONFINE_NETWORK_FDS_MAX];
	bool has_passed_tun = false;
	size_t n_fds = 0;
	int r;

	if (tun < 0)
		return tun;
	r = options->network(options->network_context, tun, fds, &n_fds, err);
	if (r < 0) {
		probe_explain_sysctl(err);
	} else {
		r = channel_send(state->init->channel, &message, fds, n_fds);
		if (r < 0)
			(void)error_errno(err, -r, "cannot hand the network over");
		for (size_t i = 0; i < n_fds; i++) {
			has_passed_tun |= fds[i] == tun;
			(void)close(fds[i]);
		}
	}
	if (!has_passed_tun)
		(void)close(tun);
	return r;
}

static int read_host(struct state *state, struct view_host *ret, struct error *err)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	struct init *init = state->init;

	*ret = (struct view_host){
		.options = init->options,
		.uid = init->uid,
		/* without the variable it may be there all the same (su, cron) */
		.runtime_dir = runtime_dir && *runtime_dir ? runtime_dir : state->runtime_dir,
		.kept = init->kept,
		.unix_sockets = init->unix_sockets,
		.terminal = init->terminal,
		.given = init->options->entry ? init->given : NULL,
	};
	return mounts_read(&ret->mounts, err);
}

static void tell_of_filesystems(struct state *state, const struct view_host *host)
{
	char names[160];
	char what[240];
	struct text text;

	text_init(&text, names, sizeof(names));
	if (filesystems_name(&host->mounts, &text) == 0)
		return;
	text_init(&text, what, sizeof(what));
	text_add(&text, "files on %s are read and written over the host's network", names);
	(void)note(state, what, "--strict hides them");
}

static int apply_view(struct state *state, const struct view_host *host, struct error *err)
{
	struct view_plan *plan = view_new();
	int r;

	if (!plan)
		return error_set(err, ENOMEM, "out of memory");
	r = rootview_build(host, plan, err);
	if (r == 0)
		r = view_apply(plan, err);
	if (r == 0 && !host->options->share_tmp && (plan->used_instead || !*host->kept))
		(void)channel_say(state->init->channel, CHANNEL_LOST_TMP, 0);
	view_free(plan);
	return r;
}

static int make_view(struct state *state, struct error *err)
{
	struct view_host host = {0};
	int r = read_host(state, &host, err);

	if (r < 0)
		return r;
	if (!host.options->is_strict)
		tell_of_filesystems(state, &host);
	if (runview_has_pulse(&host))
		(void)note(state, share_sound_meaning, "--no-sound keeps it out");
	r = apply_view(state, &host, err);
	mounts_free(&host.mounts);
	if (r == 0 && chdir("/") < 0)
		r = error_errno(err, errno, "cannot enter '/'");
	return r;
}

static int enter_namespaces(struct state *state, struct error *err)
{
	int r = namespaces_join(state->init->ns, err);

	if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = error_errno(err, errno, "cannot protect the entering process");
	return r;
}

static int listen_bus(struct state *state, struct error *err)
{
	int bus;

	if (state->init->options->shares & SHARE_BUS || !bus_is_available())
		return 0;
	bus = bus_listen(state->runtime_dir, err);
	if (bus < 0)
		return bus;
	state->bus = bus;
	return 0;
}

static int say_ready(struct state *state, struct error *err)
{
	return tell(state, CHANNEL_READY, err);
}

/* After READY, so that it overlaps with the first handshake. */
static int prepare_launch(struct state *state, struct error *err)
{
	const struct confine_options *options = state->init->options;
	const struct environment_facts facts = {
		.shares = options->shares,
		.runtime_dir = state->runtime_dir,
		.has_bus = bus_is_available(),
		.has_display = options->has_display,
		.has_sound = options->has_sound,
	};

	state->environment = environment_make(environ, &facts);
	if (!state->environment)
		return error_set(err, ENOMEM, "out of memory");
	return filter_make(options->allow_io_uring, &state->filter, err);
}

static int await_go(struct state *state, struct error *err)
{
	int r = channel_expect(state->init->channel, CHANNEL_GO);

	return r < 0 ? error_errno(err, -r, "adit ended before the command began") : 0;
}

typedef int (*stage)(struct state *state, struct error *err);

static const stage first_stages[] = {
	tie_to_parent, map_ids,	   close_descriptors, hand_over_namespaces, make_network,
	make_view,     listen_bus, say_ready,	      prepare_launch,	    await_go,
	NULL,
};

/* The network is there. */
static const stage entering_stages[] = {
	tie_to_parent, map_ids,	   close_descriptors, hand_over_namespaces,
	make_view,     listen_bus, say_ready,	      prepare_launch,
	await_go,      NULL,
};

static const stage joining_stages[] = {
	tie_to_parent, enter_namespaces, close_descriptors, say_ready, prepare_launch, await_go,
	NULL,
};

static void stay(struct state *state)
{
	struct init *init = state->init;
	const struct confine_options *options = init->options;
	const struct launch launch = {
		.argv = options->argv,
		.environment = state->environment,
		.cwd = init->cwd,
		.filter = &state->filter,
		.signals = &init->signals,
		.keep_fd = options->keep_fd,
		.n_keep_fds = options->n_keep_fds,
		.uid = init->uid,
		.gid = init->gid,
		.as_root = options->as_root,
		.dies_with_parent = init->ns != NULL,
		.as_third = -1,
	};
	struct serve serve = {.channel = init->channel, .launch = &launch, .bus = state->bus};

	serve_run(&serve);
}

noreturn void init_run(struct init *init)
{
	struct state state = {.init = init, .bus = -1};
	struct channel_message failure = {.kind = CHANNEL_FAILED, .number = EXIT_OURS};
	const stage *stages = first_stages;

	if (init->ns)
		stages = joining_stages;
	else if (init->options->entry)
		stages = entering_stages;
	host_runtime_dir(init->uid, state.runtime_dir);
	for (size_t i = 0; stages[i]; i++) {
		if (stages[i](&state, &failure.error) < 0) {
			(void)channel_send(init->channel, &failure, NULL, 0);
			_exit(EXIT_OURS);
		}
	}
	stay(&state);
	_exit(0);
}
