/* Mirrors src/net/link.c */
#include "cmocka_all.h"

#include "namespace.h"
#include "net/fake.h"

#include "base/error.h"
#include "net/link.h"
#include "net/sysctl.h"

#include <linux/rtnetlink.h>

static const struct link_new veth = {.name = "eth0", .kind = "veth", .peer = "eth1"};

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

static void test_a_link_is_found_by_name_and_by_index(void **state)
{
	struct link_info by_name;
	struct link_info by_index;
	uint32_t index = 0;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_get(sock, "lo", &by_name, NULL), 0);
	assert_int_equal(link_index_of(sock, "lo", &index, NULL), 0);
	assert_int_equal(index, by_name.index);
	assert_int_equal(link_index_of(sock, "none", &index, NULL), -ENODEV);
	assert_int_equal(index, by_name.index);
	assert_string_equal(by_name.name, "lo");
	assert_string_equal(by_name.kind, "");
	assert_int_equal(by_name.mtu, 65536);
	assert_int_equal(by_name.flags & IFF_UP, 0);
	assert_int_equal(link_get_index(sock, by_name.index, &by_index, NULL), 0);
	assert_memory_equal(&by_name, &by_index, sizeof(by_name));
}

static void test_no_link_is_told_by_its_name(void **state)
{
	const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};
	struct link_info link;
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_get(sock, "none", &link, &err), -ENODEV);
	assert_string_equal(err.what, "cannot read link 'none': No such device");
	assert_int_equal(link_get_index(sock, 77, &link, &err), -ENODEV);
	assert_string_equal(err.what, "cannot read link 77: No such device");
	assert_int_equal(link_change(sock, "none", &up, &err), -ENODEV);
	assert_string_equal(err.what, "cannot change link 'none': No such device");
	assert_int_equal(link_delete(sock, "none", &err), -ENODEV);
	assert_string_equal(err.what, "cannot delete link 'none': No such device");
}

static void test_a_link_gets_another_name_while_it_is_up(void **state)
{
	const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};
	struct link_info before;
	struct link_info after;
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_rename(sock, "eth0", "eth2", &err), -ENODEV);
	assert_string_equal(err.what, "cannot read link 'eth0': No such device");
	assert_int_equal(link_create(sock, &veth, NULL), 0);
	assert_int_equal(link_change(sock, "eth0", &up, NULL), 0);
	assert_int_equal(link_get(sock, "eth0", &before, NULL), 0);
	assert_int_equal(link_rename(sock, "eth0", "eth1", &err), -EEXIST);
	assert_non_null(strstr(err.what, "cannot rename link 'eth0'"));
	if (link_rename(sock, "eth0", "eth2", NULL) == -EBUSY)
		skip(); /* Linux before 6.2 */
	assert_int_equal(link_get(sock, "eth2", &after, NULL), 0);
	assert_int_equal(after.index, before.index);
	assert_true(after.flags & IFF_UP);
}

static void test_a_link_is_made_with_its_peer_and_goes_with_it(void **state)
{
	struct link_info link;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_create(sock, &veth, NULL), 0);
	assert_int_equal(link_get(sock, "eth0", &link, NULL), 0);
	assert_string_equal(link.kind, "veth");
	assert_int_equal(link_create(sock, &veth, NULL), -EEXIST);
	assert_int_equal(link_delete(sock, "eth1", NULL), 0);
	assert_int_equal(link_get(sock, "eth0", &link, NULL), -ENODEV);
}

static void test_a_link_is_made_with_its_mtu(void **state)
{
	const struct link_new small = {.name = "a", .kind = "veth", .peer = "b", .mtu = 1300};
	struct link_info link;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_create(sock, &small, NULL), 0);
	assert_int_equal(link_get(sock, "a", &link, NULL), 0);
	assert_int_equal(link.mtu, 1300);
}

static void test_a_kind_that_the_kernel_has_not_is_told(void **state)
{
	const struct link_new unknown = {.name = "a", .kind = "unheard-of"};
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_create(sock, &unknown, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.what, "cannot create link 'a': Operation not supported"));
}

static void test_a_change_leaves_the_rest_alone(void **state)
{
	struct link_change change = {.mtu = 1400, .gso_max_segs = 40};
	struct link_info link;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_create(sock, &veth, NULL), 0);
	assert_int_equal(link_change(sock, "eth0", &change, NULL), 0);
	assert_int_equal(link_get(sock, "eth0", &link, NULL), 0);
	assert_int_equal(link.mtu, 1400);
	assert_int_equal(link.gso_max_segs, 40);
	assert_int_equal(link.flags & (IFF_UP | IFF_MULTICAST), IFF_MULTICAST);
	change = (struct link_change){.flags = IFF_UP, .flags_mask = IFF_UP | IFF_MULTICAST};
	assert_int_equal(link_change(sock, "eth0", &change, NULL), 0);
	assert_int_equal(link_get(sock, "eth0", &link, NULL), 0);
	assert_int_equal(link.mtu, 1400);
	assert_int_equal(link.flags & (IFF_UP | IFF_MULTICAST), IFF_UP);
}

