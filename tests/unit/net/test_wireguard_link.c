/* Mirrors src/net/wireguard_link.c; tests/vm/ makes the link in a real kernel. */
#include "cmocka_all.h"

#include "net/fake.h"

#include "base/error.h"
#include "net/attr.h"
#include "net/wireguard_link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

static int setup(void **state)
{
	static struct fake fake;

	*state = &fake;
	return fake_open(&fake) ? 0 : -1;
}

static int teardown(void **state)
{
	fake_close(*state);
	return 0;
}

/* What the kernel was asked. */
struct asked {
	uint16_t flags;
	int index;
	char name[16];
	uint32_t netns;
	bool has_mtu;
	uint32_t mtu;
	char kind[16];
};

static void read_kind(const struct nlattr *info, struct asked *ret)
{
	struct attrs attrs = attrs_of_nest(info);

	while (attrs_next(&attrs))
		if (mnl_attr_get_type(attrs.at) == IFLA_INFO_KIND)
			(void)strncpy(ret->kind, mnl_attr_get_str(attrs.at), sizeof(ret->kind) - 1);
}

static void read_attribute(const struct nlattr *attr, struct asked *ret)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		(void)strncpy(ret->name, mnl_attr_get_str(attr), sizeof(ret->name) - 1);
		break;
	case IFLA_NET_NS_FD:
		ret->netns = mnl_attr_get_u32(attr);
		break;
	case IFLA_MTU:
		ret->has_mtu = true;
		ret->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINKINFO:
		read_kind(attr, ret);
		break;
	}
}

static struct asked read_request(const struct fake *fake)
{
	char bytes[512];
	const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)bytes;
	const struct ifinfomsg *header;
	struct asked asked = {0};
	struct attrs attrs;

	assert_true(recv(fake->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0);
	assert_int_equal(message->nlmsg_type, RTM_NEWLINK);
	header = mnl_nlmsg_get_payload(message);
	asked.flags = message->nlmsg_flags;
	asked.index = header->ifi_index;
	attrs = attrs_of_message(message, sizeof(*header));
	while (attrs_next(&attrs))
		read_attribute(attrs.at, &asked);
	return asked;
}

static void expect_no_more(const struct fake *fake)
{
	char byte;

	assert_int_equal(recv(fake->fd, &byte, 1, MSG_DONTWAIT), -1);
}

static void test_the_link_is_made_inside_by_one_request(void **state)
{
	struct fake *fake = *state;
	struct asked asked;

	fake_end(fake, 1, 0);
	assert_int_equal(wireguard_link_create(fake->sock, "wg0", 9, 1380, NULL), 0);
	asked = read_request(fake);
	assert_int_equal(asked.flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	assert_int_equal(asked.index, 0);
	assert_string_equal(asked.name, "wg0");
	assert_int_equal(asked.netns, 9);
	assert_int_equal(asked.mtu, 1380);
	assert_string_equal(asked.kind, "wireguard");
	expect_no_more(fake);
}

static void test_the_mtu_may_be_the_kernels(void **state)
{
	struct fake *fake = *state;

	fake_end(fake, 1, 0);
	assert_int_equal(wireguard_link_create(fake->sock, "wg0", 9, 0, NULL), 0);
	assert_false(read_request(fake).has_mtu);
}

static void test_a_link_of_that_name_on_the_host_is_no_obstacle(void **state)
{
	struct fake *fake = *state;
	struct asked asked;

	fake_end(fake, 1, -EEXIST);
	fake_end(fake, 2, 0);
	assert_int_equal(wireguard_link_create(fake->sock, "wg0", 9, 1380, NULL), 0);
	(void)read_request(fake);
	asked = read_request(fake);
	assert_true(asked.index >= 1 << 30);
	assert_string_equal(asked.name, "wg0");
	assert_int_equal(asked.netns, 9);
	expect_no_more(fake);
}

static void test_a_link_of_that_name_inside_is_told(void **state)
{
	struct fake *fake = *state;
	struct error err;

	fake_end(fake, 1, -EEXIST);
	fake_end(fake, 2, -EEXIST);
	assert_int_equal(wireguard_link_create(fake->sock, "wg0", 9, 0, &err), -EEXIST);
	assert_string_equal(err.what, "cannot create WireGuard link 'wg0': File exists");
	assert_string_equal(err.hint, "");
}

static void test_a_kernel_without_wireguard_is_told_with_a_way_out(void **state)
{
	struct fake *fake = *state;
	struct error err;

	fake_end(fake, 1, -EOPNOTSUPP);
	assert_int_equal(wireguard_link_create(fake->sock, "wg0", 9, 0, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.what, "cannot create WireGuard link 'wg0': "));
	assert_non_null(strstr(err.hint, "Backend = userspace"));
}

static void test_any_other_refusal_is_the_kernels(void **state)
{
	struct fake *fake = *state;
	struct error err;

	fake_end(fake, 1, -EPERM);
	assert_int_equal(wireguard_link_create(fake->sock, "wg0", 9, 0, &err), -EPERM);
	assert_string_equal(err.what,
			    "cannot create WireGuard link 'wg0': Operation not permitted");
	(void)read_request(fake);
	expect_no_more(fake);
}

#define FAKE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE(test_the_link_is_made_inside_by_one_request),
		FAKE(test_the_mtu_may_be_the_kernels),
		FAKE(test_a_link_of_that_name_on_the_host_is_no_obstacle),
		FAKE(test_a_link_of_that_name_inside_is_told),
		FAKE(test_a_kernel_without_wireguard_is_told_with_a_way_out),
		FAKE(test_any_other_refusal_is_the_kernels),
	};

	return cmocka_run_group_tests_name("net/wireguard_link", tests, NULL, NULL);
}
