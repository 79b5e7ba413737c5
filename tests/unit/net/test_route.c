/* Mirrors src/net/route.c */
#include "cmocka_all.h"

#include "namespace.h"
#include "net/fake.h"

#include "base/error.h"
#include "net/ifaddr.h"
#include "net/link.h"
#include "net/route.h"

#include <linux/rtnetlink.h>

static struct nlsock *sock;
static uint32_t index_of_link;

static void add_address(const char *text)
{
	struct link_address address = {.index = index_of_link};

	(void)prefix_parse(text, strlen(text), &address.address);
	assert_int_equal(ifaddr_add(sock, &address, NULL), 0);
}

static int setup(void **state)
{
	static const struct link_new veth = {
		.name = "eth0", .kind = "veth", .peer = "eth1", .mtu = 1400};
	static const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};
	struct link_info link;
	int r = namespace_setup(state);

	if (r < 0 || namespace_reason)
		return r;
	if (!namespace_write("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "1") ||
	    nlsock_open(&sock, NULL) < 0 || link_create(sock, &veth, NULL) < 0 ||
	    link_change(sock, "eth0", &up, NULL) < 0 || link_get(sock, "eth0", &link, NULL) < 0)
		return -1;
	index_of_link = link.index;
	add_address("10.2.0.2/24");
	add_address("fd00::2/64");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	nlsock_close(sock);
	sock = NULL;
	return 0;
}

static struct route make(const char *to)
{
	struct route route = {.oif = index_of_link};

	(void)prefix_parse(to, strlen(to), &route.to);
	return route;
}

static struct route make_unreachable(const char *to)
{
	struct route route = {.type = ROUTE_UNREACHABLE, .metric = ROUTE_METRIC_LAST};

	(void)prefix_parse(to, strlen(to), &route.to);
	return route;
}

static int collect(void *context, const struct route *route)
{
	char prefix[PREFIX_TEXT_LEN];
	char line[128];

	if (route->type == ROUTE_OTHER || route->type == ROUTE_LOCAL)
		return 0;
	(void)snprintf(line, sizeof(line), "%s%s%s metric %u%s\n",
		       route->type == ROUTE_UNREACHABLE ? "unreachable " : "",
		       prefix_print(&route->to, prefix), route->has_gateway ? " via" : "",
		       route->metric, route->table == RT_TABLE_MAIN ? "" : " elsewhere");
	(void)strcat(context, line);
	return 0;
}

static void expect_routes(const char *expected)
{
	char text[1024] = "";

	assert_int_equal(route_dump(sock, collect, text, NULL), 0);
	assert_string_equal(text, expected);
}

static void test_routes_of_both_families_come_and_go(void **state)
{
	const struct route routes[] = {make("0.0.0.0/0"), make("192.0.2.0/24"), make("::/0"),
				       make("2001:db8::1/128")};

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(route_add(sock, &routes[i], NULL), 0);
	expect_routes("0.0.0.0/0 metric 0\n"
		      "192.0.2.0/24 metric 0\n"
		      "2001:db8::1/128 metric 1024\n"
		      "::/0 metric 1024\n");
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(route_delete(sock, &routes[i], NULL), 0);
	expect_routes("");
}

static void test_the_unreachable_stand_behind_the_others(void **state)
{
	const struct route unreachable = make_unreachable("0.0.0.0/0");
	const struct route unreachable6 = make_unreachable("::/0");
	const struct route route = make("0.0.0.0/0");

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(route_add(sock, &unreachable, NULL), 0);
	assert_int_equal(route_add(sock, &unreachable6, NULL), 0);
	assert_int_equal(route_add(sock, &route, NULL), 0);
	expect_routes("0.0.0.0/0 metric 0\n"
		      "unreachable 0.0.0.0/0 metric 4294967295\n"
		      "unreachable ::/0 metric 4294967295\n");
	assert_int_equal(route_delete(sock, &unreachable, NULL), 0);
	expect_routes("0.0.0.0/0 metric 0\n"
		      "unreachable ::/0 metric 4294967295\n");
}

