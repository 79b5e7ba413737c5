/* "Unreachable", said to a program inside whose packet has nowhere to go.
 *
 * Sources: RFC 792, RFC 1812 section 4.3.2 (what is not answered, and how
 * often), RFC 4443.
 */
#ifndef ADIT_DATAPLANE_ICMP_H
#define ADIT_DATAPLANE_ICMP_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ICMP_MESSAGE_MAX = 1280, /* bytes: RFC 4443 section 2.4 (c) */
	ICMP_BURST = 32,
};

#define ICMP_REFILL_NS (10 * NS_PER_MS) /* one message more */

/* Starts zeroed. */
struct icmp_limit {
	unsigned int n_spent;
	struct instant refilled;
};

/* One more message may be sent now. */
bool icmp_limit_take(struct icmp_limit *limit, struct instant now);

/* The answer to `packet`, from its destination to its source, into ret, which
 * holds ICMP_MESSAGE_MAX bytes.  Its length; 0: such a packet gets no answer.
 */
size_t icmp_unreachable(const uint8_t *packet, size_t len, uint8_t *ret);

#endif
