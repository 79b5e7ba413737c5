/* Mirrors src/device/source.c */
#include "cmocka_all.h"

#include "namespace.h"

#include "device/source.h"
#include "net/ifaddr.h"
#include "net/link.h"
#include "net/nlsock.h"
#include "net/route.h"
#include "tunnel/tunnel.h"

#include <net/if.h>
#include <poll.h>

static struct nlsock *sock;
static struct link_info links[2]; /* "a0" and "b0", up, 10.1.0.2 and 10.2.0.2 */

/* The kernel makes an IPv6 address ours a moment later. */
static void add_address(int link, const char *text)
{
	struct link_address address = {.index = links[link].index};
	struct route_path path = {0};
	union endpoint own;

	assert_true(prefix_parse(text, strlen(text), &address.address));
	assert_int_equal(ifaddr_add(sock, &address, NULL), 0);
	own = endpoint_make(&address.address.address, 1);
	if (own.any.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&own.v6.sin6_addr))
		own.v6.sin6_scope_id = links[link].index;
	for (int i = 0; !path.is_local && i < 1000; i++) {
		(void)poll(NULL, 0, i > 0);
		(void)route_get(sock, &own, 0, &path, NULL);
	}
	assert_true(path.is_local);
}

static struct route route_by(int link, const char *to, uint32_t metric)
{
	struct route route = {.oif = links[link].index, .metric = metric};

	assert_true(prefix_parse(to, strlen(to), &route.to));
	return route;
}

static void add_route(int link, const char *to)
{
	struct route route = route_by(link, to, 0);
	int r = route_add(sock, &route, NULL);

	assert_true(r == 0 || r == -EEXIST);
}

static void make_link(int link, const char *name, const char *peer)
{
	struct link_new veth = {.kind = "veth", .mtu = 1400};
	const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};

	(void)strcpy(veth.name, name);
	(void)strcpy(veth.peer, peer);
	assert_int_equal(link_create(sock, &veth, NULL), 0);
	assert_int_equal(link_change(sock, name, &up, NULL), 0);
	assert_int_equal(link_change(sock, peer, &up, NULL), 0);
	assert_int_equal(link_get(sock, name, &links[link], NULL), 0);
}

static int setup(void **state)
{
	int r = namespace_setup(state);

	if (r < 0 || namespace_reason)
		return r;
	if (!namespace_write("/proc/sys/net/ipv6/conf/default/accept_dad", "0") ||
	    nlsock_open(&sock, NULL) < 0)
		return -1;
	make_link(0, "a0", "a1");
	make_link(1, "b0", "b1");
	add_address(0, "10.1.0.2/24");
	add_route(0, "10.1.0.0/24");
	add_route(0, "fd01::/64");
	add_address(1, "10.2.0.2/24");
	add_route(1, "10.2.0.0/24");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	nlsock_close(sock);
	sock = NULL;
	return 0;
}

static struct tunnel_peer_stats peer_at(const char *endpoint, const char *source, int link)
{
	struct tunnel_peer_stats peer = {.source_link = links[link].index};

	assert_true(endpoint_parse(endpoint, strlen(endpoint), &peer.endpoint));
	assert_true(endpoint_parse(source, strlen(source), &peer.source));
	return peer;
}

static void test_a_source_is_good_while_the_way_leaves_by_its_link(void **state)
{
	struct route first;
	struct route other;
	struct tunnel_peer_stats peer;

	(void)state;
	NAMESPACE_OR_SKIP();
	first = route_by(0, "192.0.2.0/24", 10);
	other = route_by(1, "192.0.2.0/24", 5);
	peer = peer_at("192.0.2.1:9", "10.1.0.2:7", 0);
	assert_int_equal(route_add(sock, &first, NULL), 0);
	assert_true(source_is_good(sock, &peer, 0));
	assert_int_equal(route_add(sock, &other, NULL), 0);
	assert_false(source_is_good(sock, &peer, 0));
	assert_int_equal(route_delete(sock, &other, NULL), 0);
	assert_true(source_is_good(sock, &peer, 0));
}

static void test_a_source_that_is_no_address_of_ours_is_not_good(void **state)
{
	struct tunnel_peer_stats peer;
	struct tunnel_peer_stats peer6;

	(void)state;
	NAMESPACE_OR_SKIP();
	peer = peer_at("10.1.0.1:9", "10.1.0.9:7", 0);
	peer6 = peer_at("[fd01::1]:9", "[fd01::9]:7", 0);
	assert_false(source_is_good(sock, &peer, 0));
	assert_false(source_is_good(sock, &peer6, 0));
	add_address(0, "10.1.0.9/24");
	add_address(0, "fd01::9/64");
	assert_true(source_is_good(sock, &peer, 0));
	assert_true(source_is_good(sock, &peer6, 0));
}

static void test_a_link_local_source_is_asked_about_on_its_link(void **state)
{
	struct tunnel_peer_stats peer;
	char endpoint[64];
	char source[64];

	(void)state;
	NAMESPACE_OR_SKIP();
	add_address(1, "fe80::2/64");
	add_route(1, "fe80::/64");
	(void)snprintf(endpoint, sizeof(endpoint), "[fe80::1%%%u]:9", links[1].index);
	(void)snprintf(source, sizeof(source), "[fe80::2%%%u]:7", links[1].index);
	peer = peer_at(endpoint, source, 1);
	assert_true(source_is_good(sock, &peer, 0));
	(void)snprintf(source, sizeof(source), "[fe80::3%%%u]:7", links[1].index);
	peer = peer_at(endpoint, source, 1);
	assert_false(source_is_good(sock, &peer, 0));
}

/* No way at all may be one again, with the same address, in a moment. */
static void test_a_source_stays_without_a_route_and_where_there_is_none(void **state)
{
	struct tunnel_peer_stats peer;
	struct tunnel_peer_stats none;

	(void)state;
	NAMESPACE_OR_SKIP();
	peer = peer_at("203.0.113.1:9", "10.1.0.2:7", 0);
	none = peer;
	none.source = (union endpoint){0};
	assert_true(source_is_good(sock, &peer, 0));
	assert_true(source_is_good(sock, &none, 0));
}

static void test_a_link_that_is_not_known_is_not_asked_about(void **state)
{
	struct tunnel_peer_stats peer;

	(void)state;
	NAMESPACE_OR_SKIP();
	peer = peer_at("10.2.0.1:9", "10.1.0.2:7", 0);
	assert_false(source_is_good(sock, &peer, 0));
	peer.source_link = 0;
	assert_true(source_is_good(sock, &peer, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_source_is_good_while_the_way_leaves_by_its_link),
		TEST(test_a_source_that_is_no_address_of_ours_is_not_good),
		TEST(test_a_link_local_source_is_asked_about_on_its_link),
		TEST(test_a_source_stays_without_a_route_and_where_there_is_none),
		TEST(test_a_link_that_is_not_known_is_not_asked_about),
	};

	return cmocka_run_group_tests_name("device/source", tests, namespace_group_setup, NULL);
}
