/* Mirrors src/net/rule.c */
#include "cmocka_all.h"

#include "namespace.h"

#include "base/error.h"
#include "net/nlsock.h"
#include "net/rule.h"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

static struct nlsock *sock;

static int setup(void **state)
{
	int r = namespace_setup(state);

	return r == 0 && !namespace_reason ? nlsock_open(&sock, NULL) : r;
}

static int teardown(void **state)
{
	(void)state;
	nlsock_close(sock);
	sock = NULL;
	return 0;
}

static int count(void *context, const struct nlmsghdr *message)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);

	/* those of every namespace are for the local, main and default tables */
	*(int *)context += header->table != RT_TABLE_LOCAL && header->table != RT_TABLE_MAIN &&
			   header->table != RT_TABLE_DEFAULT;
	return 0;
}

static int count_rules(int family)
{
	struct fib_rule_hdr *header =
		mnl_nlmsg_get_payload(nlsock_begin(sock, RTM_GETRULE, NLM_F_DUMP, sizeof(*header)));
	int n = 0;

	header->family = (uint8_t)family;
	assert_int_equal(nlsock_exchange(sock, count, &n, NULL), 0);
	return n;
}

static void test_rules_of_both_families_come_and_go_before_their_link(void **state)
{
	static const int families[] = {AF_INET, AF_INET6};

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < 2; i++) {
		const struct rule rule = {
			.family = families[i],
			.priority = 100,
			.table = i ? 51820 : 77,
			.iif = "ve-none",
		};
		struct error err;

		assert_int_equal(rule_add(sock, &rule, NULL), 0);
		assert_int_equal(count_rules(families[i]), 1);
		assert_int_equal(rule_add(sock, &rule, &err), -EEXIST);
		assert_non_null(
			strstr(err.what, "cannot add the rule of priority 100: File exists"));
		assert_int_equal(rule_delete(sock, &rule, NULL), 0);
		assert_int_equal(count_rules(families[i]), 0);
		assert_int_equal(rule_delete(sock, &rule, &err), -ENOENT);
		assert_non_null(strstr(err.what, "cannot delete the rule of priority 100: "));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_rules_of_both_families_come_and_go_before_their_link, setup, teardown),
	};

	return cmocka_run_group_tests_name("net/rule", tests, namespace_group_setup, NULL);
}
