#include "supervise/supervisor.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/nobody.h"
#include "supervise/bystanders.h"
#include "supervise/converge.h"
#include "supervise/counters.h"
#include "supervise/foreign.h"
#include "supervise/host_side.h"
#include "supervise/life.h"
#include "supervise/names.h"
#include "supervise/seal.h"
#include "supervise/snapshot.h"
#include "tunnel/tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

#define FOLLOW_NS      (100 * NS_PER_MS) /* changes come in groups */
#define STATUS_NS      (15 * NS_PER_S)	 /* "handshake 12 s ago" grows old */
#define CLAIM_NS       NS_PER_S
#define CLAIM_PAUSE_NS (5 * NS_PER_MS)

static const char store_tun[] = "tun";

/* ---- what there is to tell ---- */

/* False: there is no data plane that answers, and *ret is zeroes. */
static bool ask_tunnel(const struct life *life, struct tunnel_stats *ret)
{
	*ret = (struct tunnel_stats){0};
	return life->keeper.tunnel && tunnel_read_stats(life->keeper.tunnel, ret, NULL) == 0;
}

static void fill_snapshot(const struct life *life, const struct tunnel_stats *stats,
			  struct snapshot *ret)
{
	const struct tunnel *tunnel = life->keeper.tunnel;

	*ret = (struct snapshot){
		.place = &life->place,
		.profile = life->prepared.profile,
		.plan = &life->prepared.plan,
		.stats = stats,
		.state = life->keeper.has_handshake ? "up" : "connecting",
		.backend = life->backend->name,
		.netns = life->inside.netns,
		.data_plane = tunnel ? tunnel_pid(tunnel) : -1,
		.lan = &life->lan,
	};
}

static void tell_systemd(struct life *life, const struct tunnel_stats *stats)
{
	struct snapshot snapshot;
	char line[128];

	fill_snapshot(life, stats, &snapshot);
	snapshot_line(&snapshot, line, sizeof(line));
	notify_send(&life->notify, "STATUS=%s", line);
}

/* ---- the tunnel ---- */

static void fill_config(void *context, struct tunnel_config *config)
{
	const struct life *life = context;

	config->backend = life->backend;
	config->device = life->prepared.profile->device;
	config->netns_fd = life->inside.netns;
	config->userns_fd = life->inside.userns;
	config->tun_fd = life->tun;
	config->mtu = life->prepared.plan.mtu;
	config->has_ids = nobody_is_there();
	config->uid = NOBODY_ID;
	config->gid = NOBODY_ID;
}

static int on_stats(void *context, const struct tunnel_stats *stats)
{
	struct life *life = context;

	tell_systemd(life, stats);
	return clients_retry(&life->clients);
}

/* Plans anew with what is known of the host and of the way to the peers now. */
static void replan(struct life *life)
{
	struct error err = {0};
	int r = prepare_plan(&life->prepared, life_backend(life->backend), &err);

	if (r == 0)
		r = life_converge(life, &err);
	if (r < 0)
		log_error(&err);
}

/* The way there may have another MTU. */
static int on_endpoint(void *context, size_t peer)
{
	(void)peer;
	replan(context);
	return 0;
}

static void on_network(void *context)
{
	struct life *life = context;

	lan_follow(&life->lan, life->prepared.profile);
	if (life->prepared.host.n_steps > 0)
		life->follow = instant_first(life->follow, instant_add(clock_now(), FOLLOW_NS));
}

/* Who is in the LAN, by which link, and whether the host is a router for others. */
static void follow_network(struct life *life)
{
	life->follow = (struct instant){0};
	replan(life);
}

/* ---- requests ---- */

static int answer_status(struct life *life, int fd, bool is_brief)
{
	struct tunnel_stats stats;
	struct snapshot snapshot;
	json_t *answer;
	bool has_stats = ask_tunnel(life, &stats);

	fill_snapshot(life, has_stats ? &stats : NULL, &snapshot);
	answer = snapshot_json(&snapshot);
	if (!is_brief)
		(void)json_object_set_new(
			answer, "drops",
			counters_json(&life->inside, life->prepared.profile->device));
	control_answer(fd, answer);
	json_decref(answer);
	tunnel_stats_done(&stats);
	return 0;
}

