/* Mirrors src/base/lockdown.c
 *
 * Nothing here can be taken back, so each case is a process of its own whose
 * status says which check failed.  What the data plane keeps and loses by it is
 * in dataplane/test_sandbox.c.
 */
#include "cmocka_all.h"

#include "emulated.h"

#include "base/error.h"
#include "base/lockdown.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(int (*body)(pid_t parent))
{
	pid_t parent = getpid();
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(body(parent));
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static int drop(pid_t parent, struct error *err)
{
	const struct lockdown lockdown = {.who = "the test", .parent = parent, .files_max = 7};

	return lockdown_drop_privileges(&lockdown, err);
}

static int check_files(pid_t parent)
{
	struct rlimit limit;
	struct error err;

	if (drop(parent, &err) < 0)
		return 1;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur != 7 || limit.rlim_max != 7)
		return 2;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 3;
}

static void test_descriptors_are_as_many_as_was_said(void **state)
{
	(void)state;
	assert_int_equal(run(check_files), 0);
}

static int check_name(pid_t parent)
{
	const struct lockdown lockdown = {
		.who = "the test", .parent = parent, .has_ids = true, .uid = 1, .files_max = 7};
	struct error err = {0};

	if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		return 1;
	if (lockdown_drop_privileges(&lockdown, &err) != -EPERM)
		return 2;
	return strcmp(err.what, "cannot run the test as user 1: Operation not permitted") == 0 ? 0
											       : 3;
}

static void test_a_failure_names_whose_it_is(void **state)
{
	(void)state;
	assert_int_equal(run(check_name), 0);
}

static int filter(pid_t parent)
{
	static const int allowed[] = {SCMP_SYS(write), SCMP_SYS(exit_group)};
	static const int refused[] = {SCMP_SYS(socket)};
	static const struct lockdown_rule rules[] = {
		{SCMP_SYS(shutdown), 2, {LOCKDOWN_IS(0, 42), LOCKDOWN_IS(1, SHUT_WR)}},
		{SCMP_SYS(shutdown), 1, {LOCKDOWN_IS(0, 43)}},
	};
	const struct lockdown_filter of_test = {
		.who = "the test",
		.allowed = allowed,
		.n_allowed = 2,
		.refused = refused,
		.n_refused = 1,
		.rule = rules,
		.n_rules = 2,
	};
	struct error err;

	return drop(parent, &err) < 0 || lockdown_filter_calls(&of_test, &err) < 0 ? 1 : 0;
}

static int check_rules(pid_t parent)
{
	if (filter(parent) != 0)
		return 1;
	if (shutdown(42, SHUT_WR) == 0 || errno != EBADF)
		return 2;
	if (shutdown(43, SHUT_RD) == 0 || errno != EBADF)
		return 3;
	return socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EPERM ? 0 : 4;
}

static void test_a_call_with_the_right_arguments_is_allowed(void **state)
{
	(void)state;
	skip_if_emulated("seccomp(2)");
	assert_int_equal(run(check_rules), 0);
}

static int break_rule(pid_t parent)
{
	return filter(parent) != 0 ? 1 : shutdown(42, SHUT_RD);
}

static int call_other(pid_t parent)
{
	return filter(parent) != 0 ? 1 : (int)syscall(SYS_getpid);
}

static void test_one_with_others_ends_the_process(void **state)
{
	static int (*const calls[])(pid_t parent) = {break_rule, call_other};

	(void)state;
#ifdef ADIT_SANITIZED
	(void)calls;
	skip(); /* refused only */
#else
	skip_if_emulated("seccomp(2)");
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int status = run(calls[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors_are_as_many_as_was_said),
		cmocka_unit_test(test_a_failure_names_whose_it_is),
		cmocka_unit_test(test_a_call_with_the_right_arguments_is_allowed),
		cmocka_unit_test(test_one_with_others_ends_the_process),
	};

	return cmocka_run_group_tests_name("base/lockdown", tests, NULL, NULL);
}
