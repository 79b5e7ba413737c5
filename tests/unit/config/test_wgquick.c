/* Mirrors src/config/wgquick.c */
#include "cmocka_all.h"

#include "config/wgquick.h"

#include <string.h>

static enum wgquick_group group_of(const char *name)
{
	return wgquick_find((struct slice){name, strlen(name)});
}

static void test_hooks_are_known_in_any_case(void **state)
{
	(void)state;
	assert_int_equal(group_of("PreUp"), WGQUICK_HOOK);
	assert_int_equal(group_of("POSTUP"), WGQUICK_HOOK);
	assert_int_equal(group_of("predown"), WGQUICK_HOOK);
	assert_int_equal(group_of("PostDown"), WGQUICK_HOOK);
	assert_int_equal(group_of("Table"), WGQUICK_TABLE);
	assert_int_equal(group_of("SaveConfig"), WGQUICK_SAVE);
	assert_int_equal(group_of("ExcludedApplications"), WGQUICK_APPS);
	assert_int_equal(group_of("Jmin"), WGQUICK_AMNEZIA);
}

static void test_other_names_are_of_no_group(void **state)
{
	(void)state;
	assert_int_equal(group_of("PostUpp"), WGQUICK_GROUPS);
	assert_int_equal(group_of("PrivateKey"), WGQUICK_GROUPS);
	assert_int_equal(group_of(""), WGQUICK_GROUPS);
}

static void test_only_another_protocol_is_an_error(void **state)
{
	(void)state;
	for (unsigned int group = 0; group < WGQUICK_GROUPS; group++) {
		const struct wgquick_answer *answer = wgquick_answer((enum wgquick_group)group);

		assert_non_null(answer->what);
		assert_int_equal(answer->severity == REPORT_ERROR, group == WGQUICK_AMNEZIA);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hooks_are_known_in_any_case),
		cmocka_unit_test(test_other_names_are_of_no_group),
		cmocka_unit_test(test_only_another_protocol_is_an_error),
	};

	return cmocka_run_group_tests_name("config/wgquick", tests, NULL, NULL);
}
