/* Mirrors src/net/tun.c */
#include "cmocka_all.h"

#include "namespace.h"

#include "base/error.h"
#include "net/tun.h"

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>

static void test_a_device_is_what_the_data_plane_wants_and_no_more(void **state)
{
	struct ifreq request = {0};
	int fd = -1;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(tun_create("wg0", &fd, NULL), 0);
	assert_int_equal(ioctl(fd, TUNGETIFF, &request), 0);
	assert_string_equal(request.ifr_name, "wg0");
	assert_int_equal((unsigned short)request.ifr_flags & ~IFF_TUN_EXCL,
			 IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	(void)close(fd);
}

static void test_it_is_gone_with_its_descriptor(void **state)
{
	int fd = -1;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(tun_create("wg0", &fd, NULL), 0);
	assert_int_not_equal(if_nametoindex("wg0"), 0);
	(void)close(fd);
	assert_int_equal(if_nametoindex("wg0"), 0);
}

static void test_nobody_attaches_a_second_queue(void **state)
{
	struct ifreq request = {.ifr_name = "wg0"};
	struct error err;
	int fd = -1;
	int second = -1;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(tun_create("wg0", &fd, NULL), 0);
	assert_int_equal(tun_create("wg0", &second, &err), -EBUSY);
	assert_string_equal(err.what, "cannot create link 'wg0': Device or resource busy");
	assert_int_equal(tun_open(&second, NULL), 0);
	request.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
	assert_int_equal(ioctl(second, TUNSETIFF, &request), -1);
	request.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	assert_int_equal(ioctl(second, TUNSETIFF, &request), -1);
	(void)close(second);
	(void)close(fd);
}

static void test_a_name_that_is_none_is_refused(void **state)
{
	static const char *const names[] = {"", "wg%d", "wg*", "-x", "..", "sixteen-letters-"};
	int fd = -1;

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct error err;

		assert_int_equal(tun_create(names[i], &fd, &err), -EINVAL);
		assert_non_null(strstr(err.what, "is not the name of a link"));
		assert_int_equal(fd, -1);
	}
}

/* In a child with a mount namespace, where /dev/net/tun is another file. */
static int open_in_place_of(const char *source, unsigned long flags)
{
	struct error err;
	int fd = -1;
	int r;

	if (unshare(CLONE_NEWNS) < 0 || mount(source, "/dev/net", "tmpfs", flags, NULL) < 0)
		return 200;
	r = tun_open(&fd, &err);
	return r == -ENOENT && strstr(err.what, "cannot open '/dev/net/tun'") &&
			       strstr(err.hint, "modprobe tun")
		       ? 0
		       : 1;
}

static void test_a_missing_node_is_told_with_what_to_do(void **state)
{
	pid_t child;
	int status;

	(void)state;
	NAMESPACE_OR_SKIP();
	child = fork();
	if (child == 0)
		_exit(open_in_place_of("none", 0));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 200)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int attach_any(const char *name, char ret[TUN_NAME_LEN], struct error *err)
{
	int fd = -1;
	int r;

	assert_int_equal(tun_open(&fd, NULL), 0);
	r = tun_attach_any(fd, name, ret, err);
	if (r == 0)
		return fd;
	(void)close(fd);
	return r;
}

static void test_the_kernel_may_choose_a_number(void **state)
{
	char first[TUN_NAME_LEN];
	char second[TUN_NAME_LEN];
	char name[TUN_NAME_LEN];
	int a;
	int b;

	(void)state;
	NAMESPACE_OR_SKIP();
	a = attach_any("wg%d", first, NULL);
	b = attach_any("wg%d", second, NULL);
	assert_string_equal(first, "wg0");
	assert_string_equal(second, "wg1");
	assert_int_equal(tun_name(b, name), 0);
	assert_string_equal(name, "wg1");
	(void)close(a);
	(void)close(b);
}

static void test_a_device_that_waits_for_its_program_is_taken(void **state)
{
	char name[TUN_NAME_LEN];
	int fd;

	(void)state;
	NAMESPACE_OR_SKIP();
	fd = attach_any("wg7", name, NULL);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	(void)close(fd);
	fd = attach_any("wg7", name, NULL);
	assert_true(fd >= 0);
	assert_string_equal(name, "wg7");
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 0), 0);
	assert_int_equal(attach_any("wg7", name, NULL), -EBUSY);
	(void)close(fd);
}

static void test_a_name_that_is_no_links_is_refused(void **state)
{
	static const char *const names[] = {"", "a/b", "sixteen-letters-", ".", "..", "a b", "a:b"};
	char name[TUN_NAME_LEN];

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct error err = {0};

		assert_int_equal(attach_any(names[i], name, &err), -EINVAL);
		assert_non_null(strstr(err.what, "not the name of a link"));
	}
}

static void test_a_link_that_is_there_is_named_with_what_to_do(void **state)
{
	char name[TUN_NAME_LEN];
	struct error err = {0};
	int fd;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(attach_any("lo", name, &err), -EINVAL);
	assert_string_equal(err.what, "cannot create link 'lo': there is one of another kind");
	fd = attach_any("wg7", name, NULL);
	assert_int_equal(attach_any("wg7", name, &err), -EBUSY);
	assert_string_equal(err.what,
			    "cannot create link 'wg7': there is one, and a program runs it");
	assert_non_null(strstr(err.hint, "ip link delete wg7"));
	(void)close(fd);
}

static void test_the_device_of_a_descriptor_is_known_until_it_is_gone(void **state)
{
	char name[TUN_NAME_LEN];
	int netns = -1;
	int fd = -1;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(tun_name(STDERR_FILENO, name), -EINVAL);
	assert_int_equal(tun_open(&fd, NULL), 0);
	assert_int_equal(tun_name(fd, name), -EBADFD);
	assert_int_equal(tun_netns(fd, &netns), -EBADFD);
	assert_int_equal(tun_attach_any(fd, "wg0", name, NULL), 0);
	assert_int_equal(tun_netns(fd, &netns), 0);
	assert_int_equal(fcntl(netns, F_GETFD), FD_CLOEXEC);
	(void)close(netns);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_device_is_what_the_data_plane_wants_and_no_more,
				       namespace_setup),
		cmocka_unit_test_setup(test_it_is_gone_with_its_descriptor, namespace_setup),
		cmocka_unit_test_setup(test_nobody_attaches_a_second_queue, namespace_setup),
		cmocka_unit_test_setup(test_a_name_that_is_none_is_refused, namespace_setup),
		cmocka_unit_test_setup(test_the_kernel_may_choose_a_number, namespace_setup),
		cmocka_unit_test_setup(test_a_device_that_waits_for_its_program_is_taken,
				       namespace_setup),
		cmocka_unit_test_setup(test_a_name_that_is_no_links_is_refused, namespace_setup),
		cmocka_unit_test_setup(test_a_link_that_is_there_is_named_with_what_to_do,
				       namespace_setup),
		cmocka_unit_test_setup(test_the_device_of_a_descriptor_is_known_until_it_is_gone,
				       namespace_setup),
		cmocka_unit_test_setup(test_a_missing_node_is_told_with_what_to_do,
				       namespace_setup),
	};

	return cmocka_run_group_tests_name("net/tun", tests, namespace_group_setup, NULL);
}
