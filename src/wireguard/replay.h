/* Which counters of a session have been seen: a window of 8128 that slides
 * with the highest one.
 *
 * Source: RFC 6479; the sizes are those of the Linux module.
 */
#ifndef ADIT_WIREGUARD_REPLAY_H
#define ADIT_WIREGUARD_REPLAY_H

#include "wireguard/constants.h"

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: nothing seen. */
struct replay {
	uint64_t next; /* one more than the highest counter seen */
	uint64_t seen[WG_REPLAY_BITS / 64];
};

/* Marks the counter of a message that has authenticated; false when it was
 * marked before, is too old to tell, or is WG_REJECT_AFTER_MESSAGES or more.
 */
bool replay_accept(struct replay *replay, uint64_t counter);

#endif
