/* A user's namespace whose holder and supervisor have both ended, while something still runs
 * inside: nothing but those processes leads to it.
 */
#ifndef ADIT_SUPERVISE_ORPHAN_H
#define ADIT_SUPERVISE_ORPHAN_H

struct inside;
struct pinned;

/* By the numbers of the record, which may be another one's by now: its cookie is the caller's
 * to compare.  Both descriptors are the caller's.  -ENOENT: nobody who may be looked at is
 * inside, or the record has no cookie.
 */
int orphan_find(const struct pinned *record, struct inside *ret);

#endif
