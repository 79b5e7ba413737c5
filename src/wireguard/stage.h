/* Inner packets that wait for a session, the oldest dropped first.
 *
 * A ring of equal slots, so that a packet costs one copy and nothing else.  The
 * slots are allocated with the first packet that waits, again when a larger one
 * comes, and freed with the last one; only the pages of packets that really
 * wait are touched.
 */
#ifndef ADIT_WIREGUARD_STAGE_H
#define ADIT_WIREGUARD_STAGE_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed is empty. */
struct stage {
	uint8_t *slots;	    /* NULL: nothing waits */
	uint32_t slot_size; /* bytes; a power of two */
	uint8_t first;	    /* the oldest's slot */
	uint8_t n;	    /* packets that wait */
};

/* Copies the packet in.  Returns how many were lost by it: the oldest when
 * WG_STAGED_MAX wait, this one when memory is short or it is no packet.
 */
unsigned int stage_push(struct stage *stage, const uint8_t *packet, size_t len);
/* The oldest, borrowed until the stage changes; NULL when none waits. */
const uint8_t *stage_peek(const struct stage *stage, size_t *ret_len);
/* Removes the oldest. */
void stage_pop(struct stage *stage);
/* Removes all; returns how many. */
unsigned int stage_clear(struct stage *stage);

#endif
