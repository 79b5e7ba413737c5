/* Mirrors src/tunnel/kernel_watch.c */
#include "cmocka_all.h"

#include "tunnel/kernel_watch.h"
#include "tunnel/tunnel.h"

/* A made-up clock: `s` seconds after the start. */
static struct kernel_watch_time at(uint64_t s)
{
	return (struct kernel_watch_time){
		.now.ns = (1000 + s) * NS_PER_S,
		.wall.ns = (1000000 + s) * NS_PER_S,
	};
}

static struct kernel_watch watch;
static struct tunnel_peer_stats peer;

static int setup(void **state)
{
	(void)state;
	watch = (struct kernel_watch){0};
	peer = (struct tunnel_peer_stats){.public_key = {1}};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kernel_watch_done(&watch);
	return 0;
}

/* Reads the counters then; returns the initiations that are said to have gone out. */
static uint64_t note(uint64_t s)
{
	const struct kernel_watch_time time = at(s);
	struct tunnel_stats stats = {.peer = &peer, .n_peers = 1};

	assert_int_equal(kernel_watch_note(&watch, &time, &stats), 0);
	return peer.handshakes_sent;
}

static void wait_from(uint64_t s, uint64_t age_s)
{
	const struct kernel_watch_time time = at(s);

	kernel_watch_wait(&watch, &time, age_s * NS_PER_S);
}

static void test_the_first_handshake_is_waited_for_with_growing_pauses(void **state)
{
	static const struct {
		uint64_t s;
		uint64_t ms;
	} steps[] = {{0, 10}, {1, 62}, {16, 1000}, {80, 5000}, {10000, 5000}};

	(void)state;
	wait_from(0, 180);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		(void)note(steps[i].s);
		assert_int_equal(kernel_watch_interval(&watch, at(steps[i].s).now) / NS_PER_MS,
				 steps[i].ms);
	}
}

static void test_after_a_handshake_it_is_looked_at_each_5_s(void **state)
{
	(void)state;
	wait_from(0, 180);
	(void)note(0);
	peer.last_handshake = at(1).wall;
	(void)note(1);
	assert_int_equal(kernel_watch_interval(&watch, at(1).now), 5 * NS_PER_S);
	(void)note(1000);
	assert_int_equal(kernel_watch_interval(&watch, at(1000).now), 5 * NS_PER_S);
}

static void test_a_session_of_a_predecessor_counts_as_one(void **state)
{
	(void)state;
	peer.last_handshake = at(0).wall;
	wait_from(100, 180);
	(void)note(100);
	assert_false(watch.is_waiting);
	wait_from(200, 180);
	(void)note(200);
	assert_true(watch.is_waiting);
}

static void test_a_handshake_at_a_new_place_has_to_be_a_new_one(void **state)
{
	(void)state;
	peer.last_handshake = at(99).wall;
	wait_from(100, 0);
	(void)note(100);
	assert_int_equal(kernel_watch_interval(&watch, at(100).now), 10 * NS_PER_MS);
	peer.last_handshake = at(101).wall;
	(void)note(101);
	assert_int_equal(kernel_watch_interval(&watch, at(101).now), 5 * NS_PER_S);
}

static void test_initiations_without_an_answer_are_counted_by_the_time(void **state)
{
	(void)state;
	assert_int_equal(note(0), 0);
	peer.tx_bytes = 148;
	assert_int_equal(note(1), 1);
	assert_int_equal(note(2), 1);
	peer.tx_bytes = 296;
	assert_int_equal(note(6), 2);
	peer.tx_bytes = 444;
	assert_int_equal(note(11), 3);
	peer.rx_bytes = 92;
	peer.last_handshake = at(12).wall;
	assert_int_equal(note(12), 0);
}

static void test_data_without_an_answer_begins_to_count_after_a_while(void **state)
{
	(void)state;
	peer.last_handshake = at(0).wall;
	peer.rx_bytes = 92;
	peer.tx_bytes = 148;
	assert_int_equal(note(0), 0);
	peer.tx_bytes += 1000;
	assert_int_equal(note(10), 0);
	peer.tx_bytes += 1000;
	assert_int_equal(note(24), 0);
	peer.tx_bytes += 1000;
	assert_int_equal(note(25), 1);
	assert_int_equal(kernel_watch_interval(&watch, at(25).now), 5 * NS_PER_S);
	peer.tx_bytes += 1000;
	assert_int_equal(note(35), 3);
}

static void test_a_peer_that_answers_is_never_counted(void **state)
{
	(void)state;
	for (uint64_t s = 0; s < 100; s += 25) {
		peer.tx_bytes += 1000;
		peer.rx_bytes += 1000;
		assert_int_equal(note(s), 0);
	}
}

static void test_a_peer_that_is_not_sent_to_any_more_is_forgotten(void **state)
{
	(void)state;
	peer.tx_bytes = 148;
	assert_int_equal(note(0), 1);
	assert_int_equal(note(25), 6);
	assert_int_equal(note(51), 0);
	peer.tx_bytes += 148;
	assert_int_equal(note(60), 1);
}