static void test_a_gateway_and_another_table(void **state)
{
	struct route route = make("192.0.2.0/24");

	(void)state;
	NAMESPACE_OR_SKIP();
	route.table = 51820;
	assert_int_equal(route_add(sock, &route, NULL), 0);
	route = make("10.2.0.0/24");
	assert_int_equal(route_add(sock, &route, NULL), 0);
	route = make("0.0.0.0/0");
	route.has_gateway = true;
	assert_true(address_parse("10.2.0.1", 8, &route.gateway));
	route.metric = 7;
	assert_int_equal(route_add(sock, &route, NULL), 0);
	expect_routes("192.0.2.0/24 metric 0 elsewhere\n"
		      "0.0.0.0/0 via metric 7\n"
		      "10.2.0.0/24 metric 0\n");
}

static void test_failures_name_the_destination(void **state)
{
	struct route route = make("192.0.2.0/24");
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(route_delete(sock, &route, &err), -ESRCH);
	assert_string_equal(err.what, "cannot delete the route to 192.0.2.0/24: No such process");
	assert_int_equal(route_add(sock, &route, NULL), 0);
	assert_int_equal(route_add(sock, &route, &err), -EEXIST);
	assert_string_equal(err.what, "cannot add the route to 192.0.2.0/24: File exists");
	route.oif = 77;
	assert_int_equal(route_add(sock, &route, &err), -ENODEV);
	assert_non_null(strstr(err.what, "cannot add the route to 192.0.2.0/24: No such device"));
}

static union endpoint endpoint(const char *text)
{
	union endpoint parsed = {0};

	assert_true(endpoint_parse(text, strlen(text), &parsed));
	return parsed;
}

static void test_the_way_to_an_address(void **state)
{
	const struct route route = make("0.0.0.0/0");
	const struct route route6 = make("::/0");
	union endpoint to = endpoint("192.0.2.1:51820");
	union endpoint to6 = endpoint("[2001:db8::1]:51820");
	char text[ADDRESS_TEXT_LEN];
	struct route_path path;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(route_add(sock, &route, NULL), 0);
	assert_int_equal(route_add(sock, &route6, NULL), 0);
	assert_int_equal(route_get(sock, &to, 0, &path, NULL), 0);
	assert_int_equal(path.oif, index_of_link);
	assert_int_equal(path.mtu, 1400);
	assert_false(path.has_gateway);
	assert_false(path.is_local);
	assert_true(path.has_source);
	assert_string_equal(address_print(&path.source, text), "10.2.0.2");
	assert_int_equal(route_get(sock, &to6, 51820, &path, NULL), 0);
	assert_int_equal(path.mtu, 1400);
	assert_string_equal(address_print(&path.source, text), "fd00::2");
}

static void test_our_own_address_is_local(void **state)
{
	static const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};
	union endpoint to = endpoint("127.0.0.1:1");
	struct route_path path;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_change(sock, "lo", &up, NULL), 0);
	assert_int_equal(route_get(sock, &to, 0, &path, NULL), 0);
	assert_true(path.is_local);
	assert_int_equal(path.mtu, 65536);
}

static void test_no_way_is_told_with_the_address(void **state)
{
	const struct route unreachable = make_unreachable("2001:db8::/32");
	union endpoint to = endpoint("192.0.2.1:51820");
	union endpoint to6 = endpoint("[2001:db8::1]:51820");
	struct route_path path;
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(route_get(sock, &to, 0, &path, &err), -ENETUNREACH);
	assert_string_equal(err.what, "no route to 192.0.2.1: Network is unreachable");
	assert_int_equal(route_add(sock, &unreachable, NULL), 0);
	assert_int_equal(route_get(sock, &to6, 0, &path, &err), -EHOSTUNREACH);
	assert_string_equal(err.what, "no route to 2001:db8::1: No route to host");
}

static void test_a_scope_is_kept_to(void **state)
{
	union endpoint to = endpoint("[fe80::1]:51820");
	struct route route = make("fe80::/64");
	struct route_path path;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(route_add(sock, &route, NULL), 0);
	to.v6.sin6_scope_id = index_of_link;
	assert_int_equal(route_get(sock, &to, 0, &path, NULL), 0);
	assert_int_equal(path.oif, index_of_link);
	to.v6.sin6_scope_id = 77;
	assert_true(route_get(sock, &to, 0, &path, NULL) < 0);
}

