/* The end of a lasting namespace: `adit down`.
 *
 * The supervisor ends first, then everything in the namespace that led out is
 * taken away, then its name.  Processes that are still inside stay there, with
 * nothing but lo and the firewall that drops everything.
 */
#ifndef ADIT_SUPERVISE_DOWN_H
#define ADIT_SUPERVISE_DOWN_H

#include "supervise/seal.h"

struct error;
struct place;

enum { DOWN_GUESTS_MAX = 8 };

struct down_result {
	bool was_there;
	struct seal_guest guest[DOWN_GUESTS_MAX]; /* who is still inside */
	size_t n_guests;			  /* all of them */
};

/* Ends the supervisor, if there is one, and waits for its end; the namespace stays,
 * sealed, and what holds its tunnel with it.
 */
int down_supervisor(const struct place *place, struct error *err);

/* Idempotent.  On failure the namespace is sealed, and has its name still. */
int down(const struct place *place, struct down_result *ret, struct error *err);

#endif
