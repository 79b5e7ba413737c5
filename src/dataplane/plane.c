#include "dataplane/plane.h"

#include "wireguard/device.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

static void fill_random(void *context, uint8_t *ret, size_t len)
{
	(void)context;
	while (len > 0) {
		ssize_t n = getrandom(ret, len, 0);

		if (n < 0 && errno != EINTR)
			abort(); /* keys without randomness are worse than none */
		if (n > 0) {
			ret += n;
			len -= (size_t)n;
		}
	}
}

/* Adaptive: what the lock is held for takes less time than to sleep and wake. */
static void init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attributes;

	(void)pthread_mutexattr_init(&attributes);
	(void)pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
	(void)pthread_mutex_init(lock, &attributes);
	(void)pthread_mutexattr_destroy(&attributes);
}

int plane_init(struct plane *plane, const struct tun *tun)
{
	struct instant now = clock_now();
	struct wall_time boot_wall = {clock_wall().ns - now.ns};

	*plane = (struct plane){.tun = *tun, .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	init_lock(&plane->lock);
	if (plane->wake_fd < 0)
		return -errno;
	plane->device = wg_device_new(fill_random, NULL, boot_wall);
	return plane->device ? 0 : -ENOMEM;
}

void plane_done(struct plane *plane)
{
	wg_device_free(plane->device);
	plane->device = NULL;
	if (plane->wake_fd > 0)
		(void)close(plane->wake_fd);
	plane->wake_fd = -1;
}

void plane_lock(struct plane *plane)
{
	(void)pthread_mutex_lock(&plane->lock);
}

void plane_unlock(struct plane *plane)
{
	(void)pthread_mutex_unlock(&plane->lock);
}

struct instant plane_fall_asleep(struct plane *plane, struct instant now)
{
	struct instant until = now;

	plane_lock(plane);
	if (!wg_has_output(plane->device)) {
		if (instant_is_due(plane->wakes, now))
			plane->wakes = (struct instant){0};
		plane->wakes = instant_first(plane->wakes, wg_next_deadline(plane->device));
		until = plane->wakes;
		atomic_store_explicit(&plane->is_sender_asleep, true, memory_order_relaxed);
	}
	plane_unlock(plane);
	return until;
}

void plane_wake_up(struct plane *plane)
{
	atomic_store_explicit(&plane->is_sender_asleep, false, memory_order_relaxed);
}

bool plane_needs_sender(struct plane *plane)
{
	struct instant deadline = wg_next_deadline(plane->device);

	if (!atomic_load_explicit(&plane->is_sender_asleep, memory_order_relaxed))
		return false;
	if (!wg_has_output(plane->device) &&
	    instant_first(plane->wakes, deadline).ns == plane->wakes.ns)
		return false;
	plane_wake_up(plane);
	return true;
}

void plane_call_sender(const struct plane *plane)
{
	const uint64_t one = 1;

	if (write(plane->wake_fd, &one, sizeof(one)) < 0)
		return; /* full: it is called already */
}

void plane_take_call(const struct plane *plane)
{
	uint64_t n;

	if (read(plane->wake_fd, &n, sizeof(n)) < 0)
		return; /* taken already */
}
