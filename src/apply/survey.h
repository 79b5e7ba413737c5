/* What is there now in a confined network namespace, in the words of a plan: the
 * steps that would make it so.  Changes nothing.
 *
 *     survey_network(&host, &desired, &survey, err);
 *     plan_diff(&desired, &survey.plan, &changes, err);
 *     apply_plan(&changes, &host, &undo_errs, err);
 *
 * What belongs to a lasting namespace of adit's is found whoever made it: rules,
 * routes, and the addresses of the tunnel and of lo.  Links that nobody planned,
 * their addresses and the routes that the kernel makes for those are left to
 * whoever put them there: nothing goes by them, which the firewall sees to.
 * They are named.
 *
 * On the host (plan.side) only what is the namespace's own is found: its table, its
 * end of the veth with addresses and routes, and the settings that `desired` names.
 */
#ifndef ADIT_APPLY_SURVEY_H
#define ADIT_APPLY_SURVEY_H

#include "plan/plan.h"

#include <net/if.h>
#include <stddef.h>

struct error;
struct host;

enum { SURVEY_FOREIGN_MAX = 32 };

struct survey {
	struct plan plan; /* without rulesets */
	/* Links inside that are not lo, not the tunnel and not planned. */
	char foreign[SURVEY_FOREIGN_MAX][IFNAMSIZ];
	size_t n_foreign; /* counted to the last, also where not all have room */
};

/* In the namespace, with the host's record: of the settings those that `desired`
 * names, of the firewall whether it stands and is what the record and `desired`
 * say.  Without a record it is not.  What changes meanwhile makes it begin anew, a
 * few times; -EINTR: a list of the kernel's never was of one piece.
 */
int survey_network(struct host *host, const struct plan *desired, struct survey *ret,
		   struct error *err);
void survey_done(struct survey *survey); /* accepts a zeroed one */

/* The three calls above, until nothing differs: more than once where the kernel
 * took more away with something than it was asked to.  A firewall that somebody has
 * changed or taken away is loaded before that, and stays also when the rest fails.  Returns how
 * many steps were carried out; `tell` (NULL: nobody) hears of each before it is.  -ELOOP: it still
 * differs after SURVEY_ROUNDS_MAX rounds.
 */
enum { SURVEY_ROUNDS_MAX = 4 };
typedef void (*survey_tell)(void *context, const struct step *step);
int survey_repair(struct host *host, const struct plan *desired, survey_tell tell, void *context,
		  struct error *err);

#endif
