/* A network namespace that others have made, for adit to work in: [Namespace] Path=.
 * Docker's, whose containers join no namespace by its path, is the usual one.
 *
 * It is sealed as one of adit's own is, and before there is anything in it to leave by:
 * it must have nothing but lo.  What it was like before is noted in DIR/netns/NAME/before
 * and made so again when nobody is inside any more.
 */
#ifndef ADIT_SUPERVISE_FOREIGN_H
#define ADIT_SUPERVISE_FOREIGN_H

#include "base/error.h"

struct inside;
struct place;
struct profile;

/* Where the namespace comes from. */
struct foreign_origin {
	const char *path; /* borrowed; "": adit makes it */
	struct source_pos pos;
};

/* Borrows from the profile. */
struct foreign_origin foreign_origin(const struct profile *profile);

/* Opens it.  -EPERM: not as root; -EINVAL: it is no network namespace, or the host's. */
int foreign_open(const struct foreign_origin *origin, int *ret_netns, struct error *err);

/* -EBUSY: there is more in it than lo.  Changes nothing. */
int foreign_examine(const struct inside *inside, struct error *err);

/* Writes down what foreign_restore() is to make of it, unless that was done before. */
int foreign_note(const struct place *place, const struct inside *inside, struct error *err);

/* As it was noted, without anything of adit's; where nothing is noted it is left alone. */
int foreign_restore(const struct place *place, const struct inside *inside, struct error *err);

/* What a path leads to. */
enum foreign_way { FOREIGN_HERE, FOREIGN_ELSEWHERE, FOREIGN_NOWHERE, FOREIGN_UNKNOWN };
enum foreign_way foreign_follow(const char *path, int netns);

#endif
