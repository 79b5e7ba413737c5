/* Mirrors src/confine/terminal.c */
#include "cmocka_all.h"

#include "confine/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `body` as the leader of a session on a terminal of its own; its result
 * is the line that was wrong.
 */
static int on_a_terminal(int (*body)(void))
{
	int master;
	int status;
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	if (pid == 0)
		_exit(body());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(master);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return __LINE__;                                                           \
	} while (0)

/* A process that leads a group of its own, stopped; the caller ends it. */
static pid_t spawn_group(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)setpgid(0, 0);
		(void)raise(SIGSTOP);
		_exit(0);
	}
	(void)setpgid(pid, pid);
	(void)waitpid(pid, NULL, WUNTRACED);
	return pid;
}

static void end_group(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static int reclaim_from_the_dead(void)
{
	struct terminal terminal;
	pid_t other = spawn_group();

	terminal_open(&terminal);
	MUST(terminal.fd >= 0 && terminal.own_group == getpgrp());
	MUST(tcsetpgrp(terminal.fd, other) == 0);
	terminal_reclaim(&terminal);
	MUST(tcgetpgrp(terminal.fd) == other); /* it lives: not ours to take */
	end_group(other);
	terminal_reclaim(&terminal);
	MUST(tcgetpgrp(terminal.fd) == getpgrp());
	terminal_reclaim(&terminal);
	MUST(tcgetpgrp(terminal.fd) == getpgrp());
	terminal_close(&terminal);
	MUST(terminal.fd == -1);
	return 0;
}

static void test_the_terminal_is_taken_from_a_dead_group_alone(void **state)
{
	(void)state;
	assert_int_equal(on_a_terminal(reclaim_from_the_dead), 0);
}

static int give_back_what_they_had(void)
{
	struct terminal terminal;
	pid_t other = spawn_group();

	terminal_open(&terminal);
	MUST(tcsetpgrp(terminal.fd, other) == 0);
	terminal_note_stop(&terminal);
	MUST(terminal.their_group == other);
	(void)signal(SIGTTOU, SIG_IGN);
	MUST(tcsetpgrp(terminal.fd, getpgrp()) == 0); /* the shell's `fg` */
	(void)signal(SIGTTOU, SIG_DFL);
	terminal_give_back(&terminal);
	MUST(tcgetpgrp(terminal.fd) == other);
	MUST(terminal.their_group == 0);
	end_group(other);
	return 0;
}

static void test_the_group_that_had_it_gets_it_back(void **state)
{
	(void)state;
	assert_int_equal(on_a_terminal(give_back_what_they_had), 0);
}

static int leave_it_where_it_is(void)
{
	struct terminal terminal;
	pid_t shell = spawn_group();
	pid_t other = spawn_group();

	terminal_open(&terminal);
	terminal_note_stop(&terminal);
	MUST(terminal.their_group == 0); /* it was ours */
	terminal_give_back(&terminal);
	MUST(tcgetpgrp(terminal.fd) == getpgrp());

	terminal.their_group = other; /* `bg`: the shell keeps the terminal */
	MUST(tcsetpgrp(terminal.fd, shell) == 0);
	terminal_give_back(&terminal);
	MUST(tcgetpgrp(terminal.fd) == shell);

	end_group(other);
	terminal_reclaim(&terminal);
	MUST(tcgetpgrp(terminal.fd) == shell);
	end_group(shell);
	return 0;
}

static void test_it_is_not_given_when_it_is_not_ours(void **state)
{
	(void)state;
	assert_int_equal(on_a_terminal(leave_it_where_it_is), 0);
}

static int live_without(void)
{
	struct terminal terminal;

	MUST(setsid() > 0);
	terminal_open(&terminal);
	MUST(terminal.fd == -1);
	terminal_note_stop(&terminal);
	terminal_give_back(&terminal);
	terminal_reclaim(&terminal);
	terminal_close(&terminal);
	return 0;
}

static void test_no_terminal_is_fine(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(live_without());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_terminal_is_taken_from_a_dead_group_alone),
		cmocka_unit_test(test_the_group_that_had_it_gets_it_back),
		cmocka_unit_test(test_it_is_not_given_when_it_is_not_ours),
		cmocka_unit_test(test_no_terminal_is_fine),
	};

	return cmocka_run_group_tests_name("confine/terminal", tests, NULL, NULL);
}
