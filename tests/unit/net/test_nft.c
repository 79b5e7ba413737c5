/* Mirrors src/net/nft.c */
#include "cmocka_all.h"

#include "namespace.h"

#include "base/error.h"
#include "net/nft.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const char table[] = "create table inet adit\ntable inet adit {\n\tchain a { }\n}\n";

static void test_rules_are_applied_although_we_are_not_uid_0(void **state)
{
	struct error err = {0};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_not_equal(geteuid(), 0);
	if (nft_apply(table, &err) < 0)
		fail_msg("%s", err.what);
	assert_int_equal(nft_apply("delete table inet adit\n", NULL), 0);
}

static void test_our_capabilities_are_as_before(void **state)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct before[_LINUX_CAPABILITY_U32S_3];
	struct __user_cap_data_struct after[_LINUX_CAPABILITY_U32S_3];

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(syscall(SYS_capget, &header, before), 0);
	assert_int_equal(nft_apply(table, NULL), 0);
	assert_int_equal(syscall(SYS_capget, &header, after), 0);
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_ADMIN, 0, 0), 0);
}

static void test_creating_what_is_there_is_told_and_changes_nothing(void **state)
{
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(nft_apply(table, NULL), 0);
	assert_int_equal(nft_apply(table, &err), -EEXIST);
	assert_string_equal(
		err.what,
		"nft refuses the rules: 1:19-22: Error: Could not process rule: File exists");
	/* the chain would be there twice, had the transaction been applied */
	assert_int_equal(nft_apply("delete chain inet adit a\n", NULL), 0);
}

static void test_a_mistake_is_told_with_its_place_and_nothing_is_applied(void **state)
{
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(nft_apply("table inet adit { }\ntable inet b { chian }\n", &err), -EINVAL);
	assert_non_null(strstr(err.what, "nft refuses the rules: 2:"));
	assert_int_equal(nft_apply("create table inet adit\n", NULL), 0);
}

/* In a child, which gives its answer as exit status. */
static int in_child(int (*run)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(run());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int apply_without_capability(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	struct error err;

	if (syscall(SYS_capset, &header, none) < 0)
		return 2;
	return nft_apply(table, &err) == -EPERM && strstr(err.what, "Operation not permitted") ? 0
											       : 1;
}

static void test_without_the_capability_it_is_not_permitted(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(in_child(apply_without_capability), 0);
}

static char folder[64];

/* Hides the machine's nft, so that one of the test's own, a shell script, is
 * found by PATH.  NULL: none is put there.
 */
static int hide_nft(const char *script)
{
	static const char *const real[] = {"/usr/sbin/nft", "/usr/local/sbin/nft", "/sbin/nft",
					   "/usr/bin/nft"};
	char path[128];
	FILE *file;

	if (unshare(CLONE_NEWNS) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(real) / sizeof(real[0]); i++)
		if (access(real[i], X_OK) == 0 &&
		    mount("/dev/null", real[i], NULL, MS_BIND, NULL) < 0)
			return -1;
	(void)snprintf(path, sizeof(path), "%s/nft", folder);
	if (script) {
		file = fopen(path, "we");
		if (!file)
			return -1;
		(void)fprintf(file, "#!/bin/sh\n%s\n", script);
		(void)fclose(file);
		(void)chmod(path, 0755);
	}
	(void)snprintf(path, sizeof(path), "relative:/none:%s", folder);
	return setenv("PATH", path, 1);
}

static int setup_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/adit-test-nft-XXXXXX");
	return mkdtemp(folder) ? namespace_setup(state) : -1;
}

static int teardown_folder(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/nft", folder);
	(void)unlink(path);
	return rmdir(folder);
}

static int find_on_path(void)
{
	char found[4096];
	char expected[128];

	if (hide_nft("exit 0") < 0)
		return 77;
	(void)snprintf(expected, sizeof(expected), "%s/nft", folder);
	return nft_find(found, sizeof(found), NULL) == 0 && strcmp(found, expected) == 0 ? 0 : 1;
}

