/* Mirrors src/cli/options.c */
#include "cmocka_all.h"

#include "cli/options.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

struct wishes {
	bool is_loud;
	bool has_wait;
	const char *user;
	uint64_t wait_ns;
	struct option_list share;
};

static const struct option_spec table[] = {
	{"loud", OPTION_FLAG, offsetof(struct wishes, is_loud), NULL, "says more"},
	{"no-wait", OPTION_FLAG_OFF, offsetof(struct wishes, has_wait), NULL, "does not wait"},
	{"user", OPTION_TEXT, offsetof(struct wishes, user), "USER", "as USER"},
	{"wait", OPTION_SECONDS, offsetof(struct wishes, wait_ns), "SECONDS", "waits"},
	{"share", OPTION_LIST, offsetof(struct wishes, share), "NAME", "shares"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static int parse(char **argv, struct wishes *wishes, int *used, bool *help, struct error *err)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	*wishes = (struct wishes){.has_wait = true};
	return options_parse(table, argc, argv, wishes, used, help, err);
}

static void assert_refused(char *first, char *second, const char *what)
{
	char *argv[] = {(char[]){"run"}, first, second, NULL};
	struct wishes wishes;
	struct error err = {0};
	int used = 0;
	bool help;

	assert_int_equal(parse(argv, &wishes, &used, &help, &err), -EINVAL);
	if (!strstr(err.what, what))
		fail_msg("'%s' does not say '%s'", err.what, what);
}

static void test_every_kind_of_option_is_stored(void **state)
{
	char *argv[] = {(char[]){"run"},     (char[]){"--loud"}, (char[]){"--no-wait"},
			(char[]){"--user"},  (char[]){"alice"},	 (char[]){"--wait=0.25"},
			(char[]){"--share"}, (char[]){"x11"},	 (char[]){"--share=bus"},
			(char[]){"conf"},    (char[]){"--loud"}, NULL};
	struct wishes wishes;
	struct error err = {0};
	int used = 0;
	bool help;

	(void)state;
	assert_int_equal(parse(argv, &wishes, &used, &help, &err), 0);
	assert_int_equal(used, 9);
	assert_true(wishes.is_loud);
	assert_false(wishes.has_wait);
	assert_string_equal(wishes.user, "alice");
	assert_int_equal(wishes.wait_ns, 250000000);
	assert_int_equal(wishes.share.n_items, 2);
	assert_string_equal(wishes.share.item[1], "bus");
	assert_false(help);
}

static void test_two_dashes_end_the_options(void **state)
{
	char *argv[] = {(char[]){"run"}, (char[]){"--"}, (char[]){"--loud"}, NULL};
	struct wishes wishes;
	struct error err = {0};
	int used = 0;
	bool help;

	(void)state;
	assert_int_equal(parse(argv, &wishes, &used, &help, &err), 0);
	assert_int_equal(used, 1);
	assert_false(wishes.is_loud);
}

static void test_bad_options_are_named(void **state)
{
	struct error err = {0};
	struct wishes wishes;
	char *argv[] = {(char[]){"run"}, (char[]){"--usr"}, NULL};
	int used = 0;
	bool help;

	(void)state;
	assert_refused((char[]){"--nonsense"}, NULL, "unknown option '--nonsense'");
	assert_refused((char[]){"-x"}, NULL, "unknown option '-x'");
	assert_refused((char[]){"--user"}, NULL, "--user needs a value: --user USER");
	assert_refused((char[]){"--loud=yes"}, NULL, "--loud takes no value");
	assert_refused((char[]){"--wait"}, (char[]){"soon"}, "expected seconds");
	assert_refused((char[]){"--wait=1.0000000001"}, NULL, "expected seconds");
	assert_refused((char[]){"--wait=-1"}, NULL, "expected seconds");
	assert_int_equal(parse(argv, &wishes, &used, &help, &err), -EINVAL);
	assert_string_equal(err.hint, "did you mean --user?");
}

static void test_a_list_has_an_end(void **state)
{
	char word[] = "--share=bus";
	char *argv[OPTION_LIST_MAX + 3] = {(char[]){"run"}};
	struct wishes wishes;
	struct error err = {0};
	int used = 0;
	bool help;

	(void)state;
	for (size_t i = 1; i <= OPTION_LIST_MAX + 1; i++)
		argv[i] = word;
	assert_int_equal(parse(argv, &wishes, &used, &help, &err), -EINVAL);
	assert_string_equal(err.what, "--share: at most 32 times");
}

static void test_help_stops_the_parsing(void **state)
{
	char *argv[] = {(char[]){"run"}, (char[]){"--help"}, (char[]){"--nonsense"}, NULL};
	struct wishes wishes;
	struct error err = {0};
	int used = 0;
	bool help = false;

	(void)state;
	assert_int_equal(parse(argv, &wishes, &used, &help, &err), 0);
	assert_true(help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_of_option_is_stored),
		cmocka_unit_test(test_two_dashes_end_the_options),
		cmocka_unit_test(test_bad_options_are_named),
		cmocka_unit_test(test_a_list_has_an_end),
		cmocka_unit_test(test_help_stops_the_parsing),
	};

	return cmocka_run_group_tests_name("cli/options", tests, NULL, NULL);
}
