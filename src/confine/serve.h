/* What the command's parent does while it runs: process 1, or with --join the
 * process that entered.
 *
 * It reaps every process that loses its parent, tells the supervisor what
 * becomes of the command, passes signals on, and starts the session bus when it is
 * first asked for.  It returns when the command or the supervisor has ended.
 */
#ifndef ADIT_CONFINE_SERVE_H
#define ADIT_CONFINE_SERVE_H

struct launch;

struct serve {
	int channel;		     /* to the supervisor */
	const struct launch *launch; /* of the command */
	int bus;		     /* listening socket; -1: none */
};

/* Blocks all signals: what comes is read, not acted upon.  0 or -errno. */
int serve_block_signals(void);

/* Starts the command and stays with it. */
void serve_run(struct serve *serve);

#endif
