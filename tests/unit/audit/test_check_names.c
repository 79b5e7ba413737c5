/* Mirrors src/audit/check_names.c */
#include "cmocka_all.h"

#include "audit/check_names.h"
#include "audit/finding.h"
#include "audit/process.h"

#include <stdio.h>
#include <string.h>

#define DESIRED "# by adit\nnameserver 10.0.0.1\nnameserver fd00::1\nsearch lan\n"

static const struct check_names_files good = {
	.desired = DESIRED,
	.resolv_conf = DESIRED,
	.nsswitch = "passwd: files sss\nhosts: files myhostname dns\n",
};

static struct finding_list list;

static void check(const struct check_names_files *files, const struct process *process)
{
	list = (struct finding_list){0};
	check_names(files, process, process ? 1 : 0, &list);
}

static void check_view(const char *resolv_conf, const char *nsswitch)
{
	struct process process = {.pid = 7, .name = "sh", .has_view = true};

	(void)snprintf(process.resolv_conf, sizeof(process.resolv_conf), "%s", resolv_conf);
	(void)snprintf(process.nsswitch, sizeof(process.nsswitch), "%s", nsswitch);
	check(&good, &process);
}

static void expect(const char *what)
{
	assert_int_equal(list.n, 1);
	assert_non_null(strstr(list.at[0].what, what));
	assert_int_equal(list.verdict[PROMISE_NAMES], VERDICT_BROKEN);
	assert_int_equal(list.verdict[PROMISE_ONLY_TUNNEL], VERDICT_KEPT);
}

static void test_files_as_the_configuration_says_break_nothing(void **state)
{
	(void)state;
	check(&good, NULL);
	assert_int_equal(list.n, 0);
}

static void test_another_resolv_conf_of_the_place_is_named(void **state)
{
	struct check_names_files files = good;

	(void)state;
	files.resolv_conf = "nameserver 10.0.0.2\n";
	check(&files, NULL);
	expect("resolv.conf");
	files.resolv_conf = NULL;
	check(&files, NULL);
	expect("resolv.conf");
}

static void test_another_nsswitch_of_the_place_is_named(void **state)
{
	struct check_names_files files = good;

	(void)state;
	files.nsswitch = "hosts: files resolve [!UNAVAIL=return] dns\n";
	check(&files, NULL);
	expect("'resolve'");
	files.nsswitch = NULL;
	check(&files, NULL);
	expect("nsswitch.conf is gone");
}

static void test_a_process_that_asks_some_of_the_servers_breaks_nothing(void **state)
{
	(void)state;
	check_view("  nameserver\tfd00::1\n#nameserver 192.0.2.1\n; nameserver 192.0.2.1\n",
		   "hosts : files [NOTFOUND=return] dns # mdns\n");
	assert_int_equal(list.n, 0);
	check_view("", "");
	assert_int_equal(list.n, 0);
}

static void test_a_process_that_asks_another_server_is_named(void **state)
{
	(void)state;
	check_view("nameserver 10.0.0.1\nnameserver 127.0.0.53", "");
	expect("127.0.0.53");
	assert_int_equal(list.at[0].pid, 7);
	assert_string_equal(list.at[0].name, "sh");
}

static void test_a_server_that_only_begins_as_ours_is_another(void **state)
{
	(void)state;
	check_view("nameserver 10.0.0.11\n", "");
	expect("10.0.0.11");
}

static void test_a_process_whose_nsswitch_asks_a_daemon_is_named(void **state)
{
	(void)state;
	check_view("", "hosts: files\nhosts: mdns4_minimal dns\n");
	expect("'mdns4_minimal'");
}

static void test_every_daemon_within_reach_is_named(void **state)
{
	const struct process process = {
		.has_view = true,
		.services = (1U << PROCESS_SERVICES) - 1,
	};

	(void)state;
	check(&good, &process);
	assert_int_equal(list.n, PROCESS_SERVICES);
	assert_non_null(strstr(list.at[SERVICE_NSCD].what, "nscd"));
}

static void test_files_that_cannot_be_seen_prove_nothing(void **state)
{
	const struct process process = {.pid = 7};

	(void)state;
	check(&good, &process);
	assert_int_equal(list.verdict[PROMISE_NAMES], VERDICT_UNKNOWN);
}

static void test_adits_own_are_left_alone(void **state)
{
	const struct process process = {.is_adits = true, .services = 1};

	(void)state;
	check(&good, &process);
	assert_int_equal(list.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_as_the_configuration_says_break_nothing),
		cmocka_unit_test(test_another_resolv_conf_of_the_place_is_named),
		cmocka_unit_test(test_another_nsswitch_of_the_place_is_named),
		cmocka_unit_test(test_a_process_that_asks_some_of_the_servers_breaks_nothing),
		cmocka_unit_test(test_a_process_that_asks_another_server_is_named),
		cmocka_unit_test(test_a_server_that_only_begins_as_ours_is_another),
		cmocka_unit_test(test_a_process_whose_nsswitch_asks_a_daemon_is_named),
		cmocka_unit_test(test_every_daemon_within_reach_is_named),
		cmocka_unit_test(test_files_that_cannot_be_seen_prove_nothing),
		cmocka_unit_test(test_adits_own_are_left_alone),
	};

	return cmocka_run_group_tests_name("audit/check_names", tests, NULL, NULL);
}
