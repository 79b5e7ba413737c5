/* The host's side of a namespace, made what a plan_host() says: observed, compared,
 * changed.  Idempotent, as converge.h; needs root.
 */
#ifndef ADIT_SUPERVISE_HOST_SIDE_H
#define ADIT_SUPERVISE_HOST_SIDE_H

#include "supervise/inside.h"

#include <stdbool.h>

struct error;
struct place;
struct plan;

struct host_side {
	const struct place *place;
	int netns; /* of the namespace; -1: it is gone */
	const struct plan *plan;
	bool says_changes; /* a line of log for each, since nobody asked for them */
};

/* All or nothing, but for the guard.  A plan without steps takes away what there is.
 * Returns how many steps it took.
 */
int host_side_converge(const struct host_side *wanted, struct error *err);

/* Takes away all that is there, found by its names and its ledger. */
int host_side_remove(const struct place *place, int netns, struct error *err);

#endif
