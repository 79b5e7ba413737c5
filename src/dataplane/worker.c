#include "dataplane/worker.h"

#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "dataplane/link.h"
#include "dataplane/plane.h"
#include "dataplane/pool.h"
#include "dataplane/receiver.h"
#include "dataplane/sender.h"
#include "dataplane/shift.h"
#include "wireguard/device.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>

struct worker {
	struct loop *loop; /* the caller's thread */
	struct plane plane;
	struct pool pool;
	struct sender sender;
	struct receiver receiver;
	struct shift shift;
	struct link link;
};

/* ---- handlers ---- */

/* While the sockets are read here. */
static int on_udp(void *context, int fd, uint32_t events)
{
	struct worker *worker = context;
	bool is_behind;

	plane_wake_up(&worker->plane);
	is_behind = receiver_on_udp(&worker->receiver, fd, events);
	sender_drain(&worker->sender, worker->receiver.now);
	if (is_behind)
		shift_call(&worker->shift, clock_now());
	return 0;
}

static int on_call(void *context, int fd, uint32_t events)
{
	struct worker *worker = context;
	int r;

	(void)fd;
	(void)events;
	plane_take_call(&worker->plane);
	r = shift_take_back(&worker->shift);
	sender_drain(&worker->sender, clock_now());
	return r;
}

/* ---- life ---- */

static int start_loop(struct worker *worker)
{
	worker->loop = loop_new();
	if (!worker->loop)
		return -ENOMEM;
	return loop_add(worker->loop, worker->plane.wake_fd, EPOLLIN, on_call, worker);
}

static int start_all(struct worker *worker, const struct worker_options *options)
{
	int r = plane_init(&worker->plane, &options->tun);

	if (r == 0)
		r = start_loop(worker);
	if (r == 0)
		r = sender_init(&worker->sender, &worker->plane, &worker->pool.line[0]);
	if (r == 0)
		r = receiver_init(&worker->receiver, &worker->plane, &worker->pool.line[1]);
	if (r < 0)
		return r;
	worker->shift = (struct shift){
		.plane = &worker->plane,
		.receiver = &worker->receiver,
		.callers = worker->loop,
		.handler = on_udp,
		.context = worker,
	};
	r = shift_init(&worker->shift, &options->sockets);
	if (r < 0)
		return r;
	wg_device_set_mtu(worker->plane.device, options->mtu);
	worker->sender.mtu = options->mtu;
	worker->sender.sockets = options->sockets;
	worker->sender.to_udp.is_mark_refused = options->sockets.is_mark_refused;
	worker->sender.events.fd = options->events;
	worker->receiver.events.fd = options->events;
	worker->link = (struct link){
		.fd = options->uapi,
		.loop = worker->loop,
		.plane = &worker->plane,
		.sender = &worker->sender,
		.shift = &worker->shift,
		.is_successor = options->is_successor,
	};
	return link_init(&worker->link, !options->is_down);
}

int worker_new(const struct worker_options *options, struct worker **ret, struct error *err)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	struct udp_sockets sockets = options->sockets;
	int r;

	if (!worker) {
		udp_close(&sockets);
		return error_set(err, ENOMEM, "out of memory for the data plane");
	}
	pool_init(&worker->pool);
	r = start_all(worker, options);
	if (r < 0) {
		if (!worker->shift.plane)
			udp_close(&sockets);
		worker_free(worker);
		return error_errno(err, -r, "cannot start the data plane");
	}
	*ret = worker;
	return 0;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	shift_done(&worker->shift);
	receiver_done(&worker->receiver);
	pool_done(&worker->pool);
	link_done(&worker->link);
	sender_done(&worker->sender);
	plane_done(&worker->plane);
	loop_free(worker->loop);
	free(worker);
}

static unsigned int count_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1; /* more than the set has room for, or forbidden */
	return (unsigned int)CPU_COUNT(&set);
}

int worker_start(struct worker *worker, unsigned int n_processors)
{
	unsigned int n = n_processors > 0 ? n_processors : count_processors();
	unsigned int n_helpers = pool_helpers_for(n);
	int r;

	if (pool_start(&worker->pool, n_helpers) < n_helpers)
		log_debug("data plane: not all of %u helpers can be had", n_helpers);
	r = sender_grow(&worker->sender);
	if (r == 0)
		r = receiver_grow(&worker->receiver);
	if (r == 0 && n > 1 && shift_start(&worker->shift) < 0)
		log_debug("data plane: one thread has to send and receive");
	return r;
}

/* ---- a turn ---- */

static void run_timers(struct worker *worker, struct instant now)
{
	struct plane *plane = &worker->plane;

	plane_lock(plane);
	wg_tick(plane->device, now);
	plane_unlock(plane);
	sender_drain(&worker->sender, now);
}

int worker_turn(struct worker *worker)
{
	struct instant now = clock_now();
	struct instant until = plane_fall_asleep(&worker->plane, now);
	int r;

	if (instant_is_due(until, now)) {
		run_timers(worker, now);
		until = plane_fall_asleep(&worker->plane, now);
	}
	/* last, since from now on whoever takes a handshake calls us */
	r = sender_look_at_hold(&worker->sender, worker->loop, now);
	if (r < 0)
		return r;
	sender_forget(&worker->sender);
	shift_forget(&worker->shift);
	r = loop_turn(worker->loop, instant_first(until, worker->sender.held_until));
	plane_wake_up(&worker->plane);
	if (worker->sender.is_behind)
		shift_call(&worker->shift, clock_now());
	worker->sender.is_behind = false;
	return r;
}
