/* Mirrors src/net/legacy.c */
#include "cmocka_all.h"

#include "namespace.h"

#include "net/legacy.h"

#include <string.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <linux/netfilter_ipv4/ip_tables.h>

static void test_without_a_table_there_is_nothing_to_see_and_none_is_made(void **state)
{
	struct legacy legacy;

	(void)state;
	NAMESPACE_OR_SKIP();
	for (unsigned int i = 0; i < LEGACY_FAMILIES; i++) {
		assert_int_equal(legacy_look(i, "ve-media", &legacy), -ENOENT);
		assert_int_equal(legacy_look(i, "ve-media", &legacy), -ENOENT);
	}
}

/* As `iptables-legacy -L` does: whoever asks makes it. */
static bool make_table(void)
{
	struct ipt_getinfo info = {.name = "filter"};
	socklen_t len = sizeof(info);
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = getsockopt(sock, IPPROTO_IP, IPT_SO_GET_INFO, &info, &len);

	(void)close(sock);
	return r == 0;
}

/* FORWARD's policy, in the table as it is: five entries, of which each chain's only one is it. */
static bool set_policy(int verdict)
{
	struct ipt_getinfo info = {.name = "filter"};
	socklen_t len = sizeof(info);
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	union {
		struct ipt_get_entries head;
		uint8_t room[4096];
	} old = {.head = {.name = "filter"}};
	union {
		struct ipt_replace head;
		uint8_t room[4096];
	} new = {.head = {.name = "filter"}};
	struct xt_counters counters[8] = {0};
	struct xt_standard_target *target;
	int r = getsockopt(sock, IPPROTO_IP, IPT_SO_GET_INFO, &info, &len);

	old.head.size = info.size;
	len = (socklen_t)(sizeof(old.head) + info.size);
	if (r == 0)
		r = getsockopt(sock, IPPROTO_IP, IPT_SO_GET_ENTRIES, &old, &len);
	new.head.valid_hooks = info.valid_hooks;
	new.head.num_entries = info.num_entries;
	new.head.num_counters = info.num_entries;
	new.head.counters = counters;
	new.head.size = info.size;
	memcpy(new.head.hook_entry, info.hook_entry, sizeof(info.hook_entry));
	memcpy(new.head.underflow, info.underflow, sizeof(info.underflow));
	memcpy(new.head.entries, old.head.entrytable, info.size);
	target = (void *)((uint8_t *)new.head.entries + info.underflow[NF_INET_FORWARD] +
			  sizeof(struct ipt_entry));
	target->verdict = verdict;
	if (r == 0)
		r = setsockopt(sock, IPPROTO_IP, IPT_SO_SET_REPLACE, &new,
			       (socklen_t)(sizeof(new.head) + info.size));
	(void)close(sock);
	return r == 0;
}

static void test_the_policy_of_forward_is_seen_where_the_kernel_has_such_tables(void **state)
{
	struct legacy legacy = {.is_named = true};

	(void)state;
	NAMESPACE_OR_SKIP();
	if (!make_table())
		skip();
	assert_int_equal(legacy_look(LEGACY_IPV4, "ve-media", &legacy), 0);
	assert_false(legacy.drops || legacy.is_named || legacy.has_docker);
	if (!set_policy(-NF_DROP - 1))
		skip();
	assert_int_equal(legacy_look(LEGACY_IPV4, "ve-media", &legacy), 0);
	assert_true(legacy.drops);
	assert_false(legacy.is_named);
	assert_int_equal(legacy_look(LEGACY_IPV6, "ve-media", &legacy), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			test_without_a_table_there_is_nothing_to_see_and_none_is_made,
			namespace_setup),
		cmocka_unit_test_setup(
			test_the_policy_of_forward_is_seen_where_the_kernel_has_such_tables,
			namespace_setup),
	};

	return cmocka_run_group_tests_name("net/legacy", tests, namespace_group_setup, NULL);
}
