/* Mirrors src/audit/check_processes.c */
#include "cmocka_all.h"

#include "audit/check_processes.h"
#include "audit/finding.h"
#include "audit/process.h"

#include <linux/capability.h>
#include <string.h>

static struct finding_list list;

static void check(struct process process)
{
	list = (struct finding_list){0};
	check_processes(&process, 1, &list);
}

/* One that has nothing and can be looked at. */
static struct process harmless(void)
{
	return (struct process){.pid = 7, .name = "sh", .has_view = true, .has_sockets = true};
}

static void test_a_process_without_power_breaks_nothing(void **state)
{
	(void)state;
	check(harmless());
	assert_int_equal(list.n, 0);
}

static void test_power_over_the_host_is_named_with_the_process(void **state)
{
	struct process process = harmless();

	(void)state;
	process.is_hosts_user = true;
	process.capabilities = UINT64_C(1) << CAP_NET_ADMIN;
	check(process);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.at[0].pid, 7);
	assert_string_equal(list.at[0].name, "sh");
	assert_non_null(strstr(list.at[0].what, "CAP_NET_ADMIN"));
	assert_int_equal(list.verdict[PROMISE_ONLY_TUNNEL], VERDICT_BROKEN);
	assert_int_equal(list.verdict[PROMISE_NO_WAY_TO_HOST], VERDICT_BROKEN);
	assert_int_equal(list.verdict[PROMISE_HOST_UNTOUCHED], VERDICT_KEPT);
}

static void test_who_can_enter_the_hosts_network_can_change_it_too(void **state)
{
	struct process process = harmless();

	(void)state;
	process.is_hosts_user = true;
	process.capabilities = UINT64_C(1) << CAP_SYS_ADMIN;
	check(process);
	assert_int_equal(list.verdict[PROMISE_HOST_UNTOUCHED], VERDICT_BROKEN);
}

static void test_power_over_its_own_user_namespace_breaks_nothing(void **state)
{
	struct process process = harmless();

	(void)state;
	process.capabilities = ~UINT64_C(0);
	check(process);
	assert_int_equal(list.n, 0);
}

static void test_a_socket_of_outside_is_a_way_out(void **state)
{
	struct process process = harmless();

	(void)state;
	process.sockets.n_outside = 2;
	process.sockets.outside_fd = 9;
	check(process);
	assert_string_equal(list.at[0].what, "holds a socket of outside (descriptor 9, 2 in all)");
	assert_int_equal(list.verdict[PROMISE_ONLY_TUNNEL], VERDICT_BROKEN);
}

static void test_descriptors_that_cannot_be_seen_prove_nothing(void **state)
{
	struct process process = harmless();

	(void)state;
	process.has_sockets = false;
	check(process);
	assert_int_equal(list.verdict[PROMISE_ONLY_TUNNEL], VERDICT_UNKNOWN);
}

static void test_adits_own_are_left_alone(void **state)
{
	(void)state;
	check((struct process){.is_adits = true,
			       .is_hosts_user = true,
			       .capabilities = ~UINT64_C(0),
			       .sockets = {.n_outside = 1}});
	assert_int_equal(list.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_process_without_power_breaks_nothing),
		cmocka_unit_test(test_power_over_the_host_is_named_with_the_process),
		cmocka_unit_test(test_who_can_enter_the_hosts_network_can_change_it_too),
		cmocka_unit_test(test_power_over_its_own_user_namespace_breaks_nothing),
		cmocka_unit_test(test_a_socket_of_outside_is_a_way_out),
		cmocka_unit_test(test_descriptors_that_cannot_be_seen_prove_nothing),
		cmocka_unit_test(test_adits_own_are_left_alone),
	};

	return cmocka_run_group_tests_name("audit/check_processes", tests, NULL, NULL);
}
