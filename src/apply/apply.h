/* Steps to effects, each with its undo.
 *
 * Runs inside the network namespace that the steps are about (plan.side), with
 * CAP_NET_ADMIN over it.  Single-threaded.
 */
#ifndef ADIT_APPLY_APPLY_H
#define ADIT_APPLY_APPLY_H

#include "plan/plan.h"

#include <stddef.h>

struct error;
struct error_list;
struct nlsock;
struct record;

/* What the steps work on, and what they leave for the caller. */
struct host {
	struct nlsock *route; /* owned: rtnetlink, for good in the namespace it was opened in */
	/* Owned: of nftables, in the same namespace; NULL: opened when needed. */
	struct nlsock *nftables;
	/* Has the link of STEP_WIREGUARD_CREATE made by somebody outside, where its UDP
	 * socket is to be; NULL where the plan has none.  -EEXIST: there is such a link.
	 */
	int (*make_wireguard)(void *outside, const struct step_tun *tun, struct error *err);
	void *outside; /* for that */
	int netns;     /* on the host, for a veth: of the namespace inside; -1: none */
	/* Borrowed: locked, and held by nft(8), too, so that who waits for it finds nothing
	 * that is still being loaded; -1: none.
	 */
	int lock;
	/* Borrowed: /dev/net/tun, opened in this namespace and without a device yet;
	 * -1: STEP_TUN_CREATE opens it.  To be set, if at all, before apply_plan().
	 */
	int tun_node;
	/* What STEP_TUN_CREATE made; -1: none.  Owned, so take_fd() it, unless it is
	 * the same as tun_node.
	 */
	int tun_fd;
	/* Borrowed: what is known of the namespace, kept up to date by the steps, and
	 * the caller's to save; NULL: nothing is known or kept.
	 */
	struct record *record;
	const struct plan *plan; /* borrowed, during apply_plan() and apply_undo() */
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
 * first; what could not be undone is added to undo_errs (NULL: forgotten).  A
 * removal is undone by making anew what it removed, as far as the step says it.
 *
 * Cut short anywhere, it leaves what observe_network() finds and plan_diff() ends.
 */
int apply_plan(const struct plan *plan, struct host *host, struct error_list *undo_errs,
	       struct error *err);

/* Undoes all steps, last one first.  A step that cannot be undone is reported
 * and passed over: stopping would leave more behind.  Returns how many.
 */
size_t apply_undo(const struct plan *plan, struct host *host, struct error_list *undo_errs);

#endif
