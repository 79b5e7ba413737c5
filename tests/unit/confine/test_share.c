/* Mirrors src/confine/share.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "confine/host.h"
#include "confine/options.h"
#include "confine/share.h"
#include "confine/view.h"
#include "folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static struct error err;
static struct view_plan *plan;
static struct confine_options options;

static int setup(void **state)
{
	plan = view_new();
	options = (struct confine_options){0};
	(void)unsetenv("DISPLAY");
	(void)unsetenv("XAUTHORITY");
	(void)unsetenv("SSH_AUTH_SOCK");
	(void)unsetenv("DBUS_SESSION_BUS_ADDRESS");
	return plan ? folder_make(state) : -1;
}

static int teardown(void **state)
{
	view_free(plan);
	return folder_remove(state);
}

static int add(void)
{
	const struct view_host host = {.options = &options, .uid = 1000, .runtime_dir = folder};

	return share_add(&host, plan, &err);
}

static bool is_attached(const char *source, const char *target)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->step[i].kind == VIEW_ATTACH &&
		    strcmp(plan->step[i].source, source) == 0 &&
		    strcmp(plan->step[i].target, target) == 0)
			return true;
	return false;
}

static void test_names_and_paths_are_told_apart(void **state)
{
	unsigned int share = 77;

	(void)state;
	assert_int_equal(share_parse("x11", &share, &err), 0);
	assert_int_equal(share, SHARE_X11);
	assert_int_equal(share_parse("ssh-agent", &share, &err), 0);
	assert_int_equal(share, SHARE_SSH_AGENT);
	assert_int_equal(share_parse("./x11", &share, &err), 0);
	assert_int_equal(share, 0);
	assert_int_equal(share_parse("x12", &share, &err), -EINVAL);
	assert_non_null(strstr(err.what, "'x12'"));
	assert_string_equal(err.hint, "a file or folder of this name: --share ./x12");
}

static void test_each_name_says_what_a_program_can_do(void **state)
{
	const char *meaning = NULL;
	size_t n = 0;

	(void)state;
	for (; share_name(n, &meaning); n++)
		assert_non_null(strstr(meaning, "any program can"));
	assert_int_equal(n, 3);
	assert_non_null(strstr(share_meaning(SHARE_X11), "type into"));
	assert_null(share_meaning(1u << 30));
}

static void test_nothing_asked_for_adds_nothing(void **state)
{
	(void)state;
	assert_int_equal(add(), 0);
	assert_int_equal(plan->n_steps, 0);
}

static void test_a_path_is_attached_at_its_place(void **state)
{
	const char *paths[] = {folder_path("file"), folder_path("sub")};

	(void)state;
	assert_true(folder_write("file", "", 0600) && folder_write("sub/x", "", 0600));
	options.share_path = paths;
	options.n_share_paths = 2;
	assert_int_equal(add(), 0);
	assert_true(is_attached(folder_path("file"), folder_path("file")));
	assert_true(is_attached(folder_path("sub"), folder_path("sub")));
	assert_true(plan->step[plan->n_steps - 1].flags & VIEW_RECURSIVE);
}

static void test_a_path_that_is_not_there_is_an_error(void **state)
{
	const char *path = "/nonexistent/x";

	(void)state;
	options.share_path = &path;
	options.n_share_paths = 1;
	assert_int_equal(add(), -ENOENT);
	assert_non_null(strstr(err.what, "--share: cannot share '/nonexistent/x'"));
}

static void test_x11_needs_a_display_that_has_a_socket(void **state)
{
	(void)state;
	options.shares = SHARE_X11;
	assert_int_equal(add(), -ENOENT);
	assert_non_null(strstr(err.what, "DISPLAY is not set"));
	(void)setenv("DISPLAY", "localhost:10.0", 1);
	assert_int_equal(add(), -EINVAL);
	assert_non_null(strstr(err.what, "TCP"));
	(void)setenv("DISPLAY", ":9876", 1);
	assert_int_equal(add(), -ENOENT);
	assert_non_null(strstr(err.what, "/tmp/.X11-unix/X9876"));
	(void)setenv("DISPLAY", "unix:9876.1", 1);
	assert_int_equal(add(), -ENOENT);
	assert_non_null(strstr(err.what, "/tmp/.X11-unix/X9876"));
}

static void test_the_bus_is_found_by_its_address_or_its_place(void **state)
{
	char address[128];

	(void)state;
	options.shares = SHARE_BUS;
	assert_int_equal(add(), -ENOENT);
	assert_int_equal(mknod(folder_path("bus"), S_IFSOCK | 0600, 0), 0);
	assert_int_equal(add(), 0);
	assert_true(is_attached(folder_path("bus"), "/run/user/1000/bus"));
	assert_int_equal(mknod(folder_path("other"), S_IFSOCK | 0600, 0), 0);
	(void)snprintf(address, sizeof(address), "unix:path=%s,guid=12;tcp:", folder_path("other"));
	(void)setenv("DBUS_SESSION_BUS_ADDRESS", address, 1);
	assert_int_equal(add(), 0);
	assert_true(is_attached(folder_path("other"), "/run/user/1000/bus"));
	(void)setenv("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=/tmp/x", 1);
	assert_int_equal(add(), -EINVAL);
}

static void test_the_agent_is_the_one_of_the_environment(void **state)
{
	(void)state;
	options.shares = SHARE_SSH_AGENT;
	assert_int_equal(add(), -ENOENT);
	assert_int_equal(mknod(folder_path("agent"), S_IFSOCK | 0600, 0), 0);
	(void)setenv("SSH_AUTH_SOCK", folder_path("agent"), 1);
	assert_int_equal(add(), 0);
	assert_true(is_attached(folder_path("agent"), folder_path("agent")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names_and_paths_are_told_apart),
		TEST(test_each_name_says_what_a_program_can_do),
		TEST(test_nothing_asked_for_adds_nothing),
		TEST(test_a_path_is_attached_at_its_place),
		TEST(test_a_path_that_is_not_there_is_an_error),
		TEST(test_x11_needs_a_display_that_has_a_socket),
		TEST(test_the_bus_is_found_by_its_address_or_its_place),
		TEST(test_the_agent_is_the_one_of_the_environment),
	};

	return cmocka_run_group_tests_name("confine/share", tests, NULL, NULL);
}
