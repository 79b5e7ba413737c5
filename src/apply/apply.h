/* Steps to effects, each with its undo.
 *
 * Runs inside the network namespace that the steps are about, with
 * CAP_NET_ADMIN over it.  Single-threaded.
 */
#ifndef ADIT_APPLY_APPLY_H
#define ADIT_APPLY_APPLY_H

#include "plan/step.h"

#include <stddef.h>

struct error;
struct error_list;
struct nlsock;

/* What the steps work on, and what they leave for the caller. */
struct host {
	struct nlsock *route; /* owned: rtnetlink, for good in the namespace it was opened in */
	/* Borrowed: /dev/net/tun, opened in this namespace and without a device yet;
	 * -1: STEP_TUN_CREATE opens it.  To be set, if at all, before apply_plan().
	 */
	int tun_node;
	/* What STEP_TUN_CREATE made; -1: none.  Owned, so take_fd() it, unless it is
	 * the same as tun_node.
	 */
	int tun_fd;
};

/* Opens the netlink handle in the caller's network namespace. */
int host_open(struct host *ret, struct error *err);
void host_done(struct host *host); /* accepts a zeroed one and one done already */

/* How a step is done and undone.
 *
 * apply: all or nothing.  When it fails, the namespace is as it was before.
 * undo:  idempotent.  "Already gone" is success, since undo also runs after a
 *        crash, when nobody knows whether apply had run.
 */
struct step_ops {
	int (*apply)(const struct step *step, struct host *host, struct error *err);
	int (*undo)(const struct step *step, struct host *host, struct error *err);
};

extern const struct step_ops *const step_ops[STEP_KINDS];

/* Carries out all steps or none.  On failure what was done is undone, last one
 * first; what could not be undone is added to undo_errs (NULL: forgotten).
 */
int apply_plan(const struct step *steps, size_t n_steps, struct host *host,
	       struct error_list *undo_errs, struct error *err);

/* Undoes the steps, last one first.  A step that cannot be undone is reported
 * and passed over: stopping would leave more behind.  Returns how many.
 */
size_t apply_undo(const struct step *steps, size_t n_steps, struct host *host,
		  struct error_list *undo_errs);

#endif
