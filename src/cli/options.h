/* Options as a table: what a subcommand takes, parsed and explained from it.
 *
 * Long options as --name VALUE and --name=VALUE, flags as --name; the first
 * word that is no option, or "--", ends them, so that what follows may be
 * another program's command line.
 */
#ifndef ADIT_CLI_OPTIONS_H
#define ADIT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum option_kind {
	OPTION_FLAG,	 /* bool: set to true */
	OPTION_FLAG_OFF, /* bool: set to false */
	OPTION_TEXT,	 /* const char *: borrowed from argv */
	OPTION_SECONDS,	 /* uint64_t: nanoseconds; decimal fraction allowed, up to a day */
	OPTION_LIST,	 /* struct option_list: may be given again */
};

enum { OPTION_LIST_MAX = 32 };

struct option_list {
	const char *item[OPTION_LIST_MAX]; /* borrowed from argv */
	size_t n_items;
};

struct option_spec {
	const char *name; /* without the dashes; NULL ends the table */
	enum option_kind kind;
	size_t offset;	      /* of the field in the caller's struct */
	const char *argument; /* "SECONDS", for the help; NULL for a flag */
	const char *help;     /* one line */
};

/* Fills the caller's struct at `target`.  *ret_used is how many words of argv
 * (argv[0] included) were options; "--help" sets *ret_help.
 * -EINVAL: an unknown option, a missing or a bad value.
 */
int options_parse(const struct option_spec *spec, int argc, char **argv, void *target,
		  int *ret_used, bool *ret_help, struct error *err);

/* Prints the table for a person, on standard output. */
void options_print(const struct option_spec *spec);

#endif
