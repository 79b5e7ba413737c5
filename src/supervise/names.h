/* The files by which what runs inside looks names up: resolv.conf and
 * nsswitch.conf of the place, for units and containers to bind over theirs.
 */
#ifndef ADIT_SUPERVISE_NAMES_H
#define ADIT_SUPERVISE_NAMES_H

struct error;
struct place;
struct profile;

/* Writes both where they are missing: without a server.  What is made before there is
 * a configuration has something to bind, too.
 */
int names_ensure(const struct place *place, struct error *err);

/* Writes both, in place where they are there already: a bind mount of the file
 * shows the change.  And which files hold the keys (hidden.h).
 */
int names_write(const struct place *place, const struct profile *profile, struct error *err);

#endif
