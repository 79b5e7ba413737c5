/* The tunnel by the kernel's own WireGuard.
 *
 * How it works: the link is there already, made by a step of the plan, and goes by
 * the step's undo.  What is done here is what wg(8) does, by a netlink socket that
 * was opened inside the namespace.  The device lives in the kernel, so nothing dies
 * with this process: tunnel_close() leaves it as it is, the tunnel goes on, and who
 * opens it next finds it running and changes what is not as wanted.  Only a device
 * that had nothing before is emptied again when it cannot be opened.
 *
 * The kernel begins a handshake when there is something to send, and a persistent
 * keepalive that is switched on is; so that is switched off and on, and then to
 * what it shall be.  It sends nothing while the link is down, so that is repeated
 * until something was sent.
 */
#include "tunnel/kernel.h"

#include "base/error.h"
#include "config/profile.h"
#include "net/wgdevice.h"
#include "net/wgstate.h"
#include "tunnel/kernel_change.h"
#include "tunnel/kernel_drift.h"
#include "tunnel/kernel_watch.h"
#include "tunnel/tunnel.h"
#include "wireguard/constants.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct kernel {
	struct tunnel tunnel;
	struct wgdevice *device;
	int timer; /* readable when the counters should be read */
	struct kernel_watch watch;
	struct instant due; /* of the timer */
	bool is_calm;	    /* the timer was set when no handshake was waited for */
	bool is_starting;   /* handshakes are wanted, and not all of them begun */
};

static struct kernel *from(const struct tunnel *tunnel)
{
	return (struct kernel *)(uintptr_t)tunnel;
}

/* ---- time ---- */

static struct kernel_watch_time read_clocks(void)
{
	return (struct kernel_watch_time){.now = clock_now(), .wall = clock_wall()};
}

/* Fires again and again, should nobody read the counters. */
static void set_timer(struct kernel *self, struct instant now)
{
	uint64_t ns = kernel_watch_interval(&self->watch, now);
	const struct timespec pause = {
		.tv_sec = (time_t)(ns / NS_PER_S),
		.tv_nsec = (long)(ns % NS_PER_S),
	};
	const struct itimerspec setting = {.it_value = pause, .it_interval = pause};

	(void)timerfd_settime(self->timer, 0, &setting, NULL);
	self->due = instant_add(now, ns);
	self->is_calm = !self->watch.is_waiting;
}

/* Whoever reads the counters in between does not put the next look off. */
static void keep_timer(struct kernel *self, struct instant now)
{
	if (!self->is_calm || self->watch.is_waiting || instant_is_due(self->due, now))
		set_timer(self, now);
}

static void await_handshake(struct kernel *self, uint64_t age)
{
	const struct kernel_watch_time time = read_clocks();

	kernel_watch_wait(&self->watch, &time, age);
	set_timer(self, time.now);
}

/* ---- handshakes ---- */

static int set_keepalive(const struct kernel *self, const struct wgstate_peer *peer,
			 uint16_t keepalive_s, struct error *err)
{
	const struct wgdevice_peer_change change = {
		.public_key = peer->public_key,
		.has_to_exist = true,
		.has_keepalive = true,
		.keepalive_s = keepalive_s,
	};

	return wgdevice_put_peer(self->device, &change, err);
}

static int put_handshake(const struct kernel *self, const struct wgstate_peer *peer,
			 struct error *err)
{
	int r = set_keepalive(self, peer, 0, err);

	if (r == 0)
		r = set_keepalive(self, peer, peer->keepalive_s ? peer->keepalive_s : 1, err);
	if (r == 0 && peer->keepalive_s == 0)
		r = set_keepalive(self, peer, 0, err);
	return r;
}

static bool is_unstarted(const struct wgstate_peer *peer)
{
	return endpoint_is_set(&peer->endpoint) && peer->tx_bytes == 0;
}

static bool has_session(const struct wgstate_peer *peer, struct wall_time now)
{
	return peer->last_handshake.ns != 0 &&
	       peer->last_handshake.ns + WG_REJECT_AFTER_TIME > now.ns;
}

/* With peers that were never sent to, and if so wanted with all that have no
 * session; none is no error.
 */
static int start_handshakes(struct kernel *self, const struct wgstate *state, bool with_all,
			    struct error *err)
{
	static const struct wgdevice_change nothing;
	const struct wall_time now = clock_wall();
	int r = 0;

