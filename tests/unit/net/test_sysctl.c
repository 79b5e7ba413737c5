/* Mirrors src/net/sysctl.c */
#include "cmocka_all.h"

#include "namespace.h"

#include "base/error.h"
#include "net/sysctl.h"

static void test_a_setting_is_written_and_read_in_the_callers_namespace(void **state)
{
	char value[16];

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(sysctl_write("net/ipv4/conf/all/forwarding", "1", NULL), 0);
	assert_int_equal(sysctl_read("net/ipv4/conf/all/forwarding", value, sizeof(value), NULL),
			 0);
	assert_string_equal(value, "1");
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(sysctl_write("net/ipv4/conf/all/forwarding", "0", NULL), 0);
	assert_int_equal(sysctl_read("net/ipv4/conf/all/forwarding", value, sizeof(value), NULL),
			 0);
	assert_string_equal(value, "0");
}

static void test_a_value_longer_than_the_buffer_is_cut(void **state)
{
	char value[3];

	(void)state;
	assert_int_equal(sysctl_read("kernel/ostype", value, sizeof(value), NULL), 0);
	assert_string_equal(value, "Li");
}

static void test_a_setting_that_is_not_there_is_told_by_its_path(void **state)
{
	char value[16];
	struct error err;

	(void)state;
	assert_int_equal(sysctl_read("net/none", value, sizeof(value), &err), -ENOENT);
	assert_string_equal(err.what,
			    "cannot open '/proc/sys/net/none': No such file or directory");
	assert_int_equal(sysctl_write("net/none", "1", NULL), -ENOENT);
}

static void test_a_value_that_the_kernel_refuses_is_told(void **state)
{
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(sysctl_write("net/ipv4/conf/all/forwarding", "many", &err), -EINVAL);
	assert_string_equal(err.what, "cannot set '/proc/sys/net/ipv4/conf/all/forwarding' to "
				      "'many': Invalid argument");
}

static void test_a_folder_cannot_be_read(void **state)
{
	char value[16];
	struct error err;

	(void)state;
	assert_int_equal(sysctl_read("net", value, sizeof(value), &err), -EISDIR);
	assert_string_equal(err.what, "cannot read '/proc/sys/net': Is a directory");
}

static void test_a_path_that_leads_elsewhere_is_refused(void **state)
{
	static const char *const paths[] = {"", "/etc/passwd", "../self/environ", "net/../../x",
					    "net/.."};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char value[16];
		struct error err;

		assert_int_equal(sysctl_read(paths[i], value, sizeof(value), &err), -EINVAL);
		assert_int_equal(sysctl_write(paths[i], "1", NULL), -EINVAL);
		assert_non_null(strstr(err.what, "is not the path of a kernel setting"));
	}
}

/* A link may be called so, and its settings are found by its name. */
static void test_dots_in_a_name_lead_nowhere_else(void **state)
{
	char value[8];

	(void)state;
	assert_int_equal(sysctl_read("net/ipv4/conf/a..b/forwarding", value, sizeof(value), NULL),
			 -ENOENT);
	assert_int_equal(sysctl_read("net/ipv4/conf/..b/forwarding", value, sizeof(value), NULL),
			 -ENOENT);
}

static void test_values_are_equal_by_their_words(void **state)
{
	(void)state;
	assert_true(sysctl_value_equal("0 1000", "0\t1000\n"));
	assert_true(sysctl_value_equal("", " \n"));
	assert_true(sysctl_value_equal("1", "1"));
	assert_false(sysctl_value_equal("1", "10"));
	assert_false(sysctl_value_equal("10", "1"));
	assert_false(sysctl_value_equal("1 0", "10"));
	assert_false(sysctl_value_equal("1", "1 2"));
	assert_false(sysctl_value_equal("1 2", "1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_setting_is_written_and_read_in_the_callers_namespace,
				       namespace_setup),
		cmocka_unit_test(test_a_value_longer_than_the_buffer_is_cut),
		cmocka_unit_test(test_a_setting_that_is_not_there_is_told_by_its_path),
		cmocka_unit_test_setup(test_a_value_that_the_kernel_refuses_is_told,
				       namespace_setup),
		cmocka_unit_test(test_a_folder_cannot_be_read),
		cmocka_unit_test(test_a_path_that_leads_elsewhere_is_refused),
		cmocka_unit_test(test_dots_in_a_name_lead_nowhere_else),
		cmocka_unit_test(test_values_are_equal_by_their_words),
	};

	return cmocka_run_group_tests_name("net/sysctl", tests, namespace_group_setup, NULL);
}
