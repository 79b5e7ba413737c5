/* Mirrors src/base/landlock.c
 *
 * Nothing here can be taken back, so each case is a process of its own whose
 * status says which check failed.  There is no filter of system calls.
 */
#include "cmocka_all.h"

#include "base/error.h"
#include "base/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static long version(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1);
}

/* Where the kernel has it. */
static void expect_success_since(long least, int (*body)(void))
{
	pid_t child;
	int status;

	if (version() < least)
		skip();
	child = fork();
	if (child == 0)
		_exit(body());
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static bool confine(void)
{
	struct error err;

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       landlock_confine("this", LANDLOCK_NO_TCP, &err) == 0;
}

static bool is_refused(int r, int number)
{
	return r < 0 && errno == number;
}

static int check_files(void)
{
	int kept = open("/dev/zero", O_RDWR | O_CLOEXEC);
	char byte = 1;

	if (kept < 0 || !confine())
		return 1;
	if (!is_refused(open("/dev/null", O_RDONLY | O_CLOEXEC), EACCES) ||
	    !is_refused(open("/proc/self/maps", O_RDONLY | O_CLOEXEC), EACCES) ||
	    !is_refused(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), EACCES))
		return 2;
	if (!is_refused(open("/tmp/adit-landlock", O_CREAT | O_WRONLY | O_CLOEXEC, 0600), EACCES) ||
	    !is_refused(mkdir("/tmp/adit-landlock", 0700), EACCES))
		return 3;
	if (!is_refused(execl("/bin/true", "true", NULL), EACCES))
		return 4;
	return read(kept, &byte, 1) == 1 && byte == 0 ? 0 : 5;
}

static void test_no_file_is_opened_and_what_is_open_stays_so(void **state)
{
	(void)state;
	expect_success_since(1, check_files);
}

static int check_tcp(void)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(9)};
	const struct sockaddr *any = (const void *)&address;
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (tcp < 0 || udp < 0 || !confine())
		return 1;
	if (!is_refused(connect(tcp, any, sizeof(address)), EACCES) ||
	    !is_refused(bind(tcp, any, sizeof(address)), EACCES))
		return 2;
	return connect(udp, any, sizeof(address)) == 0 ? 0 : 3;
}

static void test_tcp_is_refused_and_udp_is_not(void **state)
{
	(void)state;
	expect_success_since(4, check_tcp);
}

static int check_connect(void)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(9)};
	const struct sockaddr *any = (const void *)&address;
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct error err;

	if (tcp < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    landlock_confine("this", LANDLOCK_TCP_CONNECT, &err) < 0)
		return 1;
	if (!is_refused(bind(tcp, any, sizeof(address)), EACCES))
		return 2;
	return connect(tcp, any, sizeof(address)) == 0 || errno != EACCES ? 0 : 3;
}

static void test_one_that_connects_may_still_bind_nothing(void **state)
{
	(void)state;
	expect_success_since(4, check_connect);
}

static int check_scope(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0adit-landlock-test"};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path + 1, 64, "adit-landlock-%d", (int)getpid());
	if (bind(listener, (const void *)&address, sizeof(address)) < 0 ||
	    listen(listener, 1) < 0 || !confine())
		return 1;
	if (!is_refused(connect(client, (const void *)&address, sizeof(address)), EPERM))
		return 2;
	if (!is_refused(kill(getppid(), 0), EPERM))
		return 3;
	return kill(getpid(), 0) == 0 ? 0 : 4;
}

static void test_nobody_outside_is_signalled_or_reached_by_an_abstract_socket(void **state)
{
	(void)state;
	expect_success_since(6, check_scope);
}

static int check_privileges(void)
{
	struct error err;

	if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		return 1;
	return landlock_confine("this", LANDLOCK_NO_TCP, &err) == -EPERM ? 0 : 2;
}

static void test_without_no_new_privs_it_is_a_failure(void **state)
{
	(void)state;
	expect_success_since(1, check_privileges);
}

static int check_depth(void)
{
	struct error err;
	int i = 0;

	if (!confine())
		return 1;
	while (i < 20 && landlock_confine("this", LANDLOCK_NO_TCP, &err) == 0)
		i++;
	return i == 20 ? 0 : 2;
}

static void test_more_than_the_kernel_stacks_is_no_failure(void **state)
{
	(void)state;
	expect_success_since(1, check_depth);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_file_is_opened_and_what_is_open_stays_so),
		cmocka_unit_test(test_tcp_is_refused_and_udp_is_not),
		cmocka_unit_test(test_one_that_connects_may_still_bind_nothing),
		cmocka_unit_test(test_nobody_outside_is_signalled_or_reached_by_an_abstract_socket),
		cmocka_unit_test(test_without_no_new_privs_it_is_a_failure),
		cmocka_unit_test(test_more_than_the_kernel_stacks_is_no_failure),
	};

	return cmocka_run_group_tests_name("base/landlock", tests, NULL, NULL);
}
