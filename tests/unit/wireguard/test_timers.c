/* Mirrors src/wireguard/timers.c: whitepaper section 6, seen on the wire. */
#include "cmocka_all.h"

#include "wireguard/pair.h"

#include "wireguard/constants.h"
#include "wireguard/timers.h"

static unsigned int initiations(const struct pair *pair, enum pair_name from)
{
	return pair->side[from].n_sent[MESSAGE_INITIATION];
}

static unsigned int data(const struct pair *pair, enum pair_name from)
{
	return pair->side[from].n_sent[MESSAGE_DATA];
}

static int start_connected(void **state)
{
	int r = pair_start(state);

	if (r == 0)
		pair_connect(*state);
	return r;
}

/* Keeps both sides from asking for handshakes by silence, for `seconds`. */
static void exchange(struct pair *pair, unsigned int seconds)
{
	for (unsigned int i = 0; i < seconds; i++) {
		pair_advance(pair, 1);
		pair_send(pair, ALICE);
		pair_send(pair, BOB);
	}
}

static void test_a_device_without_traffic_has_no_deadline(void **state)
{
	struct pair *pair = *state;

	assert_false(instant_is_set(wg_next_deadline(pair->side[ALICE].device)));
	pair_advance(pair, 3600);
	assert_int_equal(initiations(pair, ALICE) + initiations(pair, BOB), 0);
}

/* ---- 6.1, 6.2: renewal ---- */

static void test_one_handshake_serves_both_directions(void **state)
{
	struct pair *pair = *state;

	assert_int_equal(initiations(pair, ALICE), 1);
	assert_int_equal(initiations(pair, BOB), 0);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_RESPONSE], 1);
}

static void test_the_initiator_rekeys_when_it_sends_after_120_seconds(void **state)
{
	struct pair *pair = *state;

	exchange(pair, 119);
	assert_int_equal(initiations(pair, ALICE), 1);
	exchange(pair, 2);
	assert_int_equal(initiations(pair, ALICE), 2);
	exchange(pair, 110);
	assert_int_equal(initiations(pair, ALICE), 2);
	assert_int_equal(initiations(pair, BOB), 0);
}

/* Both would at once, if both did. */
static void test_the_responder_does_not_rekey_by_age(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 150);
	pair->wire.is_cut[ALICE] = true;
	for (unsigned int i = 0; i < 14; i++) {
		pair_send(pair, BOB);
		pair_advance(pair, 1);
	}
	assert_int_equal(initiations(pair, BOB), 0);
}

static void test_a_key_of_180_seconds_is_not_sent_with(void **state)
{
	struct pair *pair = *state;
	unsigned int n_data;

	pair_advance(pair, 179);
	pair->wire.is_cut[ALICE] = true; /* who would rekey */
	n_data = data(pair, BOB);
	pair_send(pair, BOB);
	assert_int_equal(data(pair, BOB), n_data + 1);
	assert_int_equal(initiations(pair, BOB), 0);
	pair_advance_ms(pair, 900);
	n_data = data(pair, BOB);
	pair_send(pair, BOB);
	assert_int_equal(data(pair, BOB), n_data);
	assert_int_equal(initiations(pair, BOB), 1);
	pair->wire.is_cut[ALICE] = false;
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[ALICE].n_delivered, pair->side[BOB].n_offered);
}

static void test_a_key_of_180_seconds_is_not_received_with(void **state)
{
	struct pair *pair = *state;
	uint8_t packet[PAIR_PACKET_LEN];
	struct pair_datagram late;

	pair_write_packet(ALICE, pair->side[ALICE].n_offered++, packet, sizeof(packet));
	late = pair_seal(pair, ALICE, packet, sizeof(packet));
	pair->wire.is_cut[ALICE] = true; /* no new session */
	pair_advance(pair, 180);
	assert_int_equal(pair_inject(pair, BOB, &late), WG_DROP);
	pair_datagram_done(&late);
}

static void test_the_initiator_rekeys_when_it_receives_after_165_seconds(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 164);
	pair_send(pair, BOB);
	pair_advance_ms(pair, 500);
	assert_int_equal(initiations(pair, ALICE), 1);
	pair_advance(pair, 1);
	pair_send(pair, BOB);
	pair_advance_ms(pair, 500);
	assert_int_equal(initiations(pair, ALICE), 2);
}

