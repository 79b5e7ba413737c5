/* What the threads of a data plane share: the device, its lock, and how one
 * wakes the other.
 *
 * How it works: two threads work on one device, the sender (TUN to UDP) and, when
 * there is much to do, the receiver (UDP to TUN).  The lock is held for looking
 * up, counting and timers, never around the cipher, a send, a receive or a write
 * to the TUN.
 *
 * Only the sender takes outputs from the device and runs its timers, so that
 * what leaves, leaves in order.  It sleeps in epoll until a descriptor is ready
 * or until `wakes`.  What the receiver does may leave an output behind, or a
 * deadline before `wakes`; it then writes to wake_fd, once for each sleep.  To
 * keep data from doing that packet by packet (each re-arms a timer), the sender
 * never puts `wakes` off before it has come: it wakes once too often, at most
 * once for each timer that was called off, and sets it anew.
 */
#ifndef ADIT_DATAPLANE_PLANE_H
#define ADIT_DATAPLANE_PLANE_H

#include "base/clock.h"
#include "dataplane/health.h"
#include "dataplane/tun.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct wg_device;

struct plane {
	struct tun tun; /* its descriptor is borrowed; both threads write to it */
	int wake_fd;	/* owned: an eventfd that the sender watches */

	pthread_mutex_t lock;	  /* of all that follows */
	struct wg_device *device; /* owned */
	struct health received;	  /* the receiver's part */
	struct instant wakes;	  /* until when the sender sleeps; 0: no limit */
	/* Without the lock it is only ever cleared, which may cost a wake-up. */
	atomic_bool is_sender_asleep;
};

/* The device is down.  -ENOMEM, or why there is no eventfd. */
int plane_init(struct plane *plane, const struct tun *tun);
/* Also of one zeroed, or half made.  The threads have ended. */
void plane_done(struct plane *plane);

void plane_lock(struct plane *plane);
void plane_unlock(struct plane *plane);

/* The sender is about to sleep: until when?  Now, if something waits. */
struct instant plane_fall_asleep(struct plane *plane, struct instant now);
void plane_wake_up(struct plane *plane);

/* Whether the sender must be told; with the lock, after calls to the device. */
bool plane_needs_sender(struct plane *plane);
/* Tells it; without the lock. */
void plane_call_sender(const struct plane *plane);
/* The sender has heard. */
void plane_take_call(const struct plane *plane);

#endif
