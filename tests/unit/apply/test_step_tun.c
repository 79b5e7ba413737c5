/* Mirrors src/apply/step_tun.c */
#include "cmocka_all.h"

#include "apply/bench.h"

#include "apply/record.h"
#include "net/link.h"
#include "net/tun.h"

static const struct step tun = {
	.kind = STEP_TUN_CREATE,
	.tun = {.name = "wg0", .mtu = 1380, .gso_max_segs = 46},
};

static void test_the_link_is_as_the_step_says_and_not_multicast(void **state)
{
	struct link_info link;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(bench_apply(&tun), 0);
	assert_true(bench_host.tun_fd >= 0);
	assert_int_equal(link_get(bench_host.route, "wg0", &link, NULL), 0);
	assert_string_equal(link.kind, "tun");
	assert_int_equal(link.mtu, 1380);
	assert_int_equal(link.gso_max_segs, 46);
	assert_int_equal(link.flags & (IFF_UP | IFF_MULTICAST), 0);
	assert_int_equal(link.flags & (IFF_NOARP | IFF_POINTOPOINT), IFF_NOARP | IFF_POINTOPOINT);
}

static void test_a_node_that_is_open_already_is_taken_and_stays_the_callers(void **state)
{
	struct link_info link;
	int node = -1;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(tun_open(&node, NULL), 0);
	bench_host.tun_node = node;
	assert_int_equal(bench_apply(&tun), 0);
	assert_int_equal(bench_host.tun_fd, node);
	assert_int_equal(bench_undo(&tun), 0);
	assert_int_equal(bench_host.tun_fd, -1);
	assert_int_equal(link_get(bench_host.route, "wg0", &link, NULL), -ENODEV);
	assert_true(fcntl(node, F_GETFD) >= 0);
	host_done(&bench_host);
	assert_true(fcntl(node, F_GETFD) >= 0);
	(void)close(node);
}

static void test_an_mtu_that_cannot_be_leaves_no_link(void **state)
{
	struct step step = tun;
	struct link_info link;

	(void)state;
	NAMESPACE_OR_SKIP();
	step.tun.mtu = 70000;
	assert_int_equal(bench_apply(&step), -EINVAL);
	assert_int_equal(bench_host.tun_fd, -1);
	assert_int_equal(link_get(bench_host.route, "wg0", &link, NULL), -ENODEV);
	assert_int_equal(tun_open(&bench_host.tun_node, NULL), 0);
	assert_int_equal(bench_apply(&step), -EINVAL);
	assert_int_equal(link_get(bench_host.route, "wg0", &link, NULL), -ENODEV);
	(void)close(bench_host.tun_node);
}

static void test_undo_ends_the_link_also_when_another_holds_it(void **state)
{
	struct link_info link;
	int other;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(bench_apply(&tun), 0);
	other = dup(bench_host.tun_fd);
	assert_int_equal(bench_undo(&tun), 0);
	assert_int_equal(link_get(bench_host.route, "wg0", &link, NULL), -ENODEV);
	(void)close(other);
}

static void test_the_link_is_known_whatever_it_is_called_later(void **state)
{
	struct record record = {0};
	struct link_info link;

	(void)state;
	NAMESPACE_OR_SKIP();
	bench_host.record = &record;
	assert_int_equal(bench_apply(&tun), 0);
	assert_int_equal(link_get(bench_host.route, "wg0", &link, NULL), 0);
	assert_int_equal(record.tunnel, link.index);
}

static void test_the_descriptor_of_one_that_somebody_deleted_is_closed(void **state)
{
	int first;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(bench_apply(&tun), 0);
	first = bench_host.tun_fd;
	assert_int_equal(link_delete(bench_host.route, "wg0", NULL), 0);
	assert_int_equal(bench_apply(&tun), 0);
	assert_int_not_equal(bench_host.tun_fd, first);
	assert_int_equal(fcntl(first, F_GETFD), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(test_the_link_is_as_the_step_says_and_not_multicast),
		BENCH(test_a_node_that_is_open_already_is_taken_and_stays_the_callers),
		BENCH(test_an_mtu_that_cannot_be_leaves_no_link),
		BENCH(test_undo_ends_the_link_also_when_another_holds_it),
		BENCH(test_the_link_is_known_whatever_it_is_called_later),
		BENCH(test_the_descriptor_of_one_that_somebody_deleted_is_closed),
	};

	return cmocka_run_group_tests_name("apply/step_tun", tests, namespace_group_setup, NULL);
}
