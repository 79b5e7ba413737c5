/* Mirrors src/confine/etcview.c */
#include "cmocka_all.h"

#include "base/address.h"
#include "base/error.h"
#include "confine/entry.h"
#include "confine/etcview.h"
#include "confine/host.h"
#include "confine/options.h"
#include "plan_steps.h"

#include <errno.h>
#include <string.h>

static struct error err;

static const struct view_step *find_file(const struct view_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		const char *slash = strrchr(plan->step[i].target, '/');

		if (plan->step[i].kind == VIEW_FILE && slash && strcmp(slash + 1, name) == 0)
			return &plan->step[i];
	}
	return NULL;
}

static void test_the_resolvers_files_are_ours(void **state)
{
	struct address dns;
	const struct confine_options options = {.dns = &dns, .n_dns = 1};
	const struct view_host host = {.options = &options};
	struct view_plan *plan = view_new();

	(void)state;
	assert_true(address_parse("10.2.0.1", 8, &dns));
	assert_int_equal(etcview_add(&host, plan, &err), 0);
	assert_non_null(strstr(find_file(plan, "resolv.conf")->content, "nameserver 10.2.0.1\n"));
	assert_non_null(strstr(find_file(plan, "nsswitch.conf")->content, "hosts: files"));
	assert_true(is_mounted(plan, "overlay", "/etc"));
	assert_true(find_step(plan, VIEW_FILESYSTEM, "/etc")->flags & VIEW_READ_ONLY);
	view_free(plan);
}

static void test_files_that_are_given_are_mounted_over_ours(void **state)
{
	const struct confine_options options = {0};
	const int given[ENTRY_MOUNTS] = {7, 8, 9};
	const struct view_host host = {.options = &options, .given = given};
	struct view_plan *plan = view_new();
	long etc;

	(void)state;
	assert_int_equal(etcview_add(&host, plan, &err), 0);
	etc = step_position(plan, find_step(plan, VIEW_FILESYSTEM, "/etc"));
	assert_int_equal(find_step(plan, VIEW_GIVEN, "/etc/resolv.conf")->fd, 8);
	assert_int_equal(find_step(plan, VIEW_GIVEN, "/etc/nsswitch.conf")->fd, 9);
	assert_true(etc < step_position(plan, find_step(plan, VIEW_GIVEN, "/etc/resolv.conf")));
	view_free(plan);
}

static void test_a_search_list_without_end_is_an_error(void **state)
{
	static char word[200];
	const char *search[100];
	const struct confine_options options = {.search = search, .n_search = 100};
	const struct view_host host = {.options = &options};
	struct view_plan *plan = view_new();

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	for (size_t i = 0; i < 100; i++)
		search[i] = word;
	assert_int_equal(etcview_add(&host, plan, &err), -E2BIG);
	view_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_resolvers_files_are_ours),
		cmocka_unit_test(test_files_that_are_given_are_mounted_over_ours),
		cmocka_unit_test(test_a_search_list_without_end_is_an_error),
	};

	return cmocka_run_group_tests_name("confine/etcview", tests, NULL, NULL);
}
