#include "wireguard/schedule.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 8 };

int schedule_reserve(struct schedule *schedule, size_t n_alarms)
{
	size_t capacity = schedule->capacity ? schedule->capacity : CAPACITY_MIN;
	struct alarm **heap;

	if (n_alarms <= schedule->capacity)
		return 0;
	while (capacity < n_alarms)
		capacity *= 2;
	heap = reallocarray(schedule->heap, capacity + 1, sizeof(struct alarm *));
	if (!heap)
		return -ENOMEM;
	schedule->heap = heap;
	schedule->capacity = capacity;
	return 0;
}

void schedule_done(struct schedule *schedule)
{
	free(schedule->heap);
	*schedule = (struct schedule){0};
}

static void put(struct schedule *schedule, size_t place, struct alarm *alarm)
{
	schedule->heap[place] = alarm;
	alarm->place = place;
}

static void sift_up(struct schedule *schedule, struct alarm *alarm)
{
	size_t place = alarm->place;

	while (place > 1 && schedule->heap[place / 2]->at.ns > alarm->at.ns) {
		put(schedule, place, schedule->heap[place / 2]);
		place /= 2;
	}
	put(schedule, place, alarm);
}

static void sift_down(struct schedule *schedule, struct alarm *alarm)
{
	size_t place = alarm->place;

	for (;;) {
		size_t child = place * 2;

		if (child < schedule->n &&
		    schedule->heap[child + 1]->at.ns < schedule->heap[child]->at.ns)
			child++;
		if (child > schedule->n || schedule->heap[child]->at.ns >= alarm->at.ns)
			break;
		put(schedule, place, schedule->heap[child]);
		place = child;
	}
	put(schedule, place, alarm);
}

static void take_out(struct schedule *schedule, struct alarm *alarm)
{
	struct alarm *last = schedule->heap[schedule->n];
	size_t place = alarm->place;

	schedule->n--;
	*alarm = (struct alarm){0};
	if (last == alarm)
		return;
	put(schedule, place, last);
	sift_up(schedule, last);
	sift_down(schedule, last);
}

void schedule_set(struct schedule *schedule, struct alarm *alarm, struct instant at)
{
	if (alarm->at.ns == at.ns)
		return;
	if (!instant_is_set(at)) {
		take_out(schedule, alarm);
		return;
	}
	if (alarm->place == 0) {
		assert(schedule->n < schedule->capacity);
		put(schedule, ++schedule->n, alarm);
	}
	alarm->at = at;
	sift_up(schedule, alarm);
	sift_down(schedule, alarm);
}

struct alarm *schedule_first(const struct schedule *schedule)
{
	return schedule->n > 0 ? schedule->heap[1] : NULL;
}
