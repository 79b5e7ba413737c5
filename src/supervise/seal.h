/* A lasting namespace before it has a tunnel: made, sealed, and held open.
 *
 * How it works.  A child is made in a user and a network namespace of their own
 * (the first owns the second, so no capability inside reaches the host).  It
 * loads the firewall that drops everything, writes the settings and makes the
 * unreachable routes; only then does the namespace get a name.  Who knows already
 * what tunnel there is to be has the rules of that loaded at once: as long as no
 * link bears its name they drop everything, too, and to replace rules takes the
 * kernel a grace period of its RCU, which is half of what a namespace costs.
 *  Root's is
 * pinned at /run/netns/NAME, and the child ends; a user may mount nothing, so
 * there the child stays and is what holds the namespace (the holder).  When it has ended
 * and nobody made another, what still runs inside leads to the namespace (orphan.h).
 *
 * The file DIR/netns/NAME/seal says which namespace it is (pinned.h), and is
 * written before the pin: whatever else stands at /run/netns/NAME is somebody
 * else's and never touched.
 *
 * One that others have made (foreign.h) is pinned as well, unless they have done
 * that, and stays what it is whatever its path leads to later.
 */
#ifndef ADIT_SUPERVISE_SEAL_H
#define ADIT_SUPERVISE_SEAL_H

#include "supervise/inside.h"

#include <stdbool.h>
#include <sys/types.h>

struct error;
struct place;
struct plan;

struct foreign_origin;

/* Makes it, unless it is there: *ret_was_there (may be NULL).  origin NULL: nobody knows
 * what the configuration says, so what is there will do.  `plan` is a plan_named()
 * whose beginning a new one gets; NULL: there is no tunnel to be.  -EEXIST: there is
 * another one of that name, which is not adit's; -EBUSY: it is there, and the origin
 * says another, or one that has more in it than lo.
 */
int seal_make(const struct place *place, const struct foreign_origin *origin,
	      const struct plan *plan, bool *ret_was_there, struct error *err);

/* Whether seal_make() would, as far as can be told without changing anything. */
int seal_check(const struct place *place, const struct foreign_origin *origin, struct error *err);

/* Removes the place's folder, where nothing of adit's has come of it: after a refusal.  To
 * be called with the place's lock, whose file goes, too.  False: something is there.
 */
bool seal_forget(const struct place *place);

/* Both descriptors are the caller's; ret->userns is -1 of one that others have made.
 * -ENOENT: not made, or gone.
 */
int seal_open(const struct place *place, struct inside *ret, struct error *err);
void seal_close(struct inside *inside); /* accepts descriptors of -1 */

/* A user's: another holder, where there is none any more; who has the descriptors may
 * make one.  Returns a pidfd of the holder, readable when it ends; -ENOENT, without
 * words, when the namespace is pinned and needs none.
 */
int seal_hold(const struct place *place, const struct inside *inside, struct error *err);

/* A process inside. */
struct seal_guest {
	pid_t pid;
	char name[16]; /* comm */
};
/* Who is inside, at most `max` of them told; how many there are in all. */
size_t seal_guests(const struct inside *inside, struct seal_guest *ret, size_t max);

/* The process that holds a user's; 0: it is pinned, or there is none. */
pid_t seal_holder(const struct place *place);

/* Takes name and holder away.  The kernel removes the namespace when the last
 * process inside has ended; until then it stays sealed.  One that others have made is
 * as it was before, with nobody inside.  Succeeds where there is none.
 */
int seal_remove(const struct place *place, struct error *err);
/* Likewise, right after it was made: one that others have made is as it was, whoever
 * is inside.
 */
int seal_undo(const struct place *place, struct error *err);

#endif
