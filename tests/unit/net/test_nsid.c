/* Mirrors src/net/nsid.c */
#include "cmocka_all.h"

#include "namespace.h"

#include "base/error.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/nlsock.h"
#include "net/nsid.h"

/* Two namespaces: `sock` is in the one, and `other` is the other. */
static struct nlsock *sock;
static int other = -1;

static int setup(void **state)
{
	int r = namespace_setup(state);

	if (r < 0 || namespace_reason)
		return r;
	r = netns_open_process(0, &other, NULL);
	if (r == 0)
		r = unshare(CLONE_NEWNET);
	return r == 0 ? nlsock_open(&sock, NULL) : r;
}

static int teardown(void **state)
{
	(void)state;
	nlsock_close(sock);
	sock = NULL;
	if (other >= 0)
		(void)close(other);
	other = -1;
	return 0;
}

static void test_a_namespace_keeps_its_number(void **state)
{
	int32_t first = -1;
	int32_t again = -1;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(nsid_get(sock, other, &first, NULL), 0);
	assert_true(first >= 0);
	assert_int_equal(nsid_get(sock, other, &again, NULL), 0);
	assert_int_equal(first, again);
}

static void test_links_over_there_are_read_by_it(void **state)
{
	const struct link_new veth = {.name = "eth0", .kind = "veth", .peer = "eth1"};
	struct link_info info;
	struct error err;
	int32_t nsid = -1;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(nsid_get(sock, other, &nsid, NULL), 0);
	assert_int_equal(link_create(sock, &veth, NULL), 0);
	assert_int_equal(link_get_in(sock, nsid, "eth1", &info, &err), -ENODEV);
	assert_int_equal(link_move(sock, "eth1", other, NULL), 0);
	assert_int_equal(link_get_in(sock, nsid, "eth1", &info, NULL), 0);
	assert_string_equal(info.kind, "veth");
	assert_int_equal(link_get_in(sock, -1, "eth0", &info, NULL), 0);
	assert_int_equal(link_get(sock, "eth1", &info, &err), -ENODEV);
}

static void test_what_is_no_namespace_has_no_number(void **state)
{
	struct error err;
	int32_t nsid = 77;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_true(nsid_get(sock, STDERR_FILENO, &nsid, &err) < 0);
	assert_non_null(strstr(err.what, "cannot number a network namespace"));
	assert_int_equal(nsid, 77);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_namespace_keeps_its_number),
		TEST(test_links_over_there_are_read_by_it),
		TEST(test_what_is_no_namespace_has_no_number),
	};

	return cmocka_run_group_tests_name("net/nsid", tests, namespace_group_setup, NULL);
}
