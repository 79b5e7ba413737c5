/* What a data plane must be told to become what its predecessor was.
 *
 * How it works: each set that was accepted is added, as the data plane got it.
 * When that has grown to twice the text that it began with, whoever owns the
 * journal asks the data plane for its state, and that becomes the new
 * beginning; so it is never much longer than the configuration.  The same after
 * a set that takes keys away, so that no key stays which is nobody's any more.
 *
 * The text holds keys, so it lives in secret memory and is wiped when it goes.
 */
#ifndef ADIT_DEVICE_JOURNAL_H
#define ADIT_DEVICE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

enum {
	JOURNAL_MAX = 128 * 1024 * 1024, /* bytes */
	JOURNAL_SHORT = 64 * 1024,	 /* not worth a new beginning */
};

/* Starts zeroed. */
struct journal {
	char *text; /* owned: requests, one behind the other */
	size_t size;
	size_t len;
	size_t start_len; /* of the beginning */
	bool has_dead_keys;
};

/* Room for a set of len bytes, so that journal_add() cannot fail.  -ENOMEM. */
int journal_reserve(struct journal *journal, size_t len);
/* The lines after "set=1", and the empty one. */
void journal_add(struct journal *journal, const char *lines, size_t len);

/* Twice as long as it began, or with keys that a later set has taken away. */
bool journal_is_stale(const struct journal *journal);
/* Begins anew with the reply to a get=1.  -ENOMEM, and it stays as it was. */
int journal_restart(struct journal *journal, const char *reply, size_t len);

/* The requests, in order: *at is 0 at first.  False after the last.  Borrowed. */
bool journal_next(const struct journal *journal, size_t *at, const char **ret, size_t *ret_len);

void journal_done(struct journal *journal); /* wipes, and makes it zeroed again */

#endif