static int collect_all(void *context, const struct route *route)
{
	char *text = context;
	char to[PREFIX_TEXT_LEN];
	char from[PREFIX_TEXT_LEN] = "any";

	if (route->is_kernels)
		return 0;
	if (route->from.len)
		(void)prefix_print(&route->from, from);
	(void)snprintf(text + strlen(text), 1024 - strlen(text),
		       "%d %s from %s oif %d tos %u metric %u table %u\n", (int)route->type,
		       prefix_print(&route->to, to), from, route->oif != 0, route->tos,
		       route->metric, route->table);
	return 0;
}

/* Added as it says, found so, and gone again. */
static void expect_kept(const struct route *route, const char *expected)
{
	char text[1024] = "";
	struct error err;

	if (route_add(sock, route, &err) < 0)
		fail_msg("%s", err.what);
	assert_int_equal(route_dump(sock, collect_all, text, NULL), 0);
	assert_string_equal(text, expected);
	if (route_delete(sock, route, &err) < 0)
		fail_msg("%s", err.what);
	text[0] = '\0';
	assert_int_equal(route_dump(sock, collect_all, text, NULL), 0);
	assert_string_equal(text, "");
}

static void test_every_type_and_part_of_a_route_is_read_and_deleted(void **state)
{
	struct route route = make("192.0.2.0/24");

	(void)state;
	NAMESPACE_OR_SKIP();
	route.tos = 16;
	expect_kept(&route, "0 192.0.2.0/24 from any oif 1 tos 16 metric 0 table 254\n");
	route = make("2001:db8::/32");
	assert_true(prefix_parse("fd00::/16", 9, &route.from));
	expect_kept(&route, "0 2001:db8::/32 from fd00::/16 oif 1 tos 0 metric 1024 table 254\n");
	route = make("192.0.2.0/24");
	route.type = ROUTE_LOCAL;
	route.table = RT_TABLE_LOCAL;
	expect_kept(&route, "2 192.0.2.0/24 from any oif 1 tos 0 metric 0 table 255\n");
	route.oif = 0;
	route.table = 0;
	route.type = ROUTE_BLACKHOLE;
	expect_kept(&route, "3 192.0.2.0/24 from any oif 0 tos 0 metric 0 table 254\n");
	route.type = ROUTE_PROHIBIT;
	expect_kept(&route, "4 192.0.2.0/24 from any oif 0 tos 0 metric 0 table 254\n");
	route.type = ROUTE_THROW;
	expect_kept(&route, "5 192.0.2.0/24 from any oif 0 tos 0 metric 0 table 254\n");
}

/* ---- what the kernel may answer ---- */

static void begin_route(struct fake *fake, uint32_t sequence, uint8_t family, uint8_t len)
{
	struct rtmsg *header;

	(void)fake_begin(fake, RTM_NEWROUTE, sequence);
	header = fake_header(fake, sizeof(*header));
	header->rtm_family = family;
	header->rtm_dst_len = len;
	header->rtm_type = RTN_UNICAST;
}

static void answer_link(struct fake *fake, uint32_t sequence, uint32_t mtu)
{
	struct ifinfomsg *header;

	(void)fake_begin(fake, RTM_NEWLINK, sequence);
	header = fake_header(fake, sizeof(*header));
	header->ifi_index = 3;
	mnl_attr_put_u32(&fake->message.header, IFLA_MTU, mtu);
	fake_send(fake);
	fake_end(fake, sequence, 0);
}

/* The MTU of the route, then of the link; 0: none. */
static uint32_t path_mtu(uint32_t of_route, uint32_t of_link)
{
	union endpoint to = endpoint("192.0.2.1:51820");
	struct route_path path;
	struct fake fake;

	assert_true(fake_open(&fake));
	begin_route(&fake, 1, AF_INET, 32);
	mnl_attr_put_u32(&fake.message.header, RTA_OIF, 3);
	if (of_route) {
		struct nlattr *metrics = mnl_attr_nest_start(&fake.message.header, RTA_METRICS);

		mnl_attr_put_u32(&fake.message.header, RTAX_HOPLIMIT, 64);
		mnl_attr_put_u32(&fake.message.header, RTAX_MTU, of_route);
		mnl_attr_nest_end(&fake.message.header, metrics);
	}
	fake_send(&fake);
	fake_end(&fake, 1, 0);
	answer_link(&fake, 2, of_link);
	assert_int_equal(route_get(fake.sock, &to, 0, &path, NULL), 0);
	fake_close(&fake);
	return path.mtu;
}

