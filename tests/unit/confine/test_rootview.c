/* Mirrors src/confine/rootview.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "confine/host.h"
#include "confine/options.h"
#include "confine/rootview.h"
#include "plan_steps.h"

#include <errno.h>
#include <string.h>

static struct error err;
static struct view_plan *plan;
static struct confine_options options;

static int setup(void **state)
{
	(void)state;
	options = (struct confine_options){0};
	plan = view_new();
	return plan ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	view_free(plan);
	return 0;
}

static int build(void)
{
	const struct view_host host = {.options = &options,
				       .uid = 1000,
				       .runtime_dir = "",
				       .kept = "",
				       .unix_sockets = "",
				       .terminal = ""};

	return rootview_build(&host, plan, &err);
}

static long at(enum view_kind kind, const char *target)
{
	return step_position(plan, find_step(plan, kind, target));
}

static void test_every_tree_has_its_view(void **state)
{
	static const char *const trees[] = {"/etc",  "/run", "/tmp",	"/var/tmp",
					    "/proc", "/sys", "/dev/pts"};

	(void)state;
	assert_int_equal(build(), 0);
	assert_false(plan->is_full);
	for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++)
		assert_non_null(find_step(plan, VIEW_FILESYSTEM, trees[i]));
}

/* What the steps make lies where /sys is mounted at last. */
static void test_the_private_folder_stands_from_first_to_last(void **state)
{
	(void)state;
	assert_int_equal(build(), 0);
	assert_int_equal(plan->step[0].kind, VIEW_FILESYSTEM);
	assert_string_equal(plan->step[0].target, VIEW_PRIVATE);
	assert_true(at(VIEW_UNMOUNT, VIEW_PRIVATE) > at(VIEW_FILESYSTEM, "/var/tmp"));
	assert_true(at(VIEW_UNMOUNT, VIEW_PRIVATE) > at(VIEW_DEAD_SOCKET, "/sys/dead-socket"));
	assert_true(at(VIEW_FILESYSTEM, "/sys") > at(VIEW_UNMOUNT, VIEW_PRIVATE));
}

static void test_masks_only_when_strict(void **state)
{
	(void)state;
	assert_int_equal(build(), 0);
	assert_null(find_step(plan, VIEW_FILE, "/sys/empty"));
	options.is_strict = true;
	assert_int_equal(build(), 0);
	assert_non_null(find_step(plan, VIEW_FILE, "/sys/empty"));
}

static void test_a_share_that_is_not_there_ends_it(void **state)
{
	const char *path = "/nonexistent/x";

	(void)state;
	options.share_path = &path;
	options.n_share_paths = 1;
	assert_int_equal(build(), -ENOENT);
	assert_non_null(strstr(err.what, path));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_tree_has_its_view),
		TEST(test_the_private_folder_stands_from_first_to_last),
		TEST(test_masks_only_when_strict),
		TEST(test_a_share_that_is_not_there_ends_it),
	};

	return cmocka_run_group_tests_name("confine/rootview", tests, NULL, NULL);
}
