/* Mirrors src/net/ifaddr.c */
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

static int setup(void **state)
{
	static const struct link_new veth = {.name = "eth0", .kind = "veth", .peer = "eth1"};
	static const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};
	struct link_info link;
	int r = namespace_setup(state);

	if (r < 0 || namespace_reason)
		return r;
	/* one address of the kernel's own making would be in the way */
	if (!namespace_write("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "1") ||
	    nlsock_open(&sock, NULL) < 0 || link_create(sock, &veth, NULL) < 0 ||
	    link_change(sock, "eth0", &up, NULL) < 0 || link_get(sock, "eth0", &link, NULL) < 0)
		return -1;
	index_of_link = link.index;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	nlsock_close(sock);
	sock = NULL;
	return 0;
}

static struct link_address make(const char *text)
{
	struct link_address address = {.index = index_of_link};

	(void)prefix_parse(text, strlen(text), &address.address);
	return address;
}

static int collect(void *context, const struct link_address *address)
{
	char prefix[PREFIX_TEXT_LEN];

	(void)strcat(context, prefix_print(&address->address, prefix));
	(void)strcat(context, " ");
	return 0;
}

static void expect_addresses(const char *expected)
{
	char text[512] = "";

	assert_int_equal(ifaddr_dump(sock, collect, text, NULL), 0);
	assert_string_equal(text, expected);
}

static int collect_routes(void *context, const struct route *route)
{
	char prefix[PREFIX_TEXT_LEN];

	if (route->type == ROUTE_UNICAST) {
		(void)strcat(context, prefix_print(&route->to, prefix));
		(void)strcat(context, " ");
	}
	return 0;
}

static void test_an_address_keeps_its_host_bits_and_makes_no_route(void **state)
{
	struct link_address v4 = make("10.2.0.2/24");
	struct link_address v6 = make("fd00::2/64");
	char routes[256] = "";

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(ifaddr_add(sock, &v4, NULL), 0);
	assert_int_equal(ifaddr_add(sock, &v6, NULL), 0);
	expect_addresses("10.2.0.2/24 fd00::2/64 ");
	assert_int_equal(route_dump(sock, collect_routes, routes, NULL), 0);
	assert_string_equal(routes, "");
	assert_int_equal(ifaddr_delete(sock, &v4, NULL), 0);
	assert_int_equal(ifaddr_delete(sock, &v6, NULL), 0);
	expect_addresses("");
}

static void test_an_address_that_is_there_is_told(void **state)
{
	struct link_address v4 = make("10.2.0.2/32");
	struct link_address v6 = make("fd00::2/128");
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(ifaddr_add(sock, &v4, NULL), 0);
	assert_int_equal(ifaddr_add(sock, &v4, &err), -EEXIST);
	assert_non_null(strstr(err.what, "cannot add address 10.2.0.2/32: File exists"));
	assert_int_equal(ifaddr_add(sock, &v6, NULL), 0);
	assert_int_equal(ifaddr_add(sock, &v6, NULL), -EEXIST);
	expect_addresses("10.2.0.2/32 fd00::2/128 ");
}

static void test_an_address_that_is_not_there_is_told(void **state)
{
	struct link_address v4 = make("10.2.0.2/32");
	struct link_address v6 = make("fd00::2/128");
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(ifaddr_delete(sock, &v4, &err), -EADDRNOTAVAIL);
	assert_non_null(strstr(err.what, "cannot delete address 10.2.0.2/32: "));
	assert_int_equal(ifaddr_delete(sock, &v6, NULL), -EADDRNOTAVAIL);
	v4.index = v6.index = 77;
	assert_int_equal(ifaddr_delete(sock, &v4, NULL), -ENODEV);
	assert_int_equal(ifaddr_delete(sock, &v6, NULL), -ENODEV);
	assert_int_equal(ifaddr_add(sock, &v4, NULL), -ENODEV);
}

struct fake_address {
	uint8_t family;
	uint8_t prefix_len;
	uint16_t type;
	uint16_t len;
};

