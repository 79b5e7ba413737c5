/* Mirrors src/device/daemon.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "device/daemon.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the process in the background says on its standard output. */
static int output[2];

enum { READY, READY_WITH_OUTPUT, NEVER_READY };

/* Above standard error, other than this one. */
static int count_open(int other)
{
	int n = 0;

	for (int fd = STDERR_FILENO + 1; fd < 100; fd++)
		n += fd != other && fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* A program that goes to the background; its own status is a child's. */
static int run_program(int how)
{
	int channel = -1;
	int status = 99;
	int kept[] = {-1, -1, -1};
	char folder[PATH_MAX];
	int r;

	(void)dup2(output[1], STDOUT_FILENO);
	(void)close(output[0]);
	(void)close(output[1]);
	kept[0] = fcntl(STDOUT_FILENO, F_DUPFD, 20);
	kept[1] = fcntl(STDOUT_FILENO, F_DUPFD, 11);
	(void)fcntl(STDOUT_FILENO, F_DUPFD, 3);
	(void)fcntl(STDOUT_FILENO, F_DUPFD, 15);
	(void)fcntl(STDOUT_FILENO, F_DUPFD, 30);
	r = daemon_fork(kept, 3, &channel, &status, NULL);
	if (r == 1)
		return status;
	if (r != 0 || how == NEVER_READY)
		return 3;
	(void)dprintf(STDOUT_FILENO, "waits %d %s %d\n", getsid(0) == getpid(),
		      getcwd(folder, sizeof(folder)), count_open(channel));
	(void)poll(NULL, 0, 50);
	daemon_ready(channel, how == READY_WITH_OUTPUT);
	(void)dprintf(STDOUT_FILENO, "ready\n");
	return 0;
}

static int start_program(int how)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0)
		_exit(run_program(how));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int open_output(void **state)
{
	(void)state;
	return pipe(output);
}

static int close_output(void **state)
{
	(void)state;
	(void)close(output[0]);
	return 0;
}

/* Until both processes have closed it. */
static const char *read_output(void)
{
	static char text[512];
	size_t len = 0;
	ssize_t n;

	(void)close(output[1]);
	while ((n = read(output[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

static void test_the_first_process_ends_when_the_second_is_ready(void **state)
{
	(void)state;
	assert_int_equal(start_program(READY), 0);
	assert_string_equal(read_output(), "waits 1 / 2\n");
}

static void test_output_can_be_kept(void **state)
{
	(void)state;
	assert_int_equal(start_program(READY_WITH_OUTPUT), 0);
	assert_string_equal(read_output(), "waits 1 / 2\nready\n");
}

static void test_an_end_before_that_is_a_failure(void **state)
{
	(void)state;
	assert_int_equal(start_program(NEVER_READY), 1);
	assert_string_equal(read_output(), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_output, close_output)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_first_process_ends_when_the_second_is_ready),
		TEST(test_output_can_be_kept),
		TEST(test_an_end_before_that_is_a_failure),
	};

	return cmocka_run_group_tests_name("device/daemon", tests, NULL, NULL);
}
