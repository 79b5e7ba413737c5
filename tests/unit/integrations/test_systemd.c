/* Mirrors src/integrations/systemd.c */
#include "cmocka_all.h"

#include "emulated.h"

#include "integrations/systemd.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/adit-test-XXXXXX";

/* The only program in PATH is a systemctl of these lines. */
static void be_systemctl(const char *lines)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/systemctl", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fprintf(file, "#!/bin/sh\n%s\n", lines);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0700), 0);
}

static int start(void **state)
{
	(void)state;
	return mkdtemp(folder) && setenv("PATH", folder, 1) == 0 ? 0 : -1;
}

static int end(void **state)
{
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/systemctl", folder);
	(void)unlink(path);
	return rmdir(folder);
}

static void test_a_property_is_the_answer_without_the_end_of_its_line(void **state)
{
	char value[32];

	(void)state;
	be_systemctl("echo active");
	assert_int_equal(systemd_property("a.service", "Id", value, sizeof(value), NULL), 0);
	assert_string_equal(value, "active");
	be_systemctl("for word; do last=$word; done; echo \"$last\"");
	assert_int_equal(systemd_property("-a.service", "Id", value, sizeof(value), NULL), 0);
	assert_string_equal(value, "-a.service");
}

static void test_an_answer_that_is_too_long_is_an_error(void **state)
{
	char value[8];
	struct error err = {0};

	(void)state;
	be_systemctl("echo 12345678");
	assert_true(systemd_property("a.service", "Id", value, sizeof(value), &err) < 0);
	assert_non_null(strstr(err.what, "a.service"));
}

static void test_what_fails_names_what_was_asked_for(void **state)
{
	static const char *const words[] = {"start", "a.service", NULL};
	struct error err = {0};

	(void)state;
	be_systemctl("exit 3");
	assert_int_equal(systemd_call(words, &err), -EIO);
	assert_string_equal(err.what, "systemctl start has failed");
	be_systemctl("exit 0");
	assert_int_equal(systemd_call(words, &err), 0);
}

static void test_without_the_program_there_is_an_error(void **state)
{
	static const char *const words[] = {"start", "a.service", NULL};
	char value[8];
	struct error err = {0};

	(void)state;
	skip_if_emulated("errno of posix_spawn(3)'s child");
	assert_int_equal(setenv("PATH", "/nowhere", 1), 0);
	assert_int_equal(systemd_call(words, &err), -ENOENT);
	assert_string_equal(err.what, "cannot run systemctl: No such file or directory");
	assert_int_equal(systemd_property("a.service", "Id", value, sizeof(value), &err), -ENOENT);
	assert_int_equal(setenv("PATH", folder, 1), 0);
}

static void test_without_a_manager_nothing_is_installed(void **state)
{
	(void)state;
	if (systemd_is_running())
		skip();
	be_systemctl("echo loaded");
	assert_false(systemd_is_installed("a.service"));
	assert_false(systemd_is_active("a.service"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_property_is_the_answer_without_the_end_of_its_line),
		cmocka_unit_test(test_an_answer_that_is_too_long_is_an_error),
		cmocka_unit_test(test_what_fails_names_what_was_asked_for),
		cmocka_unit_test(test_without_the_program_there_is_an_error),
		cmocka_unit_test(test_without_a_manager_nothing_is_installed),
	};

	return cmocka_run_group_tests_name("integrations/systemd", tests, start, end);
}