static void test_the_last_minute_handshake_is_asked_for_once(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 165);
	pair->wire.is_cut[ALICE] = true;
	pair_send(pair, BOB);
	pair_advance_ms(pair, 10);
	assert_int_equal(initiations(pair, ALICE), 2);
	/* The retry at 5.0 to 5.4 s is the timer's, not the packets'. */
	for (unsigned int i = 0; i < 54; i++) {
		pair_send(pair, BOB);
		pair_advance_ms(pair, 100);
	}
	assert_int_equal(initiations(pair, ALICE), 3);
}

/* ---- 6.4: retransmission ---- */

static void test_an_initiation_without_answer_is_repeated_after_5_seconds(void **state)
{
	struct pair *pair = *state;

	pair->wire.is_cut[BOB] = true;
	pair_send(pair, ALICE);
	assert_int_equal(initiations(pair, ALICE), 1);
	pair_advance_ms(pair, 4999);
	assert_int_equal(initiations(pair, ALICE), 1);
	pair_advance_ms(pair, 335);
	assert_int_equal(initiations(pair, ALICE), 2);
}

static void test_retries_are_spread_by_up_to_333_milliseconds(void **state)
{
	struct pair *pair = *state;
	uint64_t least = UINT64_MAX;
	uint64_t most = 0;

	pair->wire.is_cut[BOB] = true;
	pair_send(pair, ALICE);
	for (unsigned int i = 0; i < 19; i++) {
		const struct instant deadline = wg_next_deadline(pair->side[ALICE].device);
		uint64_t wait = instant_since(deadline, pair->now);

		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
		pair_advance_ns(pair, wait);
		assert_int_equal(initiations(pair, ALICE), i + 2);
	}
	assert_in_range(least, WG_REKEY_TIMEOUT, WG_REKEY_TIMEOUT + WG_REKEY_TIMEOUT_JITTER / 4);
	assert_in_range(most, WG_REKEY_TIMEOUT + WG_REKEY_TIMEOUT_JITTER / 4 * 3,
			WG_REKEY_TIMEOUT + WG_REKEY_TIMEOUT_JITTER);
}

static void test_after_90_seconds_without_answer_it_gives_up(void **state)
{
	struct pair *pair = *state;

	pair->wire.is_cut[BOB] = true;
	for (unsigned int i = 0; i < 3; i++)
		pair_send(pair, ALICE);
	pair_advance(pair, 89);
	assert_in_range(initiations(pair, ALICE), 17, 18);
	assert_int_equal(pair_stats(pair, ALICE).tx_staged_lost, 0);
	pair_advance(pair, 30);
	assert_int_equal(initiations(pair, ALICE), WG_MAX_HANDSHAKE_RETRIES + 2);
	assert_int_equal(pair_stats(pair, ALICE).tx_staged_lost, 3);
	pair_advance(pair, 3600);
	assert_int_equal(initiations(pair, ALICE), WG_MAX_HANDSHAKE_RETRIES + 2);
	assert_false(instant_is_set(wg_next_deadline(pair->side[ALICE].device)));
}

static void test_new_data_starts_the_90_seconds_again(void **state)
{
	struct pair *pair = *state;

	pair->wire.is_cut[BOB] = true;
	for (unsigned int i = 0; i < 20; i++) {
		pair_send(pair, ALICE);
		pair_advance(pair, 10);
	}
	assert_true(initiations(pair, ALICE) > 35);
	assert_int_equal(pair_stats(pair, ALICE).tx_staged_lost, 0);
}

static void test_an_answer_ends_the_retries(void **state)
{
	struct pair *pair = *state;

	pair->wire.is_cut[BOB] = true;
	pair_send(pair, ALICE);
	pair_advance(pair, 20);
	pair->wire.is_cut[BOB] = false;
	pair_advance(pair, 6);
	assert_int_equal(pair->side[BOB].n_delivered, 1);
	assert_int_equal(initiations(pair, ALICE), 5);
	pair_advance(pair, 60);
	assert_int_equal(initiations(pair, ALICE), 5);
}

static void test_handshakes_are_at_least_5_seconds_apart(void **state)
{
	struct pair *pair = *state;

	pair->wire.is_cut[BOB] = true;
	for (unsigned int i = 0; i < 499; i++) {
		pair_send(pair, ALICE);
		wg_peer_start_handshake(pair->side[ALICE].device, pair->now,
					pair->side[ALICE].peer);
		pair_advance_ms(pair, 100);
	}
	assert_in_range(initiations(pair, ALICE), 9, 10);
}

