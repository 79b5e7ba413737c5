/* The files that hold a configuration's keys: which they are, for a command
 * that is not to see them.
 *
 * A lasting namespace has the list in its folder (place.h, "hidden"), written by
 * its supervisor, so that nobody needs the configuration itself, and the list is
 * that of the configuration in force.
 */
#ifndef ADIT_SUPERVISE_HIDDEN_H
#define ADIT_SUPERVISE_HIDDEN_H

#include <stddef.h>

struct error;
struct place;
struct profile;

struct hidden {
	char **path; /* owned, each of them too */
	size_t n_paths;
};

int hidden_add(struct hidden *hidden, const char *path); /* 0 or -ENOMEM */
int hidden_add_profile(struct hidden *hidden, const struct profile *profile);
/* Makes the paths absolute and free of links; those that this user cannot reach go,
 * since the command cannot reach them either.
 */
void hidden_resolve(struct hidden *hidden);
void hidden_done(struct hidden *hidden); /* accepts a zeroed one */

/* The list in the place's folder: lines.  Loading adds to what is there.  -ENOENT: there
 * is none.
 */
int hidden_save(const struct hidden *hidden, const struct place *place, struct error *err);
int hidden_load(struct hidden *hidden, const struct place *place, struct error *err);

#endif
