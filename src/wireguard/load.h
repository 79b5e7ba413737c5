/* Whether handshakes come faster than we care to compute them.
 *
 * How it works: there is no queue of handshakes here whose length could be
 * measured, since each is worked on as it arrives.  A leaky bucket stands for
 * it: every message with a valid mac1 (only those can cost a Diffie-Hellman)
 * adds one, and LOAD_DRAIN_PER_S leak out.  When more than LOAD_MAX are in it
 * the device is under load, and stays so for WG_UNDER_LOAD_TIME.  The rate is about a twentieth of
 * one slow core.
 *
 * Source: whitepaper section 5.3 leaves the measure open.
 */
#ifndef ADIT_WIREGUARD_LOAD_H
#define ADIT_WIREGUARD_LOAD_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	LOAD_DRAIN_PER_S = 250,
	LOAD_MAX = 128,
};

/* Zeroed is at rest. */
struct load {
	struct instant counted; /* when the bucket was last looked at */
	uint64_t level_ns;	/* what is in it, as the time it takes to leak out */
	struct instant until;	/* under load at least so long; 0: not */
};

bool load_is_high(const struct load *load, struct instant now);
/* Counts a handshake message with a valid mac1. */
void load_count(struct load *load, struct instant now);

#endif