/* A response counts as a handshake message sent, too. */
static void test_a_responder_waits_5_seconds_before_it_initiates(void **state)
{
	struct pair *pair = *state;

	pair->wire.is_cut[BOB] = true; /* Alice does not get the response */
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_RESPONSE], 1);
	pair_send(pair, BOB);
	pair_advance(pair, 4);
	assert_int_equal(initiations(pair, BOB), 0);
}

static void test_an_initiation_is_dropped_when_a_response_goes_first(void **state)
{
	struct pair *pair = *state;
	struct pair_side *alice = &pair->side[ALICE];
	struct wg_packet packet;

	wg_peer_set_endpoint(pair->side[BOB].peer, &alice->at);
	pair_send(pair, BOB);
	wg_peer_start_handshake(alice->device, pair->now, alice->peer);
	assert_int_equal(
		pair_receive(pair, ALICE, &pair->side[BOB].last[MESSAGE_INITIATION], &packet),
		WG_CONTROL);
	pair_pump(pair, ALICE);
	assert_int_equal(alice->n_sent[MESSAGE_RESPONSE], 1);
	assert_int_equal(alice->n_sent[MESSAGE_INITIATION], 0);
}

/* The retry is due 5 s after the initiation, but then only 2 s after a response:
 * it comes later instead of never.
 */
static void test_a_retry_put_off_by_a_response_still_comes(void **state)
{
	struct pair *pair = *state;

	wg_peer_set_endpoint(pair->side[BOB].peer, &pair->side[ALICE].at);
	pair->wire.is_cut[ALICE] = true;
	pair_send(pair, ALICE);
	pair_advance(pair, 3);
	pair_send(pair, BOB);
	pair->wire.is_cut[BOB] = true; /* after its initiation */
	pair_advance(pair, 4);
	assert_int_equal(pair->side[ALICE].n_sent[MESSAGE_RESPONSE], 1);
	assert_int_equal(initiations(pair, ALICE), 1);
	pair_advance_ms(pair, 1400);
	assert_int_equal(initiations(pair, ALICE), 2);
}

/* ---- 6.3, 6.5: keepalives ---- */

static void test_received_data_is_answered_by_a_keepalive_after_10_seconds(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 30);
	pair->side[BOB].n_keepalives = 0;
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 9900);
	assert_int_equal(pair->side[BOB].n_keepalives, 0);
	pair_advance_ms(pair, 200);
	assert_int_equal(pair->side[BOB].n_keepalives, 1);
}

static void test_no_keepalive_is_sent_after_an_answer(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 30);
	pair->side[BOB].n_keepalives = 0;
	pair_send(pair, ALICE);
	pair_advance(pair, 5);
	pair_send(pair, BOB);
	pair_advance(pair, 30);
	assert_int_equal(pair->side[BOB].n_keepalives, 0);
}

static void test_a_keepalive_is_not_answered_by_a_keepalive(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 60);
	pair->side[ALICE].n_keepalives = pair->side[BOB].n_keepalives = 0;
	pair_send(pair, ALICE);
	pair_advance(pair, 60);
	assert_int_equal(pair->side[BOB].n_keepalives, 1);
	assert_int_equal(pair->side[ALICE].n_keepalives, 0);
}

static void test_data_while_a_keepalive_is_due_asks_for_another_one(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 30);
	pair->side[BOB].n_keepalives = 0;
	pair_send(pair, ALICE);
	pair_advance(pair, 5);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 5100);
	assert_int_equal(pair->side[BOB].n_keepalives, 1);
	/* The keepalive that was sent clears the timer again: one is enough. */
	pair_advance(pair, 60);
	assert_int_equal(pair->side[BOB].n_keepalives, 1);
}

static void test_silence_after_sending_starts_a_handshake_after_15_seconds(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 30);
	pair->wire.is_cut[BOB] = true;
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 14999);
	assert_int_equal(initiations(pair, ALICE), 1);
	pair_advance_ms(pair, 335);
	assert_int_equal(initiations(pair, ALICE), 2);
}

static void test_anything_authentic_ends_the_wait_for_a_handshake(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 30);
	for (unsigned int i = 0; i < 8; i++) {
		pair_send(pair, ALICE);
		pair_advance(pair, 10); /* Bob's keepalive arrives */
	}
	assert_int_equal(initiations(pair, ALICE), 1);
}

