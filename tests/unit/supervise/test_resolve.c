/* Mirrors src/supervise/resolve.c.  Only addresses are asked for, so that no
 * query leaves the machine.
 */
#include "cmocka_all.h"

#include "supervise/resolve.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static void test_an_address_resolves_to_itself_with_its_port(void **state)
{
	struct resolve_answer answer = {0};
	struct error err = {0};
	char text[ENDPOINT_TEXT_LEN];

	(void)state;
	assert_int_equal(resolve_wait("127.0.0.1", 51820, 10 * NS_PER_S, &answer, &err), 0);
	assert_int_equal(answer.n_endpoints, 1);
	assert_string_equal(endpoint_print(&answer.endpoint[0], text), "127.0.0.1:51820");
}

static void test_a_name_that_cannot_exist_says_so(void **state)
{
	struct resolve_answer answer = {0};
	struct error err = {0};

	(void)state;
	assert_int_equal(resolve_wait("..", 1, 10 * NS_PER_S, &answer, &err), -ENOENT);
	assert_non_null(strstr(err.what, "'..' does not resolve"));
	assert_true(err.hint[0] != '\0');
}

static void test_a_cancelled_look_up_leaves_no_child(void **state)
{
	struct resolve resolve = {.fd = -1};
	struct error err = {0};
	pid_t pid;

	(void)state;
	assert_int_equal(resolve_start("127.0.0.1", 1, &resolve, &err), 0);
	pid = resolve.pid;
	resolve_cancel(&resolve);
	assert_int_equal(resolve.pid, 0);
	assert_int_equal(kill(pid, 0), -1);
	resolve_cancel(&resolve);
}

static void test_no_answer_in_time_is_a_timeout(void **state)
{
	struct resolve_answer answer = {0};
	struct error err = {0};

	(void)state;
	assert_int_equal(resolve_wait("127.0.0.1", 1, 0, &answer, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.what, "does not resolve"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_address_resolves_to_itself_with_its_port),
		cmocka_unit_test(test_a_name_that_cannot_exist_says_so),
		cmocka_unit_test(test_a_cancelled_look_up_leaves_no_child),
		cmocka_unit_test(test_no_answer_in_time_is_a_timeout),
	};

	return cmocka_run_group_tests_name("supervise/resolve", tests, NULL, NULL);
}