static void test_each_peer_is_counted_for_itself(void **state)
{
	struct tunnel_peer_stats peers[2] = {{.public_key = {1}}, {.public_key = {2}}};
	struct tunnel_stats stats = {.peer = peers, .n_peers = 2};
	struct kernel_watch_time time = at(0);

	(void)state;
	peers[1].tx_bytes = 148;
	assert_int_equal(kernel_watch_note(&watch, &time, &stats), 0);
	assert_int_equal(peers[0].handshakes_sent, 0);
	assert_int_equal(peers[1].handshakes_sent, 1);
	/* the first goes, and the second is found again */
	stats = (struct tunnel_stats){.peer = &peers[1], .n_peers = 1};
	time = at(5);
	assert_int_equal(kernel_watch_note(&watch, &time, &stats), 0);
	assert_int_equal(peers[1].handshakes_sent, 2);
	stats.n_peers = 0;
	assert_int_equal(kernel_watch_note(&watch, &time, &stats), 0);
	assert_int_equal(watch.n_peers, 0);
}

/* ---- where peers are ---- */

static union endpoint place(uint16_t port)
{
	return (union endpoint){.v4 = {AF_INET, port, {2}, {0}}};
}

/* Reads the device then, with the peer there; 0: it is not said to belong elsewhere. */
static uint16_t note_at(uint64_t s, uint16_t port)
{
	peer.endpoint = place(port);
	(void)note(s);
	assert_int_equal(watch.has_doubts, endpoint_is_set(&peer.rightful));
	return endpoint_is_set(&peer.rightful) ? peer.rightful.v4.sin_port : 0;
}

static void put_at(uint16_t port)
{
	const union endpoint endpoint = place(port);

	assert_int_equal(kernel_watch_place(&watch, peer.public_key, &endpoint), 0);
}

static void test_a_peer_is_rightly_where_it_is_found_first(void **state)
{
	(void)state;
	assert_int_equal(note_at(0, 1), 0);
	assert_int_equal(note_at(5, 1), 0);
}

static void test_a_peer_that_was_not_heard_was_moved_by_somebody_else(void **state)
{
	(void)state;
	put_at(1);
	assert_int_equal(note_at(0, 2), 1);
	assert_int_equal(note_at(5, 2), 1);
	/* and by another one */
	assert_int_equal(note_at(10, 3), 1);
	assert_int_equal(note_at(15, 1), 0);
}

static void test_a_peer_whose_endpoint_was_taken_away_belongs_where_it_was(void **state)
{
	(void)state;
	put_at(1);
	assert_int_equal(note_at(0, 1), 0);
	peer.endpoint.any.sa_family = AF_UNSPEC;
	(void)note(5);
	assert_int_equal(peer.rightful.v4.sin_port, 1);
}

static void test_a_peer_that_is_heard_twice_from_another_place_has_moved(void **state)
{
	(void)state;
	put_at(1);
	assert_int_equal(note_at(0, 1), 0);
	peer.rx_bytes += 100;
	assert_int_equal(note_at(5, 2), 0);
	peer.rx_bytes += 100;
	assert_int_equal(note_at(10, 2), 0);
	/* so that is its place now */
	assert_int_equal(note_at(15, 1), 2);
}

static void test_a_peer_that_does_not_answer_from_its_new_place_was_moved(void **state)
{
	(void)state;
	put_at(1);
	peer.last_handshake = at(0).wall;
	assert_int_equal(note_at(0, 1), 0);
	peer.rx_bytes += 100; /* before somebody moved it */
	assert_int_equal(note_at(5, 2), 0);
	assert_int_equal(note_at(10, 2), 0);
	peer.tx_bytes += 100;
	assert_int_equal(note_at(15, 2), 0);
	peer.tx_bytes += 100;
	assert_int_equal(note_at(30, 2), 1);
}

static void test_counters_that_begin_anew_are_nothing_that_was_heard(void **state)
{
	(void)state;
	put_at(1);
	peer.rx_bytes = 100;
	assert_int_equal(note_at(0, 1), 0);
	peer.rx_bytes = 0;
	assert_int_equal(note_at(5, 2), 1);
}

static void test_where_we_put_a_peer_is_its_place(void **state)
{
	(void)state;
	assert_int_equal(note_at(0, 1), 0);
	put_at(2);
	assert_int_equal(note_at(5, 2), 0);
	assert_int_equal(note_at(10, 1), 2);
}

#define WATCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH(test_the_first_handshake_is_waited_for_with_growing_pauses),
		WATCH(test_after_a_handshake_it_is_looked_at_each_5_s),
		WATCH(test_a_session_of_a_predecessor_counts_as_one),
		WATCH(test_a_handshake_at_a_new_place_has_to_be_a_new_one),
		WATCH(test_initiations_without_an_answer_are_counted_by_the_time),
		WATCH(test_data_without_an_answer_begins_to_count_after_a_while),
		WATCH(test_a_peer_that_answers_is_never_counted),
		WATCH(test_a_peer_that_is_not_sent_to_any_more_is_forgotten),
		WATCH(test_each_peer_is_counted_for_itself),
		WATCH(test_a_peer_is_rightly_where_it_is_found_first),
		WATCH(test_a_peer_that_was_not_heard_was_moved_by_somebody_else),
		WATCH(test_a_peer_whose_endpoint_was_taken_away_belongs_where_it_was),
		WATCH(test_a_peer_that_is_heard_twice_from_another_place_has_moved),
		WATCH(test_a_peer_that_does_not_answer_from_its_new_place_was_moved),
		WATCH(test_counters_that_begin_anew_are_nothing_that_was_heard),
		WATCH(test_where_we_put_a_peer_is_its_place),
	};

	return cmocka_run_group_tests_name("tunnel/kernel_watch", tests, NULL, NULL);
}