static void test_what_was_learned_about_the_path_counts(void **state)
{
	(void)state;
	assert_int_equal(path_mtu(1380, 1500), 1380);
	assert_int_equal(path_mtu(0, 1500), 1500);
	assert_int_equal(path_mtu(1500, 1400), 1400);
}

static int ask_fake(struct fake *fake, struct error *err)
{
	union endpoint to = endpoint("192.0.2.1:51820");
	struct route_path path;

	return route_get(fake->sock, &to, 0, &path, err);
}

static void test_a_path_without_a_link_is_none(void **state)
{
	struct error err;
	struct fake fake;

	(void)state;
	assert_true(fake_open(&fake));
	fake_end(&fake, 1, 0);
	assert_int_equal(ask_fake(&fake, &err), -ENETUNREACH);
	assert_string_equal(err.what, "no route to 192.0.2.1: the route leads to no link");
	begin_route(&fake, 2, AF_MPLS, 20);
	fake_send(&fake);
	assert_int_equal(ask_fake(&fake, NULL), -EBADMSG);
	begin_route(&fake, 3, AF_INET, 32);
	mnl_attr_put_u32(&fake.message.header, RTA_OIF, 3);
	fake_send(&fake);
	fake_end(&fake, 3, 0);
	fake_end(&fake, 4, -ENODEV);
	assert_int_equal(ask_fake(&fake, &err), -ENODEV);
	assert_string_equal(err.what, "no route to 192.0.2.1: cannot read link 3: No such device");
	fake_close(&fake);
}

static void test_answers_that_are_no_routes_are_refused(void **state)
{
	static const struct {
		uint16_t type;
		uint16_t len;
	} bad[] = {
		{RTA_DST, 3}, {RTA_DST, 16},	 {RTA_GATEWAY, 5},
		{RTA_OIF, 2}, {RTA_PRIORITY, 8}, {RTA_TABLE, 1},
	};
	static const uint8_t zeroes[16];
	char text[64] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err;
		struct fake fake;

		assert_true(fake_open(&fake));
		begin_route(&fake, 1, AF_INET, 24);
		mnl_attr_put(&fake.message.header, bad[i].type, bad[i].len, zeroes);
		fake_send(&fake);
		assert_int_equal(route_dump(fake.sock, collect, text, &err), -EBADMSG);
		assert_string_equal(err.what, "cannot list the routes: Bad message");
		fake_close(&fake);
	}
	assert_string_equal(text, "");
}

static void test_a_prefix_that_is_too_long_is_refused(void **state)
{
	struct fake fake;

	(void)state;
	assert_true(fake_open(&fake));
	begin_route(&fake, 1, AF_INET, 33);
	fake_send(&fake);
	assert_int_equal(route_dump(fake.sock, collect, NULL, NULL), -EBADMSG);
	(void)fake_begin(&fake, RTM_NEWROUTE, 2);
	(void)fake_header(&fake, 4);
	fake_send(&fake);
	assert_int_equal(route_dump(fake.sock, collect, NULL, NULL), -EBADMSG);
	fake_close(&fake);
}

static void test_what_was_learned_and_other_families_are_not_listed(void **state)
{
	char text[64] = "";
	struct fake fake;

	(void)state;
	assert_true(fake_open(&fake));
	begin_route(&fake, 1, AF_INET, 32);
	((struct rtmsg *)mnl_nlmsg_get_payload(&fake.message.header))->rtm_flags = RTM_F_CLONED;
	fake_send(&fake);
	begin_route(&fake, 1, AF_MPLS, 20);
	fake_send(&fake);
	fake_end(&fake, 1, 0);
	assert_int_equal(route_dump(fake.sock, collect, text, NULL), 0);
	assert_string_equal(text, "");
	fake_close(&fake);
}

static int count_links(void *context, const struct route *route)
{
	int *oif = context;

	*oif = (int)route->oif + (route->has_gateway ? 100 : 0);
	return 0;
}

