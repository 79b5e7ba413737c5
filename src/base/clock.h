/* Time below the command line: one base, boot time in nanoseconds.
 *
 * CLOCK_BOOTTIME goes on during suspend, so a session key ages while the
 * machine sleeps (as the kernel module counts).  Wall time is for output, and
 * for the TAI64N timestamp of a handshake.
 */
#ifndef ADIT_BASE_CLOCK_H
#define ADIT_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

/* A point on CLOCK_BOOTTIME, in nanoseconds; 0 is "never".  A struct so that
 * it cannot be added to a duration, or to wall time, by accident.
 */
struct instant {
	uint64_t ns;
};

/* A point on CLOCK_REALTIME, in nanoseconds since 1970. */
struct wall_time {
	uint64_t ns;
};

struct instant clock_now(void);
struct wall_time clock_wall(void);

static inline struct instant instant_add(struct instant when, uint64_t ns)
{
	return (struct instant){when.ns + ns};
}

/* Nanoseconds from `earlier` to `later`; 0 when it is not earlier. */
static inline uint64_t instant_since(struct instant later, struct instant earlier)
{
	return later.ns > earlier.ns ? later.ns - earlier.ns : 0;
}

static inline bool instant_is_set(struct instant when)
{
	return when.ns != 0;
}

/* `when` has come; "never" has not. */
static inline bool instant_is_due(struct instant when, struct instant now)
{
	return when.ns != 0 && when.ns <= now.ns;
}

/* The earlier of two, where "never" is later than all. */
static inline struct instant instant_first(struct instant a, struct instant b)
{
	if (a.ns == 0 || (b.ns != 0 && b.ns < a.ns))
		return b;
	return a;
}

/* Milliseconds until `when`, rounded up, for poll(2): -1 for never, 0 for due. */
int instant_poll_ms(struct instant when, struct instant now);

#endif
