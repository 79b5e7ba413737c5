/* Randomness that is the same in every run. */
#ifndef ADIT_TESTS_UNIT_WIREGUARD_REPEATABLE_H
#define ADIT_TESTS_UNIT_WIREGUARD_REPEATABLE_H

#include "wireguard/random.h"

/* xorshift64 (G. Marsaglia, 2003); the state is not 0. */
static inline uint64_t repeatable_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline void repeatable_fill(void *context, uint8_t *ret, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ret[i] = (uint8_t)(repeatable_next(context) >> 32);
}

static inline struct random_source repeatable_source(uint64_t *state)
{
	return (struct random_source){.fill = repeatable_fill, .context = state};
}

#endif