static int find_nowhere(void)
{
	struct error err;

	if (hide_nft(NULL) < 0)
		return 77;
	if (nft_apply(table, &err) != -ENOENT ||
	    strcmp(err.what, "the program 'nft' is not on this machine") != 0 ||
	    strcmp(err.hint, "install the package nftables") != 0)
		return 1;
	(void)unsetenv("PATH");
	return nft_apply(table, NULL) == -ENOENT ? 0 : 2;
}

/* sh has its script open as 10, and the folder that it lists for the while. */
static int look_around(void)
{
	struct error err = {0};

	if (hide_nft("[ \"$1 $2\" = '-f -' ] || { echo bad arguments; exit 1; }\n"
		     "[ -z \"$SECRET\" ] || { echo environment; exit 1; }\n"
		     "for f in /proc/$$/fd/*; do [ -L $f ] && case $f in */[012]|*/10) ;;\n"
		     "*) echo leaked $f; exit 1;; esac; done\n"
		     "read line; [ \"$line\" = 'create table inet adit' ] || { echo text; exit 1; "
		     "}\n"
		     "grep -q 'SigBlk:.*[1-9a-f]' /proc/self/status && { echo signals; exit 1; }\n"
		     "exit 0") < 0)
		return 77;
	(void)setenv("SECRET", "1", 1);
	(void)dup2(1, 100);
	if (nft_apply(table, &err) == 0)
		return 0;
	(void)fprintf(stderr, "%s\n", err.what);
	return 1;
}

/* Whoever is killed while nft loads leaves it with the lock. */
static int look_for_held(void)
{
	if (hide_nft("[ \"$(readlink /proc/$$/fd/3)\" = / ] || exit 1; ! [ -e /proc/$$/fd/4 ]") < 0)
		return 77;
	return nft_apply_as(table, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), NULL, NULL) == 0
		       ? 0
		       : 1;
}

static int die_by_signal(void)
{
	struct error err;

	if (hide_nft("kill -9 $$") < 0)
		return 77;
	return nft_apply(table, &err) == -EIO && strstr(err.what, "was ended by signal 9") ? 0 : 1;
}

static int say_nothing(void)
{
	struct error err;

	if (hide_nft("exit 3") < 0)
		return 77;
	return nft_apply(table, &err) == -EINVAL &&
			       strcmp(err.what, "nft refuses the rules: no reason given") == 0
		       ? 0
		       : 1;
}

static void expect_in_child(int (*run)(void))
{
	int status = in_child(run);

	if (status == 77)
		skip();
	assert_int_equal(status, 0);
}

static void test_it_has_what_is_held_and_nothing_more(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	expect_in_child(look_for_held);
}

static void test_it_is_found_on_path_where_it_is_in_no_usual_folder(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	expect_in_child(find_on_path);
}

static void test_a_machine_without_it_is_told_what_to_install(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	expect_in_child(find_nowhere);
}

static void test_it_gets_the_text_and_nothing_else(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	expect_in_child(look_around);
}

static void test_its_death_is_told(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	expect_in_child(die_by_signal);
}

static void test_a_failure_without_words_is_told(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	expect_in_child(say_nothing);
}

#define SCRIPT(test) cmocka_unit_test_setup_teardown(test, setup_folder, teardown_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_rules_are_applied_although_we_are_not_uid_0,
				       namespace_setup),
		cmocka_unit_test_setup(test_our_capabilities_are_as_before, namespace_setup),
		cmocka_unit_test_setup(test_creating_what_is_there_is_told_and_changes_nothing,
				       namespace_setup),
		cmocka_unit_test_setup(test_a_mistake_is_told_with_its_place_and_nothing_is_applied,
				       namespace_setup),
		cmocka_unit_test_setup(test_without_the_capability_it_is_not_permitted,
				       namespace_setup),
		SCRIPT(test_it_has_what_is_held_and_nothing_more),
		SCRIPT(test_it_is_found_on_path_where_it_is_in_no_usual_folder),
		SCRIPT(test_a_machine_without_it_is_told_what_to_install),
		SCRIPT(test_it_gets_the_text_and_nothing_else),
		SCRIPT(test_its_death_is_told),
		SCRIPT(test_a_failure_without_words_is_told),
	};

	return cmocka_run_group_tests_name("net/nft", tests, namespace_group_setup, NULL);
}