/* Several links, or a nexthop object, which the kernel may tell of both ways. */
static void test_a_route_by_several_links_has_none(void **state)
{
	static const uint16_t types[] = {RTA_MULTIPATH, RTA_NH_ID};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		static const uint8_t gateway[4] = {10, 0, 0, 1};
		struct fake fake;
		int oif = -1;

		assert_true(fake_open(&fake));
		begin_route(&fake, 1, AF_INET, 8);
		mnl_attr_put_u32(&fake.message.header, RTA_OIF, 3);
		mnl_attr_put(&fake.message.header, RTA_GATEWAY, sizeof(gateway), gateway);
		mnl_attr_put_u32(&fake.message.header, types[i], 7);
		fake_send(&fake);
		fake_end(&fake, 1, 0);
		assert_int_equal(route_dump(fake.sock, count_links, &oif, NULL), 0);
		assert_int_equal(oif, 0);
		fake_close(&fake);
	}
}

/* ::ffff:10.0.0.0/104, which anybody may add, must not keep us from the others. */
static void test_a_mapped_destination_is_passed_over(void **state)
{
	static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 10};
	struct fake fake;
	int oif = -1;

	(void)state;
	assert_true(fake_open(&fake));
	begin_route(&fake, 1, AF_INET6, 104);
	mnl_attr_put(&fake.message.header, RTA_DST, sizeof(mapped), mapped);
	fake_send(&fake);
	fake_end(&fake, 1, 0);
	assert_int_equal(route_dump(fake.sock, count_links, &oif, NULL), 0);
	assert_int_equal(oif, -1);
	fake_close(&fake);
}

#define REAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void test_the_default_route_is_ipv4s_before_ipv6s_and_the_smaller_metrics(void **state)
{
	struct route route = {.type = ROUTE_UNICAST, .table = RT_TABLE_MAIN, .oif = 1};
	struct route_default best = {0};

	(void)state;
	assert_true(prefix_parse("::/0", 4, &route.to));
	route_consider_default(&best, &route);
	assert_int_equal(best.oif, 1);
	assert_true(prefix_parse("0.0.0.0/0", 9, &route.to));
	route.oif = 2;
	route.metric = 600;
	route_consider_default(&best, &route);
	assert_int_equal(best.oif, 2);
	route.oif = 3;
	route_consider_default(&best, &route); /* of two alike the first */
	assert_int_equal(best.oif, 2);
	route.metric = 100;
	route_consider_default(&best, &route);
	assert_int_equal(best.oif, 3);
}

static void test_what_is_no_default_route_is_not_considered(void **state)
{
	struct route route = {.type = ROUTE_UNICAST, .table = RT_TABLE_MAIN, .oif = 1};
	struct route_default best = {0};

	(void)state;
	assert_true(prefix_parse("10.0.0.0/8", 10, &route.to));
	route_consider_default(&best, &route);
	assert_true(prefix_parse("0.0.0.0/0", 9, &route.to));
	route.type = ROUTE_UNREACHABLE;
	route_consider_default(&best, &route);
	route.type = ROUTE_UNICAST;
	route.table = 99;
	route_consider_default(&best, &route);
	route.table = RT_TABLE_MAIN;
	route.oif = 0;
	route_consider_default(&best, &route);
	assert_int_equal(best.oif, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_the_default_route_is_ipv4s_before_ipv6s_and_the_smaller_metrics),
		cmocka_unit_test(test_what_is_no_default_route_is_not_considered),
		REAL(test_routes_of_both_families_come_and_go),
		REAL(test_the_unreachable_stand_behind_the_others),
		REAL(test_a_gateway_and_another_table),
		REAL(test_failures_name_the_destination),
		REAL(test_the_way_to_an_address),
		REAL(test_our_own_address_is_local),
		REAL(test_no_way_is_told_with_the_address),
		REAL(test_a_scope_is_kept_to),
		REAL(test_every_type_and_part_of_a_route_is_read_and_deleted),
		cmocka_unit_test(test_what_was_learned_about_the_path_counts),
		cmocka_unit_test(test_a_path_without_a_link_is_none),
		cmocka_unit_test(test_answers_that_are_no_routes_are_refused),
		cmocka_unit_test(test_a_prefix_that_is_too_long_is_refused),
		cmocka_unit_test(test_a_route_by_several_links_has_none),
		cmocka_unit_test(test_a_mapped_destination_is_passed_over),
		cmocka_unit_test(test_what_was_learned_and_other_families_are_not_listed),
	};

	return cmocka_run_group_tests_name("net/route", tests, namespace_group_setup, NULL);
}
