#include "base/clock.h"

#include <limits.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts = {0};

	(void)clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

struct instant clock_now(void)
{
	return (struct instant){read_clock(CLOCK_BOOTTIME)};
}

struct wall_time clock_wall(void)
{
	return (struct wall_time){read_clock(CLOCK_REALTIME)};
}

int instant_poll_ms(struct instant when, struct instant now)
{
	uint64_t ns = instant_since(when, now);
	uint64_t ms = ns / NS_PER_MS + (ns % NS_PER_MS != 0);

	if (!instant_is_set(when))
		return -1;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}
