/* Mirrors src/apply/step_wireguard.c.  What the kernel would answer is played
 * (net/fake.h).
 */
#include "cmocka_all.h"

#include "net/fake.h"

#include "apply/apply.h"
#include "apply/record.h"
#include "base/error.h"
#include "net/wireguard_link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

static const struct step step = {
	.kind = STEP_WIREGUARD_CREATE,
	.side = SIDE_HOST,
	.tun = {.name = "wg0", .mtu = 1420},
};

static struct fake inside;
static struct fake outside;
static struct host host;
static struct record record;
static struct error err;

static int make(void *sock, const struct step_tun *tun, struct error *make_err)
{
	return wireguard_link_create(sock, tun->name, 3, tun->mtu, make_err);
}

static int begin(void **state)
{
	(void)state;
	record = (struct record){0};
	memset(&err, 0, sizeof(err));
	if (!fake_open(&inside) || !fake_open(&outside))
		return -1;
	host = (struct host){
		.route = inside.sock,
		.make_wireguard = make,
		.outside = outside.sock,
		.tun_node = -1,
		.tun_fd = -1,
		.record = &record,
	};
	return 0;
}

static int end(void **state)
{
	(void)state;
	fake_close(&inside);
	fake_close(&outside);
	return 0;
}

static int create(void)
{
	return step_ops[STEP_WIREGUARD_CREATE]->apply(&step, &host, &err);
}

static void answer_link(uint32_t sequence, int index)
{
	struct nlmsghdr *message = fake_begin(&inside, RTM_NEWLINK, sequence);
	struct ifinfomsg *link = fake_header(&inside, sizeof(*link));

	link->ifi_index = index;
	mnl_attr_put_strz(message, IFLA_IFNAME, "wg0");
	fake_send(&inside);
	fake_end(&inside, sequence, 0);
}

/* What was asked for of the made-up kernel, read as a message. */
static const struct nlmsghdr *read_request(struct fake *fake)
{
	static union {
		struct nlmsghdr header;
		char bytes[NLSOCK_REQUEST_MAX];
	} request;

	request.header.nlmsg_type = 0;
	(void)recv(fake->fd, request.bytes, sizeof(request.bytes), MSG_DONTWAIT);
	return &request.header;
}

static void test_it_is_asked_for_outside_and_looked_at_inside(void **state)
{
	(void)state;
	fake_end(&outside, 1, 0);
	answer_link(1, 7);
	assert_int_equal(create(), 0);
	assert_int_equal(record.tunnel, 7);
	assert_int_equal(read_request(&outside)->nlmsg_type, RTM_NEWLINK);
	assert_int_equal(read_request(&inside)->nlmsg_type, RTM_GETLINK);
}

static void test_without_a_record_nothing_more_is_asked(void **state)
{
	(void)state;
	host.record = NULL;
	fake_end(&outside, 1, 0);
	assert_int_equal(create(), 0);
	assert_int_equal(read_request(&inside)->nlmsg_type, 0);
}

static void test_a_refusal_leaves_nothing_behind(void **state)
{
	(void)state;
	fake_end(&outside, 1, -EOPNOTSUPP);
	fake_end(&inside, 1, -ENODEV);
	assert_int_equal(create(), -EOPNOTSUPP);
	assert_non_null(strstr(err.what, "cannot create WireGuard link 'wg0'"));
	assert_int_equal(read_request(&inside)->nlmsg_type, RTM_DELLINK);
}

static void test_one_that_was_there_before_stays(void **state)
{
	(void)state;
	/* the second try bears a number (wireguard_link.c) */
	fake_end(&outside, 1, -EEXIST);
	fake_end(&outside, 2, -EEXIST);
	assert_int_equal(create(), -EEXIST);
	assert_int_equal(read_request(&inside)->nlmsg_type, 0);
}

static void test_one_that_cannot_be_looked_at_goes_again(void **state)
{
	(void)state;
	fake_end(&outside, 1, 0);
	fake_end(&inside, 1, -EIO);
	fake_end(&inside, 2, 0);
	assert_int_equal(create(), -EIO);
	assert_int_equal(read_request(&inside)->nlmsg_type, RTM_GETLINK);
	assert_int_equal(read_request(&inside)->nlmsg_type, RTM_DELLINK);
	assert_int_equal(record.tunnel, 0);
}

static void test_without_the_hosts_side_it_cannot_be(void **state)
{
	(void)state;
	host.make_wireguard = NULL;
	assert_int_equal(create(), -EINVAL);
	assert_string_equal(err.what, "the host's side of the tunnel is not at hand");
}

static void test_gone_already_is_undone(void **state)
{
	(void)state;
	fake_end(&inside, 1, -ENODEV);
	assert_int_equal(step_ops[STEP_WIREGUARD_CREATE]->undo(&step, &host, &err), 0);
	fake_end(&inside, 2, -EPERM);
	assert_int_equal(step_ops[STEP_WIREGUARD_CREATE]->undo(&step, &host, &err), -EPERM);
}

#define FAKE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE(test_it_is_asked_for_outside_and_looked_at_inside),
		FAKE(test_without_a_record_nothing_more_is_asked),
		FAKE(test_a_refusal_leaves_nothing_behind),
		FAKE(test_one_that_was_there_before_stays),
		FAKE(test_one_that_cannot_be_looked_at_goes_again),
		FAKE(test_without_the_hosts_side_it_cannot_be),
		FAKE(test_gone_already_is_undone),
	};

	return cmocka_run_group_tests_name("apply/step_wireguard", tests, NULL, NULL);
}
