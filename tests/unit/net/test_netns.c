/* Mirrors src/net/netns.c */
#include "cmocka_all.h"

#include "emulated.h"
#include "namespace.h"

#include "base/error.h"
#include "net/netns.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif

static void test_our_own_namespace_by_path_and_by_process(void **state)
{
	int own = -1;
	int by_pid = -1;

	(void)state;
	skip_if_emulated("NS_GET_NSTYPE");
	assert_int_equal(netns_open_process(0, &own, NULL), 0);
	assert_int_equal(netns_open_process(getpid(), &by_pid, NULL), 0);
	assert_true(netns_is_same(own, by_pid));
	assert_int_equal(fcntl(own, F_GETFD), FD_CLOEXEC);
	(void)close(own);
	(void)close(by_pid);
}

static void test_what_is_no_network_namespace_is_refused(void **state)
{
	static const char *const paths[] = {"/proc/self/ns/user", "/proc/self/status", "/"};
	int fd = -1;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct error err;

		assert_int_equal(netns_open(paths[i], &fd, &err), -EINVAL);
		assert_non_null(strstr(err.what, "is no network namespace"));
	}
	assert_int_equal(fd, -1);
}

static void test_nothing_there_is_told_by_its_path(void **state)
{
	struct error err;
	int fd = -1;

	(void)state;
	assert_int_equal(netns_open("/none", &fd, &err), -ENOENT);
	assert_string_equal(err.what,
			    "cannot open network namespace '/none': No such file or directory");
	assert_false(netns_is_same(-1, -1));
}

static void test_a_socket_is_of_the_other_namespace_and_we_stay_where_we_are(void **state)
{
	const struct netns_socket udp = {AF_INET, SOCK_DGRAM, 0};
	int first = -1;
	int second = -1;
	int now = -1;
	int fd = -1;
	int of_socket;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(netns_open_process(0, &first, NULL), 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(netns_open_process(0, &second, NULL), 0);
	assert_false(netns_is_same(first, second));
	assert_int_equal(netns_socket(-1, first, &udp, &fd, NULL), 0);
	of_socket = ioctl(fd, SIOCGSKNS);
	assert_true(of_socket >= 0);
	assert_true(netns_is_same(of_socket, first));
	assert_int_equal(netns_open_process(0, &now, NULL), 0);
	assert_true(netns_is_same(now, second));
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	(void)close(of_socket);
	(void)close(now);
	(void)close(fd);
	(void)close(second);
	(void)close(first);
}

static void test_each_failure_inside_is_told(void **state)
{
	const struct netns_socket udp = {AF_INET, SOCK_DGRAM, 0};
	const struct netns_socket none = {AF_INET, SOCK_DGRAM, IPPROTO_TCP};
	struct error err;
	int own = -1;
	int user = -1;
	int fd = -1;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(netns_open_process(0, &own, NULL), 0);
	assert_int_equal(netns_socket(-1, own, &none, &fd, &err), -EPROTONOSUPPORT);
	assert_string_equal(err.what, "cannot open a socket there: Protocol not supported");
	assert_int_equal(netns_socket(-1, 0, &udp, &fd, &err), -EINVAL);
	assert_non_null(strstr(err.what, "cannot enter the network namespace: "));
	/* one's own user namespace cannot be entered again (setns(2)) */
	user = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	assert_int_equal(netns_socket(user, own, &udp, &fd, &err), -EINVAL);
	assert_string_equal(err.what, "cannot enter the user namespace: Invalid argument");
	assert_int_equal(fd, -1);
	(void)close(user);
	(void)close(own);
}

static void test_a_cookie_tells_namespaces_apart(void **state)
{
	uint64_t before = 0;
	uint64_t again = 0;
	uint64_t after = 0;
	int old = -1;
	int new = -1;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(netns_open_process(0, &old, NULL), 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(netns_open_process(0, &new, NULL), 0);
	assert_int_equal(netns_cookie(old, &before, NULL), 0);
	assert_int_equal(netns_cookie(new, &after, NULL), 0);
	assert_int_equal(netns_cookie(old, &again, NULL), 0);
	assert_true(before == again && before != after);
	assert_int_equal(netns_own_cookie(&again, NULL), 0);
	assert_true(again == after);
	assert_int_equal(netns_cookie(0, &again, NULL), -EINVAL);
	(void)close(old);
	(void)close(new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_our_own_namespace_by_path_and_by_process),
		cmocka_unit_test(test_what_is_no_network_namespace_is_refused),
		cmocka_unit_test(test_nothing_there_is_told_by_its_path),
		cmocka_unit_test_setup(
			test_a_socket_is_of_the_other_namespace_and_we_stay_where_we_are,
			namespace_setup),
		cmocka_unit_test_setup(test_each_failure_inside_is_told, namespace_setup),
		cmocka_unit_test_setup(test_a_cookie_tells_namespaces_apart, namespace_setup),
	};

	return cmocka_run_group_tests_name("net/netns", tests, namespace_group_setup, NULL);
}
