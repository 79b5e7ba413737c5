/* Mirrors src/confine/tmpview.c */
#include "cmocka_all.h"

#include "confine/host.h"
#include "confine/options.h"
#include "confine/tmpview.h"
#include "confine/view.h"
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char kept[CONFINE_PATH_LEN];
static int lock;

static int setup(void **state)
{
	if (folder_make(state) < 0)
		return -1;
	(void)setenv("XDG_STATE_HOME", folder, 1);
	tmpview_prepare(kept, &lock);
	return 0;
}

static int teardown(void **state)
{
	if (lock >= 0)
		(void)close(lock);
	while (waitpid(-1, NULL, 0) > 0) /* who removes behind */
		;
	return folder_remove(state);
}

static size_t count_runs(void)
{
	DIR *dir = opendir(folder_path("adit/tmp"));
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2;
}

static bool finish(void)
{
	bool is_left = tmpview_finish(kept, lock);

	while (waitpid(-1, NULL, 0) > 0)
		;
	return is_left;
}

/* A path below the folder of this run. */
static const char *inside(const char *name)
{
	static char path[CONFINE_PATH_LEN + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", kept, name);
	return path;
}

static void put(const char *name, const char *text, mode_t mode)
{
	assert_true(folder_write(inside(name) + strlen(folder) + 1, text, mode));
}

static void test_the_folder_is_made_private_and_locked(void **state)
{
	struct stat status;
	int other;

	(void)state;
	assert_true(lock >= 0);
	assert_int_equal(strncmp(kept, folder, strlen(folder)), 0);
	assert_int_equal(stat(kept, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(stat(inside("tmp/upper"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 01777);
	assert_int_equal(stat(inside("var-tmp/upper"), &status), 0);
	other = open(kept, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	(void)close(other);
}

static void test_an_empty_one_is_gone_at_the_end(void **state)
{
	(void)state;
	put("tmp/work-3/work/incompat/volatile/dirty", "", 0);
	assert_int_equal(chmod(inside("tmp/work-3/work"), 0), 0);
	assert_int_equal(mkdir(inside("tmp/upper/empty"), 0755), 0);
	assert_false(finish());
	assert_int_equal(count_runs(), 0);
}

static void test_what_is_nothing_does_not_count(void **state)
{
	(void)state;
	put("tmp/upper/place-holder", "", 0);
	assert_int_equal(mknod(inside("tmp/upper/socket"), S_IFSOCK | 0600, 0), 0);
	assert_int_equal(mkfifo(inside("tmp/upper/pipe"), 0600), 0);
	/* Overlayfs's mark of a deleted file: needs no privilege since Linux 5.8,
	 * and cannot be made where /tmp is on an overlay itself.
	 */
	if (mknod(inside("tmp/upper/deleted"), S_IFCHR, 0) < 0)
		assert_int_equal(errno, EPERM);
	assert_false(finish());
	assert_int_equal(count_runs(), 0);
}

static void test_what_is_something_stays(void **state)
{
	struct stat status;

	(void)state;
	put("tmp/work-3/work/x", "", 0);
	put("tmp/upper/a/b/file", "text", 0644);
	put("var-tmp/upper/empty-but-theirs", "", 0644);
	assert_int_equal(mkdir(inside("tmp/upper/a/empty"), 0755), 0);
	assert_int_equal(symlink("x", inside("tmp/upper/link")), 0);
	assert_true(finish());
	assert_int_equal(stat(inside("tmp/upper/a/b/file"), &status), 0);
	assert_int_equal(stat(inside("var-tmp/upper/empty-but-theirs"), &status), 0);
	assert_int_equal(lstat(inside("tmp/upper/link"), &status), 0);
	assert_int_equal(stat(inside("tmp/upper/a/empty"), &status), -1);
	assert_int_equal(stat(inside("tmp/work-3"), &status), -1);
}

static void test_names_that_look_like_ours_are_the_commands(void **state)
{
	struct stat status;

	(void)state;
	put("tmp/upper/work-3/file", "text", 0644);
	assert_true(finish());
	assert_int_equal(stat(inside("tmp/upper/work-3/file"), &status), 0);
}

static void test_runs_that_were_killed_are_cleared_by_the_next(void **state)
{
	char other[CONFINE_PATH_LEN];
	int alive;

	(void)state;
	assert_true(folder_write("adit/tmp/killed/tmp/work-1/x", "", 0));
	assert_true(folder_write("adit/tmp/alive/tmp/work-1/x", "", 0));
	(void)snprintf(other, sizeof(other), "%s", folder_path("adit/tmp/alive"));
	alive = open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(alive, LOCK_EX | LOCK_NB), 0);
	assert_false(finish());
	assert_int_equal(count_runs(), 1);
	(void)close(alive);
}

static void test_without_a_place_nothing_is_kept(void **state)
{
	char none[CONFINE_PATH_LEN] = "x";
	int no_lock = 0;

	(void)state;
	(void)unsetenv("XDG_STATE_HOME");
	(void)unsetenv("HOME");
	tmpview_prepare(none, &no_lock);
	assert_string_equal(none, "");
	assert_int_equal(no_lock, -1);
	(void)setenv("HOME", "/proc/nowhere", 1);
	tmpview_prepare(none, &no_lock);
	assert_string_equal(none, "");
	assert_false(tmpview_finish("", -1));
	assert_false(tmpview_finish("/nonexistent/run", -1));
}

static void test_both_trees_are_added_unless_shared(void **state)
{
	struct confine_options options = {0};
	struct view_host host = {.options = &options, .kept = kept};
	struct view_plan *plan = view_new();
	size_t n_overlays = 0;

	(void)state;
	tmpview_add(&host, plan);
	for (size_t i = 0; i < plan->n_steps; i++)
		n_overlays += plan->step[i].source && strcmp(plan->step[i].source, "overlay") == 0;
	assert_int_equal(n_overlays, 4); /* each with its fallback */
	assert_int_equal(plan->step[plan->n_steps - 1].flags, VIEW_INSTEAD);
	view_free(plan);

	plan = view_new();
	options.share_tmp = true;
	tmpview_add(&host, plan);
	assert_int_equal(plan->n_steps, 0);
	view_free(plan);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_folder_is_made_private_and_locked),
		TEST(test_an_empty_one_is_gone_at_the_end),
		TEST(test_what_is_nothing_does_not_count),
		TEST(test_what_is_something_stays),
		TEST(test_names_that_look_like_ours_are_the_commands),
		TEST(test_runs_that_were_killed_are_cleared_by_the_next),
		TEST(test_without_a_place_nothing_is_kept),
		TEST(test_both_trees_are_added_unless_shared),
	};

	return cmocka_run_group_tests_name("confine/tmpview", tests, NULL, NULL);
}
