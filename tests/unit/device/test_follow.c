/* Mirrors src/device/follow.c */
#include "cmocka_all.h"

#include "namespace.h"

#include "base/error.h"
#include "device/follow.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/nlsock.h"
#include "net/watch.h"

#include <poll.h>

/* The device is made at home; there are two other places. */
static struct follow follow;
static int tun = -1;
static int place[2] = {-1, -1};
static struct nlsock *there[2];

static int open_place(int i)
{
	int r = unshare(CLONE_NEWNET);

	if (r == 0)
		r = netns_open_process(0, &place[i], NULL);
	return r == 0 ? nlsock_open(&there[i], NULL) : r;
}

static int setup(void **state)
{
	char name[TUN_NAME_LEN];
	int r = namespace_setup(state);

	if (r < 0 || namespace_reason)
		return r;
	if (open_place(0) < 0 || open_place(1) < 0 || unshare(CLONE_NEWNET) < 0 ||
	    tun_open(&tun, NULL) < 0 || tun_attach_any(tun, "wg0", name, NULL) < 0)
		return -1;
	return follow_init(&follow, tun, NULL);
}

static int teardown(void **state)
{
	(void)state;
	if (namespace_reason)
		return 0;
	follow_done(&follow);
	(void)close(tun);
	for (int i = 0; i < 2; i++) {
		nlsock_close(there[i]);
		(void)close(place[i]);
	}
	return 0;
}

/* After something has happened. */
static struct follow_state look(void)
{
	struct pollfd news = {.fd = follow.events, .events = POLLIN};
	struct follow_state state;

	assert_int_equal(poll(&news, 1, 1000), 1);
	assert_true(watch_read(follow.events) & WATCH_LINKS);
	assert_int_equal(follow_read(&follow, &state, NULL), 0);
	return state;
}

static void change(struct nlsock *sock, const char *name, uint32_t flags, uint32_t mtu)
{
	const struct link_change change = {.flags = flags, .flags_mask = IFF_UP, .mtu = mtu};

	assert_int_equal(link_change(sock, name, &change, NULL), 0);
}

static void test_a_device_at_home_is_followed(void **state)
{
	struct follow_state seen;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(follow_read(&follow, &seen, NULL), 0);
	assert_true(seen.is_home);
	assert_false(seen.is_up || seen.is_gone);
	assert_string_equal(seen.name, "wg0");
	change(follow.sock, "wg0", IFF_UP, 1300);
	seen = look();
	assert_true(seen.is_up);
	assert_int_equal(seen.mtu, 1300);
}

static void test_a_device_is_followed_from_place_to_place_and_home(void **state)
{
	struct follow_state seen;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_move(follow.sock, "wg0", place[0], NULL), 0);
	seen = look();
	assert_false(seen.is_home || seen.is_up || seen.is_gone);
	change(there[0], "wg0", IFF_UP, 1310);
	seen = look();
	assert_true(seen.is_up);
	assert_int_equal(seen.mtu, 1310);
	assert_int_equal(link_move(there[0], "wg0", place[1], NULL), 0);
	assert_false(look().is_up);
	change(there[1], "wg0", IFF_UP, 1320);
	assert_int_equal(look().mtu, 1320);
	assert_int_equal(link_move(there[1], "wg0", follow.home, NULL), 0);
	assert_true(look().is_home);
}

static void test_its_end_in_another_place_is_noticed(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_move(follow.sock, "wg0", place[0], NULL), 0);
	(void)look();
	assert_int_equal(link_delete(there[0], "wg0", NULL), 0);
	assert_true(look().is_gone);
}

/* Nothing of ours keeps the place alive. */
static void test_the_end_of_its_place_is_its_own(void **state)
{
	struct follow_state seen = {.is_gone = false};
	char name[TUN_NAME_LEN];

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_move(follow.sock, "wg0", place[0], NULL), 0);
	(void)look();
	nlsock_close(there[0]);
	there[0] = NULL;
	(void)close(place[0]);
	place[0] = -1;
	for (int i = 0; i < 300 && tun_name(tun, name) == 0; i++)
		(void)poll(NULL, 0, 10);
	assert_int_equal(follow_read(&follow, &seen, NULL), 0);
	assert_true(seen.is_gone);
}

static void test_a_device_of_another_place_is_found_there(void **state)
{
	struct follow_state seen;
	struct follow second;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_move(follow.sock, "wg0", place[1], NULL), 0);
	change(there[1], "wg0", IFF_UP, 1234);
	assert_int_equal(follow_init(&second, tun, NULL), 0);
	assert_int_equal(follow_read(&second, &seen, NULL), 0);
	assert_true(seen.is_up);
	assert_int_equal(seen.mtu, 1234);
	follow_done(&second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_device_at_home_is_followed),
		TEST(test_a_device_is_followed_from_place_to_place_and_home),
		TEST(test_its_end_in_another_place_is_noticed),
		TEST(test_the_end_of_its_place_is_its_own),
		TEST(test_a_device_of_another_place_is_found_there),
	};

	return cmocka_run_group_tests_name("device/follow", tests, namespace_group_setup, NULL);
}
