/* Mirrors src/net/watch.c */
#include "cmocka_all.h"

#include "namespace.h"

#include "base/error.h"
#include "net/link.h"
#include "net/nlsock.h"
#include "net/watch.h"

#include <poll.h>
#include <sys/socket.h>

static struct nlsock *sock;
static int watched = -1;

static int setup(void **state)
{
	int r = namespace_setup(state);

	if (r < 0 || namespace_reason)
		return r;
	r = nlsock_open(&sock, NULL);
	return r == 0 ? watch_open(&watched, NULL) : r;
}

static int teardown(void **state)
{
	(void)state;
	nlsock_close(sock);
	sock = NULL;
	if (watched >= 0)
		(void)close(watched);
	watched = -1;
	return 0;
}

static bool is_readable(void)
{
	struct pollfd news = {.fd = watched, .events = POLLIN};

	return poll(&news, 1, 0) == 1;
}

static void set_flags(const char *name, uint32_t flags)
{
	const struct link_change change = {.flags = flags, .flags_mask = IFF_UP};

	assert_int_equal(link_change(sock, name, &change, NULL), 0);
}

static void test_nothing_has_happened_at_first(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	assert_false(is_readable());
	assert_int_equal(watch_read(watched), 0);
}

static void test_links_and_routes_are_told_apart(void **state)
{
	const struct link_new veth = {.name = "eth0", .kind = "veth", .peer = "eth1"};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_create(sock, &veth, NULL), 0);
	assert_true(is_readable());
	assert_int_equal(watch_read(watched), WATCH_LINKS);
	assert_false(is_readable());
	/* its addresses and their routes come with it */
	set_flags("lo", IFF_UP);
	assert_int_equal(watch_read(watched), WATCH_LINKS | WATCH_ROUTES);
}

static void test_what_there_was_no_room_for_counts_as_everything(void **state)
{
	const int small = 1;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(setsockopt(watched, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	for (int i = 0; i < 50; i++)
		set_flags("lo", i % 2 ? 0 : IFF_UP);
	assert_int_equal(watch_read(watched), WATCH_LINKS | WATCH_ROUTES);
	assert_int_equal(watch_read(watched), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_has_happened_at_first),
		TEST(test_links_and_routes_are_told_apart),
		TEST(test_what_there_was_no_room_for_counts_as_everything),
	};

	return cmocka_run_group_tests_name("net/watch", tests, namespace_group_setup, NULL);
}
