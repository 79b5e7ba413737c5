/* Mirrors src/supervise/takeover.c */
#include "cmocka_all.h"

#include "supervise/takeover.h"

#include "config/profile.h"
#include "wireguard/tai64n.h"

#include <string.h>

static struct profile profile;
static struct profile_peer peers[2];
static struct takeover takeover;
static struct instant now;

static int start(void **state)
{
	(void)state;
	memset(&profile, 0, sizeof(profile));
	memset(peers, 0, sizeof(peers));
	profile.peer = peers;
	profile.n_peers = 2;
	peers[0].public_key[0] = 1;
	peers[1].public_key[0] = 2;
	assert_true(endpoint_parse("192.0.2.1:1", 11, &peers[0].endpoint));
	now = (struct instant){1000 * NS_PER_S};
	return takeover_init(&takeover, &profile);
}

static int end(void **state)
{
	(void)state;
	takeover_done(&takeover);
	return 0;
}

static void pass(uint64_t ns)
{
	now = instant_add(now, ns);
}

/* One that lives for so long; how long the next one is awaited. */
static uint64_t live(uint64_t ns)
{
	takeover_note_start(&takeover, now);
	assert_false(instant_is_set(takeover.due));
	pass(ns);
	takeover_note_death(&takeover, now);
	return instant_since(takeover.due, now);
}

static bool drops(void)
{
	struct tunnel_config config = {0};

	takeover_hand_on(&takeover, now, (struct wall_time){0}, &config);
	return config.drops_backlog;
}

static void test_the_first_successor_starts_after_10_ms(void **state)
{
	(void)state;
	assert_int_equal(live(5 * NS_PER_MS), 10 * NS_PER_MS);
}

static void test_a_crash_loop_backs_off_to_10_s(void **state)
{
	uint64_t expected = 10 * NS_PER_MS;

	(void)state;
	for (int i = 0; i < 15; i++) {
		assert_int_equal(live(NS_PER_MS), expected);
		pass(expected);
		expected = expected * 2 < 10 * NS_PER_S ? expected * 2 : 10 * NS_PER_S;
	}
}

static void test_one_that_lived_for_a_second_is_followed_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 9; i++) {
		(void)live(NS_PER_MS);
		pass(instant_since(takeover.due, now));
	}
	assert_true(live(NS_PER_S - 1) > NS_PER_S);
	assert_int_equal(live(NS_PER_S), 10 * NS_PER_MS);
	assert_int_equal(live(NS_PER_S), 10 * NS_PER_MS);
}

static void test_what_waited_for_less_than_a_second_is_sent(void **state)
{
	(void)state;
	assert_false(drops());
	(void)live(NS_PER_S);
	assert_false(drops());
	pass(NS_PER_S);
	assert_false(drops());
	pass(1);
	assert_true(drops());
}

/* Each gap is short, but what waited through all of them is old. */
static void test_successors_that_die_at_once_do_not_make_packets_younger(void **state)
{
	(void)state;
	(void)live(NS_PER_S);
	for (int i = 0; i < 6; i++) {
		pass(instant_since(takeover.due, now));
		(void)live(NS_PER_MS);
	}
	assert_false(drops()); /* 10 + 20 + ... + 320 ms */
	pass(instant_since(takeover.due, now));
	assert_true(drops());
	(void)live(NS_PER_S);
	assert_false(drops());
}

/* Both events wait when the process goes on, in either order. */
static void test_a_death_seen_after_a_stop_counts_as_an_old_one(void **state)
{
	(void)state;
	(void)live(NS_PER_S);
	pass(1);
	takeover_note_continued(&takeover, now);
	assert_true(drops());

	takeover_note_start(&takeover, now);
	pass(10 * NS_PER_S);
	takeover_note_continued(&takeover, now);
	pass(1);
	takeover_note_death(&takeover, now);
	assert_true(drops());

	/* but a stop long before does not matter */
	(void)live(10 * NS_PER_S);
	assert_false(drops());
}

static struct tunnel_config hand_on(uint64_t wall_s)
{
	struct tunnel_config config = {0};

	takeover_hand_on(&takeover, now, (struct wall_time){wall_s * NS_PER_S}, &config);
	return config;
}

/* Not even for one who begins in the machine's first second. */
static void test_what_waited_in_the_device_of_a_dead_supervisor_is_dropped(void **state)
{
	(void)state;
	takeover_note_adopted(&takeover);
	assert_true(drops());
	assert_int_equal(live(0), TAKEOVER_FIRST_NS * 2);
	assert_true(drops());
}

