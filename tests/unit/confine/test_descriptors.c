/* Mirrors src/confine/descriptors.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "confine/descriptors.h"
#include "confine/options.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *fault_of(int fd)
{
	const char *fault = descriptors_find_fault(fd);

	assert_true(fd >= 0);
	(void)close(fd);
	return fault;
}

static void test_files_pipes_and_devices_pass(void **state)
{
	int pipes[2];

	(void)state;
	assert_null(fault_of(open("/etc/passwd", O_RDONLY)));
	assert_null(fault_of(open("/dev/null", O_RDWR)));
	assert_null(fault_of(memfd_create("x", 0)));
	assert_int_equal(pipe(pipes), 0);
	assert_null(fault_of(pipes[0]));
	assert_null(fault_of(pipes[1]));
	assert_null(descriptors_find_fault(-1));
}

static void test_sockets_that_reach_a_network_do_not(void **state)
{
	static const struct {
		int family;
		int type;
		const char *word;
	} rows[] = {
		{AF_INET, SOCK_STREAM, "IPv4"},		 {AF_INET, SOCK_DGRAM, "IPv4"},
		{AF_INET6, SOCK_STREAM, "IPv6"},	 {AF_NETLINK, SOCK_RAW, "NETLINK"},
		{AF_VSOCK, SOCK_STREAM, "VSOCK"},	 {AF_UNIX, SOCK_DGRAM, "datagram"},
		{AF_UNIX, SOCK_STREAM, "not connected"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd = socket(rows[i].family, rows[i].type, 0);

		if (fd >= 0) /* the kernel may have no VSOCK */
			assert_non_null(strstr(fault_of(fd), rows[i].word));
	}
}

static void test_a_connected_unnamed_stream_passes(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_null(descriptors_find_fault(pair[0]));
	(void)close(pair[0]);
	(void)close(pair[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_non_null(descriptors_find_fault(pair[0]));
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* As journald gives: the peer has a name, we have none; and the other way round. */
static void test_it_is_our_own_name_that_counts(void **state)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0adit-test-descriptors"};
	socklen_t len = sizeof(sa_family_t) + 1 + 21;
	int server = socket(AF_UNIX, SOCK_STREAM, 0);
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	int accepted;

	(void)state;
	assert_int_equal(bind(server, (struct sockaddr *)&name, len), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&name, len), 0);
	accepted = accept(server, NULL, NULL);
	assert_null(fault_of(client));
	assert_non_null(strstr(fault_of(accepted), "with a name"));
	assert_non_null(strstr(fault_of(server), "with a name"));
}

static void test_what_opens_a_way_to_elsewhere_does_not_pass(void **state)
{
	(void)state;
	assert_non_null(strstr(fault_of(open("/", O_RDONLY)), "folder"));
	assert_non_null(strstr(fault_of(open("/etc/passwd", O_PATH)), "path"));
	assert_non_null(strstr(fault_of(epoll_create1(0)), "kernel object"));
}

static int check_in_child(int number, int fd, const int *keep, size_t n_keep)
{
	const struct confine_options options = {.keep_fd = keep, .n_keep_fds = n_keep};
	struct error err = {0};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (fd >= 0)
			(void)dup2(fd, number);
		else if (number >= 0)
			(void)close(number);
		_exit(-descriptors_check(&options, &err));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void test_the_three_standard_ones_are_looked_at(void **state)
{
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	int null = open("/dev/null", O_RDWR);

	(void)state;
	for (int number = 0; number <= 2; number++) {
		assert_int_equal(check_in_child(number, udp, NULL, 0), EPERM);
		assert_int_equal(check_in_child(number, null, NULL, 0), 0);
		assert_int_equal(check_in_child(number, -1, NULL, 0), 0); /* closed */
	}
	(void)close(udp);
	(void)close(null);
}

static void test_a_kept_one_must_be_open(void **state)
{
	int none = 900;
	int null = open("/dev/null", O_RDWR);

	(void)state;
	assert_int_equal(check_in_child(-1, -1, &none, 1), EBADF);
	assert_int_equal(check_in_child(-1, -1, &null, 1), 0);
	(void)close(null);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_all_others_are_closed(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		int keep[] = {40, 7, -1, 41, 2};
		bool is_right;

		for (int fd = 3; fd < 60; fd++)
			(void)dup2(2, fd);
		descriptors_close_others(keep, 5);
		is_right = is_open(7) && is_open(40) && is_open(41) && is_open(2);
		for (int fd = 3; fd < 60; fd++)
			is_right &= is_open(fd) == (fd == 7 || fd == 40 || fd == 41);
		_exit(is_right ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_the_standard_ones_can_be_let_go(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		char byte;

		if (descriptors_detach_standard() < 0)
			_exit(1);
		_exit(read(0, &byte, 1) == 0 && write(1, "x", 1) == 1 && write(2, "x", 1) == 1 ? 0
											       : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_pipes_and_devices_pass),
		cmocka_unit_test(test_sockets_that_reach_a_network_do_not),
		cmocka_unit_test(test_a_connected_unnamed_stream_passes),
		cmocka_unit_test(test_it_is_our_own_name_that_counts),
		cmocka_unit_test(test_what_opens_a_way_to_elsewhere_does_not_pass),
		cmocka_unit_test(test_the_three_standard_ones_are_looked_at),
		cmocka_unit_test(test_a_kept_one_must_be_open),
		cmocka_unit_test(test_all_others_are_closed),
		cmocka_unit_test(test_the_standard_ones_can_be_let_go),
	};

	return cmocka_run_group_tests_name("confine/descriptors", tests, NULL, NULL);
}
