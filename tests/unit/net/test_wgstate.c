/* Mirrors src/net/wgstate.c */
#include "cmocka_all.h"

#include "net/wgstate.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <string.h>

static union {
	struct nlmsghdr header;
	char bytes[65536];
} message;

static struct nlmsghdr *const at = &message.header;

static const uint8_t key_a[32] = {0xa};
static const uint8_t key_b[32] = {0xb};

static void begin(void)
{
	(void)mnl_nlmsg_put_header(message.bytes);
	(void)mnl_nlmsg_put_extra_header(at, GENL_HDRLEN);
}

/* A message that ends in a peer; what is put next is that peer's. */
struct nests {
	struct nlattr *list;
	struct nlattr *peer;
};

static struct nests begin_peer(const uint8_t *key)
{
	struct nests nests;

	begin();
	nests.list = mnl_attr_nest_start(at, WGDEVICE_A_PEERS);
	nests.peer = mnl_attr_nest_start(at, 0);
	if (key)
		mnl_attr_put(at, WGPEER_A_PUBLIC_KEY, 32, key);
	return nests;
}

static int end_peer(struct wgstate *state, const struct nests *nests)
{
	mnl_attr_nest_end(at, nests->peer);
	mnl_attr_nest_end(at, nests->list);
	return wgstate_add(state, at);
}

static void put_ip(uint16_t family, size_t len, uint8_t prefix_len)
{
	static const uint8_t ip[16] = {10, 1, 2, 3};
	struct nlattr *list = mnl_attr_nest_start(at, WGPEER_A_ALLOWEDIPS);
	struct nlattr *nest = mnl_attr_nest_start(at, 0);

	if (family)
		mnl_attr_put_u16(at, WGALLOWEDIP_A_FAMILY, family);
	if (len)
		mnl_attr_put(at, WGALLOWEDIP_A_IPADDR, len, ip);
	mnl_attr_put_u8(at, WGALLOWEDIP_A_CIDR_MASK, prefix_len);
	mnl_attr_nest_end(at, nest);
	mnl_attr_nest_end(at, list);
}

static void test_a_device_without_peers_is_read(void **state)
{
	static const uint8_t private_key[32] = {3};
	struct wgstate found = {0};

	(void)state;
	begin();
	mnl_attr_put(at, WGDEVICE_A_PRIVATE_KEY, 32, private_key);
	mnl_attr_put(at, WGDEVICE_A_PUBLIC_KEY, 32, key_a);
	mnl_attr_put_u16(at, WGDEVICE_A_LISTEN_PORT, 51820);
	mnl_attr_put_u32(at, WGDEVICE_A_FWMARK, 0x1234);
	assert_int_equal(wgstate_add(&found, at), 0);
	assert_memory_equal(found.public_key, key_a, 32);
	assert_int_equal(found.listen_port, 51820);
	assert_int_equal(found.fwmark, 0x1234);
	assert_int_equal(found.n_peers, 0);
	assert_null(wgstate_find(&found, key_a));
	wgstate_done(&found);
}

static void test_a_peers_counters_are_read(void **state)
{
	const struct __kernel_timespec when = {.tv_sec = 1700000000, .tv_nsec = 5};
	struct wgstate found = {0};
	struct nests nests;

	(void)state;
	nests = begin_peer(key_b);
	mnl_attr_put_u64(at, WGPEER_A_RX_BYTES, 1000);
	mnl_attr_put_u64(at, WGPEER_A_TX_BYTES, UINT64_MAX);
	mnl_attr_put(at, WGPEER_A_LAST_HANDSHAKE_TIME, sizeof(when), &when);
	mnl_attr_put_u16(at, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 25);
	assert_int_equal(end_peer(&found, &nests), 0);
	assert_int_equal(found.n_peers, 1);
	assert_ptr_equal(wgstate_find(&found, key_b), &found.peer[0]);
	assert_int_equal(found.peer[0].rx_bytes, 1000);
	assert_true(found.peer[0].tx_bytes == UINT64_MAX);
	assert_int_equal(found.peer[0].last_handshake.ns, 1700000000 * NS_PER_S + 5);
	assert_int_equal(found.peer[0].keepalive_s, 25);
	assert_false(endpoint_is_set(&found.peer[0].endpoint));
	wgstate_done(&found);
}

static void test_endpoints_of_both_families_are_read(void **state)
{
	const struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = 1, .sin_addr = {2}};
	const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = 3};
	struct wgstate found = {0};
	struct nests nests;

	(void)state;
	nests = begin_peer(key_a);
	mnl_attr_put(at, WGPEER_A_ENDPOINT, sizeof(v4), &v4);
	assert_int_equal(end_peer(&found, &nests), 0);
	nests = begin_peer(key_b);
	mnl_attr_put(at, WGPEER_A_ENDPOINT, sizeof(v6), &v6);
	assert_int_equal(end_peer(&found, &nests), 0);
	assert_memory_equal(&found.peer[0].endpoint.v4, &v4, sizeof(v4));
	assert_memory_equal(&found.peer[1].endpoint.v6, &v6, sizeof(v6));
	wgstate_done(&found);
}