static void answer_done(int fd)
{
	json_t *answer = json_object();

	control_answer(fd, answer);
	json_decref(answer);
}

static int answer_reload(struct life *life, int fd)
{
	struct error err = {0};

	notify_send(&life->notify, "STATUS=reloading");
	if (life_reload(life, &err) < 0) {
		log_error(&err);
		control_answer_error(fd, &err);
	} else {
		log_info("reloaded");
		answer_done(fd);
	}
	tell_systemd(life, NULL);
	return 0;
}

static int serve(void *context, enum control_request request, int fd, int *ret_waits)
{
	struct life *life = context;

	if (life->is_ended) /* whoever asks has to find out: it is not told that we are there */
		return 0;
	switch (request) {
	case CONTROL_STATUS:
	case CONTROL_BRIEF:
		return answer_status(life, fd, request == CONTROL_BRIEF);
	case CONTROL_WAIT:
		*ret_waits = !life->keeper.has_handshake;
		return *ret_waits ? 0 : answer_status(life, fd, true);
	case CONTROL_RELOAD:
		return answer_reload(life, fd);
	case CONTROL_STOP:
		life->is_ended = true;
		answer_done(fd);
		return 0;
	case CONTROL_REQUESTS:
		break;
	}
	return 0;
}

/* ---- signals and time ---- */

static int on_signal(void *context, int fd, uint32_t events)
{
	struct life *life = context;
	struct signalfd_siginfo info;
	struct error err = {0};

	(void)events;
	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	if (info.ssi_signo == SIGCONT)
		takeover_note_continued(&life->keeper.takeover, clock_now());
	else if (info.ssi_signo != SIGHUP)
		life->is_ended = true;
	else if (life_reload(life, &err) < 0)
		log_error(&err);
	return 0;
}

static int open_signals(struct life *life)
{
	static const int wanted[] = {SIGINT, SIGTERM, SIGHUP, SIGCONT};
	sigset_t mine;

	sigemptyset(&mine);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		(void)sigaddset(&mine, wanted[i]);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	if (sigprocmask(SIG_BLOCK, &mine, NULL) < 0)
		return error_errno(life->err, errno, "cannot block signals");
	life->signals = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
	if (life->signals < 0)
		return error_errno(life->err, errno, "cannot read signals");
	return loop_add(life->loop, life->signals, EPOLLIN, on_signal, life);
}

/* Half the time that systemd's watchdog gives. */
static uint64_t tick_ns(const struct life *life)
{
	uint64_t watchdog_ns = life->notify.watchdog_ns / 2;

	return watchdog_ns != 0 && watchdog_ns < STATUS_NS ? watchdog_ns : STATUS_NS;
}

static void tick(struct life *life, struct instant now)
{
	struct tunnel_stats stats;
	bool has_stats = ask_tunnel(life, &stats);

	tell_systemd(life, has_stats ? &stats : NULL);
	tunnel_stats_done(&stats);
	notify_send(&life->notify, "WATCHDOG=1");
	life->tick = instant_add(now, tick_ns(life));
}

/* ---- the beginning ---- */

enum profile_backend life_backend(const struct tunnel_backend *backend)
{
	return backend == &tunnel_backend_kernel ? BACKEND_KERNEL : BACKEND_USERSPACE;
}

/* Of the host's events only those of firewalls: the rest comes by on_network(). */
static int on_host_rules(void *context, int fd, uint32_t events)
{
	static const struct drift_own nobody;
	struct life *life = context;
	struct drift_report report;

	(void)fd;
	(void)events;
	drift_read(&life->host_rules, &nobody, &report);
	if (report.changed & DRIFT_FIREWALL)
		life->repair.due =
			instant_first(life->repair.due, instant_add(clock_now(), REPAIR_SOON_NS));
	return 0;
}

