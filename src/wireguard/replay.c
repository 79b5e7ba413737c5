#include "wireguard/replay.h"

#include <assert.h>
#include <string.h>

enum {
	WORD_BITS = 64,
	N_WORDS = WG_REPLAY_BITS / WORD_BITS,
};

/* The word for counter c also serves c + WG_REPLAY_BITS: it is cleared when the
 * window reaches it, so one word's worth of the bits is not usable as window.
 */
static_assert(WG_REPLAY_WINDOW == WG_REPLAY_BITS - WORD_BITS, "RFC 6479 section 2");
static_assert((N_WORDS & (N_WORDS - 1)) == 0, "RFC 6479 section 2: a power of two");

/* Clears the words between the one of the highest counter and the one of the new. */
static void slide(struct replay *replay, uint64_t next)
{
	uint64_t from = replay->next / WORD_BITS;
	uint64_t n = next / WORD_BITS - from;

	if (n >= N_WORDS)
		memset(replay->seen, 0, sizeof(replay->seen));
	else
		for (uint64_t i = 1; i <= n; i++)
			replay->seen[(from + i) % N_WORDS] = 0;
	replay->next = next;
}

bool replay_accept(struct replay *replay, uint64_t counter)
{
	uint64_t next = counter + 1; /* bits are kept for this: 0 is "nothing yet" */
	uint64_t bit = UINT64_C(1) << next % WORD_BITS;
	uint64_t *word = &replay->seen[next / WORD_BITS % N_WORDS];

	if (counter >= WG_REJECT_AFTER_MESSAGES)
		return false;
	if (next + WG_REPLAY_WINDOW < replay->next)
		return false;
	if (next > replay->next)
		slide(replay, next);
	if (*word & bit)
		return false;
	*word |= bit;
	return true;
}
