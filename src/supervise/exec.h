/* One command in a lasting namespace: `adit exec`.
 *
 * How it works.  The namespace is found by its record (seal.h), whether or not it
 * has a supervisor or a tunnel; process 1 is made in it (confine/entry.h), and
 * the command is attended as that of `run` is (session.h).  Nothing of the
 * configuration is read but the list of its files with keys.  The supervisor has
 * no part in it: the command goes on when it ends, and ends with this process.
 *
 * Only whom the namespace belongs to may: root, or the user for her own.
 */
#ifndef ADIT_SUPERVISE_EXEC_H
#define ADIT_SUPERVISE_EXEC_H

#include "confine/options.h"

struct error;

struct exec_options {
	const char *name;
	const char *user; /* --user; NULL */
	/* What the command line says of the confinement; where it is made and what is
	 * hidden is filled in here.
	 */
	struct confine_options confine;
};

/* As run_command(). */
int exec_command(const struct exec_options *options, int *ret_status, struct error *err);

#endif