static int watch_host_rules(struct life *life, struct error *err)
{
	int r;

	if (life->host_rules.nftables >= 0 || life->prepared.host.n_steps == 0)
		return 0;
	r = drift_open(life->prepared.host.host_table, &life->host_rules, err);
	if (r < 0)
		return r;
	(void)close(life->host_rules.route);
	life->host_rules.route = -1;
	/* a reload replaces the plan, the name stays */
	life->host_rules.table = life->host_table;
	(void)snprintf(life->host_table, sizeof(life->host_table), "%s",
		       life->prepared.host.host_table);
	return loop_add(life->loop, life->host_rules.nftables, EPOLLIN, on_host_rules, life);
}

/* In place of the one there was; -1: the kernel's WireGuard needs none. */
static void take_tun(struct life *life, int tun)
{
	if (life->tun >= 0)
		(void)close(life->tun);
	life->tun = tun;
	if (tun >= 0)
		notify_store(&life->notify, store_tun, tun);
	else
		notify_forget(&life->notify, store_tun);
}

static int make_true(struct life *life, bool says_changes, struct error *err)
{
	struct converge wanted = {
		.says_changes = says_changes,
		.place = &life->place,
		.inside = &life->inside,
		.plan = &life->prepared.plan,
		.tun = life->tun,
	};
	const struct host_side host = {
		.place = &life->place,
		.netns = life->inside.netns,
		.plan = &life->prepared.host,
		.says_changes = says_changes,
	};
	int tun = -1;
	int n = host_side_converge(&host, err);
	int r = n < 0 ? n : watch_host_rules(life, err);

	if (r == 0)
		r = converge(&wanted, &tun, err);
	if (r < 0)
		return r;
	if (r > 0 || n > 0)
		repair_note_own(&life->repair, clock_now());
	if (tun >= 0 || (life->backend == &tunnel_backend_kernel && life->tun >= 0))
		take_tun(life, tun);
	return 0;
}

int life_converge(struct life *life, struct error *err)
{
	return make_true(life, false, err);
}

/* What a supervisor that was killed had just forked has its locks for a moment more. */
static int claim_key(struct life *life)
{
	struct instant deadline = instant_add(clock_now(), CLAIM_NS);

	for (;;) {
		struct error err = {0};
		pid_t holder;
		int r = registry_claim(life->prepared.profile->public_key, &life->registry, &holder,
				       &err);

		if (r == -EBUSY && !instant_is_due(deadline, clock_now())) {
			(void)nanosleep(&(struct timespec){.tv_nsec = CLAIM_PAUSE_NS}, NULL);
			continue;
		}
		if (r == -EBUSY)
			error_hint(&err, "two clients with one key stall each other");
		if (r < 0)
			*life->err = err;
		return r;
	}
}

static int claim(struct life *life)
{
	pid_t holder = 0;
	int r = place_make(&life->place, life->err);

	if (r < 0)
		return r;
	life->lock = place_lock(&life->place, &holder, life->err);
	if (life->lock < 0)
		return life->lock;
	r = claim_key(life);
	if (r < 0)
		return r;
	life->listen = folder_listen(life->place.control, life->err);
	return life->listen < 0 ? life->listen : 0;
}

static int on_holder(void *context, int fd, uint32_t events);

static int watch_holder(struct life *life, struct error *err)
{
	int fd = seal_hold(&life->place, &life->inside, err);

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	life->holder = fd;
	return loop_add(life->loop, fd, EPOLLIN, on_holder, life);
}

/* The namespace is still ours, and gets another one. */
static int on_holder(void *context, int fd, uint32_t events)
{
	struct life *life = context;
	struct error err = {0};

	(void)events;
	(void)waitid(P_PIDFD, (id_t)fd, &(siginfo_t){0}, WEXITED | WNOHANG); /* a child? */
	loop_remove(life->loop, fd);
	(void)close(fd);
	life->holder = -1;
	if (watch_holder(life, &err) < 0)
		log_error(&err);
	else
		log_warn("what held the namespace has ended; something else holds it now");
	return 0;
}

