/* Mirrors src/base/nobody.c */
#include "cmocka_all.h"

#include "namespace.h"

#include "base/nobody.h"

#include <sys/wait.h>
#include <unistd.h>

static int in_child(int (*function)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(function());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static int with_one_user(void)
{
	return namespace_enter_alone() ? nobody_is_there() : 77;
}

static int without_root(void)
{
	return setuid(65534) < 0 ? 77 : nobody_is_there();
}

static void test_root_has_a_nobody(void **state)
{
	(void)state;
	assert_true(nobody_is_there() || geteuid() != 0);
}

static void test_others_have_none_to_become(void **state)
{
	int r = in_child(without_root);

	(void)state;
	if (r == 77)
		skip();
	assert_int_equal(r, 0);
}

static void test_a_namespace_of_one_user_has_none(void **state)
{
	int r = in_child(with_one_user);

	(void)state;
	if (r == 77)
		skip();
	assert_int_equal(r, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_has_a_nobody),
		cmocka_unit_test(test_others_have_none_to_become),
		cmocka_unit_test(test_a_namespace_of_one_user_has_none),
	};

	return cmocka_run_group_tests_name("base/nobody", tests, NULL, NULL);
}
