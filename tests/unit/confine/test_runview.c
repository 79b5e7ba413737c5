/* Mirrors src/confine/runview.c */
#include "cmocka_all.h"

#include "confine/host.h"
#include "confine/options.h"
#include "confine/runview.h"
#include "folder.h"
#include "plan_steps.h"

#include <string.h>
#include <sys/stat.h>

#define INSIDE "/run/user/1000/"

static struct view_plan *plan;
static struct confine_options options;

static void make_socket(const char *name)
{
	assert_int_equal(mknod(folder_path(name), S_IFSOCK | 0600, 0), 0);
}

static int setup(void **state)
{
	options = (struct confine_options){.has_display = true, .has_sound = true};
	plan = view_new();
	(void)unsetenv("WAYLAND_DISPLAY");
	return plan ? folder_make(state) : -1;
}

static int teardown(void **state)
{
	view_free(plan);
	return folder_remove(state);
}

static void add(void)
{
	const struct view_host host = {.options = &options, .uid = 1000, .runtime_dir = folder};

	runview_add(&host, plan);
}

static bool is_bound(const char *target)
{
	return find_step(plan, VIEW_ATTACH, target) != NULL;
}

static void test_the_runtime_folder_is_fresh_and_private(void **state)
{
	const struct view_step *step;

	(void)state;
	add();
	assert_true(is_mounted(plan, "tmpfs", "/run/user"));
	step = find_step(plan, VIEW_FOLDER, "/run/user/1000");
	assert_non_null(step);
	assert_int_equal(step->mode, 0700);
}

static void test_display_and_sound_are_bound_and_nothing_else(void **state)
{
	static const char *const others[] = {"bus", "pipewire-0-manager", "wayland-x", "gvfs"};

	(void)state;
	make_socket("wayland-0");
	make_socket("wayland-12");
	make_socket("pipewire-0");
	assert_true(folder_write("wayland-0.lock", "", 0600));
	assert_true(folder_write("wayland-7", "a file", 0600));
	assert_true(folder_write("pulse/pid", "", 0600));
	make_socket("pulse/native");
	for (size_t i = 0; i < 4; i++)
		make_socket(others[i]);
	add();
	assert_true(is_bound(INSIDE "wayland-0") && is_bound(INSIDE "wayland-12"));
	assert_true(is_bound(INSIDE "pipewire-0") && is_bound(INSIDE "pulse/native"));
	assert_false(is_bound(INSIDE "wayland-7") || is_bound(INSIDE "wayland-0.lock"));
	for (size_t i = 0; i < 4; i++)
		assert_false(is_bound(view_format(plan, INSIDE "%s", others[i])));
}

static void test_each_of_them_can_be_left_out(void **state)
{
	(void)state;
	make_socket("wayland-0");
	make_socket("pipewire-0");
	options.has_display = false;
	add();
	assert_false(is_bound(INSIDE "wayland-0"));
	assert_true(is_bound(INSIDE "pipewire-0"));
	plan->n_steps = 0;
	options = (struct confine_options){.has_display = true};
	add();
	assert_true(is_bound(INSIDE "wayland-0"));
	assert_false(is_bound(INSIDE "pipewire-0"));
}

static void test_a_compositor_with_another_name_is_found(void **state)
{
	(void)state;
	make_socket("my-compositor");
	(void)setenv("WAYLAND_DISPLAY", "my-compositor", 1);
	add();
	assert_true(is_bound(INSIDE "my-compositor"));
	plan->n_steps = 0;
	(void)setenv("WAYLAND_DISPLAY", folder_path("my-compositor"), 1);
	add();
	assert_true(is_bound(folder_path("my-compositor")));
	plan->n_steps = 0;
	(void)setenv("WAYLAND_DISPLAY", "../my-compositor", 1);
	add();
	assert_false(is_bound(INSIDE "../my-compositor"));
}

static void test_no_runtime_folder_outside_is_fine(void **state)
{
	const struct view_host host = {.options = &options, .uid = 1000, .runtime_dir = ""};

	(void)state;
	runview_add(&host, plan);
	assert_non_null(find_step(plan, VIEW_FOLDER, "/run/user/1000"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_runtime_folder_is_fresh_and_private),
		TEST(test_display_and_sound_are_bound_and_nothing_else),
		TEST(test_each_of_them_can_be_left_out),
		TEST(test_a_compositor_with_another_name_is_found),
		TEST(test_no_runtime_folder_outside_is_fine),
	};

	return cmocka_run_group_tests_name("confine/runview", tests, NULL, NULL);
}
