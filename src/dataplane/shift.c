#include "dataplane/shift.h"

#include "dataplane/plane.h"
#include "dataplane/receiver.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { STACK_SIZE = 256 * 1024 };

static int listen_in(const struct shift *shift, struct loop *loop, loop_handler handler,
		     void *context)
{
	int r = 0;

	for (int i = 0; i < UDP_FAMILIES && r == 0; i++)
		if (shift->sockets.fd[i] >= 0)
			r = loop_add(loop, shift->sockets.fd[i], EPOLLIN, handler, context);
	return r;
}

static void ignore_in(const struct shift *shift, struct loop *loop)
{
	for (int i = 0; i < UDP_FAMILIES; i++)
		loop_remove(loop, shift->sockets.fd[i]);
}

/* ---- the sender's thread ---- */

static int listen_here(struct shift *shift)
{
	shift->is_read_here = true;
	return listen_in(shift, shift->callers, shift->handler, shift->context);
}

static void ignore_here(struct shift *shift)
{
	ignore_in(shift, shift->callers);
	shift->is_read_here = false;
}

static void wake_second(const struct shift *shift)
{
	const uint64_t one = 1;

	if (write(shift->control_fd, &one, sizeof(one)) < 0)
		return; /* full: it is woken already */
}

void shift_call(struct shift *shift, struct instant now)
{
	bool is_new = false;

	if (!shift->has_thread)
		return;
	plane_lock(shift->plane);
	shift->busy_until = instant_add(now, SHIFT_NS);
	if (shift->is_read_here) {
		ignore_here(shift);
		shift->is_second = true;
		is_new = true;
	}
	plane_unlock(shift->plane);
	if (is_new)
		wake_second(shift);
}

int shift_take_back(struct shift *shift)
{
	int r = 0;

	if (shift->is_read_here)
		return 0;
	plane_lock(shift->plane);
	if (!shift->is_second)
		r = listen_here(shift);
	plane_unlock(shift->plane);
	return r;
}

void shift_forget(struct shift *shift)
{
	if (shift->is_read_here)
		receiver_forget(shift->receiver);
}

void shift_use_sockets(struct shift *shift, const struct udp_sockets *sockets)
{
	if (shift->is_second) {
		if (shift->has_next) /* nobody has looked at them */
			udp_close(&shift->next_sockets);
		shift->next_sockets = *sockets;
		shift->has_next = true;
		wake_second(shift);
		return;
	}
	ignore_here(shift);
	udp_close(&shift->sockets);
	shift->sockets = *sockets;
	(void)listen_here(shift);
}

void shift_settle(struct shift *shift)
{
	plane_lock(shift->plane);
	while (shift->has_next)
		(void)pthread_cond_wait(&shift->has_changed, &shift->plane->lock);
	plane_unlock(shift->plane);
}

/* ---- the second thread ---- */

static int on_udp(void *context, int fd, uint32_t events)
{
	struct shift *shift = context;

	if (!receiver_on_udp(shift->receiver, fd, events))
		return 0;
	plane_lock(shift->plane);
	shift->busy_until = instant_add(shift->receiver->now, SHIFT_NS);
	plane_unlock(shift->plane);
	return 0;
}

static int listen_there(struct shift *shift)
{
	shift->is_read_there = true;
	return listen_in(shift, shift->own, on_udp, shift);
}

static void ignore_there(struct shift *shift)
{
	ignore_in(shift, shift->own);
	shift->is_read_there = false;
}

/* With the plane's lock; the sender has to be called after it. */
static void give_back(struct shift *shift)
{
	ignore_there(shift);
	shift->is_second = false;
}

/* With the plane's lock. */
static void change_sockets(struct shift *shift)
{
	ignore_there(shift);
	udp_close(&shift->sockets);
	shift->sockets = shift->next_sockets;
	shift->has_next = false;
	(void)pthread_cond_signal(&shift->has_changed);
}