/* LAN flows by a veth have their rules inside after those on the host. */
static int make_namespace(struct life *life)
{
	const struct plan *plan = life->prepared.host.n_steps == 0 ? &life->prepared.plan : NULL;
	const struct foreign_origin origin = foreign_origin(life->prepared.profile);
	bool was_there = true;
	int r = seal_make(&life->place, &origin, plan, &was_there, life->err);

	life->has_made_seal = r == 0 && !was_there;
	if (r == 0)
		r = seal_open(&life->place, &life->inside, life->err);
	if (r == 0)
		r = watch_holder(life, life->err);
	if (r == 0)
		r = names_write(&life->place, life->prepared.profile, life->err);
	return r;
}

static int plan_network(struct life *life)
{
	int r = tunnel_choose(life->prepared.profile, &life->backend, life->err);

	return r < 0 ? r : prepare_plan(&life->prepared, life_backend(life->backend), life->err);
}

static int connect_tunnel(struct life *life)
{
	int adopted = life->tun;
	int r = life_converge(life, life->err);

	if (r == 0)
		r = keeper_init(&life->keeper, life->loop, life->prepared.profile, life->err);
	if (r == 0 && adopted >= 0 && life->tun == adopted)
		takeover_note_adopted(&life->keeper.takeover);
	if (r == 0)
		r = keeper_open(&life->keeper, life->err);
	if (r < 0)
		return r;
	bystanders_warn(life->prepared.profile, &life->prepared.host);
	keeper_watch_network(&life->keeper);
	life->lan.loop = life->loop;
	life->lan.inside = &life->inside;
	r = lan_configure(&life->lan, life->prepared.profile, life->err);
	if (r < 0)
		return r;
	r = repair_open(&life->repair, life->loop, &life->inside, life->err);
	if (r == 0) /* once more, for what was changed before we watched */
		life->repair.due = clock_now();
	return r;
}

/* Whoever started us sees what is said until then. */
static void turn_to_log(const char *path)
{
	int log =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (log < 0)
		return;
	(void)dup2(log, STDOUT_FILENO);
	(void)dup2(log, STDERR_FILENO);
	(void)close(log);
}

static void say_ready(struct life *life, const struct supervisor_options *options)
{
	notify_send(&life->notify, "READY=1");
	tell_systemd(life, NULL);
	if (life->notify.socket >= 0)
		life->tick = instant_add(clock_now(), tick_ns(life));
	if (options->log)
		turn_to_log(options->log);
	if (options->ready_fd >= 0) {
		(void)fd_write_all(options->ready_fd, "", 1);
		(void)close(options->ready_fd);
	}
}

/* ---- the life ---- */

/* Somebody has changed something inside, or we have and look once more. */
static void repair(struct life *life, struct instant now)
{
	struct error err = {0};
	int tun = life->tun;

	repair_begin(&life->repair, now);
	if (make_true(life, true, &err) < 0) {
		(void)error_wrap(&err, "cannot repair what was changed inside");
		log_error(&err);
		life->repair.due = instant_add(now, NS_PER_S);
		return;
	}
	/* the kernel's link may be another one, without a key; one that is as it was is left so */
	if (life->backend == &tunnel_backend_kernel && life->keeper.tunnel) {
		if (keeper_configure(&life->keeper, &err) < 0)
			log_error(&err);
		return;
	}
	if (life->tun == tun)
		return;
	keeper_close(&life->keeper);
	if (keeper_open(&life->keeper, &err) < 0)
		log_error(&err);
}

static struct instant next_deadline(const struct life *life)
{
	struct instant own = instant_first(life->tick, life->repair.due);

	return instant_first(instant_first(own, life->follow), keeper_next_deadline(&life->keeper));
}

