/* Alarms, the earliest first: a binary heap, so that ten thousand peers with
 * timers cost no scan.  An alarm is part of its owner (container_of finds it)
 * and is borrowed while it is set.
 */
#ifndef ADIT_WIREGUARD_SCHEDULE_H
#define ADIT_WIREGUARD_SCHEDULE_H

#include "base/clock.h"

#include <stddef.h>
#include <stdint.h>

/* Zeroed is not set. */
struct alarm {
	struct instant at;
	size_t place; /* in the heap, from 1; 0: not set */
};

struct schedule {
	struct alarm **heap; /* heap[0] is not used */
	size_t n;
	size_t capacity;
};

/* Makes room for that many alarms at once.  -ENOMEM. */
int schedule_reserve(struct schedule *schedule, size_t n_alarms);
void schedule_done(struct schedule *schedule);

/* Sets or moves it; `at` never: takes it out.  There must be room for it. */
void schedule_set(struct schedule *schedule, struct alarm *alarm, struct instant at);
/* NULL when none is set. */
struct alarm *schedule_first(const struct schedule *schedule);

#endif