static void test_the_kernel_makes_no_address_when_told_so(void **state)
{
	const struct link_change none = {.is_addr_gen_none = true};
	char mode[8];

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_create(sock, &veth, NULL), 0);
	assert_int_equal(link_change(sock, "eth0", &none, NULL), 0);
	assert_int_equal(sysctl_read("net/ipv6/conf/eth0/addr_gen_mode", mode, sizeof(mode), NULL),
			 0);
	assert_string_equal(mode, "1");
}

static void test_an_mtu_that_cannot_be_is_told(void **state)
{
	const struct link_change huge = {.mtu = 1000000};
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_create(sock, &veth, NULL), 0);
	assert_int_equal(link_change(sock, "eth0", &huge, &err), -EINVAL);
	assert_string_equal(err.what, "cannot change link 'eth0': Invalid argument (mtu greater "
				      "than device maximum)");
}

static int collect(void *context, const struct link_info *link)
{
	char *names = context;

	(void)strcat(names, link->name);
	(void)strcat(names, " ");
	return strcmp(link->name, "eth0") == 0 ? -ECANCELED : 0;
}

static void test_all_links_are_listed_until_the_reader_has_enough(void **state)
{
	char names[64] = "";
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_dump(sock, collect, names, NULL), 0);
	assert_string_equal(names, "lo ");
	assert_int_equal(link_create(sock, &veth, NULL), 0);
	names[0] = '\0';
	assert_int_equal(link_dump(sock, collect, names, &err), -ECANCELED);
	assert_string_equal(names, "lo eth1 eth0 ");
	assert_string_equal(err.what, "cannot list the links: Operation canceled");
}

static void begin_link(struct fake *fake, uint32_t sequence, int index)
{
	struct ifinfomsg *header;

	(void)fake_begin(fake, RTM_NEWLINK, sequence);
	header = fake_header(fake, sizeof(*header));
	header->ifi_index = index;
}

static void test_attributes_of_the_wrong_size_are_not_read(void **state)
{
	const uint16_t half = 1500;
	struct link_info link;
	struct fake fake;

	(void)state;
	assert_true(fake_open(&fake));
	begin_link(&fake, 1, 5);
	mnl_attr_put(&fake.message.header, IFLA_MTU, sizeof(half), &half);
	mnl_attr_put(&fake.message.header, IFLA_GSO_MAX_SEGS, sizeof(half), &half);
	mnl_attr_put(&fake.message.header, IFLA_LINKINFO, 2, &half);
	mnl_attr_put_strz(&fake.message.header, IFLA_IFNAME, "much-longer-than-a-name-can-be");
	fake_send(&fake);
	fake_end(&fake, 1, 0);
	assert_int_equal(link_get_index(fake.sock, 5, &link, NULL), 0);
	assert_int_equal(link.mtu, 0);
	assert_int_equal(link.gso_max_segs, 0);
	assert_string_equal(link.kind, "");
	assert_string_equal(link.name, "much-longer-tha");
	fake_close(&fake);
}

static void test_an_answer_that_is_no_link_is_refused(void **state)
{
	struct link_info link;
	struct error err;
	struct fake fake;

	(void)state;
	assert_true(fake_open(&fake));
	fake_end(&fake, 1, 0);
	assert_int_equal(link_get(fake.sock, "a", &link, &err), -EBADMSG);
	assert_string_equal(err.what,
			    "cannot read link 'a': the kernel's answer has no link in it");
	(void)fake_begin(&fake, RTM_NEWROUTE, 2);
	(void)fake_header(&fake, sizeof(struct ifinfomsg));
	fake_send(&fake);
	assert_int_equal(link_get(fake.sock, "a", &link, NULL), -EBADMSG);
	(void)fake_begin(&fake, RTM_NEWLINK, 3);
	(void)fake_header(&fake, 4);
	fake_send(&fake);
	assert_int_equal(link_get(fake.sock, "a", &link, NULL), -EBADMSG);
	begin_link(&fake, 4, 0);
	fake_send(&fake);
	assert_int_equal(link_get(fake.sock, "a", &link, NULL), -EBADMSG);
	begin_link(&fake, 5, -1);
	fake_send(&fake);
	assert_int_equal(link_dump(fake.sock, collect, NULL, NULL), -EBADMSG);
	fake_close(&fake);
}

#define REAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL(test_a_link_is_found_by_name_and_by_index),
		REAL(test_no_link_is_told_by_its_name),
		REAL(test_a_link_gets_another_name_while_it_is_up),
		REAL(test_a_link_is_made_with_its_peer_and_goes_with_it),
		REAL(test_a_link_is_made_with_its_mtu),
		REAL(test_a_kind_that_the_kernel_has_not_is_told),
		REAL(test_a_change_leaves_the_rest_alone),
		REAL(test_the_kernel_makes_no_address_when_told_so),
		REAL(test_an_mtu_that_cannot_be_is_told),
		REAL(test_all_links_are_listed_until_the_reader_has_enough),
		cmocka_unit_test(test_attributes_of_the_wrong_size_are_not_read),
		cmocka_unit_test(test_an_answer_that_is_no_link_is_refused),
	};

	return cmocka_run_group_tests_name("net/link", tests, namespace_group_setup, NULL);
}
