/* What the command lines of `run` and `exec` have in common: the options of the
 * confinement and the command itself.
 */
#ifndef ADIT_CLI_CONFINED_H
#define ADIT_CLI_CONFINED_H

#include "cli/options.h"
#include "confine/options.h"

#include <stdbool.h>
#include <stdint.h>

struct error;

struct confined_line {
	const char *subject; /* the first word: CONF, NAME */
	uint64_t wait_ns;    /* these three are run's */
	bool has_wait;
	bool is_joining;

	struct confine_options confine;
	const char *user;
	bool is_quiet;
	bool is_verbose;
	struct option_list share;
	struct option_list keep_fd;
	const char *paths[OPTION_LIST_MAX];
	int fds[OPTION_LIST_MAX];
	char *shell[2];
};

/* One of the two commands: its table, its help, its first word. */
struct confined_command {
	const struct option_spec *options; /* into a struct confined_line */
	const char *usage;		   /* without the options of the confinement */
	const char *missing;		   /* what to say without the first word */
};

extern const struct option_spec confined_run_table[];
extern const struct option_spec *const confined_exec_table; /* the end of it */

/* Fills all of `line`, which is borrowed.  0: go on; 1: help was printed; negative:
 * say err.
 */
int confined_parse(struct confined_line *line, const struct confined_command *command, int argc,
		   char **argv, struct error *err);

/* After a failure, which is said unless it was already: the exit status. */
int confined_fail(const struct error *err);

#endif