static void test_a_persistent_keepalive_goes_out_in_its_interval(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 30);
	pair->side[ALICE].n_keepalives = 0;
	wg_peer_set_keepalive(pair->side[ALICE].device, pair->now, pair->side[ALICE].peer, 25);
	pair_pump(pair, ALICE);
	assert_int_equal(pair->side[ALICE].n_keepalives, 1);
	pair_advance(pair, 76);
	assert_int_equal(pair->side[ALICE].n_keepalives, 4);
	wg_peer_set_keepalive(pair->side[ALICE].device, pair->now, pair->side[ALICE].peer, 0);
	pair_advance(pair, 100);
	assert_int_equal(pair->side[ALICE].n_keepalives, 4);
}

static void test_any_traffic_puts_a_persistent_keepalive_off(void **state)
{
	struct pair *pair = *state;

	wg_peer_set_keepalive(pair->side[ALICE].device, pair->now, pair->side[ALICE].peer, 25);
	pair_pump(pair, ALICE);
	pair->side[ALICE].n_keepalives = 0;
	for (unsigned int i = 0; i < 4; i++) {
		pair_advance(pair, 20);
		pair_send(pair, ALICE);
	}
	pair_advance(pair, 34); /* the last traffic is Bob's keepalive, after 10 s */
	assert_int_equal(pair->side[ALICE].n_keepalives, 0);
	pair_advance(pair, 2);
	assert_int_equal(pair->side[ALICE].n_keepalives, 1);
}

static void test_a_persistent_keepalive_keeps_a_session_for_an_hour(void **state)
{
	struct pair *pair = *state;

	wg_device_down(pair->side[ALICE].device);
	wg_peer_set_keepalive(pair->side[ALICE].device, pair->now, pair->side[ALICE].peer, 25);
	wg_device_up(pair->side[ALICE].device, pair->now);
	pair_pump(pair, ALICE);
	pair_advance(pair, 3600);
	assert_in_range(initiations(pair, ALICE), 3600 / 145, 3600 / 120 + 1);
	assert_in_range(data(pair, ALICE), 3600 / 25 - 2, 3600 / 25 + 40);
	pair_send(pair, BOB); /* who was never told an endpoint */
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[ALICE].n_delivered, 1);
}

static void test_a_persistent_keepalive_never_gives_up(void **state)
{
	struct pair *pair = *state;

	pair->wire.is_cut[BOB] = true;
	wg_peer_set_keepalive(pair->side[ALICE].device, pair->now, pair->side[ALICE].peer, 25);
	pair_advance(pair, 3600);
	assert_true(initiations(pair, ALICE) > 500);
	pair->wire.is_cut[BOB] = false;
	pair_advance(pair, 26);
	assert_true(pair_peer_stats(pair, BOB).last_handshake.ns > 0);
}

/* ---- 6.3: nothing lasts ---- */

static void test_keys_are_wiped_540_seconds_after_the_last_session(void **state)
{
	struct pair *pair = *state;
	struct instant last;

	pair_advance(pair, 300);
	last = wg_next_deadline(pair->side[ALICE].device);
	assert_in_range(instant_since(last, pair->now), 239 * NS_PER_S, 240 * NS_PER_S);
	pair_advance(pair, 240);
	assert_false(instant_is_set(wg_next_deadline(pair->side[ALICE].device)));
	assert_false(instant_is_set(wg_next_deadline(pair->side[BOB].device)));
}

/* ---- the functions alone ---- */

static const struct instant when = {100 * NS_PER_S};

static void test_a_retry_after_a_response_is_put_off(void **state)
{
	struct timers timers = {0};

	(void)state;
	timers_initiation_sent(&timers, when, 0);
	timers_response_sent(&timers, instant_add(when, 3 * NS_PER_S));
	assert_false(timers_may_initiate(&timers, instant_add(when, 5 * NS_PER_S)));
	assert_true(timers_expire(&timers, instant_add(when, 5 * NS_PER_S)) & TIMER_RETRY);
	timers_retry_later(&timers, 7);
	assert_true(timers_first(&timers).ns == when.ns + 8 * NS_PER_S + 7);
	assert_true(timers_may_initiate(&timers, instant_add(when, 8 * NS_PER_S)));
}

/* Which the sending of the first one clears, if it could be sent. */
static void test_more_data_asks_for_a_second_keepalive(void **state)
{
	struct timers timers = {0};

	(void)state;
	timers_data_received(&timers, when);
	timers_data_received(&timers, instant_add(when, NS_PER_S));
	assert_int_equal(timers_expire(&timers, instant_add(when, 10 * NS_PER_S)),
			 TIMER_SEND_KEEPALIVE);
	assert_true(timers_first(&timers).ns == when.ns + 20 * NS_PER_S);
	assert_int_equal(timers_expire(&timers, instant_add(when, 20 * NS_PER_S)),
			 TIMER_SEND_KEEPALIVE);
	assert_false(instant_is_set(timers_first(&timers)));
}

