/* What --share names, and what a program can do through each. */
#ifndef ADIT_CONFINE_SHARE_H
#define ADIT_CONFINE_SHARE_H

#include <stddef.h>

struct confine_options;
struct error;

/* `word` is a name of the table, or a path (it has a slash).  For a path
 * *ret_share is 0 and the caller puts it into share_path.  -EINVAL with words.
 */
int share_parse(const char *word, unsigned int *ret_share, struct error *err);

/* One line: "x11: any program can read and type into every other window". */
const char *share_meaning(unsigned int share);

/* The i-th row of the table, for --help; NULL after the last. */
const char *share_name(size_t i, const char **ret_meaning);

#endif
