/* What --share gives, and what a program can do through each: a table.
 *
 * Display and sound are given without being asked for (--no-display, --no-sound
 * take them away), and have their line all the same.
 */
#ifndef ADIT_CONFINE_SHARE_H
#define ADIT_CONFINE_SHARE_H

#include <stddef.h>

struct confine_options;
struct error;
struct view_host;
struct view_plan;

/* `word` is a name of the table, or a path (it has a slash).  For a path
 * *ret_share is 0 and the caller puts it into share_path.  -EINVAL with words.
 */
int share_parse(const char *word, unsigned int *ret_share, struct error *err);

/* The i-th row of what can be named, for --help; NULL after the last. */
const char *share_name(size_t i, const char **ret_meaning);
/* "any program can ...": for one bit of enum confine_share; NULL: no such bit. */
const char *share_meaning(unsigned int share);
/* The same for what is given by default, and for a path. */
extern const char share_display_meaning[];
extern const char share_sound_meaning[];
extern const char share_path_meaning[];

/* The steps; an error for what is asked for and not there. */
int share_add(const struct view_host *host, struct view_plan *plan, struct error *err);

#endif