static int dump_fake(const struct fake_address *wanted, char *text, struct error *err)
{
	static const uint8_t bytes[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2};
	struct ifaddrmsg *header;
	struct fake fake;
	int r;

	assert_true(fake_open(&fake));
	(void)fake_begin(&fake, RTM_NEWADDR, 1);
	header = fake_header(&fake, sizeof(*header));
	header->ifa_family = wanted->family;
	header->ifa_prefixlen = wanted->prefix_len;
	mnl_attr_put(&fake.message.header, wanted->type, wanted->len, bytes);
	fake_send(&fake);
	fake_end(&fake, 1, 0);
	r = ifaddr_dump(fake.sock, collect, text, err);
	fake_close(&fake);
	return r;
}

static void test_answers_that_are_no_addresses_are_refused(void **state)
{
	static const struct fake_address bad[] = {
		{AF_INET, 24, IFA_LOCAL, 3},
		{AF_INET, 24, IFA_LABEL, 4},
		{AF_INET6, 64, IFA_ADDRESS, 4},
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(dump_fake(&bad[i], NULL, &err), -EBADMSG);
		assert_string_equal(err.what, "cannot list the addresses: Bad message");
	}
}

static void test_addresses_that_cannot_be_named_are_passed_over(void **state)
{
	static const struct fake_address odd[] = {
		{AF_MPLS, 20, IFA_LOCAL, 4},	  /* another family */
		{AF_INET6, 128, IFA_ADDRESS, 16}, /* ::ffff:192.0.2.0 */
		{AF_INET, 33, IFA_LOCAL, 4},
	};
	char text[64] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_int_equal(dump_fake(&odd[i], text, NULL), 0);
	assert_string_equal(text, "");
}

static void test_an_answer_of_another_kind_is_refused(void **state)
{
	struct fake fake;

	(void)state;
	assert_true(fake_open(&fake));
	(void)fake_begin(&fake, RTM_NEWLINK, 1);
	(void)fake_header(&fake, sizeof(struct ifinfomsg));
	fake_send(&fake);
	assert_int_equal(ifaddr_dump(fake.sock, collect, NULL, NULL), -EBADMSG);
	(void)fake_begin(&fake, RTM_NEWADDR, 2);
	(void)fake_header(&fake, 4);
	fake_send(&fake);
	assert_int_equal(ifaddr_dump(fake.sock, collect, NULL, NULL), -EBADMSG);
	fake_close(&fake);
}

/* Point-to-point: IFA_ADDRESS is the other end's. */
static void test_of_two_addresses_the_local_one_is_ours(void **state)
{
	const struct in_addr peer = {htonl(0xc0000201)};
	const struct in_addr own = {htonl(0x0a020002)};
	struct ifaddrmsg *header;
	char text[64] = "";
	struct fake fake;

	(void)state;
	assert_true(fake_open(&fake));
	(void)fake_begin(&fake, RTM_NEWADDR, 1);
	header = fake_header(&fake, sizeof(*header));
	header->ifa_family = AF_INET;
	header->ifa_prefixlen = 32;
	mnl_attr_put(&fake.message.header, IFA_ADDRESS, sizeof(peer), &peer);
	mnl_attr_put(&fake.message.header, IFA_LOCAL, sizeof(own), &own);
	mnl_attr_put(&fake.message.header, IFA_ADDRESS, sizeof(peer), &peer);
	fake_send(&fake);
	fake_end(&fake, 1, 0);
	assert_int_equal(ifaddr_dump(fake.sock, collect, text, NULL), 0);
	assert_string_equal(text, "10.2.0.2/32 ");
	fake_close(&fake);
}

#define REAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL(test_an_address_keeps_its_host_bits_and_makes_no_route),
		REAL(test_an_address_that_is_there_is_told),
		REAL(test_an_address_that_is_not_there_is_told),
		cmocka_unit_test(test_answers_that_are_no_addresses_are_refused),
		cmocka_unit_test(test_addresses_that_cannot_be_named_are_passed_over),
		cmocka_unit_test(test_an_answer_of_another_kind_is_refused),
		cmocka_unit_test(test_of_two_addresses_the_local_one_is_ours),
	};

	return cmocka_run_group_tests_name("net/ifaddr", tests, namespace_group_setup, NULL);
}
