/* Mirrors src/dataplane/batch.c */
#include "cmocka_all.h"

#include "dataplane/batch.h"

#include <string.h>

static struct batch batch;

static int start(void **state)
{
	(void)state;
	return batch_init(&batch);
}

static int end(void **state)
{
	(void)state;
	batch_done(&batch);
	batch_done(&batch);
	return 0;
}

static struct batch_route route_to(const char *text)
{
	struct batch_route route = {.tos = 0};

	assert_true(endpoint_parse(text, strlen(text), &route.to));
	return route;
}

static void add(const struct batch_route *route, size_t len)
{
	assert_non_null(batch_reserve(&batch, len));
	batch_commit(&batch, route, len);
}

static void test_equal_datagrams_to_one_place_are_one_run(void **state)
{
	const struct batch_route route = route_to("192.0.2.1:1");

	(void)state;
	for (int i = 0; i < 5; i++)
		add(&route, 1000);
	assert_int_equal(batch.n_runs, 1);
	assert_int_equal(batch.run[0].n_datagrams, 5);
	assert_int_equal(batch.run[0].len, 5000);
	assert_int_equal(batch.run[0].segment, 1000);
}

static void test_a_shorter_datagram_ends_a_run_and_a_longer_begins_one(void **state)
{
	const struct batch_route route = route_to("192.0.2.1:1");

	(void)state;
	add(&route, 1000);
	add(&route, 900);
	add(&route, 900);
	add(&route, 950);
	assert_int_equal(batch.n_runs, 3);
	assert_int_equal(batch.run[0].n_datagrams, 2);
	assert_int_equal(batch.run[1].offset, 1900);
	assert_int_equal(batch.run[2].segment, 950);
}

/* One outer TOS a send: packets of different ECN must not share one. */
static void test_another_route_or_tos_begins_a_run(void **state)
{
	struct batch_route routes[] = {
		route_to("192.0.2.1:1"), route_to("192.0.2.1:2"), route_to("[2001:db8::1]:2"),
		route_to("192.0.2.1:1"), route_to("192.0.2.1:1"), route_to("192.0.2.1:1"),
	};

	(void)state;
	routes[3].tos = 2;
	routes[4].ifindex = 3;
	routes[5].source = routes[1].to;
	for (size_t i = 0; i < 6; i++)
		add(&routes[i], 100);
	assert_int_equal(batch.n_runs, 6);
}

static void test_a_run_holds_no_more_than_one_send_takes(void **state)
{
	const struct batch_route route = route_to("192.0.2.1:1");

	(void)state;
	for (int i = 0; i < 65; i++)
		add(&route, 100);
	assert_int_equal(batch.n_runs, 2);
	assert_int_equal(batch.run[0].n_datagrams, BATCH_RUN_DATAGRAMS_MAX);
	batch_clear(&batch);
	for (int i = 0; i < 46; i++)
		add(&route, 1452);
	assert_int_equal(batch.run[0].n_datagrams, 45);
	assert_true(batch.run[0].len <= BATCH_RUN_LEN_MAX);
}

static void test_a_planned_batch_is_spread_evenly(void **state)
{
	const struct batch_route route = route_to("192.0.2.1:1");

	(void)state;
	batch_balance(&batch, 46, 1452);
	for (int i = 0; i < 46; i++)
		add(&route, 1452);
	assert_int_equal(batch.n_runs, 2);
	assert_int_equal(batch.run[0].n_datagrams, 23);
	assert_int_equal(batch.run[1].n_datagrams, 23);
	batch_balance(&batch, 3, 70000);
	assert_int_equal(batch.run_limit, BATCH_RUN_DATAGRAMS_MAX);
}

static void test_small_packets_of_many_frames_share_a_run(void **state)
{
	const struct batch_route route = route_to("192.0.2.1:1");

	(void)state;
	for (int i = 0; i < 5; i++) {
		batch_balance(&batch, 1, 96);
		add(&route, 96);
	}
	batch_balance(&batch, 44, 96);
	for (int i = 0; i < 44; i++)
		add(&route, 96);
	assert_int_equal(batch.n_runs, 1);
	assert_int_equal(batch.run[0].n_datagrams, 49);
}

static void test_what_does_not_fit_is_not_reserved(void **state)
{
	const struct batch_route route = route_to("192.0.2.1:1");

	(void)state;
	assert_null(batch_reserve(&batch, BATCH_SIZE + 1));
	assert_false(batch_is_full(&batch));
	for (int i = 0; i < 4; i++)
		add(&route, 65000);
	assert_true(batch_is_full(&batch));
	assert_null(batch_reserve(&batch, 2145));
	assert_non_null(batch_reserve(&batch, 2144));
}

static void test_runs_are_counted(void **state)
{
	struct batch_route route = route_to("192.0.2.1:1");

	(void)state;
	for (int i = 0; i <= BATCH_RUNS_MAX - BATCH_FRAME_RUNS_MAX; i++) {
		route.tos = (uint8_t)i;
		add(&route, 10);
	}
	assert_null(batch_reserve(&batch, 10));
	assert_true(batch_is_full(&batch));
	batch_clear(&batch);
	assert_non_null(batch_reserve(&batch, 10));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_equal_datagrams_to_one_place_are_one_run),
		TEST(test_a_shorter_datagram_ends_a_run_and_a_longer_begins_one),
		TEST(test_another_route_or_tos_begins_a_run),
		TEST(test_a_run_holds_no_more_than_one_send_takes),
		TEST(test_a_planned_batch_is_spread_evenly),
		TEST(test_small_packets_of_many_frames_share_a_run),
		TEST(test_what_does_not_fit_is_not_reserved),
		TEST(test_runs_are_counted),
	};

	return cmocka_run_group_tests_name("dataplane/batch", tests, NULL, NULL);
}
