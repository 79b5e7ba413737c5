/* Mirrors src/cli/command.c */
#include "cmocka_all.h"

#include "cli/command.h"

#include <string.h>

static int seen_argc;
static const char *seen_name;

static int remember(int argc, char **argv)
{
	seen_argc = argc;
	seen_name = argv[0];
	return 42;
}

static const struct command table[] = {
	{"run", "runs", remember},
	{NULL, NULL, NULL},
};

static void test_a_subcommand_gets_its_own_words(void **state)
{
	char *argv[] = {(char[]){"adit"}, (char[]){"run"}, (char[]){"conf"}, NULL};

	(void)state;
	assert_int_equal(command_dispatch(table, 3, argv), 42);
	assert_int_equal(seen_argc, 2);
	assert_string_equal(seen_name, "run");
}

static void test_help_and_version_succeed(void **state)
{
	char *help[] = {(char[]){"adit"}, (char[]){"--help"}, NULL};
	char *version[] = {(char[]){"adit"}, (char[]){"--version"}, NULL};

	(void)state;
	assert_int_equal(command_dispatch(table, 2, help), EXIT_DONE);
	assert_int_equal(command_dispatch(table, 2, version), EXIT_DONE);
}

static void test_wrong_usage_is_status_2(void **state)
{
	char *nothing[] = {(char[]){"adit"}, NULL};
	char *near[] = {(char[]){"adit"}, (char[]){"rnu"}, NULL};
	char *far[] = {(char[]){"adit"}, (char[]){"elsewhere"}, NULL};

	(void)state;
	assert_int_equal(command_dispatch(table, 1, nothing), EXIT_USAGE);
	assert_int_equal(command_dispatch(table, 2, near), EXIT_USAGE);
	assert_int_equal(command_dispatch(table, 2, far), EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_subcommand_gets_its_own_words),
		cmocka_unit_test(test_help_and_version_succeed),
		cmocka_unit_test(test_wrong_usage_is_status_2),
	};

	return cmocka_run_group_tests_name("cli/command", tests, NULL, NULL);
}
