/* Which place among the counters each forward has.  One that stays keeps its
 * place, whatever else is reconfigured around it.  Pure.
 */
#ifndef ADIT_RELAY_SLOTS_H
#define ADIT_RELAY_SLOTS_H

#include "relay/forward.h"

#include <stddef.h>

struct slots {
	size_t n_forwards;
	struct relay_forward forward[RELAY_FORWARDS_MAX];
	uint32_t slot[RELAY_FORWARDS_MAX]; /* of each */
};

/* The next assignment after `before`. */
void slots_assign(const struct slots *before, const struct relay_forward *forward,
		  size_t n_forwards, struct slots *ret);
/* Some forward of `slots` has that place and is the same in `other`. */
bool slots_has_both(const struct slots *slots, const struct slots *other, uint32_t slot);

#endif