static int turn_until_ended(struct life *life)
{
	while (!life->is_ended) {
		int r = loop_turn(life->loop, next_deadline(life));
		struct instant now = clock_now();

		if (r < 0)
			return r;
		if (life->is_ended) /* who said so may seal by now */
			break;
		if (instant_is_due(life->repair.due, now))
			repair(life, now);
		keeper_handle_deadlines(&life->keeper, now);
		if (instant_is_due(life->follow, now))
			follow_network(life);
		if (instant_is_due(life->tick, now))
			tick(life, now);
	}
	return 0;
}

static int live(struct life *life, const struct supervisor_options *options)
{
	int r = place_find(options->name, &life->place, life->err);

	if (r == 0) {
		r = prepare_profile(options->name, CONFIG_FOR_LASTING, &life->prepared, life->err);
		life->is_files_fault = r == -EBADMSG || r == -ENOENT;
	}
	if (r == 0 && !(life->loop = loop_new()))
		r = error_set(life->err, ENOMEM, "out of memory");
	if (r == 0)
		r = claim(life);
	if (r == 0)
		r = open_signals(life);
	if (r == 0)
		r = plan_network(life);
	if (r == 0)
		r = make_namespace(life);
	if (r == 0)
		r = connect_tunnel(life);
	if (r == 0)
		r = clients_open(&life->clients, life->loop, life->listen);
	if (r < 0)
		return r;
	life->has_made_seal = false; /* from here on it outlives us */
	say_ready(life, options);
	return turn_until_ended(life);
}

/* The namespace stays; what drops its packets needs no process. */
static void life_done(struct life *life, bool has_begun)
{
	notify_send(&life->notify, "STOPPING=1");
	clients_close(&life->clients);
	repair_close(&life->repair);
	lan_close(&life->lan);
	drift_close(&life->host_rules);
	keeper_done(&life->keeper);
	if (life->listen >= 0) {
		(void)unlink(life->place.control);
		(void)close(life->listen);
	}
	registry_release(&life->registry);
	if (life->signals >= 0)
		(void)close(life->signals);
	if (life->tun >= 0)
		(void)close(life->tun);
	if (life->holder >= 0)
		(void)close(life->holder);
	seal_close(&life->inside);
	prepare_done(&life->prepared);
	loop_free(life->loop);
	notify_close(&life->notify);
	if (life->lock >= 0) {
		if (has_begun || !seal_forget(&life->place))
			(void)unlink(life->place.lock);
		(void)close(life->lock);
	}
}

static bool undo_host_side(struct life *life)
{
	struct error err = {0};

	if (host_side_remove(&life->place, life->inside.netns, &err) >= 0)
		return true;
	log_error(&err);
	return false;
}

int supervisor_run(const struct supervisor_options *options, bool *ret_is_files, struct error *err)
{
	struct life life = {
		.lock = -1,
		.listen = -1,
		.inside = {.netns = -1, .userns = -1},
		.holder = -1,
		.registry = {.lock = -1, .listen = -1},
		.keeper = {.refresh = {.look_up = {.fd = -1}},
			   .network = -1,
			   .is_lasting = true,
			   .on_stats = on_stats,
			   .on_endpoint = on_endpoint,
			   .on_network = on_network,
			   .fill_config = fill_config},
		.clients = {.serve = serve},
		.signals = -1,
		.host_rules = {.route = -1, .nftables = -1},
		.tun = notify_take(store_tun),
		.err = err,
	};
	bool is_undone = false;
	int r;

	life.keeper.context = &life;
	life.clients.context = &life;
	notify_open(&life.notify);
	r = live(&life, options);
	if (r < 0 && life.has_made_seal)
		is_undone = undo_host_side(&life);
	*ret_is_files = life.is_files_fault;
	life_done(&life, r >= 0);
	if (is_undone) /* else the next `up` or `down` finds there what is left to undo */
		(void)seal_undo(&life.place, NULL);
	return r;
}
