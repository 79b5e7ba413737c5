/* Mirrors src/confine/user.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "confine/user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct error err;

static int forget_callers(void **state)
{
	(void)state;
	return unsetenv("SUDO_UID") | unsetenv("PKEXEC_UID") | unsetenv("DOAS_USER");
}

static void test_an_account_is_found_by_name_and_by_number(void **state)
{
	struct user user = {0};

	(void)state;
	assert_int_equal(user_find("root", &user, &err), 0);
	assert_int_equal(user.uid, 0);
	assert_string_equal(user.home, "/root");
	assert_int_equal(user_find("0", &user, &err), 0);
	assert_string_equal(user.name, "root");
}

static void test_an_unknown_one_is_named(void **state)
{
	struct user user = {.uid = 7};

	(void)state;
	assert_int_equal(user_find("nobody-such", &user, &err), -ENOENT);
	assert_string_equal(err.what, "there is no user 'nobody-such'");
	assert_int_equal(user_find("3999999998", &user, &err), -ENOENT);
	assert_int_equal(user_find("99999999999999", &user, &err), -ENOENT);
	assert_int_equal(user.uid, 7);
}

static void test_whoever_called_sudo_is_chosen(void **state)
{
	static const char *const names[] = {"SUDO_UID", "PKEXEC_UID", "DOAS_USER"};
	struct user user;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		(void)forget_callers(NULL);
		(void)setenv(names[i], i == 2 ? "nobody" : "65534", 1);
		assert_int_equal(user_choose(NULL, &user, &err), 0);
		assert_string_equal(user.name, "nobody");
	}
	(void)setenv("SUDO_UID", "0", 1);
	assert_int_equal(user_choose("nobody", &user, &err), 0);
	assert_int_equal(user.uid, 65534);
}

static void test_root_is_never_chosen_in_silence(void **state)
{
	static const char *const asked[] = {NULL, "root", "0"};
	struct user user = {.uid = 7};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(user_choose(asked[i], &user, &err), -EPERM);
		assert_non_null(strstr(err.hint, "--user"));
		assert_non_null(strstr(err.hint, "--as-root"));
	}
	(void)setenv("SUDO_UID", "0", 1);
	assert_int_equal(user_choose(NULL, &user, &err), -EPERM);
	assert_int_equal(user_choose("nobody-such", &user, &err), -ENOENT);
	assert_int_equal(user.uid, 7);
}

/* In a child, since what it does cannot be undone. */
static void run_as_root(int (*function)(void))
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	pid = fork();
	if (pid == 0)
		_exit(function());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int become_nobody(void)
{
	struct user user;
	gid_t groups[8];

	if (user_find("nobody", &user, &err) < 0 || setenv("XDG_STATE_HOME", "/root/x", 1) < 0 ||
	    setenv("XDG_RUNTIME_DIR", "/run/user/0", 1) < 0 || user_become(&user, &err) < 0)
		return 1;
	if (getuid() != 65534 || getgid() != user.gid || geteuid() != 65534 || setuid(0) == 0)
		return 2;
	if (getgroups(8, groups) != 1 || groups[0] != user.gid)
		return 3;
	if (strcmp(getenv("USER"), "nobody") != 0 || strcmp(getenv("HOME"), user.home) != 0 ||
	    getenv("XDG_STATE_HOME") || getenv("XDG_RUNTIME_DIR"))
		return 4;
	return 0;
}

static void test_root_becomes_the_user_for_good(void **state)
{
	(void)state;
	run_as_root(become_nobody);
}

static int step_down_and_up(void)
{
	struct user user;

	if (user_find("nobody", &user, &err) < 0 || user_step_down(&user, &err) < 0)
		return 1;
	if (getuid() != 65534 || geteuid() != 65534 || access("/etc/shadow", R_OK) == 0 ||
	    strcmp(getenv("USER"), "nobody") != 0)
		return 2;
	if (user_step_up(&err) < 0 || geteuid() != 0 || getuid() != 65534)
		return 3;
	if (user_step_down_for_good(&err) < 0 || geteuid() != 65534 || seteuid(0) == 0)
		return 4;
	/* nothing to go back to */
	return user_step_up(&err) < 0 || geteuid() != 65534 ? 5 : 0;
}

static void test_root_may_step_down_and_up_until_it_is_for_good(void **state)
{
	(void)state;
	run_as_root(step_down_and_up);
}

static int fail_to_become(void)
{
	struct user user;

	if (user_find("nobody", &user, &err) < 0 || setuid(1) < 0)
		return 1;
	if (user_become(&user, &err) != -EPERM || !strstr(err.what, "'nobody'"))
		return 2;
	return 0;
}

static void test_without_privilege_it_fails_with_words(void **state)
{
	(void)state;
	run_as_root(fail_to_become);
}

static void test_the_helper_opens_the_device_once(void **state)
{
	int helper;
	int tun;

	(void)state;
	if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) < 0)
		skip();
	helper = user_helper_start(&err);
	assert_true(helper >= 0);
	tun = user_helper_open_tun(helper, &err);
	assert_true(tun >= 0);
	(void)close(tun);
	assert_true(user_helper_open_tun(helper, &err) < 0);
	assert_non_null(strstr(err.what, "/dev/net/tun"));
	(void)close(helper);
	assert_true(waitpid(-1, NULL, 0) > 0);
}

static void test_the_helper_ends_with_its_socket(void **state)
{
	int helper = user_helper_start(&err);
	int status;

	(void)state;
	assert_true(helper >= 0);
	(void)close(helper);
	assert_true(waitpid(-1, &status, 0) > 0);
	assert_int_equal(status, 0);
	assert_true(user_helper_open_tun(-1, &err) < 0);
}

#define TEST(name) cmocka_unit_test_setup(name, forget_callers)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_account_is_found_by_name_and_by_number),
		TEST(test_an_unknown_one_is_named),
		TEST(test_whoever_called_sudo_is_chosen),
		TEST(test_root_is_never_chosen_in_silence),
		TEST(test_root_becomes_the_user_for_good),
		TEST(test_root_may_step_down_and_up_until_it_is_for_good),
		TEST(test_without_privilege_it_fails_with_words),
		TEST(test_the_helper_opens_the_device_once),
		TEST(test_the_helper_ends_with_its_socket),
	};

	return cmocka_run_group_tests_name("confine/user", tests, NULL, NULL);
}