	self->is_starting = false;
	wgdevice_begin(self->device, &nothing);
	for (size_t i = 0; r == 0 && i < state->n_peers; i++) {
		const struct wgstate_peer *peer = &state->peer[i];

		if (is_unstarted(peer))
			self->is_starting = true;
		if (is_unstarted(peer) ||
		    (with_all && endpoint_is_set(&peer->endpoint) && !has_session(peer, now)))
			r = put_handshake(self, peer, err);
	}
	return r == 0 ? wgdevice_finish(self->device, err) : r;
}

/* ---- configuration ---- */

static int begin_all(struct kernel *self, struct error *err)
{
	struct wgstate state = {0};
	int r = wgdevice_read(self->device, &state, err);

	if (r == 0)
		r = start_handshakes(self, &state, true, err);
	wgstate_done(&state);
	return r;
}

/* A failure's only harm is that somebody else's doing may be taken for ours. */
static void note_places(struct kernel *self, const struct tunnel_config *config)
{
	for (size_t i = 0; i < config->profile->n_peers; i++) {
		const union endpoint *endpoint = kernel_change_endpoint(config, i);

		if (endpoint_is_set(endpoint))
			(void)kernel_watch_place(&self->watch, config->profile->peer[i].public_key,
						 endpoint);
	}
}

/* ret_was_empty: it had neither key nor peer before. */
static int configure(struct kernel *self, const struct tunnel_config *config, bool *ret_was_empty,
		     struct error *err)
{
	static const uint8_t none[32];
	struct wgstate old = {0};
	int r = wgdevice_read(self->device, &old, err);

	if (r < 0)
		return r;
	*ret_was_empty = old.n_peers == 0 && memcmp(old.public_key, none, sizeof(none)) == 0;
	r = kernel_change(self->device, &old, config, err);
	wgstate_done(&old);
	if (r == 0)
		note_places(self, config);
	if (r == 0 && config->starts_handshake)
		r = begin_all(self, err);
	return r;
}

static int set_config(struct tunnel *tunnel, const struct tunnel_config *config, struct error *err)
{
	struct kernel *self = from(tunnel);
	char before[IFNAMSIZ];
	bool was_empty;
	int r;

	(void)snprintf(before, sizeof(before), "%s", wgdevice_name(self->device));
	if (config->device)
		wgdevice_set_name(self->device, config->device);
	r = configure(self, config, &was_empty, err);
	if (r < 0)
		wgdevice_set_name(self->device, before);
	if (r == 0 && config->starts_handshake)
		await_handshake(self, WG_REJECT_AFTER_TIME);
	return r;
}

static int move_peer(struct kernel *self, const struct wgstate_peer *peer,
		     const union endpoint *endpoint, struct error *err)
{
	const struct wgdevice_peer_change change = {
		.public_key = peer->public_key,
		.has_to_exist = true,
		.endpoint = endpoint,
	};
	static const struct wgdevice_change nothing;
	int r;

	wgdevice_begin(self->device, &nothing);
	r = wgdevice_put_peer(self->device, &change, err);
	if (r == 0)
		r = put_handshake(self, peer, err);
	return r == 0 ? wgdevice_finish(self->device, err) : r;
}

static int set_endpoint(struct tunnel *tunnel, const uint8_t public_key[32],
			const union endpoint *endpoint, struct error *err)
{
	struct kernel *self = from(tunnel);
	const struct wgstate_peer *peer;
	struct wgstate state = {0};
	int r = wgdevice_read(self->device, &state, err);

	if (r < 0)
		return r;
	peer = wgstate_find(&state, public_key);
	r = peer ? move_peer(self, peer, endpoint, err)
		 : error_set(err, ENOENT, "the tunnel has no such peer");
	wgstate_done(&state);
	if (r == 0) {
		(void)kernel_watch_place(&self->watch, public_key, endpoint);
		await_handshake(self, 0);
	}
	return r;
}

/* The kernel's own forgets them as routes and addresses go. */
static int forget_sources(struct tunnel *tunnel, struct error *err)
{
	(void)tunnel;
	(void)err;
	return 0;
}

/* ---- counters ---- */

static int convert(const struct wgstate *state, struct tunnel_stats *ret)
{
	*ret = (struct tunnel_stats){.listen_port = state->listen_port};
	ret->peer = calloc(state->n_peers + 1, sizeof(*ret->peer));
	if (!ret->peer)
		return -ENOMEM;
	ret->n_peers = state->n_peers;
	for (size_t i = 0; i < state->n_peers; i++) {
		const struct wgstate_peer *peer = &state->peer[i];

		ret->peer[i] = (struct tunnel_peer_stats){
			.endpoint = peer->endpoint,
			.rx_bytes = peer->rx_bytes,
			.tx_bytes = peer->tx_bytes,
			.last_handshake = peer->last_handshake,
		};
		memcpy(ret->peer[i].public_key, peer->public_key, 32);
	}
	return 0;
}

