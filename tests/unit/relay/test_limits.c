/* Mirrors src/relay/limits.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "relay/flow_id.h"
#include "relay/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

static void test_all_that_is_allowed_fits_into_the_files(void **state)
{
	struct limits limits;

	(void)state;
	for (unsigned int files = LIMITS_FILES_LEAST; files < 200000; files += 17) {
		assert_int_equal(limits_derive(files, &limits, NULL), 0);
		assert_true(limits.listeners > 0 && limits.clients > 0 && limits.pipes > 0);
		assert_true(limits.connections >= 100);
		assert_true(limits.listeners + 2 * limits.clients + 2 * limits.pipes +
				    2 * limits.connections + 64 <=
			    files);
		assert_true(limits.connections <= FLOW_PLACES_MAX);
	}
}

static void test_what_is_wanted_leaves_room_for_ten_thousand_connections(void **state)
{
	struct limits limits;

	(void)state;
	assert_int_equal(limits_derive(LIMITS_FILES_WANTED, &limits, NULL), 0);
	assert_true(limits.connections >= 10000);
}

static void test_too_few_files_are_an_error_that_says_what_to_raise(void **state)
{
	struct limits limits;
	struct error err = {0};

	(void)state;
	assert_int_equal(limits_derive(LIMITS_FILES_LEAST - 1, &limits, &err), -EMFILE);
	assert_string_equal(err.what, "511 open files are allowed, and a relay takes 512");
	assert_non_null(strstr(err.hint, "LimitNOFILE="));
}

static void test_the_hard_limit_counts_unless_it_may_be_raised(void **state)
{
	struct rlimit before;
	struct rlimit low;
	struct limits limits;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(limits_find(&limits, NULL), 0);
	assert_true(limits.files == LIMITS_FILES_WANTED || limits.files == before.rlim_max);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_that_is_allowed_fits_into_the_files),
		cmocka_unit_test(test_what_is_wanted_leaves_room_for_ten_thousand_connections),
		cmocka_unit_test(test_too_few_files_are_an_error_that_says_what_to_raise),
		cmocka_unit_test(test_the_hard_limit_counts_unless_it_may_be_raised),
	};

	return cmocka_run_group_tests_name("relay/limits", tests, NULL, NULL);
}
