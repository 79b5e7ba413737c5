/* Mirrors src/supervise/maker.c */
#include "cmocka_all.h"

#include "namespace.h"

#include "base/error.h"
#include "net/link.h"
#include "net/nlsock.h"
#include "plan/step.h"
#include "supervise/maker.h"

#include <signal.h>
#include <sys/wait.h>

static const struct step_tun tun = {.name = "wg0", .mtu = 1300};

static void test_what_it_cannot_make_is_told_in_its_words(void **state)
{
	int none = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct error err = {0};
	struct maker maker;

	(void)state;
	assert_int_equal(maker_start(none, &maker, NULL), 0);
	/* and it goes on */
	for (int i = 0; i < 2; i++) {
		assert_true(maker_make(&maker, &tun, &err) < 0);
		assert_non_null(strstr(err.what, "cannot create WireGuard link 'wg0'"));
	}
	maker_end(&maker);
	(void)close(none);
}

static void test_one_that_has_died_is_an_error(void **state)
{
	struct error err = {0};
	struct maker maker;

	(void)state;
	assert_int_equal(maker_start(-1, &maker, NULL), 0);
	assert_int_equal(kill(maker.pid, SIGKILL), 0);
	assert_true(maker_make(&maker, &tun, &err) < 0);
	assert_non_null(strstr(err.what, "cannot ask outside for the link 'wg0'"));
	maker_end(&maker);
}

static void test_it_ends_once_and_leaves_no_child(void **state)
{
	struct maker maker;

	(void)state;
	assert_int_equal(maker_start(-1, &maker, NULL), 0);
	maker_end(&maker);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	maker_end(&maker);
}

static void check_link(void)
{
	struct nlsock *sock;
	struct link_info link;

	assert_int_equal(nlsock_open(&sock, NULL), 0);
	assert_int_equal(link_get(sock, "wg0", &link, NULL), 0);
	assert_string_equal(link.kind, "wireguard");
	assert_int_equal(link.mtu, 1300);
	nlsock_close(sock);
}

static void test_its_link_comes_to_be_inside_where_the_kernel_has_it(void **state)
{
	int outside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct maker maker;
	int inside;
	int r;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	inside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(outside, CLONE_NEWNET), 0);
	assert_int_equal(maker_start(inside, &maker, NULL), 0);
	assert_int_equal(setns(inside, CLONE_NEWNET), 0);
	r = maker_make(&maker, &tun, NULL);
	maker_end(&maker);
	if (r == -EOPNOTSUPP)
		skip();
	assert_int_equal(r, 0);
	check_link();
	(void)close(inside);
	(void)close(outside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_cannot_make_is_told_in_its_words),
		cmocka_unit_test(test_one_that_has_died_is_an_error),
		cmocka_unit_test(test_it_ends_once_and_leaves_no_child),
		cmocka_unit_test_setup(test_its_link_comes_to_be_inside_where_the_kernel_has_it,
				       namespace_setup),
	};

	return cmocka_run_group_tests_name("supervise/maker", tests, namespace_group_setup, NULL);
}
