/* From what there is to what there should be.  Pure.
 *
 * First a firewall that differs is replaced, so that what drops everything
 * stands, and stands as it should, before anything else moves; then the tunnel is
 * called by its name; then goes what is found and not desired, last one first; then
 * comes what is desired and not found, in its order; a firewall that nobody desires
 * any more goes at the very end.
 *
 * What the kernel does by itself is counted in: with a link go its addresses and
 * routes, with its last IPv4 address the IPv4 routes, and what lo and the rules of
 * routing are without anybody's asking is desired always.
 */
#ifndef ADIT_PLAN_DIFF_H
#define ADIT_PLAN_DIFF_H

#include "plan/plan.h"

struct error;

/* Both lists are in the order in which they would be made.  `found` needs no
 * rulesets: a firewall that differs is marked so (firewall.is_changed).  The
 * changes have their own copies of the desired ones.  -ENOMEM.
 */
int plan_diff(const struct plan *desired, const struct plan *found, struct plan *ret_changes,
	      struct error *err);

#endif
