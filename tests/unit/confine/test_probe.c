/* Mirrors src/confine/probe.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "confine/probe.h"

#include <errno.h>
#include <string.h>

static const struct probe_facts free_machine = {
	.code = EPERM,
	.unprivileged_userns = -1,
	.max_user_namespaces = 15000,
	.apparmor_restricts = -1,
};

static void test_every_reason_is_told_apart(void **state)
{
	struct probe_facts facts[9];
	static const char *const words[9] = {
		"unprivileged_userns_clone",
		"user.max_user_namespaces is 0",
		"as many namespaces",
		"CONFIG_USER_NS",
		"chroot",
		"container around us",
		"AppArmor",
		"seccomp filter",
		"Operation not permitted",
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < 9; i++)
		facts[i] = free_machine;
	facts[0].unprivileged_userns = 0;
	facts[1].max_user_namespaces = 0;
	facts[2].code = ENOSPC;
	facts[3].code = EINVAL;
	facts[4].is_chroot = true;
	facts[5].is_container = true;
	facts[6].apparmor_restricts = 1;
	facts[7].is_filtered = true;
	for (size_t i = 0; i < 9; i++) {
		assert_int_equal(probe_judge_namespaces(&facts[i], &err), -facts[i].code);
		assert_int_equal(err.code, facts[i].code);
		assert_non_null(strstr(err.what, words[i]));
		for (size_t k = 0; k < 9; k++)
			assert_true(k == i || !strstr(err.what, words[k]));
	}
}

static void test_what_to_do_is_said(void **state)
{
	struct probe_facts facts = free_machine;
	struct error err;

	(void)state;
	facts.unprivileged_userns = 0;
	(void)probe_judge_namespaces(&facts, &err);
	assert_non_null(strstr(err.hint, "sysctl -w kernel.unprivileged_userns_clone=1"));
	facts.code = EINVAL;
	facts.unprivileged_userns = 1;
	(void)probe_judge_namespaces(&facts, &err);
	assert_string_equal(err.hint, "");
}

static void test_this_machine_can_be_looked_at(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(probe_explain_namespaces(EPERM, &err), -EPERM);
	assert_non_null(strstr(err.what, "user namespaces"));
	assert_int_equal(probe_explain_namespaces(EPERM, NULL), -EPERM);
}

static void test_a_missing_tun_device_and_a_closed_one_differ(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(probe_explain_tun(ENOENT, &err), -ENOENT);
	assert_non_null(strstr(err.hint, "modprobe tun"));
	assert_int_equal(probe_explain_tun(EACCES, &err), -EACCES);
	assert_non_null(strstr(err.hint, "chmod 0666"));
	assert_int_equal(probe_explain_tun(ENODEV, &err), -ENODEV);
	assert_non_null(strstr(err.hint, "CONFIG_TUN"));
	assert_int_equal(probe_explain_tun(EMFILE, &err), -EMFILE);
	assert_string_equal(err.hint, "");
}

static void test_a_hint_that_is_there_is_left(void **state)
{
	struct error err;

	(void)state;
	(void)error_set(&err, EROFS, "cannot write");
	error_hint(&err, "known");
	probe_explain_sysctl(&err);
	assert_string_equal(err.hint, "known");
	probe_explain_sysctl(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_reason_is_told_apart),
		cmocka_unit_test(test_what_to_do_is_said),
		cmocka_unit_test(test_this_machine_can_be_looked_at),
		cmocka_unit_test(test_a_missing_tun_device_and_a_closed_one_differ),
		cmocka_unit_test(test_a_hint_that_is_there_is_left),
	};

	return cmocka_run_group_tests_name("confine/probe", tests, NULL, NULL);
}
