/* Mirrors src/net/genl.c */
#include "cmocka_all.h"

#include "namespace.h"
#include "net/fake.h"

#include "base/error.h"
#include "net/attr.h"
#include "net/genl.h"

#include <linux/genetlink.h>

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

static void begin_family(struct fake *fake, uint16_t type, uint32_t sequence)
{
	(void)fake_begin(fake, type, sequence);
	(void)fake_header(fake, GENL_HDRLEN);
}

static void test_a_family_is_asked_for_by_its_name(void **state)
{
	struct fake *fake = *state;
	struct genl_family family = {0};
	char bytes[256];
	const struct nlmsghdr *request = (const struct nlmsghdr *)(const void *)bytes;
	const struct genlmsghdr *header;
	struct attrs attrs;

	begin_family(fake, GENL_ID_CTRL, 1);
	mnl_attr_put_u16(&fake->message.header, CTRL_ATTR_FAMILY_ID, 31);
	mnl_attr_put_u32(&fake->message.header, CTRL_ATTR_VERSION, 1);
	mnl_attr_put_u32(&fake->message.header, CTRL_ATTR_MAXATTR, 8);
	fake_send(fake);
	fake_end(fake, 1, 0);
	assert_int_equal(genl_find(fake->sock, "wireguard", &family, NULL), 0);
	assert_int_equal(family.id, 31);
	assert_int_equal(family.version, 1);
	assert_true(recv(fake->fd, bytes, sizeof(bytes), 0) > 0);
	header = mnl_nlmsg_get_payload(request);
	assert_int_equal(request->nlmsg_type, GENL_ID_CTRL);
	assert_int_equal(header->cmd, CTRL_CMD_GETFAMILY);
	attrs = attrs_of_message(request, GENL_HDRLEN);
	assert_true(attrs_next(&attrs));
	assert_int_equal(mnl_attr_get_type(attrs.at), CTRL_ATTR_FAMILY_NAME);
	assert_string_equal(mnl_attr_get_str(attrs.at), "wireguard");
}

static void test_a_request_bears_the_familys_number_and_version(void **state)
{
	const struct genl_family family = {.id = 31, .version = 3};
	struct fake *fake = *state;
	const struct nlmsghdr *request = genl_begin(fake->sock, &family, 2, NLM_F_DUMP);
	const struct genlmsghdr *header = mnl_nlmsg_get_payload(request);

	assert_int_equal(request->nlmsg_type, 31);
	assert_int_equal(request->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	assert_int_equal(request->nlmsg_len, NLMSG_HDRLEN + GENL_HDRLEN);
	assert_int_equal(header->cmd, 2);
	assert_int_equal(header->version, 3);
}

static void test_no_family_is_told_by_its_name(void **state)
{
	struct fake *fake = *state;
	struct genl_family family = {.id = 5};
	struct error err;

	fake_end(fake, 1, -ENOENT);
	assert_int_equal(genl_find(fake->sock, "wireguard", &family, &err), -ENOENT);
	assert_string_equal(err.what, "cannot find netlink family 'wireguard': No such file or "
				      "directory");
	assert_int_equal(family.id, 5);
}

static void test_an_answer_that_is_no_family_is_refused(void **state)
{
	const uint32_t wide = 31;
	struct fake *fake = *state;
	struct genl_family family;
	struct error err;

	fake_end(fake, 1, 0);
	assert_int_equal(genl_find(fake->sock, "a", &family, &err), -EBADMSG);
	assert_string_equal(err.what, "cannot find netlink family 'a': the kernel's answer has no "
				      "family in it");
	begin_family(fake, 99, 2);
	fake_send(fake);
	assert_int_equal(genl_find(fake->sock, "a", &family, NULL), -EBADMSG);
	begin_family(fake, GENL_ID_CTRL, 3);
	mnl_attr_put(&fake->message.header, CTRL_ATTR_FAMILY_ID, sizeof(wide), &wide);
	fake_send(fake);
	fake_end(fake, 3, 0);
	assert_int_equal(genl_find(fake->sock, "a", &family, NULL), -EBADMSG);
	begin_family(fake, GENL_ID_CTRL, 4);
	mnl_attr_put_u16(&fake->message.header, CTRL_ATTR_FAMILY_ID, NLMSG_DONE);
	fake_send(fake);
	fake_end(fake, 4, 0);
	assert_int_equal(genl_find(fake->sock, "a", &family, NULL), -EBADMSG);
}

static void test_the_kernel_finds_its_own_controller_and_nothing_made_up(void **state)
{
	struct genl_family family;
	struct nlsock *sock;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(genl_open(&sock, NULL), 0);
	assert_int_equal(genl_find(sock, "nlctrl", &family, NULL), 0);
	assert_int_equal(family.id, GENL_ID_CTRL);
	assert_true(family.version > 0);
	assert_int_equal(genl_find(sock, "adit-has-none", &family, NULL), -ENOENT);
	nlsock_close(sock);
}

#define FAKE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE(test_a_family_is_asked_for_by_its_name),
		FAKE(test_a_request_bears_the_familys_number_and_version),
		FAKE(test_no_family_is_told_by_its_name),
		FAKE(test_an_answer_that_is_no_family_is_refused),
		cmocka_unit_test(test_the_kernel_finds_its_own_controller_and_nothing_made_up),
	};

	return cmocka_run_group_tests_name("net/genl", tests, namespace_group_setup, NULL);
}
