/* The controlling terminal, seen from the supervisor.
 *
 * The command stays in the supervisor's session, and at first in its process
 * group, so the kernel itself delivers Ctrl-C, Ctrl-Z and SIGWINCH.  An
 * interactive shell inside makes groups of its own, which leaves two things to
 * the supervisor: to give the terminal back to the group that had it when the
 * command goes on after a stop, and to take it from a group that is dead when
 * the command has ended.
 */
#ifndef ADIT_CONFINE_TERMINAL_H
#define ADIT_CONFINE_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

struct terminal {
	int fd;		   /* /dev/tty; -1: there is none */
	pid_t own_group;   /* ours */
	pid_t their_group; /* had the terminal when the command stopped; 0: ours had */
};

void terminal_open(struct terminal *ret); /* cannot fail: no terminal is fine */
void terminal_close(struct terminal *terminal);

/* Before the supervisor stops itself, on CONFINE_STOPPED. */
void terminal_note_stop(struct terminal *terminal);
/* After SIGCONT: hands the terminal on if we were brought to the foreground. */
void terminal_give_back(struct terminal *terminal);
/* After the command's end. */
void terminal_reclaim(struct terminal *terminal);

#endif
