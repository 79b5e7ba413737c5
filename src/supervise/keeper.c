#include "supervise/keeper.h"

#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "config/profile.h"
#include "net/watch.h"
#include "tunnel/tunnel.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define FORGET_PAUSE_NS (100 * NS_PER_MS) /* routes may change by the thousand */
#define MEND_PAUSE_NS	NS_PER_S	  /* somebody may never stop changing the tunnel */

int keeper_init(struct keeper *keeper, struct loop *loop, struct profile *profile,
		struct error *err)
{
	keeper->loop = loop;
	keeper->profile = profile;
	if (refresh_init(&keeper->refresh, profile, keeper->is_lasting) < 0 ||
	    takeover_init(&keeper->takeover, profile) < 0)
		return error_set(err, ENOMEM, "out of memory");
	return 0;
}

/* A look-up under way is about a peer of the old one. */
static void cancel_look_up(struct keeper *keeper)
{
	if (keeper->refresh.look_up.fd >= 0)
		loop_remove(keeper->loop, keeper->refresh.look_up.fd);
	resolve_cancel(&keeper->refresh.look_up);
}

int keeper_set_profile(struct keeper *keeper, struct profile *profile, struct error *err)
{
	struct takeover before = keeper->takeover;
	struct takeover takeover;
	struct refresh refresh;

	if (refresh_init(&refresh, profile, keeper->is_lasting) < 0)
		return error_set(err, ENOMEM, "out of memory");
	if (takeover_init(&takeover, profile) < 0) {
		refresh_done(&refresh);
		return error_set(err, ENOMEM, "out of memory");
	}
	cancel_look_up(keeper);
	refresh_done(&keeper->refresh);
	takeover_inherit(&takeover, &before);
	takeover_done(&before);
	keeper->takeover = takeover;
	keeper->refresh = refresh;
	keeper->profile = profile;
	keeper->has_warned = false;
	return 0;
}

void keeper_done(struct keeper *keeper)
{
	keeper_close(keeper);
	if (keeper->loop)
		cancel_look_up(keeper);
	refresh_done(&keeper->refresh);
	takeover_done(&keeper->takeover);
	if (keeper->network >= 0) {
		loop_remove(keeper->loop, keeper->network);
		(void)close(keeper->network);
	}
	keeper->network = -1;
}

/* ---- the data plane and its successors ---- */

static int on_event(void *context, int fd, uint32_t events);
static int on_death(void *context, int fd, uint32_t events);

static struct tunnel_config config_of(const struct keeper *keeper)
{
	struct tunnel_config config = {
		.profile = keeper->profile,
		.tun_fd = -1,
		.starts_handshake = true,
	};

	keeper->fill_config(keeper->context, &config);
	return config;
}

int keeper_open(struct keeper *keeper, struct error *err)
{
	struct tunnel_config config = config_of(keeper);
	int r;

	takeover_hand_on(&keeper->takeover, clock_now(), clock_wall(), &config);
	takeover_note_start(&keeper->takeover, clock_now());
	r = tunnel_open(&config, &keeper->tunnel, err);
	if (r < 0)
		return r;
	r = loop_add(keeper->loop, tunnel_events_fd(keeper->tunnel), EPOLLIN, on_event, keeper);
	if (r == 0 && tunnel_pidfd(keeper->tunnel) >= 0)
		r = loop_add(keeper->loop, tunnel_pidfd(keeper->tunnel), EPOLLIN, on_death, keeper);
	return r < 0 ? error_errno(err, -r, "cannot watch the tunnel") : 0;
}

int keeper_configure(struct keeper *keeper, struct error *err)
{
	struct tunnel_config config = config_of(keeper);

	config.endpoint = keeper->takeover.endpoint;
	return tunnel_set_config(keeper->tunnel, &config, err);
}

void keeper_close(struct keeper *keeper)
{
	if (!keeper->tunnel)
		return;
	loop_remove(keeper->loop, tunnel_events_fd(keeper->tunnel));
	if (tunnel_pidfd(keeper->tunnel) >= 0)
		loop_remove(keeper->loop, tunnel_pidfd(keeper->tunnel));
	tunnel_close(keeper->tunnel);
	keeper->tunnel = NULL;
}

/* The namespace is sealed without it: packets wait in the TUN or are dropped. */
static int on_death(void *context, int fd, uint32_t events)
{
	struct keeper *keeper = context;

	(void)fd;
	(void)events;
	keeper_close(keeper);
	takeover_note_death(&keeper->takeover, clock_now());
	log_warn("the data plane has ended; nothing leaves until it is back");
	return 0;
}

static void reopen(struct keeper *keeper)
{
	struct error err = {0};

	if (keeper_open(keeper, &err) < 0) {
		log_error(&err);
		(void)on_death(keeper, -1, 0);
	}
}

/* ---- the host's routes ---- */

/* Another uplink may be the better one now, and lets nobody send from the old
 * one's address.
 */
static int on_network(void *context, int fd, uint32_t events)
{
	struct keeper *keeper = context;

	unsigned int changed = watch_read(fd);

	(void)events;
	if (changed & WATCH_ROUTES)
		keeper->forget_at = instant_add(keeper->forgot, FORGET_PAUSE_NS);
	if (changed != 0 && keeper->on_network)
		keeper->on_network(keeper->context);
	return 0;
}

