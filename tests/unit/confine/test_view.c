/* Mirrors src/confine/view.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "confine/view.h"
#include "folder.h"
#include "mount_namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

static struct error err;
static struct view_plan *plan;

static int setup(void **state)
{
	plan = view_new();
	return plan ? folder_make(state) : -1;
}

static int teardown(void **state)
{
	view_free(plan);
	return folder_remove(state);
}

static void test_a_plan_keeps_copies_of_what_it_is_given(void **state)
{
	char path[] = "/a/path";

	(void)state;
	view_add(plan, &(struct view_step){.kind = VIEW_FOLDER, .target = path});
	path[1] = 'X';
	assert_string_equal(plan->step[0].target, "/a/path");
	assert_null(plan->step[0].source);
	assert_string_equal(view_format(plan, "%s-%d", "x", 5), "x-5");
}

static void test_a_plan_that_is_full_is_not_carried_out(void **state)
{
	(void)state;
	for (size_t i = 0; i <= VIEW_STEPS_MAX; i++)
		view_add(plan, &(struct view_step){.kind = VIEW_FOLDER, .target = "/x"});
	assert_int_equal(plan->n_steps, VIEW_STEPS_MAX);
	assert_int_equal(view_apply(plan, &err), -E2BIG);
}

static void test_text_that_does_not_fit_is_not_cut_in_silence(void **state)
{
	char *large = malloc(VIEW_TEXT_MAX + 1);

	(void)state;
	memset(large, 'x', VIEW_TEXT_MAX);
	large[VIEW_TEXT_MAX] = '\0';
	assert_string_equal(view_format(plan, "%s", large), "");
	assert_true(plan->is_full);
	free(large);
}

static void test_what_is_attached_at_its_own_place_is_known(void **state)
{
	(void)state;
	view_add(plan, &(struct view_step){.kind = VIEW_ATTACH, .source = "/a", .target = "/a"});
	view_add(plan, &(struct view_step){.kind = VIEW_ATTACH, .source = "/b", .target = "/c"});
	assert_true(view_is_attached(plan, "/a/x"));
	assert_false(view_is_attached(plan, "/ab"));
	assert_false(view_is_attached(plan, "/b") || view_is_attached(plan, "/c"));
}

static void test_what_is_shared_is_known(void **state)
{
	(void)state;
	view_add(plan, &(struct view_step){.kind = VIEW_ATTACH,
					   .source = "/a",
					   .target = "/a",
					   .flags = VIEW_SHARED});
	view_add(plan, &(struct view_step){.kind = VIEW_ATTACH, .source = "/b", .target = "/b"});
	assert_true(view_is_shared(plan, "/a"));
	assert_true(view_is_shared(plan, "/a/x"));
	assert_false(view_is_shared(plan, "/ab"));
	assert_false(view_is_shared(plan, "/b"));
}

static bool has_text(const char *path, const char *text)
{
	char found[64] = "";
	FILE *file = fopen(path, "r");

	if (!file)
		return false;
	(void)!fgets(found, sizeof(found), file);
	(void)fclose(file);
	return strcmp(found, text) == 0;
}

static void add(enum view_kind kind, const char *target, const char *source, const char *content,
		unsigned int flags)
{
	view_add(plan, &(struct view_step){.kind = kind,
					   .target = target,
					   .source = source,
					   .content = content,
					   .flags = flags,
					   .mode = 0755});
}

static int make_one_of_each(void)
{
	struct stat status;

	(void)umask(077); /* modes are the plan's, not the user's */
	add(VIEW_FILESYSTEM, folder, "tmpfs", "mode=750", VIEW_NO_EXEC);
	add(VIEW_FOLDER, folder_path("folder"), NULL, NULL, 0);
	add(VIEW_FOLDER, folder_path("folder"), NULL, NULL, 0);
	add(VIEW_FILE, folder_path("file"), NULL, "text", 0);
	add(VIEW_FILE, folder_path("file"), NULL, "not this", 0);
	add(VIEW_LINK, folder_path("link"), NULL, "file", 0);
	add(VIEW_DEAD_SOCKET, folder_path("socket"), NULL, NULL, 0);
	add(VIEW_BIND, folder_path("folder"), folder, NULL, VIEW_RECURSIVE | VIEW_READ_ONLY);
	MUST(view_apply(plan, &err) == 0);
	MUST(stat(folder, &status) == 0 && (status.st_mode & 07777) == 0750);
	MUST(stat(folder_path("file"), &status) == 0 && (status.st_mode & 07777) == 0755);
	MUST(has_text(folder_path("link"), "text"));
	MUST(lstat(folder_path("socket"), &status) == 0 && S_ISSOCK(status.st_mode));
	MUST(has_text(folder_path("folder/file"), "text"));
	MUST(access(folder_path("folder/file"), W_OK) < 0 && errno == EROFS);
	MUST(access(folder_path("file"), W_OK) == 0);
	return 0;
}

