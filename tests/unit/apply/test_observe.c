/* Mirrors src/apply/observe.c */
#include "cmocka_all.h"

#include "namespace.h"

#include "apply/observe.h"
#include "base/error.h"
#include "net/ifaddr.h"
#include "net/link.h"
#include "net/nft.h"
#include "net/nftables.h"
#include "net/nlsock.h"
#include "net/route.h"

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

static union endpoint endpoint(const char *text)
{
	union endpoint parsed = {0};

	if (text)
		assert_true(endpoint_parse(text, strlen(text), &parsed));
	return parsed;
}

static struct plan_environment observe(const char *text)
{
	union endpoint to = endpoint(text);

	return observe_environment(sock, &to, 0);
}

static void add_uplink(uint32_t mtu)
{
	const struct link_new veth = {.name = "eth0", .kind = "veth", .peer = "eth1", .mtu = mtu};
	const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};
	struct route route = {0};
	struct link_info link;

	assert_int_equal(link_create(sock, &veth, NULL), 0);
	assert_int_equal(link_change(sock, "eth0", &up, NULL), 0);
	assert_int_equal(link_get(sock, "eth0", &link, NULL), 0);
	route.oif = link.index;
	assert_true(prefix_parse("192.0.2.0/24", 12, &route.to));
	assert_int_equal(route_add(sock, &route, NULL), 0);
}

static void test_the_path_to_the_endpoint_is_measured_where_there_is_one(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(observe("192.0.2.1:51820").path_mtu, 0);
	add_uplink(1400);
	assert_int_equal(observe("192.0.2.1:51820").path_mtu, 1400);
	assert_int_equal(observe("198.51.100.1:51820").path_mtu, 0);
	assert_int_equal(observe(NULL).path_mtu, 0);
}

static void test_our_own_group_may_ping(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(observe(NULL).ping_gid, NAMESPACE_ID);
	assert_int_equal(observe(NULL).ping_gid_last, 0);
}

/* In the namespace we are root of one id; outside, of all. */
static void test_where_root_has_more_groups_all_of_them_may(void **state)
{
	(void)state;
	if (geteuid() != 0 || getgid() != 0)
		skip();
	assert_int_equal(observe(NULL).ping_gid, 0);
	assert_in_range(observe(NULL).ping_gid_last, 1, INT32_MAX);
}

static void test_ipv6_that_is_disabled_on_the_host_counts_all_the_same(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	assert_true(observe(NULL).has_ipv6);
	assert_true(namespace_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1"));
	assert_true(observe(NULL).has_ipv6);
}

static void test_counters_are_there_before_their_table_and_have_its_order(void **state)
{
	struct observed_counter counters[OBSERVE_COUNTERS_MAX];
	struct nlsock *nftables = NULL;
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(nftables_open(&nftables, NULL), 0);
	assert_int_equal(observe_counters(nftables, NULL, counters, &err), 8);
	assert_string_equal(counters[0].name, "refused_out");
	assert_int_equal(counters[0].packets, 0);
	assert_int_equal(nft_apply("table inet adit { counter refused_in { packets 3 bytes 180 }; "
				   "counter others { packets 1 bytes 1 }; }",
				   NULL),
			 0);
	assert_int_equal(observe_counters(nftables, "none", counters, &err), 8);
	assert_string_equal(counters[1].name, "refused_in");
	assert_string_equal(counters[1].meaning, "received by neither the tunnel nor lo");
	assert_int_equal(counters[1].packets, 3);
	assert_int_equal(counters[1].bytes, 180);
	nlsock_close(nftables);
	assert_true(observe_counters(sock, NULL, counters, &err) < 0);
	assert_non_null(strstr(err.what, "cannot read the counters"));
}

#define REAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL(test_the_path_to_the_endpoint_is_measured_where_there_is_one),
		REAL(test_our_own_group_may_ping),
		cmocka_unit_test(test_where_root_has_more_groups_all_of_them_may),
		REAL(test_ipv6_that_is_disabled_on_the_host_counts_all_the_same),
		REAL(test_counters_are_there_before_their_table_and_have_its_order),
	};

	return cmocka_run_group_tests_name("apply/observe", tests, namespace_group_setup, NULL);
}
