/* Mirrors src/dataplane/child.c */
#include "cmocka_all.h"

#include "emulated.h"

#include "base/fd.h"
#include "dataplane/child.h"
#include "private_tun.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

struct process {
	pid_t pid;
	int uapi; /* our end */
};

/* Forks a data plane for the TUN, which stays ours too. */
static struct process start_child(int tun)
{
	struct child_options options = {.tun = tun, .mtu = 1420, .sandbox.parent = getpid()};
	struct process process;
	struct error err;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(udp_open(0, 0, &options.sockets, &err), 0);
	options.uapi = pair[1];
	options.events = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	process.uapi = pair[0];
	process.pid = fork();
	if (process.pid == 0)
		_exit(child_run(&options));
	udp_close(&options.sockets);
	(void)close(options.events);
	(void)close(pair[1]);
	return process;
}

static int end_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void ask(const struct process *process, const char *text, char *ret, size_t size)
{
	ssize_t n;

	assert_int_equal(fd_write_all(process->uapi, text, strlen(text)), 0);
	n = read(process->uapi, ret, size - 1);
	assert_true(n > 0);
	ret[n] = '\0';
}

static DIR *open_folder(pid_t pid, const char *name)
{
	char path[64];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	dir = opendir(path);
	assert_non_null(dir);
	return dir;
}

static unsigned int count_descriptors(pid_t pid)
{
	DIR *dir = open_folder(pid, "fd");
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2;
}

static void expect_confined(pid_t pid, const char *thread)
{
	char text[4096];
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%.16s/status", pid, thread);
	assert_true(fd_read_file(path, text, sizeof(text)) == 0);
	assert_non_null(strstr(text, "Seccomp:\t2\n"));
	assert_non_null(strstr(text, "CapEff:\t0000000000000000\n"));
	assert_non_null(strstr(text, "NoNewPrivs:\t1\n"));
}

static unsigned int count_confined_threads(pid_t pid)
{
	DIR *dir = open_folder(pid, "task");
	const struct dirent *thread;
	unsigned int n = 0;

	while ((thread = readdir(dir))) {
		if (thread->d_name[0] == '.')
			continue;
		expect_confined(pid, thread->d_name);
		n++;
	}
	(void)closedir(dir);
	return n;
}

static void test_without_a_device_it_ends(void **state)
{
	int null = open("/dev/null", O_RDWR);
	struct process process = start_child(null);

	(void)state;
	assert_int_equal(end_of(process.pid), 1 << 8);
	process = start_child(-1);
	assert_int_equal(end_of(process.pid), 1 << 8);
}

static void test_it_answers_confined_and_ends_with_the_socket(void **state)
{
	int tun = open_private_tun();
	struct process process;
	char text[4096];

	(void)state;
	if (tun < 0)
		skip();
	process = start_child(tun);
	ask(&process, "adit_stats=1\n\n", text, sizeof(text));
	assert_non_null(strstr(text, "errno=0\n\n"));
	if (!is_emulated()) /* which has a thread of its own, and no filter */
		assert_int_equal(count_confined_threads(process.pid), 2);
	/* three of /dev/null, TUN, supervisor, event, two of UDP; of each thread an epoll
	 * and what wakes it
	 */
	assert_int_equal(count_descriptors(process.pid), 12);
	assert_int_equal(getsid(process.pid), process.pid);
	(void)close(process.uapi);
	assert_int_equal(end_of(process.pid), 0);
	(void)close(tun);
}

static void ignore(int number)
{
	(void)number;
}

/* What the supervisor ignores, blocks or handles is nothing to the child. */
static void test_signals_are_as_a_fresh_process_has_them(void **state)
{
	int tun = open_private_tun();
	struct process process;
	char text[4096];
	sigset_t all;
	sigset_t old;

	(void)state;
	if (tun < 0)
		skip();
	sigfillset(&all);
	(void)signal(SIGUSR1, ignore);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	process = start_child(tun);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	ask(&process, "adit_stats=1\n\n", text, sizeof(text));
	assert_int_equal(kill(process.pid, SIGUSR1), 0);
	assert_int_equal(end_of(process.pid), SIGUSR1);
	(void)close(process.uapi);
	(void)close(tun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_device_it_ends),
		cmocka_unit_test(test_it_answers_confined_and_ends_with_the_socket),
		cmocka_unit_test(test_signals_are_as_a_fresh_process_has_them),
	};

	return cmocka_run_group_tests_name("dataplane/child", tests, enter_private_netns, NULL);
}