static void test_endpoints_of_the_wrong_size_are_not_read(void **state)
{
	const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	const struct sockaddr_in6 v4 = {.sin6_family = AF_INET};
	static const uint8_t long_one[200];
	struct wgstate found = {0};
	struct nests nests;

	(void)state;
	nests = begin_peer(key_a);
	mnl_attr_put(at, WGPEER_A_ENDPOINT, sizeof(v4), &v4);
	mnl_attr_put(at, WGPEER_A_ENDPOINT, sizeof(struct sockaddr_in), &v6);
	mnl_attr_put(at, WGPEER_A_ENDPOINT, sizeof(long_one), long_one);
	mnl_attr_put(at, WGPEER_A_ENDPOINT, 2, &v4);
	assert_int_equal(end_peer(&found, &nests), 0);
	assert_false(endpoint_is_set(&found.peer[0].endpoint));
	wgstate_done(&found);
}

static void test_times_that_make_no_sense_are_never(void **state)
{
	static const struct __kernel_timespec times[] = {
		{.tv_sec = -1},
		{.tv_nsec = -1},
		{.tv_nsec = 1000000000},
		{.tv_sec = INT64_MAX},
	};
	struct wgstate found = {0};
	struct nests nests;

	(void)state;
	nests = begin_peer(key_a);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		mnl_attr_put(at, WGPEER_A_LAST_HANDSHAKE_TIME, sizeof(times[i]), &times[i]);
	mnl_attr_put_u64(at, WGPEER_A_LAST_HANDSHAKE_TIME, 1);
	assert_int_equal(end_peer(&found, &nests), 0);
	assert_int_equal(found.peer[0].last_handshake.ns, 0);
	wgstate_done(&found);
}

static void test_a_peer_goes_on_in_the_next_message(void **state)
{
	struct wgstate found = {0};
	struct nests nests;

	(void)state;
	nests = begin_peer(key_a);
	mnl_attr_put_u64(at, WGPEER_A_RX_BYTES, 1000);
	put_ip(AF_INET, 4, 24);
	assert_int_equal(end_peer(&found, &nests), 0);
	nests = begin_peer(key_a);
	put_ip(AF_INET6, 16, 128);
	assert_int_equal(end_peer(&found, &nests), 0);
	nests = begin_peer(key_b);
	put_ip(AF_INET, 4, 32);
	assert_int_equal(end_peer(&found, &nests), 0);
	assert_int_equal(found.n_peers, 2);
	assert_int_equal(found.n_allowed_ips, 3);
	assert_int_equal(found.peer[0].rx_bytes, 1000);
	assert_int_equal(found.peer[0].n_allowed_ips, 2);
	assert_true(address_is_v4(&found.peer[0].allowed_ip[0].address));
	assert_int_equal(found.peer[0].allowed_ip[0].len, 24);
	assert_false(address_is_v4(&found.peer[0].allowed_ip[1].address));
	assert_int_equal(found.peer[0].allowed_ip[1].len, 128);
	assert_int_equal(found.peer[1].n_allowed_ips, 1);
	wgstate_done(&found);
}

static int add_ip(uint16_t family, size_t len, uint8_t prefix_len)
{
	struct wgstate found = {0};
	struct nests nests = begin_peer(key_a);
	int r;

	put_ip(family, len, prefix_len);
	r = end_peer(&found, &nests);
	wgstate_done(&found);
	return r;
}

static void test_a_network_that_is_none_is_refused(void **state)
{
	(void)state;
	assert_int_equal(add_ip(AF_INET, 4, 32), 0);
	assert_int_equal(add_ip(AF_INET, 4, 33), -EBADMSG);
	assert_int_equal(add_ip(AF_INET6, 16, 129), -EBADMSG);
	assert_int_equal(add_ip(AF_INET, 16, 32), -EBADMSG);
	assert_int_equal(add_ip(AF_INET6, 4, 32), -EBADMSG);
	assert_int_equal(add_ip(AF_UNIX, 4, 32), -EBADMSG);
	assert_int_equal(add_ip(AF_INET, 0, 32), -EBADMSG);
	assert_int_equal(add_ip(0, 4, 32), -EBADMSG);
}

/* ::ffff:a.b.c.d is how an IPv4 address is kept, and this is none. */
static void test_a_network_of_mapped_addresses_is_passed_over(void **state)
{
	static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 10};
	struct wgstate found = {0};
	struct nests nests;
	struct nlattr *list;
	struct nlattr *nest;

	(void)state;
	nests = begin_peer(key_a);
	list = mnl_attr_nest_start(at, WGPEER_A_ALLOWEDIPS);
	nest = mnl_attr_nest_start(at, 0);
	mnl_attr_put_u16(at, WGALLOWEDIP_A_FAMILY, AF_INET6);
	mnl_attr_put(at, WGALLOWEDIP_A_IPADDR, sizeof(mapped), mapped);
	mnl_attr_put_u8(at, WGALLOWEDIP_A_CIDR_MASK, 104);
	mnl_attr_nest_end(at, nest);
	mnl_attr_nest_end(at, list);
	put_ip(AF_INET6, 16, 64);
	assert_int_equal(end_peer(&found, &nests), 0);
	assert_int_equal(found.n_allowed_ips, 1);
	assert_int_equal(found.peer[0].allowed_ip[0].len, 64);
	wgstate_done(&found);
}