static void test_each_kind_does_its_work(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(make_one_of_each);
}

static int attach_what_gets_hidden(void)
{
	MUST(folder_write("inner/file", "host's", 0644));
	add(VIEW_FILESYSTEM, folder, "tmpfs", NULL, 0);
	add(VIEW_FOLDER, folder_path("inner"), NULL, NULL, 0);
	add(VIEW_ATTACH, folder_path("inner"), folder_path("inner"), NULL, VIEW_READ_ONLY);
	add(VIEW_SEAL, folder, NULL, NULL, 0);
	MUST(view_apply(plan, &err) == 0);
	MUST(has_text(folder_path("inner/file"), "host's"));
	MUST(access(folder_path("inner"), W_OK) < 0 && errno == EROFS);
	MUST(access(folder, W_OK) < 0 && errno == EROFS);
	return 0;
}

static void test_sources_are_taken_before_anything_hides_them(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(attach_what_gets_hidden);
}

static int mount_what_is_given(void)
{
	int fd;

	MUST(folder_write("inner/file", "given", 0644));
	fd = open_tree(AT_FDCWD, folder_path("inner"), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	MUST(fd >= 0);
	add(VIEW_FILESYSTEM, folder, "tmpfs", NULL, 0);
	add(VIEW_FOLDER, folder_path("there"), NULL, NULL, 0);
	view_add(plan, &(struct view_step){.kind = VIEW_GIVEN,
					   .target = folder_path("there"),
					   .fd = fd,
					   .flags = VIEW_READ_ONLY});
	MUST(view_apply(plan, &err) == 0);
	MUST(has_text(folder_path("there/file"), "given"));
	MUST(access(folder_path("there"), W_OK) < 0 && errno == EROFS);
	MUST(fcntl(fd, F_GETFD) < 0);
	return 0;
}

static void test_a_mount_that_is_given_is_put_there_and_closed(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(mount_what_is_given);
}

static int pass_over_what_is_gone(void)
{
	add(VIEW_FILESYSTEM, folder, "tmpfs", NULL, 0);
	add(VIEW_ATTACH, folder, "/nonexistent", NULL, VIEW_OPTIONAL);
	add(VIEW_ATTACH, folder_path("nothing"), "/etc", NULL, VIEW_OPTIONAL | VIEW_RECURSIVE);
	add(VIEW_BIND, folder_path("nothing"), folder, NULL, VIEW_OPTIONAL);
	add(VIEW_BIND, folder, folder_path("nothing"), NULL, VIEW_OPTIONAL);
	MUST(view_apply(plan, &err) == 0);
	return 0;
}

static void test_what_is_optional_may_be_gone(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(pass_over_what_is_gone);
}

static int fail_with_words(void)
{
	static const struct {
		enum view_kind kind;
		const char *target;
		const char *source;
		const char *content;
	} rows[] = {
		{VIEW_ATTACH, "/nonexistent-b", "/nonexistent-a", NULL},
		{VIEW_ATTACH, "/nonexistent", "/etc/passwd", NULL},
		{VIEW_BIND, "/nonexistent-b", "/nonexistent-a", NULL},
		{VIEW_FILESYSTEM, "/nonexistent", "tmpfs", NULL},
		{VIEW_FILESYSTEM, "/", "no-such-type", NULL},
		{VIEW_SEAL, "/nonexistent", NULL, NULL},
		{VIEW_UNMOUNT, "/nonexistent", NULL, NULL},
		{VIEW_FOLDER, "/nonexistent/x", NULL, NULL},
		{VIEW_FILE, "/nonexistent/x", NULL, "text"},
		{VIEW_LINK, "/nonexistent/x", NULL, "y"},
		{VIEW_DEAD_SOCKET, "/nonexistent/x", NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		plan->n_steps = 0;
		add(rows[i].kind, rows[i].target, rows[i].source, rows[i].content, 0);
		memset(&err, 0, sizeof(err));
		MUST(view_apply(plan, &err) < 0);
		MUST(strncmp(err.what, "cannot ", 7) == 0 && strstr(err.what, rows[i].target));
	}
	return 0;
}

static void test_every_step_that_fails_is_named(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(fail_with_words);
}

static int use_the_other(void)
{
	add(VIEW_FILESYSTEM, folder, "no-such-type", NULL, 0);
	add(VIEW_FILESYSTEM, folder, "tmpfs", NULL, VIEW_INSTEAD);
	add(VIEW_FILE, folder_path("x"), NULL, "text", 0);
	MUST(view_apply(plan, &err) == 0 && plan->used_instead);
	MUST(has_text(folder_path("x"), "text"));

	plan->n_steps = 0;
	plan->used_instead = false;
	add(VIEW_FILESYSTEM, folder, "tmpfs", NULL, 0);
	add(VIEW_FILESYSTEM, folder, "no-such-type", NULL, VIEW_INSTEAD);
	MUST(view_apply(plan, &err) == 0 && !plan->used_instead);

	plan->n_steps = 0;
	add(VIEW_FILESYSTEM, folder, "no-such-type", NULL, 0);
	add(VIEW_FILESYSTEM, folder, "nor-such", NULL, VIEW_INSTEAD);
	MUST(view_apply(plan, &err) < 0);
	return 0;
}

static void test_a_step_may_stand_in_for_one_that_failed(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(use_the_other);
}

static int unmount_again(void)
{
	add(VIEW_FILESYSTEM, folder, "tmpfs", NULL, 0);
	add(VIEW_FILE, folder_path("x"), NULL, "text", 0);
	add(VIEW_UNMOUNT, folder, NULL, NULL, 0);
	MUST(view_apply(plan, &err) == 0);
	MUST(access(folder_path("x"), F_OK) < 0);
	return 0;
}

static void test_a_mount_of_the_plans_own_can_go(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(unmount_again);
}

/* A new proc is the process namespace's, and we have none of our own here. */
static int refuse_proc(void)
{
	add(VIEW_FILESYSTEM, "/proc", "proc", NULL, 0);
	MUST(view_apply(plan, &err) == -EPERM);
	MUST(strstr(err.hint, "container"));
	return 0;
}

static void test_a_refused_proc_is_explained(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(refuse_proc);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_plan_keeps_copies_of_what_it_is_given),
		TEST(test_a_plan_that_is_full_is_not_carried_out),
		TEST(test_text_that_does_not_fit_is_not_cut_in_silence),
		TEST(test_what_is_attached_at_its_own_place_is_known),
		TEST(test_what_is_shared_is_known),
		TEST(test_each_kind_does_its_work),
		TEST(test_sources_are_taken_before_anything_hides_them),
		TEST(test_a_mount_that_is_given_is_put_there_and_closed),
		TEST(test_what_is_optional_may_be_gone),
		TEST(test_every_step_that_fails_is_named),
		TEST(test_a_step_may_stand_in_for_one_that_failed),
		TEST(test_a_mount_of_the_plans_own_can_go),
		TEST(test_a_refused_proc_is_explained),
	};

	return cmocka_run_group_tests_name("confine/view", tests, NULL, NULL);
}
