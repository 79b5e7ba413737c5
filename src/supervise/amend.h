/* One side's network made what a plan says, with the place's record: for both sides.
 */
#ifndef ADIT_SUPERVISE_AMEND_H
#define ADIT_SUPERVISE_AMEND_H

#include <stdbool.h>

struct error;
struct host;
struct place;
struct plan;

struct amend {
	const struct place *place;
	const struct plan *plan;
	bool says_changes; /* a line of log for each, since nobody asked for them */
	bool only_rules;   /* the table is loaded, whatever stands; all else is as it was */
};

/* survey_repair(), in that side's network namespace.  Its record is read before and
 * written afterwards, also after a failure, which may have loaded a table and put
 * it back.
 */
int amend(const struct amend *wanted, struct host *host, struct error *err);

#endif
