/* TAI64N: the twelve bytes that tell a fresh initiation from a replayed one.
 *
 * 8 bytes of seconds and 4 of nanoseconds, both big-endian, so that the later
 * of two is the greater one in memcmp(3).  Nanoseconds are rounded down to
 * 2^24 ns (16.8 ms), so that the wire does not show a precise clock.
 *
 * Source: D. J. Bernstein, "TAI64, TAI64N, and TAI64NA"; the rounding is that
 * of the Linux module.
 */
#ifndef ADIT_WIREGUARD_TAI64N_H
#define ADIT_WIREGUARD_TAI64N_H

#include "base/clock.h"
#include "wireguard/message.h"

#include <stdbool.h>

struct tai64n {
	uint8_t byte[WG_TIMESTAMP_LEN]; /* zeroes: before every time */
};

struct tai64n tai64n_from_wall(struct wall_time wall);
bool tai64n_is_after(const struct tai64n *a, const struct tai64n *b);

/* The time, or when that is not after `last` (the clock was set back, or the
 * call is a second one within a rounding step) the next step after it.
 */
struct tai64n tai64n_next(struct wall_time wall, const struct tai64n *last);

#endif
