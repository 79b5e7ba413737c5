/* Mirrors src/device/privilege.c
 *
 * Each test gives up what it has in a child of its own.
 */
#include "cmocka_all.h"

#include "namespace.h"

#include "base/error.h"
#include "dataplane/sandbox.h"
#include "device/privilege.h"

#include <cap-ng.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int run(int (*work)(void))
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(work());
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int drop_and_look(void)
{
	struct rlimit core;

	if (privilege_drop(NULL) < 0)
		return 1;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 2;
	if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0)
		return 3;
	capng_get_caps_process();
	if (capng_have_capability(CAPNG_PERMITTED, CAP_SYS_ADMIN) ||
	    capng_have_capability(CAPNG_PERMITTED, CAP_DAC_OVERRIDE) ||
	    capng_have_capability(CAPNG_PERMITTED, CAP_SYS_PTRACE))
		return 4;
	return 0;
}

static int drop_as_root(void)
{
	int r = drop_and_look();

	if (r != 0)
		return r;
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) ||
	    !capng_have_capability(CAPNG_EFFECTIVE, CAP_KILL))
		return 5;
	return prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0 ? 0 : 6;
}

static void test_what_is_not_needed_goes(void **state)
{
	(void)state;
	capng_get_caps_process();
	if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN))
		skip();
	assert_int_equal(run(drop_as_root), 0);
}

static int drop_twice(void)
{
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return 10;
	return drop_and_look();
}

static void test_whoever_has_nothing_keeps_nothing(void **state)
{
	(void)state;
	assert_int_equal(run(drop_twice), 0);
}

static void test_root_has_a_nobody_for_the_data_plane(void **state)
{
	struct sandbox_options options = {0};

	(void)state;
	privilege_choose_ids(&options);
	assert_int_equal(options.uid, 65534);
	assert_int_equal(options.gid, 65534);
	if (geteuid() != 0)
		assert_false(options.has_ids);
}

/* In a user namespace that has one user. */
static int choose_rootless(void)
{
	struct sandbox_options options = {.has_ids = true};

	if (!namespace_enter_alone())
		return 77;
	privilege_choose_ids(&options);
	return options.has_ids ? 1 : 0;
}

static void test_a_namespace_of_one_user_has_none(void **state)
{
	int r = run(choose_rootless);

	(void)state;
	if (r == 77)
		skip();
	assert_int_equal(r, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_not_needed_goes),
		cmocka_unit_test(test_whoever_has_nothing_keeps_nothing),
		cmocka_unit_test(test_root_has_a_nobody_for_the_data_plane),
		cmocka_unit_test(test_a_namespace_of_one_user_has_none),
	};

	return cmocka_run_group_tests_name("device/privilege", tests, NULL, NULL);
}
