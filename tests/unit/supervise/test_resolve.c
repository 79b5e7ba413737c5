/* Mirrors src/supervise/resolve.c.  Only addresses are asked for, so that no
 * query leaves the machine.
 */
#include "cmocka_all.h"

#include "supervise/resolve.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"

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

/* A profile's memory is zeroes in a child. */
static void test_a_name_in_secret_memory_reaches_the_resolver(void **state)
{
	struct resolve_answer answer = {0};
	struct error err = {0};
	char *host = secret_new(sizeof("127.0.0.1"));

	(void)state;
	assert_non_null(host);
	memcpy(host, "127.0.0.1", sizeof("127.0.0.1"));
	assert_int_equal(resolve_wait(host, 1, 10 * NS_PER_S, &answer, &err), 0);
	assert_int_equal(answer.endpoint[0].v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	secret_free(host);
}

static void test_a_name_that_is_too_long_says_so(void **state)
{
	struct resolve resolve = {.fd = -1};
	struct error err = {0};
	char host[2000];

	(void)state;
	memset(host, 'a', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	assert_int_equal(resolve_start(host, 1, &resolve, &err), -ENAMETOOLONG);
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
		cmocka_unit_test(test_a_name_in_secret_memory_reaches_the_resolver),
		cmocka_unit_test(test_a_name_that_is_too_long_says_so),
		cmocka_unit_test(test_a_cancelled_look_up_leaves_no_child),
		cmocka_unit_test(test_no_answer_in_time_is_a_timeout),
	};

	return cmocka_run_group_tests_name("supervise/resolve", tests, NULL, NULL);
}