static int on_control(void *context, int fd, uint32_t events)
{
	struct shift *shift = context;
	bool gives_back = false;
	bool is_stopping;
	uint64_t n;

	(void)events;
	if (read(fd, &n, sizeof(n)) < 0)
		return 0; /* taken already */
	plane_lock(shift->plane);
	if (shift->has_next)
		change_sockets(shift);
	if (shift->is_second && !shift->is_read_there)
		gives_back = listen_there(shift) < 0;
	if (gives_back)
		give_back(shift);
	is_stopping = shift->is_stopping;
	plane_unlock(shift->plane);
	if (gives_back)
		plane_call_sender(shift->plane);
	return is_stopping ? -ESHUTDOWN : 0;
}

/* A sender that is awake may be about a long send: what comes must not wait for it. */
static bool may_give_back(struct shift *shift, struct instant now)
{
	if (!instant_is_due(shift->busy_until, now) || shift->has_next)
		return false;
	if (atomic_load_explicit(&shift->plane->is_sender_asleep, memory_order_relaxed))
		return true;
	shift->busy_until = instant_add(now, SHIFT_NS);
	return false;
}

/* Gives the sockets back when it is time; until when to sleep. */
static struct instant look_at_clock(struct shift *shift)
{
	struct instant until = {0};
	bool gives_back;

	if (!shift->is_read_there)
		return until;
	receiver_forget(shift->receiver);
	plane_lock(shift->plane);
	gives_back = may_give_back(shift, clock_now());
	if (gives_back)
		give_back(shift);
	else
		until = shift->busy_until;
	plane_unlock(shift->plane);
	if (gives_back)
		plane_call_sender(shift->plane);
	return until;
}

static void *run(void *context)
{
	struct shift *shift = context;
	int r = 0;

	(void)prctl(PR_SET_NAME, "adit-receive", 0, 0, 0);
	(void)sem_post(&shift->started);
	while (r >= 0)
		r = loop_turn(shift->own, look_at_clock(shift));
	return NULL;
}

/* ---- life ---- */

static int make_thread(struct shift *shift)
{
	pthread_attr_t attributes;
	int r;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	r = pthread_create(&shift->thread, &attributes, run, shift);
	(void)pthread_attr_destroy(&attributes);
	return -r;
}

int shift_start(struct shift *shift)
{
	int r;

	shift->own = loop_new();
	if (!shift->own)
		return -ENOMEM;
	r = loop_add(shift->own, shift->control_fd, EPOLLIN, on_control, shift);
	if (r == 0)
		r = make_thread(shift);
	if (r < 0) {
		loop_free(shift->own);
		shift->own = NULL;
		return r;
	}
	shift->has_thread = true;
	/* what a thread does before it runs, no filter of system calls foresees */
	while (sem_wait(&shift->started) < 0 && errno == EINTR)
		continue;
	return 0;
}

int shift_init(struct shift *shift, const struct udp_sockets *sockets)
{
	shift->sockets = *sockets;
	(void)pthread_cond_init(&shift->has_changed, NULL);
	(void)sem_init(&shift->started, 0, 0);
	shift->control_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (shift->control_fd < 0)
		return -errno;
	return listen_here(shift);
}

static void stop(struct shift *shift)
{
	plane_lock(shift->plane);
	shift->is_stopping = true;
	plane_unlock(shift->plane);
	wake_second(shift);
	(void)pthread_join(shift->thread, NULL);
	shift->has_thread = false;
	loop_free(shift->own);
}

void shift_done(struct shift *shift)
{
	if (!shift->plane)
		return;
	if (shift->has_thread)
		stop(shift);
	udp_close(&shift->sockets);
	if (shift->has_next)
		udp_close(&shift->next_sockets);
	if (shift->control_fd >= 0)
		(void)close(shift->control_fd);
	(void)sem_destroy(&shift->started);
	(void)pthread_cond_destroy(&shift->has_changed);
}
