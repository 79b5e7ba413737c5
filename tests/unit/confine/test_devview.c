/* Mirrors src/confine/devview.c */
#include "cmocka_all.h"

#include "confine/devview.h"
#include "confine/entry.h"
#include "confine/host.h"
#include "confine/options.h"
#include "plan_steps.h"

#include <string.h>

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

static void add(const char *terminal)
{
	const struct view_host host = {.options = &options, .terminal = terminal};

	devview_add(&host, plan);
	devview_add_kernel(&host, plan);
}

static void test_proc_sys_and_pts_are_the_namespaces_own(void **state)
{
	(void)state;
	add("");
	assert_true(is_mounted(plan, "proc", "/proc"));
	assert_true(is_mounted(plan, "sysfs", "/sys"));
	assert_true(find_step(plan, VIEW_FILESYSTEM, "/sys")->flags & VIEW_READ_ONLY);
	assert_true(is_mounted(plan, "devpts", "/dev/pts"));
	assert_non_null(
		strstr(find_step(plan, VIEW_FILESYSTEM, "/dev/pts")->content, "newinstance"));
	assert_true(find_step(plan, VIEW_FILESYSTEM, "/dev/pts")->flags & VIEW_DEVICES);
	assert_null(find_step(plan, VIEW_FILESYSTEM, "/dev"));
}

static void test_sys_may_be_given(void **state)
{
	const int given[ENTRY_MOUNTS] = {7, 8, 9};
	const struct view_host host = {.options = &options, .terminal = "", .given = given};

	(void)state;
	devview_add_kernel(&host, plan);
	assert_int_equal(find_step(plan, VIEW_GIVEN, "/sys")->fd, 7);
	assert_null(find_step(plan, VIEW_FILESYSTEM, "/sys"));
}

static void test_devices_that_lead_out_are_hidden_whether_they_are_there_or_not(void **state)
{
	static const char *const folders[] = {"/dev/net", "/dev/infiniband"};
	static const char *const nodes[] = {"/dev/vsock", "/dev/vhost-vsock", "/dev/uinput",
					    "/dev/uhid"};

	(void)state;
	add("");
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		assert_true(find_step(plan, VIEW_FILESYSTEM, folders[i])->flags & VIEW_OPTIONAL);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
		assert_true(find_step(plan, VIEW_BIND, nodes[i])->flags & VIEW_OPTIONAL);
}

/* Else a program that makes namespaces itself could not mount its own. */
static void test_nothing_is_mounted_over_parts_of_proc(void **state)
{
	(void)state;
	add("");
	for (size_t i = 0; i < plan->n_steps; i++)
		assert_int_not_equal(strncmp(plan->step[i].target, "/proc/", 6), 0);
}

static void test_as_root_parts_of_proc_are_read_only(void **state)
{
	const struct view_step *step;

	(void)state;
	options.as_root = true;
	add("");
	step = find_step(plan, VIEW_BIND, "/proc/sys");
	assert_true(step && step->flags & VIEW_READ_ONLY);
	assert_true(step_position(plan, step) >
		    step_position(plan, find_step(plan, VIEW_FILESYSTEM, "/proc")));
}

static void test_as_root_dev_is_made_of_a_few_nodes(void **state)
{
	static const char *const nodes[] = {"/dev/null",   "/dev/zero",	   "/dev/full",
					    "/dev/random", "/dev/urandom", "/dev/tty"};

	(void)state;
	options.as_root = true;
	add("");
	assert_true(is_mounted(plan, "tmpfs", "/dev"));
	for (size_t i = 0; i < 6; i++)
		assert_non_null(find_step(plan, VIEW_ATTACH, nodes[i]));
	assert_null(find_step(plan, VIEW_FILESYSTEM, "/dev/net"));
	assert_true(is_mounted(plan, "mqueue", "/dev/mqueue"));
}

static void test_message_queues_are_hidden_when_they_are_the_hosts(void **state)
{
	(void)state;
	options = (struct confine_options){.as_root = true, .shares = SHARE_X11};
	add("");
	assert_true(is_mounted(plan, "tmpfs", "/dev/mqueue"));
}

static void test_the_terminal_keeps_a_name(void **state)
{
	(void)state;
	add("/dev/pts/3");
	if (find_step(plan, VIEW_ATTACH, "/dev/console"))
		assert_string_equal(find_step(plan, VIEW_ATTACH, "/dev/console")->source,
				    "/dev/pts/3");
	plan->n_steps = 0;
	add("");
	assert_null(find_step(plan, VIEW_ATTACH, "/dev/console"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_proc_sys_and_pts_are_the_namespaces_own),
		TEST(test_sys_may_be_given),
		TEST(test_devices_that_lead_out_are_hidden_whether_they_are_there_or_not),
		TEST(test_nothing_is_mounted_over_parts_of_proc),
		TEST(test_as_root_parts_of_proc_are_read_only),
		TEST(test_as_root_dev_is_made_of_a_few_nodes),
		TEST(test_message_queues_are_hidden_when_they_are_the_hosts),
		TEST(test_the_terminal_keeps_a_name),
	};

	return cmocka_run_group_tests_name("confine/devview", tests, NULL, NULL);
}
