/* Mirrors src/dataplane/udp.c */
#include "cmocka_all.h"

#include "emulated.h"

#include "base/error.h"
#include "dataplane/udp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void open_any(struct udp_sockets *ret)
{
	struct error err;

	assert_int_equal(udp_open(0, 0, ret, &err), 0);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 name = {0};
	socklen_t len = sizeof(name);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	return ntohs(name.sin6_port);
}

static void test_both_families_get_one_free_port(void **state)
{
	struct udp_sockets sockets;

	(void)state;
	open_any(&sockets);
	assert_int_not_equal(udp_port(&sockets), 0);
	assert_int_equal(port_of(sockets.fd[UDP_V4]), udp_port(&sockets));
	if (sockets.fd[UDP_V6] >= 0)
		assert_int_equal(port_of(sockets.fd[UDP_V6]), udp_port(&sockets));
	assert_true(fcntl(sockets.fd[UDP_V4], F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(sockets.fd[UDP_V4], F_GETFD), FD_CLOEXEC);
	udp_close(&sockets);
	assert_int_equal(sockets.fd[UDP_V4], -1);
	udp_close(&sockets);
	assert_int_equal(udp_port(&sockets), 0);
}

static void test_a_port_in_use_is_said_to_be(void **state)
{
	struct udp_sockets first;
	struct udp_sockets second;
	struct error err;

	(void)state;
	open_any(&first);
	assert_int_equal(udp_open(udp_port(&first), 0, &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.what, "cannot open UDP port"));
	udp_close(&first);
}

static void test_a_mark_is_set_where_we_may(void **state)
{
	struct udp_sockets sockets;
	struct error err;

	(void)state;
	skip_if_emulated("SO_MARK");
	assert_int_equal(udp_open(0, 0x1234, &sockets, &err), 0);
	assert_int_equal(udp_mark(&sockets), sockets.is_mark_refused ? 0 : 0x1234);
	assert_int_equal(udp_set_mark(&sockets, 7), 0);
	assert_int_equal(udp_mark(&sockets), sockets.is_mark_refused ? 0 : 7);
	assert_int_equal(udp_set_mark(&(struct udp_sockets){.fd = {-1, 99}}, 7), -EBADF);
	udp_close(&sockets);
	assert_int_equal(udp_mark(&sockets), 0);
}

/* Runs in a child, which has no capability any more. */
static int open_without_privilege(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};
	struct udp_sockets sockets;
	struct error err;

	if (syscall(SYS_capset, &header, none) < 0 || udp_open(0, 7, &sockets, &err) < 0)
		return 1;
	return sockets.is_mark_refused && udp_mark(&sockets) == 0 ? 0 : 2;
}

static void test_a_mark_without_privilege_is_a_warning_and_no_failure(void **state)
{
	pid_t child;
	int status;

	(void)state;
	skip_if_emulated("SO_MARK");
	child = fork();
	if (child == 0)
		_exit(open_without_privilege());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_sockets_of_another_process_are_told_apart(void **state)
{
	struct udp_sockets sockets;
	struct udp_sockets adopted;
	int other = socket(AF_UNIX, SOCK_DGRAM, 0);
	int stream = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	open_any(&sockets);
	assert_int_equal(udp_adopt(NULL, 0, &adopted), -EINVAL);
	assert_int_equal(udp_adopt(&other, 1, &adopted), -EINVAL);
	assert_int_equal(udp_adopt(&stream, 1, &adopted), -EINVAL);
	assert_int_equal(udp_adopt((int[]){sockets.fd[0], sockets.fd[0]}, 2, &adopted), -EINVAL);
	assert_int_equal(udp_adopt((int[]){99}, 1, &adopted), -EINVAL);
	assert_int_equal(udp_adopt(&sockets.fd[UDP_V4], 1, &adopted), 0);
	assert_int_equal(adopted.fd[UDP_V4], sockets.fd[UDP_V4]);
	assert_int_equal(adopted.fd[UDP_V6], -1);
	if (sockets.fd[UDP_V6] >= 0) {
		const int swapped[] = {sockets.fd[UDP_V6], sockets.fd[UDP_V4]};

		assert_int_equal(udp_adopt(swapped, 2, &adopted), 0);
		assert_int_equal(adopted.fd[UDP_V6], sockets.fd[UDP_V6]);
	}
	udp_close(&sockets);
	(void)close(other);
	(void)close(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_families_get_one_free_port),
		cmocka_unit_test(test_a_port_in_use_is_said_to_be),
		cmocka_unit_test(test_a_mark_is_set_where_we_may),
		cmocka_unit_test(test_a_mark_without_privilege_is_a_warning_and_no_failure),
		cmocka_unit_test(test_sockets_of_another_process_are_told_apart),
	};

	return cmocka_run_group_tests_name("dataplane/udp", tests, NULL, NULL);
}
