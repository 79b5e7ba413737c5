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
	/* Which --all stands for, and whether it was given; NULL: there is no --all. */
	int (*find_all)(const char *const **ret, struct error *err);
	const bool *is_all;
	const char *const *name;
	int n_names;
	const char *storage[WORDS_MAX];
};

/* The beginning of a subcommand that wants at least and at most so many names, or --all,
 * or says `wrong`.  Where none are needed, none is all.  -1: go on, with name and n_names; else the
 * status to end with, and what is wrong has been said.
 */
int words_begin(struct words *words, int argc, char **argv, int least, int most, const char *wrong);

/* Every NAME.conf of /etc/adit, or of the user's own folder: --all of `adit up`.
 * The names stay until the process ends.  Returns how many.
 */
int words_all_configured(const char *const **ret, struct error *err);
/* Every one that is there: --all of the others. */
int words_all_present(const char *const **ret, struct error *err);

/* Calls `each` for all words, and goes on after a failure, whose error is logged unless
 * its code is 0.  EXIT_DONE, or EXIT_FAILED when one failed.
 */
typedef int (*words_each_word)(void *context, const char *word, struct error *err);
int words_for_each_word(const struct words *words, words_each_word each, void *context);

/* The same for names, which lead to places. */
typedef int (*words_each)(void *context, const struct place *place, struct error *err);
int words_for_each(const struct words *words, words_each each, void *context);

#endif