static int note(struct kernel *self, const struct wgstate *state, struct tunnel_stats *ret,
		struct error *err)
{
	const struct kernel_watch_time time = read_clocks();
	struct tunnel_stats stats;
	int r = convert(state, &stats);

	if (r == 0)
		r = kernel_watch_note(&self->watch, &time, &stats);
	if (r < 0) {
		tunnel_stats_done(&stats);
		return error_set(err, -r, "out of memory for the tunnel's counters");
	}
	keep_timer(self, time.now);
	*ret = stats;
	return 0;
}

static int read_stats(struct tunnel *tunnel, struct tunnel_stats *ret, struct error *err)
{
	struct kernel *self = from(tunnel);
	struct wgstate state = {0};
	int r = wgdevice_read(self->device, &state, err);

	if (r < 0)
		return r;
	if (self->is_starting)
		r = start_handshakes(self, &state, false, err);
	if (r == 0)
		r = note(self, &state, ret, err);
	wgstate_done(&state);
	return r;
}

static int find_drift(struct tunnel *tunnel, const struct tunnel_config *config, struct error *err)
{
	const struct wgstate_judge judge = kernel_drift_judge(config->profile);
	struct kernel *self = from(tunnel);
	struct wgstate state = {0};
	unsigned int drift;
	int r = wgdevice_read_judged(self->device, &judge, &state, err);

	if (r < 0)
		return r;
	drift = kernel_drift_find(&state, config->profile);
	if (self->watch.has_doubts)
		drift |= TUNNEL_DRIFT_ENDPOINTS;
	wgstate_done(&state);
	return (int)drift;
}

/* ---- life ---- */

static void release(struct kernel *self)
{
	if (self->timer >= 0)
		(void)close(self->timer);
	kernel_watch_done(&self->watch);
	free(self);
}

int kernel_adopt(struct wgdevice *device, const struct tunnel_config *config, struct tunnel **ret,
		 struct error *err)
{
	struct kernel *self = calloc(1, sizeof(*self));
	bool was_empty = false;
	int r = 0;

	if (!self)
		return error_set(err, ENOMEM, "out of memory for the tunnel");
	self->tunnel.backend = &tunnel_backend_kernel;
	self->device = device;
	self->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (self->timer < 0)
		r = error_errno(err, errno, "cannot make a timer for the tunnel");
	if (r == 0)
		r = configure(self, config, &was_empty, err);
	if (r < 0) {
		if (was_empty)
			kernel_change_clear(device);
		release(self);
		return r;
	}
	await_handshake(self, WG_REJECT_AFTER_TIME);
	*ret = &self->tunnel;
	return 0;
}

static int open_kernel(const struct tunnel_config *config, struct tunnel **ret, struct error *err)
{
	struct wgdevice *device;
	int r;

	if (!config->device) {
		(void)error_set(err, EOPNOTSUPP, "Backend = kernel is for named namespaces");
		error_hint(err, "leave Backend out, or write Backend = userspace");
		return -EOPNOTSUPP;
	}
	r = wgdevice_open(config->device, config->netns_fd, config->userns_fd, &device, err);
	if (r < 0)
		return r;
	r = kernel_adopt(device, config, ret, err);
	if (r < 0)
		wgdevice_close(device);
	return r;
}

static void close_kernel(struct tunnel *tunnel)
{
	struct kernel *self = from(tunnel);

	wgdevice_close(self->device);
	release(self);
}

static pid_t get_pid(const struct tunnel *tunnel)
{
	(void)tunnel;
	return -1;
}

static int get_pidfd(const struct tunnel *tunnel)
{
	(void)tunnel;
	return -1;
}

static int get_events_fd(const struct tunnel *tunnel)
{
	return from(tunnel)->timer;
}

const struct tunnel_backend tunnel_backend_kernel = {
	.name = "kernel",
	.probe = wgdevice_probe,
	.open = open_kernel,
	.set_config = set_config,
	.set_endpoint = set_endpoint,
	.forget_sources = forget_sources,
	.read_stats = read_stats,
	.find_drift = find_drift,
	.pid = get_pid,
	.pidfd = get_pidfd,
	.events_fd = get_events_fd,
	.close = close_kernel,
};
