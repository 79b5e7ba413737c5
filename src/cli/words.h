/* The command lines of the subcommands that are about lasting namespaces:
 * options and names in any order, and --all.
 */
#ifndef ADIT_CLI_WORDS_H
#define ADIT_CLI_WORDS_H

#include "cli/options.h"

struct place;

enum { WORDS_MAX = 1024 };

struct words {
	const struct option_spec *options;
	void *target; /* the options' struct */
	void (*print_help)(void);
	const char *const *name;
	int n_names;
	const char *storage[WORDS_MAX];
};

/* Fills name and n_names.  0: go on; 1: help was printed; negative: say err. */
int words_parse(struct words *words, int argc, char **argv, struct error *err);
/* The beginning of a subcommand that wants at least and at most so many names, or says
 * `wrong`.  -1: go on; else the status to end with, and what is wrong has been said.
 */
int words_begin(struct words *words, int argc, char **argv, int least, int most, const char *wrong);

/* Every NAME.conf of /etc/adit, or of the user's own folder: --all of `adit up`.
 * The names stay until the process ends.  Returns how many.
 */
int words_all_configured(const char *const **ret, struct error *err);
/* Every one that is there: --all of the others. */
int words_all_present(const char *const **ret, struct error *err);

/* Calls `each` for all names, and goes on after a failure, whose error is logged
 * with the name in front.  EXIT_DONE, or EXIT_FAILED when one failed.
 */
typedef int (*words_each)(void *context, const struct place *place, struct error *err);
int words_for_each(const char *const *name, int n_names, words_each each, void *context);

#endif
