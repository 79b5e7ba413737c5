/* The network inside, made what a plan says: observed, compared, changed.
 *
 * Idempotent, and the same for the first time, for a reload, for what others
 * have changed, and for what a crash left.
 */
#ifndef ADIT_SUPERVISE_CONVERGE_H
#define ADIT_SUPERVISE_CONVERGE_H

#include "supervise/inside.h"

#include <stdbool.h>

struct error;
struct place;
struct plan;

struct converge {
	const struct place *place;
	const struct inside *inside;
	const struct plan *plan;
	int tun;	   /* ours already; -1: none */
	bool says_changes; /* a line of log for each, since nobody asked for them */
	bool only_rules;   /* as amend.h has it */
};

/* All or nothing.  *ret_tun is the device's descriptor, the caller's, where one
 * was made, else -1.  Returns 1 when something was changed, 0 when all was so.
 */
int converge(const struct converge *wanted, int *ret_tun, struct error *err);

/* Nothing but lo, and what drops everything; a negative errno on failure. */
int converge_seal(const struct place *place, const struct inside *inside, struct error *err);
/* Only what drops everything: what else is there stays. */
int converge_seal_rules(const struct place *place, const struct inside *inside, struct error *err);

#endif