static void test_the_first_one_inherits_nothing(void **state)
{
	static const uint8_t never[TUNNEL_TIMESTAMP_LEN];
	struct tunnel_config config;

	(void)state;
	takeover_note_start(&takeover, now);
	config = hand_on(1000);
	assert_memory_equal(config.last_timestamp, never, sizeof(never));
	assert_null(config.endpoint);
	assert_false(config.is_successor);
	assert_int_equal(config.last_port, 0);
}

static void keep(const char *endpoint, uint64_t last_s)
{
	struct tunnel_peer_stats seen[2] = {{.public_key = {2}}, {.public_key = {1}}};
	struct tunnel_stats stats = {.peer = seen, .n_peers = 2, .listen_port = 4242};
	struct tai64n last = tai64n_from_wall((struct wall_time){last_s * NS_PER_S});

	memcpy(stats.last_timestamp, last.byte, sizeof(last.byte));
	assert_true(endpoint_parse(endpoint, strlen(endpoint), &seen[1].endpoint));
	takeover_keep(&takeover, &profile, &stats);
}

static void test_port_and_endpoints_are_handed_on(void **state)
{
	struct tunnel_config config;
	union endpoint roamed;

	(void)state;
	assert_true(endpoint_parse("198.51.100.7:77", 15, &roamed));
	keep("198.51.100.7:77", 1);
	(void)live(NS_PER_S);
	config = hand_on(1000);
	assert_int_equal(config.last_port, 4242);
	assert_true(config.is_successor);
	assert_true(endpoint_equal(&config.endpoint[0], &roamed));
	assert_false(endpoint_is_set(&config.endpoint[1]));
	takeover_set_endpoint(&takeover, 0, &peers[0].endpoint);
	takeover_set_endpoint(&takeover, 2, &roamed);
	config = hand_on(1000);
	assert_true(endpoint_equal(&config.endpoint[0], &peers[0].endpoint));
}

static void test_a_peer_that_somebody_has_moved_is_handed_on_where_it_ought_to_be(void **state)
{
	struct tunnel_peer_stats moved = {.public_key = {1}};
	const struct tunnel_stats stats = {.peer = &moved, .n_peers = 1};
	struct tunnel_config config;

	(void)state;
	memcpy(moved.public_key, peers[0].public_key, 32);
	assert_true(endpoint_parse("198.51.100.7:77", 15, &moved.endpoint));
	assert_true(endpoint_parse("198.51.100.8:88", 15, &moved.rightful));
	takeover_keep(&takeover, &profile, &stats);
	(void)live(NS_PER_S);
	config = hand_on(1000);
	assert_true(endpoint_equal(&config.endpoint[0], &moved.rightful));
}

static void expect_timestamp(uint64_t wall_s, uint64_t expected_s)
{
	struct tai64n expected = tai64n_from_wall((struct wall_time){expected_s * NS_PER_S});
	struct tunnel_config config = hand_on(wall_s);

	assert_memory_equal(config.last_timestamp, expected.byte, sizeof(expected.byte));
}

/* The clock says when the dead one ended at the latest, unless it was set back. */
static void test_the_last_timestamp_is_the_later_of_the_one_told_and_now(void **state)
{
	(void)state;
	keep("198.51.100.7:77", 500);
	(void)live(NS_PER_S);
	expect_timestamp(1000, 1000);
	expect_timestamp(400, 500);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_first_successor_starts_after_10_ms),
		TEST(test_a_crash_loop_backs_off_to_10_s),
		TEST(test_one_that_lived_for_a_second_is_followed_at_once),
		TEST(test_what_waited_for_less_than_a_second_is_sent),
		TEST(test_successors_that_die_at_once_do_not_make_packets_younger),
		TEST(test_a_death_seen_after_a_stop_counts_as_an_old_one),
		TEST(test_what_waited_in_the_device_of_a_dead_supervisor_is_dropped),
		TEST(test_the_first_one_inherits_nothing),
		TEST(test_port_and_endpoints_are_handed_on),
		TEST(test_a_peer_that_somebody_has_moved_is_handed_on_where_it_ought_to_be),
		TEST(test_the_last_timestamp_is_the_later_of_the_one_told_and_now),
	};

	return cmocka_run_group_tests_name("supervise/takeover", tests, NULL, NULL);
}
