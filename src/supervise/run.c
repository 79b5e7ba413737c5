#include "supervise/run.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "confine/confine.h"
#include "confine/user.h"
#include "supervise/diagnosis.h"
#include "supervise/hidden.h"
#include "supervise/join.h"
#include "supervise/keeper.h"
#include "supervise/network.h"
#include "supervise/prepare.h"
#include "supervise/registry.h"
#include "supervise/session.h"
#include "tunnel/tunnel.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct run {
	const struct run_options *options;
	struct session session;
	struct prepared prepared;
	struct registry registry;
	int fd[NETWORK_FDS];

	struct keeper keeper;
	bool is_ready; /* process 1 has made everything */
	struct instant began;
	struct instant deadline; /* of the wait for a handshake */
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
	    run->session.state != SESSION_STARTING)
		return 0;
	run->deadline = (struct instant){0};
	if (!run->options->is_quiet && has_handshake && log_use_color())
		log_info("tunnel up after %.0f ms",
			 (double)instant_since(clock_now(), run->began) / (double)NS_PER_MS);
	return session_go(&run->session);
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

/* ---- the session's callbacks ---- */

static int take_network(void *context, const struct confine_event *event)
{
	struct run *run = context;

	if (event->n_fds != NETWORK_FDS)
		return error_set(run->err, EPROTO, "process 1 made no network");
	memcpy(run->fd, event->fd, sizeof(run->fd));
	return keeper_open(&run->keeper, run->err);
}

static int become_ready(void *context)
{
	struct run *run = context;

	run->is_ready = true;
	return let_go(run);
}

static void note_continued(void *context)
{
	struct run *run = context;

	takeover_note_continued(&run->keeper.takeover, clock_now());
}

static struct instant next_deadline(void *context)
{
	const struct run *run = context;

	return instant_first(run->deadline, keeper_next_deadline(&run->keeper));
}

static int handle_deadlines(void *context, struct instant now)
{
	struct run *run = context;

	if (instant_is_due(run->deadline, now) && run->session.state == SESSION_STARTING)
		return explain_silence(run);
	keeper_handle_deadlines(&run->keeper, now);
	return 0;
}

static const struct session_ops session_ops = {
	.take_network = take_network,
	.ready = become_ready,
	.continued = note_continued,
	.next_deadline = next_deadline,
	.handle_deadlines = handle_deadlines,
};

static int on_join(void *context, int fd, uint32_t events)
{
	struct run *run = context;

	(void)fd;
	(void)events;
	join_serve(&run->registry, run->session.confine.ns);
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
};

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
	int r = session_choose_user(options->user, confine->as_root, &user, err);

	if (r <= 0)
		return r;
	confine->tun_helper = user_helper_start(err);
	if (confine->tun_helper < 0)
		return confine->tun_helper;
	return user_become(&user, err);
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

static int watch_joiners(struct run *run)
{
	int r = loop_add(run->session.loop, run->registry.listen, EPOLLIN, on_join, run);

	return r < 0 ? error_errno(run->err, -r, "cannot watch who joins") : 0;
}

/* Namespaces, network, tunnel, command: everything that is this run's alone. */
static int run_own(struct run *run, const struct confine_options *asked)
{
	struct confine_options confine = *asked;
	struct hidden hidden = {0};
	struct names names;
	int r = claim_key(run);

	if (r < 0)
		return r;
	warn_of_profile(run);
	r = prepare_network(&run->prepared, run->options->wait_ns, run->err);
	if (r < 0)
		return r;
	r = keeper_init(&run->keeper, run->session.loop, run->prepared.profile, run->err);
	if (r < 0)
		return r;
	fill_names(run->prepared.profile, &names, &confine);
	r = hidden_add_profile(&hidden, run->prepared.profile);
	if (r < 0)
		return error_set(run->err, ENOMEM, "out of memory");
	hidden_resolve(&hidden);
	confine.hidden_file = (const char *const *)hidden.path;
	confine.n_hidden_files = hidden.n_paths;
	confine.network = network_make;
	confine.network_context = &run->prepared.plan;
	r = confine_start(&confine, &run->session.confine, run->err);
	hidden_done(&hidden);
	if (r < 0)
		return r;
	run->began = clock_now();
	if (run->options->has_wait)
		run->deadline = instant_add(run->began, run->options->wait_ns);
	r = watch_joiners(run);
	if (r < 0)
		return r;
	keeper_watch_network(&run->keeper);
	return session_run(&run->session);
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
	r = confine_join(confine, ns, &run->session.confine, run->err);
	for (int i = 0; i < CONFINE_NAMESPACES; i++)
		if (ns[i] >= 0)
			(void)close(ns[i]);
	return r < 0 ? r : session_run(&run->session);
}

static void run_done(struct run *run)
{
	session_end(&run->session);
	keeper_done(&run->keeper);
	registry_release(&run->registry);
	for (int i = 0; i < NETWORK_FDS; i++)
		if (run->fd[i] >= 0)
			(void)close(run->fd[i]);
	session_done(&run->session);
	prepare_done(&run->prepared);
}

static int prepare(struct run *run, struct confine_options *confine)
{
	int r = prepare_profile(run->options->config, CONFIG_FOR_RUN, &run->prepared, run->err);

	if (r == 0)
		r = become_user(run->options, confine, run->err);
	if (r == 0)
		r = session_judge(confine->argv, run->err);
	return r;
}

int run_command(struct run_options *options, int *ret_status, struct error *err)
{
	struct confine_options confine = options->confine;
	struct run run = {
		.options = options,
		.session = {.ops = &session_ops, .err = err},
		.registry = {.lock = -1, .listen = -1},
		.keeper = {.refresh = {.look_up = {.fd = -1}},
			   .network = -1,
			   .on_stats = on_stats,
			   .fill_config = fill_config},
		.fd = {-1, -1},
		.err = err,
	};
	int r;

	run.keeper.context = &run;
	run.session.context = &run;
	session_init(&run.session);
	r = session_open(&run.session);
	confine.signals = &run.session.found;
	if (r == 0)
		r = prepare(&run, &confine);
	if (r == 0)
		r = options->is_joining ? run_joined(&run, &confine) : run_own(&run, &confine);
	run_done(&run);
	if (r == 0)
		*ret_status = run.session.status;
	return r;
}