static void test_stopping_keeps_the_interval_alone(void **state)
{
	struct timers timers = {0};

	(void)state;
	timers_set_persistent(&timers, when, 25);
	timers_data_sent(&timers, when, 0);
	timers_data_received(&timers, when);
	timers_stop(&timers);
	assert_false(instant_is_set(timers_first(&timers)));
	assert_int_equal(timers.keepalive_s, 25);
	assert_int_equal(timers_expire(&timers, instant_add(when, 3600 * NS_PER_S)), 0);
}

static void test_all_that_is_due_is_told_at_once(void **state)
{
	struct timers timers = {0};
	unsigned int actions;

	(void)state;
	timers_initiation_sent(&timers, when, 0);
	timers_data_received(&timers, when);
	timers_data_sent(&timers, when, 0);
	timers_session_derived(&timers, when);
	actions = timers_expire(&timers, instant_add(when, 540 * NS_PER_S));
	assert_int_equal(actions, TIMER_RETRY | TIMER_SEND_KEEPALIVE | TIMER_INITIATE |
					  TIMER_FORGET_SOURCE | TIMER_WIPE_KEYS);
	assert_false(instant_is_set(timers_first(&timers)));
}

#define PAIR_TEST(name)	     cmocka_unit_test_setup_teardown(name, pair_start, pair_stop)
#define CONNECTED_TEST(name) cmocka_unit_test_setup_teardown(name, start_connected, pair_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(test_a_device_without_traffic_has_no_deadline),
		CONNECTED_TEST(test_one_handshake_serves_both_directions),
		CONNECTED_TEST(test_the_initiator_rekeys_when_it_sends_after_120_seconds),
		CONNECTED_TEST(test_the_responder_does_not_rekey_by_age),
		CONNECTED_TEST(test_a_key_of_180_seconds_is_not_sent_with),
		CONNECTED_TEST(test_a_key_of_180_seconds_is_not_received_with),
		CONNECTED_TEST(test_the_initiator_rekeys_when_it_receives_after_165_seconds),
		CONNECTED_TEST(test_the_last_minute_handshake_is_asked_for_once),
		PAIR_TEST(test_an_initiation_without_answer_is_repeated_after_5_seconds),
		PAIR_TEST(test_retries_are_spread_by_up_to_333_milliseconds),
		PAIR_TEST(test_after_90_seconds_without_answer_it_gives_up),
		PAIR_TEST(test_new_data_starts_the_90_seconds_again),
		PAIR_TEST(test_an_answer_ends_the_retries),
		PAIR_TEST(test_handshakes_are_at_least_5_seconds_apart),
		PAIR_TEST(test_a_responder_waits_5_seconds_before_it_initiates),
		PAIR_TEST(test_an_initiation_is_dropped_when_a_response_goes_first),
		PAIR_TEST(test_a_retry_put_off_by_a_response_still_comes),
		CONNECTED_TEST(test_received_data_is_answered_by_a_keepalive_after_10_seconds),
		CONNECTED_TEST(test_no_keepalive_is_sent_after_an_answer),
		CONNECTED_TEST(test_a_keepalive_is_not_answered_by_a_keepalive),
		CONNECTED_TEST(test_data_while_a_keepalive_is_due_asks_for_another_one),
		CONNECTED_TEST(test_silence_after_sending_starts_a_handshake_after_15_seconds),
		CONNECTED_TEST(test_anything_authentic_ends_the_wait_for_a_handshake),
		CONNECTED_TEST(test_a_persistent_keepalive_goes_out_in_its_interval),
		CONNECTED_TEST(test_any_traffic_puts_a_persistent_keepalive_off),
		PAIR_TEST(test_a_persistent_keepalive_keeps_a_session_for_an_hour),
		PAIR_TEST(test_a_persistent_keepalive_never_gives_up),
		CONNECTED_TEST(test_keys_are_wiped_540_seconds_after_the_last_session),
		cmocka_unit_test(test_a_retry_after_a_response_is_put_off),
		cmocka_unit_test(test_more_data_asks_for_a_second_keepalive),
		cmocka_unit_test(test_stopping_keeps_the_interval_alone),
		cmocka_unit_test(test_all_that_is_due_is_told_at_once),
	};

	return cmocka_run_group_tests_name("wireguard/timers", tests, NULL, NULL);
}