static void test_a_peer_without_a_key_is_refused(void **state)
{
	struct wgstate found = {0};
	struct nests nests;

	(void)state;
	nests = begin_peer(NULL);
	assert_int_equal(end_peer(&found, &nests), -EBADMSG);
	nests = begin_peer(NULL);
	mnl_attr_put(at, WGPEER_A_PUBLIC_KEY, 31, key_a);
	assert_int_equal(end_peer(&found, &nests), -EBADMSG);
	assert_int_equal(found.n_peers, 0);
	wgstate_done(&found);
}

static void test_a_message_without_the_familys_header_is_refused(void **state)
{
	struct wgstate found = {0};

	(void)state;
	(void)mnl_nlmsg_put_header(message.bytes);
	assert_int_equal(wgstate_add(&found, at), -EBADMSG);
}

static void test_more_peers_than_can_be_are_refused(void **state)
{
	struct wgstate found = {0};
	int r = 0;

	(void)state;
	for (uint32_t i = 0; r == 0 && i <= WGSTATE_PEERS_MAX; i++) {
		uint8_t key[32] = {1};
		struct nests nests;

		memcpy(key + 1, &i, sizeof(i));
		nests = begin_peer(key);
		r = end_peer(&found, &nests);
	}
	assert_int_equal(r, -E2BIG);
	assert_int_equal(found.n_peers, WGSTATE_PEERS_MAX);
	wgstate_done(&found);
}

static void test_more_networks_than_can_be_are_refused(void **state)
{
	struct wgstate found = {0};
	int r = 0;

	(void)state;
	for (uint32_t i = 0; r == 0 && i <= WGSTATE_ALLOWED_IPS_MAX; i += 1000) {
		struct nests nests = begin_peer(key_a);

		for (int k = 0; k < 1000; k++)
			put_ip(AF_INET, 4, 32);
		r = end_peer(&found, &nests);
	}
	assert_int_equal(r, -E2BIG);
	assert_int_equal(found.n_allowed_ips, WGSTATE_ALLOWED_IPS_MAX);
	wgstate_done(&found);
	assert_null(found.peer);
}

static bool is_first_byte(const void *context, const uint8_t public_key[32],
			  const uint8_t preshared_key[32])
{
	const uint8_t *wanted = context;

	assert_memory_equal(public_key, key_a, 32);
	return preshared_key[0] == *wanted;
}

static int read_preshared_key(struct wgstate *found, const struct wgstate_judge *judge, size_t len)
{
	static const uint8_t preshared_key[32] = {7};
	struct nests nests = begin_peer(key_a);

	*found = (struct wgstate){.judge = judge};
	mnl_attr_put(at, WGPEER_A_PRESHARED_KEY, len, preshared_key);
	return end_peer(found, &nests);
}

static void test_preshared_keys_are_judged_in_passing(void **state)
{
	static const uint8_t right = 7;
	static const uint8_t wrong = 8;
	const struct wgstate_judge judges[] = {{is_first_byte, &right}, {is_first_byte, &wrong}};
	struct wgstate found;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(read_preshared_key(&found, &judges[i], 32), 0);
		assert_int_equal(found.peer[0].is_misjudged, i);
		wgstate_done(&found);
	}
	/* nobody wants to know, and what is none */
	assert_int_equal(read_preshared_key(&found, NULL, 32), 0);
	assert_false(found.peer[0].is_misjudged);
	wgstate_done(&found);
	assert_int_equal(read_preshared_key(&found, &judges[1], 31), 0);
	assert_false(found.peer[0].is_misjudged);
	wgstate_done(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_device_without_peers_is_read),
		cmocka_unit_test(test_a_peers_counters_are_read),
		cmocka_unit_test(test_endpoints_of_both_families_are_read),
		cmocka_unit_test(test_endpoints_of_the_wrong_size_are_not_read),
		cmocka_unit_test(test_times_that_make_no_sense_are_never),
		cmocka_unit_test(test_a_peer_goes_on_in_the_next_message),
		cmocka_unit_test(test_a_network_that_is_none_is_refused),
		cmocka_unit_test(test_a_network_of_mapped_addresses_is_passed_over),
		cmocka_unit_test(test_a_peer_without_a_key_is_refused),
		cmocka_unit_test(test_a_message_without_the_familys_header_is_refused),
		cmocka_unit_test(test_more_peers_than_can_be_are_refused),
		cmocka_unit_test(test_more_networks_than_can_be_are_refused),
		cmocka_unit_test(test_preshared_keys_are_judged_in_passing),
	};

	return cmocka_run_group_tests_name("net/wgstate", tests, NULL, NULL);
}
