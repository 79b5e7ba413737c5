/* A subcommand: a name, a line of help, and a function. */
#ifndef ADIT_CLI_COMMAND_H
#define ADIT_CLI_COMMAND_H

/* Exit statuses of adit's own; run and exec also pass on the command's. */
enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_CONFIGURATION = 78,   /* up --foreground: the file is wrong, or missing (sysexits.h) */
	EXIT_ADIT = 125,	   /* run: adit itself failed (as env(1), timeout(1)) */
	EXIT_NOT_EXECUTABLE = 126, /* run: found, and cannot be executed */
	EXIT_NOT_FOUND = 127,	   /* run: no such command */
	EXIT_SIGNAL_BASE = 128,	   /* run: plus the signal that ended the command */
};

struct command {
	const char *name;    /* NULL ends the table */
	const char *summary; /* one line */
	/* argv[0] is the subcommand's name.  Returns the exit status. */
	int (*run)(int argc, char **argv);
};

int command_run(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_device(int argc, char **argv);
int command_check(int argc, char **argv);
int command_plan(int argc, char **argv);
int command_exec(int argc, char **argv);
int command_up(int argc, char **argv);
int command_seal(int argc, char **argv);
int command_confine(int argc, char **argv);
/* down, reload, restart, wait, status, list: argv[0] says which. */
int command_named(int argc, char **argv);

/* Picks the subcommand that argv[1] names, and runs it.  A program called by the
 * name "adit-NAME" is subcommand NAME, and "wireguard-go" is `device`: wg-quick(8)
 * takes one word for a program.
 */
int command_dispatch(const struct command *table, int argc, char **argv);

#endif