static void forget_sources(struct keeper *keeper, struct instant now)
{
	keeper->forgot = now;
	keeper->forget_at = (struct instant){0};
	if (keeper->tunnel)
		(void)tunnel_forget_sources(keeper->tunnel, NULL);
}

/* Without it the tunnel notices after 15 s of silence. */
void keeper_watch_network(struct keeper *keeper)
{
	struct error err;

	if (watch_open(&keeper->network, &err) < 0 ||
	    loop_add(keeper->loop, keeper->network, EPOLLIN, on_network, keeper) < 0)
		log_debug("changes of routes are not seen");
}

/* ---- names ---- */

static int on_look_up(void *context, int fd, uint32_t events)
{
	struct keeper *keeper = context;
	size_t i = keeper->refresh.looked_up;

	(void)events;
	loop_remove(keeper->loop, fd);
	if (!keeper->tunnel) {
		resolve_cancel(&keeper->refresh.look_up);
		return 0;
	}
	refresh_finish(&keeper->refresh, clock_now(), keeper->tunnel);
	takeover_set_endpoint(&keeper->takeover, i, &keeper->profile->peer[i].endpoint);
	return keeper->on_endpoint ? keeper->on_endpoint(keeper->context, i) : 0;
}

static void watch_look_up(struct keeper *keeper, int before)
{
	if (keeper->refresh.look_up.fd >= 0 && before < 0)
		(void)loop_add(keeper->loop, keeper->refresh.look_up.fd, EPOLLIN, on_look_up,
			       keeper);
}

static void look_up_due(struct keeper *keeper, struct instant now)
{
	int before = keeper->refresh.look_up.fd;

	if (!keeper->tunnel)
		return;
	refresh_begin_due(&keeper->refresh, now);
	watch_look_up(keeper, before);
}

/* ---- what the tunnel tells ---- */

/* Once: the tunnel works without what needs root. */
static void warn_of_refusals(struct keeper *keeper, const struct tunnel_stats *stats)
{
	if (keeper->has_warned)
		return;
	if (stats->is_mark_refused)
		log_warn("FwMark is not set: that needs root; the tunnel's own packets go by the "
			 "usual routes");
	if (stats->is_port_refused)
		log_warn("ListenPort %u is not used: ports below 1024 need root; the tunnel has "
			 "port %u",
			 keeper->profile->listen_port, stats->listen_port);
	keeper->has_warned = stats->is_mark_refused || stats->is_port_refused;
}

static void mend(struct keeper *keeper, struct instant now)
{
	struct tunnel_config config = config_of(keeper);
	struct error err = {0};
	char buffer[128];
	struct text text;
	int drift;

	if (instant_is_set(keeper->mended) && instant_since(now, keeper->mended) < MEND_PAUSE_NS)
		return;
	keeper->mended = now;
	drift = tunnel_find_drift(keeper->tunnel, &config, NULL);
	if (drift <= 0) /* without its link the repair of that comes first */
		return;
	text_init(&text, buffer, sizeof(buffer));
	tunnel_print_drift((unsigned int)drift, &text);
	log_warn("somebody has changed %s of the tunnel; repairing", buffer);
	if (keeper_configure(keeper, &err) < 0)
		log_error(&err);
}

static int on_event(void *context, int fd, uint32_t events)
{
	struct keeper *keeper = context;
	struct tunnel_stats stats = {0};
	int look_up = keeper->refresh.look_up.fd;
	int r;

	(void)fd;
	(void)events;
	tunnel_take_event(keeper->tunnel);
	if (tunnel_read_stats(keeper->tunnel, &stats, NULL) < 0)
		return 0; /* it has died: its pidfd says so too */
	takeover_keep(&keeper->takeover, keeper->profile, &stats);
	mend(keeper, clock_now());
	keeper->has_handshake = keeper->has_handshake || tunnel_stats_has_handshake(&stats);
	warn_of_refusals(keeper, &stats);
	if (stats.n_unlocked > 0)
		log_debug("the data plane could not lock %llu bytes of key memory: see ulimit -l",
			  (unsigned long long)stats.n_unlocked);
	refresh_consider(&keeper->refresh, clock_now(), &stats);
	watch_look_up(keeper, look_up);
	r = keeper->on_stats(keeper->context, &stats);
	tunnel_stats_done(&stats);
	return r;
}

/* ---- time ---- */

struct instant keeper_next_deadline(const struct keeper *keeper)
{
	struct instant next = instant_first(keeper->takeover.due, keeper->forget_at);

	return keeper->tunnel ? instant_first(next, refresh_next(&keeper->refresh)) : next;
}

void keeper_handle_deadlines(struct keeper *keeper, struct instant now)
{
	if (instant_is_due(keeper->takeover.due, now))
		reopen(keeper);
	if (instant_is_due(keeper->forget_at, now))
		forget_sources(keeper, now);
	if (instant_is_due(refresh_next(&keeper->refresh), now))
		look_up_due(keeper, now);
}
