/* The files by which what runs inside looks names up: resolv.conf and
 * nsswitch.conf of the place, for units and containers to bind over theirs.
 */
#ifndef ADIT_SUPERVISE_NAMES_H
#define ADIT_SUPERVISE_NAMES_H

enum { NAMES_FILE_MAX = 16384 }; /* bytes, NUL included */

struct error;
struct place;
struct profile;
struct text;

/* What resolv.conf is to say; profile NULL: without a configuration. */
void names_print_resolv_conf(const struct profile *profile, struct text *ret);

/* Writes both where they are missing: without a server.  What is made before there is
 * a configuration has something to bind, too.
 */
int names_ensure(const struct place *place, struct error *err);

/* Writes both, in place where they are there already: a bind mount of the file
 * shows the change.  And which files hold the keys (hidden.h).
 */
int names_write(const struct place *place, const struct profile *profile, struct error *err);

#endif
