/* Mirrors src/base/error.c */
#include "cmocka_all.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

static void test_failure_is_the_negative_code_and_a_text(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(error_set(&err, ENODEV, "no interface named '%s'", "wg0"), -ENODEV);
	assert_int_equal(err.code, ENODEV);
	assert_string_equal(err.what, "no interface named 'wg0'");
	assert_string_equal(err.hint, "");
	assert_null(err.pos.path);
}

static void test_null_means_only_the_errno_is_wanted(void **state)
{
	const struct source_pos pos = {.path = "a.conf", .line = 1};

	(void)state;
	assert_int_equal(error_set(NULL, ENODEV, "x"), -ENODEV);
	assert_int_equal(error_errno(NULL, EPERM, "x"), -EPERM);
	assert_int_equal(error_at(NULL, &pos, "x"), -EINVAL);
	assert_int_equal(error_wrap(NULL, "x"), -EINVAL);
	error_hint(NULL, "x");
}

static void test_errors_of_a_file_carry_their_place(void **state)
{
	const struct source_pos pos = {.path = "a.conf", .line = 7, .column = 11};
	struct error err;

	(void)state;
	assert_int_equal(error_at(&err, &pos, "'%d' is no port", 70000), -EINVAL);
	assert_int_equal(err.code, EINVAL);
	assert_string_equal(err.pos.path, "a.conf");
	assert_int_equal(err.pos.line, 7);
	assert_int_equal(err.pos.column, 11);
	assert_string_equal(err.what, "'70000' is no port");
}

static void test_system_errors_end_with_the_codes_own_text(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(error_errno(&err, EACCES, "cannot open '%s'", "/x"), -EACCES);
	assert_string_equal(err.what, "cannot open '/x': Permission denied");
}

static void test_context_goes_in_front_and_keeps_code_place_and_hint(void **state)
{
	const struct source_pos pos = {.path = "a.conf", .line = 7};
	struct error err;

	(void)state;
	(void)error_at(&err, &pos, "no such key");
	error_hint(&err, "did you mean %s?", "DNS");
	assert_int_equal(error_wrap(&err, "profile '%s'", "work"), -EINVAL);
	assert_string_equal(err.what, "profile 'work': no such key");
	assert_string_equal(err.hint, "did you mean DNS?");
	assert_int_equal(err.pos.line, 7);
}

static void test_new_error_forgets_the_old_hint_and_place(void **state)
{
	const struct source_pos pos = {.path = "a.conf", .line = 7};
	struct error err;

	(void)state;
	(void)error_at(&err, &pos, "first");
	error_hint(&err, "try again");
	(void)error_set(&err, EIO, "second");
	assert_string_equal(err.hint, "");
	assert_null(err.pos.path);
}

static void test_text_that_does_not_fit_is_cut_and_ends_in_nul(void **state)
{
	struct error err;
	char big[1000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';

	(void)error_set(&err, EIO, "%s", big);
	assert_int_equal(strlen(err.what), sizeof(err.what) - 1);
	(void)error_errno(&err, EIO, "%s", big);
	assert_int_equal(strlen(err.what), sizeof(err.what) - 1);
	(void)error_wrap(&err, "%s", big);
	assert_int_equal(strlen(err.what), sizeof(err.what) - 1);
	error_hint(&err, "%s", big);
	assert_int_equal(strlen(err.hint), sizeof(err.hint) - 1);
}

static void test_cut_context_still_leaves_room_for_the_start_of_the_cause(void **state)
{
	struct error err;
	char context[201];

	(void)state;
	memset(context, 'c', sizeof(context) - 1);
	context[sizeof(context) - 1] = '\0';
	(void)error_set(&err, EIO, "%0*d", 239, 7);
	(void)error_wrap(&err, "%s", context);
	assert_int_equal(strlen(err.what), sizeof(err.what) - 1);
	assert_memory_equal(err.what + 200, ": 000", 5);
}

static void test_list_keeps_the_first_errors_and_counts_the_others(void **state)
{
	struct error_list list = {0};
	struct error err;

	(void)state;
	for (int i = 0; i < ERROR_LIST_MAX + 3; i++) {
		(void)error_set(&err, EIO, "number %d", i);
		error_list_add(&list, &err);
	}
	error_list_add(NULL, &err);
	assert_int_equal(list.n, ERROR_LIST_MAX);
	assert_int_equal(list.n_lost, 3);
	assert_string_equal(list.at[0].what, "number 0");
	assert_string_equal(list.at[ERROR_LIST_MAX - 1].what, "number 7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failure_is_the_negative_code_and_a_text),
		cmocka_unit_test(test_null_means_only_the_errno_is_wanted),
		cmocka_unit_test(test_errors_of_a_file_carry_their_place),
		cmocka_unit_test(test_system_errors_end_with_the_codes_own_text),
		cmocka_unit_test(test_context_goes_in_front_and_keeps_code_place_and_hint),
		cmocka_unit_test(test_new_error_forgets_the_old_hint_and_place),
		cmocka_unit_test(test_text_that_does_not_fit_is_cut_and_ends_in_nul),
		cmocka_unit_test(test_list_keeps_the_first_errors_and_counts_the_others),
		cmocka_unit_test(test_cut_context_still_leaves_room_for_the_start_of_the_cause),
	};

	return cmocka_run_group_tests_name("base/error", tests, NULL, NULL);
}
