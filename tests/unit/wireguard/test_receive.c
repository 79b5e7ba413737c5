/* Mirrors src/wireguard/receive.c */
#include "cmocka_all.h"

#include "wireguard/pair.h"

#include "wireguard/constants.h"
#include "wireguard/device_state.h"
#include "wireguard/peer.h"

#include <string.h>

static int start_connected(void **state)
{
	int r = pair_start(state);

	if (r == 0)
		pair_connect(*state);
	return r;
}

/* A packet of Alice's, encrypted and not yet arrived. */
static struct pair_datagram next_of_alice(struct pair *pair)
{
	uint8_t packet[PAIR_PACKET_LEN];

	pair_write_packet(ALICE, pair->side[ALICE].n_offered++, packet, sizeof(packet));
	return pair_seal(pair, ALICE, packet, sizeof(packet));
}

static bool bob_is_at(const struct pair *pair, const char *text)
{
	const union endpoint expected = pair_endpoint(text);
	const struct wg_peer_stats stats = pair_peer_stats(pair, ALICE);

	return endpoint_equal(&stats.endpoint, &expected);
}

static bool alice_is_at(const struct pair *pair, const char *text)
{
	const union endpoint expected = pair_endpoint(text);
	const struct wg_peer_stats stats = pair_peer_stats(pair, BOB);

	return endpoint_equal(&stats.endpoint, &expected);
}

/* ---- form ---- */

static void test_what_is_no_message_is_dropped_and_counted(void **state)
{
	struct pair *pair = *state;
	uint8_t bytes[256] = {0};
	struct pair_datagram datagram = {.bytes = bytes, .from = pair->side[ALICE].at};
	uint64_t n_invalid = pair_stats(pair, BOB).rx_invalid;
	unsigned int n = 0;

	for (unsigned int type = 0; type < 8; type++) {
		for (datagram.len = 0; datagram.len < sizeof(bytes); datagram.len++) {
			memset(bytes, 0, sizeof(bytes));
			bytes[0] = (uint8_t)type;
			assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DROP);
			n++;
		}
	}
	assert_int_equal(pair_stats(pair, BOB).rx_invalid, n_invalid + n);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_COOKIE], 0);
}

static void test_the_three_bytes_after_the_type_must_be_zero(void **state)
{
	struct pair *pair = *state;

	for (unsigned int i = 1; i < 4; i++) {
		struct pair_datagram datagram = next_of_alice(pair);

		datagram.bytes[i] = 1;
		assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DROP);
		datagram.bytes[i] = 0;
		assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DELIVER);
		pair_datagram_done(&datagram);
	}
}

static void test_a_device_that_is_down_takes_nothing(void **state)
{
	struct pair *pair = *state;
	struct pair_datagram datagram = next_of_alice(pair);

	wg_device_down(pair->side[BOB].device);
	assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DROP);
	assert_int_equal(pair_inject(pair, BOB, &pair->side[ALICE].last[MESSAGE_INITIATION]),
			 WG_DROP);
	pair_datagram_done(&datagram);
}

/* ---- authenticity, replay ---- */

static void test_no_flipped_bit_gets_through(void **state)
{
	struct pair *pair = *state;
	struct pair_datagram datagram = next_of_alice(pair);

	datagram.from = pair_endpoint("198.51.100.1:9");
	for (size_t i = 0; i < datagram.len * 8; i++) {
		datagram.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DROP);
		datagram.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_true(alice_is_at(pair, "192.0.2.1:1111"));
	assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DELIVER);
	pair_datagram_done(&datagram);
}

static void test_a_data_packet_is_delivered_once(void **state)
{
	struct pair *pair = *state;
	struct pair_datagram datagram = next_of_alice(pair);

	assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DELIVER);
	assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DROP);
	assert_int_equal(pair_stats(pair, BOB).rx_replayed, 1);
	pair_datagram_done(&datagram);
}

static void test_a_replayed_packet_changes_no_endpoint(void **state)
{
	struct pair *pair = *state;
	struct pair_datagram datagram = next_of_alice(pair);

	assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DELIVER);
	datagram.from = pair_endpoint("198.51.100.1:9");
	assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DROP);
	assert_true(alice_is_at(pair, "192.0.2.1:1111"));
	pair_datagram_done(&datagram);
}

static void test_packets_may_come_in_any_order(void **state)
{
	struct pair *pair = *state;
	struct pair_datagram datagrams[200];

	for (size_t i = 0; i < 200; i++)
		datagrams[i] = next_of_alice(pair);
	for (size_t i = 200; i-- > 0;) {
		assert_int_equal(pair_inject(pair, BOB, &datagrams[i]), WG_DELIVER);
		pair_datagram_done(&datagrams[i]);
	}
}

static void test_a_packet_may_be_8128_behind_the_newest(void **state)
{
	struct pair *pair = *state;
	struct wg_keypair *keypair = pair->side[ALICE].peer->keypairs.current;
	struct pair_datagram oldest = next_of_alice(pair);
	struct pair_datagram old = next_of_alice(pair);
	struct pair_datagram newest;

	keypair->send_counter += WG_REPLAY_WINDOW - 1;
	newest = next_of_alice(pair);
	assert_int_equal(pair_inject(pair, BOB, &newest), WG_DELIVER);
	assert_int_equal(pair_inject(pair, BOB, &oldest), WG_DROP);
	assert_int_equal(pair_inject(pair, BOB, &old), WG_DELIVER);
	pair_datagram_done(&oldest);
	pair_datagram_done(&old);
	pair_datagram_done(&newest);
}

static void test_counters_past_the_limit_are_refused_before_they_are_opened(void **state)
{
	struct pair *pair = *state;
	uint8_t out[PAIR_PACKET_LEN + 15 + WG_OVERHEAD_LEN];
	uint8_t packet[PAIR_PACKET_LEN];
	struct pair_datagram datagram = {.bytes = out, .from = pair->side[ALICE].at};
	struct wg_seal seal;

	pair_write_packet(ALICE, pair->side[ALICE].n_offered++, packet, sizeof(packet));
	assert_int_equal(wg_seal_begin(pair->side[ALICE].device, pair->now, packet, sizeof(packet),
				       2, &seal),
			 0);
	seal.next_counter = WG_REJECT_AFTER_MESSAGES;
	datagram.len = wg_seal(&seal, out, packet, sizeof(packet), NULL, 0, 1420);
	assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DROP);
	assert_int_equal(pair_stats(pair, BOB).rx_invalid, 1);
	assert_int_equal(pair_stats(pair, BOB).rx_replayed, 0);
	seal.next_counter = WG_REJECT_AFTER_MESSAGES - 1;
	datagram.len = wg_seal(&seal, out, packet, sizeof(packet), NULL, 0, 1420);
	assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DELIVER);
	wg_seal_end(pair->side[ALICE].device, pair->now, &seal, 0, 0);
}

static void renew(struct pair *pair)
{
	pair_advance(pair, 6);
	wg_peer_start_handshake(pair->side[ALICE].device, pair->now, pair->side[ALICE].peer);
	pair_pump(pair, ALICE);
	pair_advance_ms(pair, 100);
}

static void test_late_packets_of_the_previous_session_are_taken(void **state)
{
	struct pair *pair = *state;
	struct pair_datagram late = next_of_alice(pair);

	renew(pair);
	assert_int_equal(pair_inject(pair, BOB, &late), WG_DELIVER);
	assert_int_equal(pair_inject(pair, BOB, &late), WG_DROP);
	pair_datagram_done(&late);
}

static void test_packets_two_sessions_old_are_refused(void **state)
{
	struct pair *pair = *state;
	struct pair_datagram late = next_of_alice(pair);

	renew(pair);
	renew(pair);
	assert_int_equal(pair_inject(pair, BOB, &late), WG_DROP);
	pair_datagram_done(&late);
}

/* ---- roaming ---- */

static void test_authentic_data_tells_where_a_peer_is(void **state)
{
	struct pair *pair = *state;

	pair->side[BOB].at = pair_endpoint("[2001:db8::7]:7777");
	pair_send(pair, BOB);
	pair_advance_ms(pair, 100);
	assert_true(bob_is_at(pair, "[2001:db8::7]:7777"));
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, 2);
}

static void test_a_handshake_tells_where_a_peer_is(void **state)
{
	struct pair *pair = *state;

	pair->side[ALICE].at = pair_endpoint("203.0.113.9:9");
	renew(pair);
	assert_true(alice_is_at(pair, "203.0.113.9:9"));
}

static void test_a_forged_initiation_changes_no_endpoint(void **state)
{
	struct pair *pair = *state;
	const union endpoint from = pair_endpoint("198.51.100.1:9");
	struct pair_datagram forged = pair_forge_initiation(pair, BOB, &from);

	assert_int_equal(pair_inject(pair, BOB, &forged), WG_DROP);
	assert_true(alice_is_at(pair, "192.0.2.1:1111"));
	pair_datagram_done(&forged);
}

static void test_replies_leave_from_the_address_that_was_written_to(void **state)
{
	struct pair *pair = *state;
	struct pair_datagram datagram = next_of_alice(pair);
	uint8_t packet[PAIR_PACKET_LEN];
	struct wg_seal seal;

	datagram.to = pair_endpoint("192.0.2.77:2222");
	assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DELIVER);
	pair_write_packet(BOB, 0, packet, sizeof(packet));
	assert_int_equal(
		wg_seal_begin(pair->side[BOB].device, pair->now, packet, sizeof(packet), 1, &seal),
		0);
	assert_true(endpoint_equal(&seal.source, &datagram.to));
	assert_int_equal(seal.ifindex, 2);
	wg_seal_end(pair->side[BOB].device, pair->now, &seal, 0, 0);
	pair_datagram_done(&datagram);
}

/* ---- inner packets ---- */

static void expect_receipt(struct pair *pair, const uint8_t *packet, size_t len,
			   enum wg_verdict expected)
{
	struct pair_datagram datagram = pair_seal(pair, ALICE, packet, len);
	struct wg_packet got;

	assert_int_equal(pair_receive(pair, BOB, &datagram, &got), expected);
	pair_datagram_done(&datagram);
}

static void test_a_source_that_is_not_the_peers_is_dropped(void **state)
{
	struct pair *pair = *state;
	uint8_t packet[PAIR_PACKET_LEN];

	pair_write_packet(ALICE, 0, packet, sizeof(packet));
	packet[15] = 99; /* 10.0.0.99 */
	expect_receipt(pair, packet, sizeof(packet), WG_DROP);
	assert_int_equal(pair_stats(pair, BOB).rx_not_allowed, 1);
}

static void test_a_source_that_is_another_peers_is_dropped(void **state)
{
	struct pair *pair = *state;
	const uint8_t key[32] = {1};
	const struct prefix prefix = pair_prefix("10.0.0.1/32");
	struct wg_peer *other = wg_peer_add(pair->side[BOB].device, pair->now, key);

	assert_int_equal(wg_peer_add_allowed_ip(pair->side[BOB].device, other, &prefix), 0);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair_stats(pair, BOB).rx_not_allowed, 1);
	assert_int_equal(pair->side[BOB].n_delivered, 1);
	/* Back again: the last lookup must not be remembered too long. */
	wg_peer_remove(pair->side[BOB].device, other);
	assert_int_equal(
		wg_peer_add_allowed_ip(pair->side[BOB].device, pair->side[BOB].peer, &prefix), 0);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, 2);
}

/* The kernel module's order: the packet is authentic, so where it came from holds. */
static void test_a_source_not_allowed_still_tells_where_the_peer_is(void **state)
{
	struct pair *pair = *state;
	uint8_t packet[PAIR_PACKET_LEN];
	uint64_t rx_bytes = pair_peer_stats(pair, BOB).rx_bytes;
	struct pair_datagram datagram;

	pair_write_packet(ALICE, 0, packet, sizeof(packet));
	packet[15] = 99;
	datagram = pair_seal(pair, ALICE, packet, sizeof(packet));
	datagram.from = pair_endpoint("203.0.113.9:9");
	assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DROP);
	assert_true(alice_is_at(pair, "203.0.113.9:9"));
	assert_int_equal(pair_peer_stats(pair, BOB).rx_bytes, rx_bytes);
	pair_datagram_done(&datagram);
}

static void test_padding_is_cut_off(void **state)
{
	struct pair *pair = *state;

	for (size_t len = 60; len < 80; len++) {
		pair_send_len(pair, ALICE, len);
		pair_advance_ms(pair, 10);
		assert_int_equal(pair->side[BOB].last_len, len);
	}
}

static void test_inner_packets_with_a_wrong_length_are_dropped(void **state)
{
	struct pair *pair = *state;
	uint8_t packet[PAIR_PACKET_LEN];

	pair_write_packet(ALICE, 0, packet, sizeof(packet));
	packet[3] = 19;
	expect_receipt(pair, packet, sizeof(packet), WG_DROP);
	packet[3] = 97; /* 96 are there, with padding */
	expect_receipt(pair, packet, sizeof(packet), WG_DROP);
	packet[3] = 96;
	expect_receipt(pair, packet, sizeof(packet), WG_DELIVER);
	assert_int_equal(pair_stats(pair, BOB).rx_invalid, 2);
}

static void test_congestion_outside_is_told_inside(void **state)
{
	struct pair *pair = *state;
	uint8_t packet[PAIR_PACKET_LEN];
	struct pair_datagram datagram;
	struct wg_packet got;

	pair_write_packet(ALICE, 0, packet, sizeof(packet));
	packet[1] = 2; /* ECT(0) */
	datagram = pair_seal(pair, ALICE, packet, sizeof(packet));
	assert_int_equal(datagram.tos, 2);
	datagram.tos = 3; /* a router met congestion */
	assert_int_equal(pair_receive(pair, BOB, &datagram, &got), WG_DELIVER);
	assert_int_equal(got.bytes[1], 3);
	pair_datagram_done(&datagram);

	packet[1] = 0;
	datagram = pair_seal(pair, ALICE, packet, sizeof(packet));
	assert_int_equal(datagram.tos, 0);
	datagram.tos = 3;
	assert_int_equal(pair_receive(pair, BOB, &datagram, &got), WG_DROP);
	pair_datagram_done(&datagram);
}

/* ---- handshakes ---- */

static void test_a_replayed_initiation_is_not_answered(void **state)
{
	struct pair *pair = *state;
	struct pair_datagram replay =
		pair_datagram_copy(&pair->side[ALICE].last[MESSAGE_INITIATION]);

	pair_advance(pair, 1);
	assert_int_equal(pair_inject(pair, BOB, &replay), WG_DROP);
	renew(pair);
	pair_advance(pair, 1);
	assert_int_equal(pair_inject(pair, BOB, &replay), WG_DROP);
	assert_int_equal(pair_inject(pair, BOB, &pair->side[ALICE].last[MESSAGE_INITIATION]),
			 WG_DROP);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_RESPONSE], 2);
	pair_datagram_done(&replay);
}

static void test_a_replayed_response_changes_nothing(void **state)
{
	struct pair *pair = *state;
	uint64_t n_handshakes = pair_stats(pair, ALICE).rx_handshake;

	assert_int_equal(pair_inject(pair, ALICE, &pair->side[BOB].last[MESSAGE_RESPONSE]),
			 WG_DROP);
	assert_int_equal(pair_stats(pair, ALICE).rx_handshake, n_handshakes);
	assert_int_equal(pair_stats(pair, ALICE).rx_bad_response, 0);
	pair_send(pair, BOB);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[ALICE].n_delivered, 2);
}

static void test_an_initiation_of_a_stranger_is_not_answered(void **state)
{
	struct pair *pair = *state;

	wg_peer_remove_all(pair->side[BOB].device);
	wg_peer_start_handshake(pair->side[ALICE].device, pair->now, pair->side[ALICE].peer);
	pair_pump(pair, ALICE);
	pair_advance(pair, 1);
	assert_int_equal(pair->side[ALICE].n_sent[MESSAGE_INITIATION], 1);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_RESPONSE], 0);
	assert_int_equal(pair_stats(pair, BOB).rx_invalid, 1);
}

static void test_a_response_that_does_not_authenticate_is_told_apart(void **state)
{
	struct pair *pair = *state;
	const uint8_t wrong[32] = {1};

	wg_peer_set_preshared_key(pair->side[BOB].peer, wrong);
	pair_send(pair, ALICE);
	pair_advance(pair, 1);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_RESPONSE], 1);
	assert_int_equal(pair_stats(pair, ALICE).rx_bad_response, 1);
	assert_int_equal(pair_stats(pair, ALICE).rx_handshake, 0);
	assert_true(pair_peer_stats(pair, ALICE).last_handshake.ns == 0);
}

static void test_a_response_without_a_valid_mac_is_told_apart_too(void **state)
{
	struct pair *pair = *state;
	struct message_response message = {.type = le32_from_host(MESSAGE_RESPONSE)};
	struct pair_datagram forged = {.bytes = (uint8_t *)&message, .len = sizeof(message)};

	pair_send(pair, ALICE);
	forged.from = pair->side[BOB].at;
	assert_int_equal(pair_inject(pair, ALICE, &forged), WG_DROP);
	assert_int_equal(pair_stats(pair, ALICE).rx_bad_response, 0);
	memcpy(&message.receiver, pair->side[ALICE].last[MESSAGE_INITIATION].bytes + 4, 4);
	assert_int_equal(pair_inject(pair, ALICE, &forged), WG_DROP);
	assert_int_equal(pair_stats(pair, ALICE).rx_bad_response, 1);
	/* The true one still counts. */
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, 1);
}

static void test_two_initiations_that_cross_end_in_one_session(void **state)
{
	struct pair *pair = *state;

	wg_peer_set_endpoint(pair->side[BOB].peer, &pair->side[ALICE].at);
	pair_send(pair, ALICE);
	pair_send(pair, BOB);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_INITIATION], 1);
	pair_advance(pair, 12);
	assert_int_equal(pair->side[ALICE].n_delivered, 1);
	assert_int_equal(pair->side[BOB].n_delivered, 1);
	assert_int_equal(pair_stats(pair, ALICE).rx_bad_response, 0);
	assert_true(pair->side[ALICE].n_sent[MESSAGE_INITIATION] <= 2);
	assert_true(pair->side[BOB].n_sent[MESSAGE_INITIATION] <= 2);
}

/* Both in one batch, before what is to be sent was fetched. */
static void test_a_response_to_an_initiation_given_up_is_not_taken_for_forged(void **state)
{
	struct pair *pair = *state;
	struct wg_packet packet;

	wg_peer_set_endpoint(pair->side[BOB].peer, &pair->side[ALICE].at);
	pair_send(pair, ALICE);
	pair_send(pair, BOB);
	assert_int_equal(pair_inject(pair, BOB, &pair->side[ALICE].last[MESSAGE_INITIATION]),
			 WG_CONTROL);
	assert_int_equal(
		pair_receive(pair, ALICE, &pair->side[BOB].last[MESSAGE_INITIATION], &packet),
		WG_CONTROL);
	assert_int_equal(
		pair_receive(pair, ALICE, &pair->side[BOB].last[MESSAGE_RESPONSE], &packet),
		WG_DROP);
	assert_int_equal(pair_stats(pair, ALICE).rx_bad_response, 0);
}

/* ---- cookies ---- */

/* Messages of a stranger that cost a Diffie-Hellman each. */
static void flood(struct pair *pair, enum pair_name to, unsigned int n)
{
	const union endpoint from = pair_endpoint("198.51.100.1:9");

	for (unsigned int i = 0; i < n; i++) {
		struct pair_datagram forged = pair_forge_initiation(pair, to, &from);

		(void)pair_inject(pair, to, &forged);
		pair_datagram_done(&forged);
	}
}

static void test_handshakes_cost_a_cookie_under_load(void **state)
{
	struct pair *pair = *state;

	flood(pair, BOB, LOAD_MAX + 1);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_COOKIE], 0);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 50);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_COOKIE], 1);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_RESPONSE], 0);
	assert_int_equal(pair_stats(pair, ALICE).rx_cookie, 1);
	/* It is kept for the retry: nothing goes out because of it. */
	assert_int_equal(pair->side[ALICE].n_sent[MESSAGE_INITIATION], 1);
}

static void test_a_cookie_opens_the_way_under_load(void **state)
{
	struct pair *pair = *state;

	flood(pair, BOB, LOAD_MAX + 1);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 4900);
	flood(pair, BOB, LOAD_MAX + 1);
	pair_advance_ms(pair, 500);
	assert_int_equal(pair->side[ALICE].n_sent[MESSAGE_INITIATION], 2);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_RESPONSE], 1);
	assert_int_equal(pair->side[BOB].n_delivered, 1);
}

static void test_a_cookie_is_not_good_from_another_address(void **state)
{
	struct pair *pair = *state;

	flood(pair, BOB, LOAD_MAX + 1);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 4900);
	flood(pair, BOB, LOAD_MAX + 1);
	pair->side[ALICE].at = pair_endpoint("192.0.2.1:1112");
	pair_advance_ms(pair, 500);
	assert_int_equal(pair->side[ALICE].n_sent[MESSAGE_INITIATION], 2);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_RESPONSE], 0);
}

static void test_a_response_costs_a_cookie_under_load_as_well(void **state)
{
	struct pair *pair = *state;

	flood(pair, ALICE, LOAD_MAX + 1);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 50);
	assert_int_equal(pair->side[ALICE].n_sent[MESSAGE_COOKIE], 1);
	assert_int_equal(pair_stats(pair, BOB).rx_cookie, 1);
	assert_int_equal(pair->side[BOB].n_delivered, 0);
	flood(pair, ALICE, LOAD_MAX + 1);
	pair_advance_ms(pair, 5400);
	assert_int_equal(pair->side[BOB].n_delivered, 1);
}

static void test_a_source_with_a_cookie_is_limited(void **state)
{
	struct pair *pair = *state;
	unsigned int n_passed = 0;
	struct pair_datagram with_cookie;

	flood(pair, BOB, LOAD_MAX + 1);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 4900);
	flood(pair, BOB, LOAD_MAX + 1);
	pair->wire.is_cut[ALICE] = true;
	pair_advance_ms(pair, 500);
	with_cookie = pair_datagram_copy(&pair->side[ALICE].last[MESSAGE_INITIATION]);
	/* Replays, which reach the timestamp check or are turned away before. */
	for (unsigned int i = 0; i < 20; i++) {
		uint64_t n_invalid = pair_stats(pair, BOB).rx_invalid;

		if (pair_inject(pair, BOB, &with_cookie) == WG_CONTROL ||
		    pair_stats(pair, BOB).rx_invalid > n_invalid)
			n_passed++;
	}
	assert_int_equal(n_passed, WG_RATELIMIT_BURST);
	pair_datagram_done(&with_cookie);
}

static void test_load_is_over_a_second_after_the_flood(void **state)
{
	struct pair *pair = *state;

	flood(pair, BOB, 4 * LOAD_MAX);
	pair_advance_ms(pair, 1001);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 50);
	assert_int_equal(pair->side[BOB].n_delivered, 1);
}

static void test_a_cookie_reply_counts_once_and_moves_nobody(void **state)
{
	struct pair *pair = *state;
	struct pair_datagram reply;

	flood(pair, BOB, LOAD_MAX + 1);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 50);
	reply = pair_datagram_copy(&pair->side[BOB].last[MESSAGE_COOKIE]);
	reply.from = pair_endpoint("198.51.100.1:9");
	assert_int_equal(pair_inject(pair, ALICE, &reply), WG_DROP);
	assert_int_equal(pair_stats(pair, ALICE).rx_cookie, 1);
	assert_true(bob_is_at(pair, "192.0.2.2:2222"));
	pair_datagram_done(&reply);
}

static void test_cookie_replies_that_are_not_fetched_are_bounded(void **state)
{
	struct pair *pair = *state;
	const union endpoint from = pair_endpoint("198.51.100.1:9");
	struct wg_packet packet;

	for (unsigned int i = 0; i < LOAD_MAX + 1 + COOKIE_REPLIES_MAX + 10; i++) {
		struct pair_datagram forged = pair_forge_initiation(pair, BOB, &from);

		(void)pair_receive(pair, BOB, &forged, &packet);
		pair_datagram_done(&forged);
	}
	pair_pump(pair, BOB);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_COOKIE], COOKIE_REPLIES_MAX);
	flood(pair, BOB, 1);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_COOKIE], COOKIE_REPLIES_MAX + 1);
}

/* ---- many at once ---- */

enum { TRAIN = 70 /* more than one slice of the cryptography */, SLOT = 256 };

struct train {
	uint8_t bytes[TRAIN][SLOT];
	uint8_t inner[TRAIN][PAIR_PACKET_LEN];
	struct wg_datagram datagram[TRAIN];
};

/* Alice's packets, sealed together. */
static void make_train(struct pair *pair, struct train *train)
{
	struct wg_sealing sealing[TRAIN];
	struct wg_seal seal;

	memset(train, 0, sizeof(*train));
	for (unsigned int i = 0; i < TRAIN; i++) {
		pair_write_packet(ALICE, i, train->inner[i], PAIR_PACKET_LEN);
		sealing[i] = (struct wg_sealing){
			.head = train->inner[i],
			.head_len = 20,
			.body = train->inner[i] + 20,
			.body_len = PAIR_PACKET_LEN - 20,
			.out = train->bytes[i],
		};
		train->datagram[i] = (struct wg_datagram){
			.bytes = train->bytes[i],
			.len = wg_sealed_len(PAIR_PACKET_LEN, 1420),
			.from = &pair->side[ALICE].at,
			.to = &pair->side[BOB].at,
		};
	}
	assert_int_equal(wg_seal_begin(pair->side[ALICE].device, pair->now, train->inner[0],
				       PAIR_PACKET_LEN, TRAIN, &seal),
			 0);
	wg_seal_many(&seal, sealing, TRAIN, 1420);
	assert_int_equal(seal.n_left, 0);
	wg_seal_many(&seal, sealing, 1, 1420); /* nothing is left for it */
	wg_seal_end(pair->side[ALICE].device, pair->now, &seal, 0, 0);
}

/* Whether Bob knows whose they are. */
static bool open_ahead(struct pair *pair, struct wg_datagram *datagrams, size_t n)
{
	struct wg_open open;

	if (wg_open_begin(pair->side[BOB].device, pair->now, datagrams, n, &open, 1) == 0)
		return false;
	wg_open_many(&open, datagrams, n);
	wg_open_end(pair->side[BOB].device, &open);
	return true;
}

static enum wg_verdict take(struct pair *pair, const struct wg_datagram *datagram,
			    struct wg_packet *ret)
{
	return wg_receive(pair->side[BOB].device, pair->now, datagram, ret);
}

static void test_a_train_opened_ahead_is_delivered_packet_by_packet(void **state)
{
	struct pair *pair = *state;
	static struct train train;

	make_train(pair, &train);
	assert_true(open_ahead(pair, train.datagram, TRAIN));
	for (unsigned int i = 0; i < TRAIN; i++) {
		struct wg_packet packet;

		assert_int_equal(train.datagram[i].state, WG_OPENED);
		assert_int_equal(take(pair, &train.datagram[i], &packet), WG_DELIVER);
		assert_int_equal(packet.len, PAIR_PACKET_LEN);
		assert_memory_equal(packet.bytes, train.inner[i], PAIR_PACKET_LEN);
	}
}

static void test_a_forged_one_of_a_train_is_dropped_alone(void **state)
{
	struct pair *pair = *state;
	static struct train train;
	struct wg_packet packet;

	make_train(pair, &train);
	train.bytes[3][40] ^= 1;
	assert_true(open_ahead(pair, train.datagram, TRAIN));
	assert_int_equal(train.datagram[3].state, WG_FORGED);
	for (unsigned int i = 0; i < TRAIN; i++)
		assert_int_equal(take(pair, &train.datagram[i], &packet),
				 i == 3 ? WG_DROP : WG_DELIVER);
}

static void test_a_train_is_replayed_in_vain(void **state)
{
	struct pair *pair = *state;
	static struct train train;
	static uint8_t copy[TRAIN][SLOT];
	struct wg_packet packet;

	make_train(pair, &train);
	memcpy(copy, train.bytes, sizeof(copy));
	for (int round = 0; round < 2; round++) {
		memcpy(train.bytes, copy, sizeof(copy));
		for (unsigned int i = 0; i < TRAIN; i++)
			train.datagram[i].state = WG_SEALED;
		assert_true(open_ahead(pair, train.datagram, TRAIN));
		for (unsigned int i = 0; i < TRAIN; i++)
			assert_int_equal(take(pair, &train.datagram[i], &packet),
					 round == 0 ? WG_DELIVER : WG_DROP);
	}
	assert_int_equal(pair_stats(pair, BOB).rx_replayed, TRAIN);
}

static void test_what_is_no_data_of_the_session_is_left_as_it_came(void **state)
{
	struct pair *pair = *state;
	static struct train train;

	make_train(pair, &train);
	train.bytes[0][0] = MESSAGE_INITIATION;
	train.bytes[2][4] ^= 1;			     /* another receiver */
	memset(train.bytes[4] + 8, 0xff, 8);	     /* a counter past the last */
	train.datagram[5].len = WG_OVERHEAD_LEN - 1; /* too short for a message */
	assert_true(open_ahead(pair, train.datagram, 7));
	for (unsigned int i = 0; i < 7; i++)
		assert_int_equal(train.datagram[i].state,
				 i == 1 || i == 3 || i == 6 ? WG_OPENED : WG_SEALED);
	wg_device_down(pair->side[BOB].device);
	assert_false(open_ahead(pair, train.datagram + 7, 1));
	assert_int_equal(train.datagram[7].state, WG_SEALED);
}

static void test_a_train_may_be_of_several_sessions(void **state)
{
	struct pair *pair = *state;
	static struct train old;
	static struct train new;
	struct wg_datagram datagrams[4];
	struct wg_open opens[3];
	struct wg_packet packet;
	unsigned int n;

	make_train(pair, &old);
	renew(pair);
	make_train(pair, &new);
	for (unsigned int i = 0; i < 4; i++)
		datagrams[i] = i % 2 == 0 ? old.datagram[i] : new.datagram[i];
	n = wg_open_begin(pair->side[BOB].device, pair->now, datagrams, 4, opens, 3);
	assert_int_equal(n, 2);
	for (unsigned int i = 0; i < n; i++)
		wg_open_many(&opens[i], datagrams, 4);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(datagrams[i].state, WG_OPENED);
		assert_int_equal(take(pair, &datagrams[i], &packet), WG_DELIVER);
	}
	for (unsigned int i = 0; i < n; i++)
		wg_open_end(pair->side[BOB].device, &opens[i]);
	assert_int_equal(wg_open_begin(pair->side[BOB].device, pair->now, datagrams, 4, opens, 1),
			 1);
	wg_open_end(pair->side[BOB].device, &opens[0]);
}

static void test_what_was_opened_for_a_peer_that_is_gone_is_dropped(void **state)
{
	struct pair *pair = *state;
	static struct train train;
	struct wg_packet packet;
	struct wg_open open;

	make_train(pair, &train);
	assert_int_equal(
		wg_open_begin(pair->side[BOB].device, pair->now, train.datagram, TRAIN, &open, 1),
		1);
	wg_peer_remove(pair->side[BOB].device, pair->side[BOB].peer);
	wg_open_many(&open, train.datagram, TRAIN);
	assert_int_equal(train.datagram[0].state, WG_OPENED);
	assert_int_equal(take(pair, &train.datagram[0], &packet), WG_DROP);
	wg_open_end(pair->side[BOB].device, &open);
	assert_null(open.keypair);
}

/* Whoever has the index by then did not seal it. */
static void test_what_another_session_has_opened_is_not_believed(void **state)
{
	struct pair *pair = *state;
	static struct train train;
	struct wg_packet packet;

	make_train(pair, &train);
	assert_true(open_ahead(pair, train.datagram, TRAIN));
	train.datagram[0].keypair = pair->side[ALICE].peer->keypairs.current;
	assert_int_equal(take(pair, &train.datagram[0], &packet), WG_DROP);
	assert_int_equal(take(pair, &train.datagram[1], &packet), WG_DELIVER);
}

#define PAIR_TEST(name)	     cmocka_unit_test_setup_teardown(name, pair_start, pair_stop)
#define CONNECTED_TEST(name) cmocka_unit_test_setup_teardown(name, start_connected, pair_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONNECTED_TEST(test_a_train_opened_ahead_is_delivered_packet_by_packet),
		CONNECTED_TEST(test_a_forged_one_of_a_train_is_dropped_alone),
		CONNECTED_TEST(test_a_train_is_replayed_in_vain),
		CONNECTED_TEST(test_what_is_no_data_of_the_session_is_left_as_it_came),
		CONNECTED_TEST(test_a_train_may_be_of_several_sessions),
		CONNECTED_TEST(test_what_was_opened_for_a_peer_that_is_gone_is_dropped),
		CONNECTED_TEST(test_what_another_session_has_opened_is_not_believed),
		CONNECTED_TEST(test_what_is_no_message_is_dropped_and_counted),
		CONNECTED_TEST(test_the_three_bytes_after_the_type_must_be_zero),
		CONNECTED_TEST(test_a_device_that_is_down_takes_nothing),
		CONNECTED_TEST(test_no_flipped_bit_gets_through),
		CONNECTED_TEST(test_a_data_packet_is_delivered_once),
		CONNECTED_TEST(test_a_replayed_packet_changes_no_endpoint),
		CONNECTED_TEST(test_packets_may_come_in_any_order),
		CONNECTED_TEST(test_a_packet_may_be_8128_behind_the_newest),
		CONNECTED_TEST(test_counters_past_the_limit_are_refused_before_they_are_opened),
		CONNECTED_TEST(test_late_packets_of_the_previous_session_are_taken),
		CONNECTED_TEST(test_packets_two_sessions_old_are_refused),
		CONNECTED_TEST(test_authentic_data_tells_where_a_peer_is),
		CONNECTED_TEST(test_a_handshake_tells_where_a_peer_is),
		CONNECTED_TEST(test_a_forged_initiation_changes_no_endpoint),
		CONNECTED_TEST(test_replies_leave_from_the_address_that_was_written_to),
		CONNECTED_TEST(test_a_source_that_is_not_the_peers_is_dropped),
		CONNECTED_TEST(test_a_source_that_is_another_peers_is_dropped),
		CONNECTED_TEST(test_a_source_not_allowed_still_tells_where_the_peer_is),
		CONNECTED_TEST(test_padding_is_cut_off),
		CONNECTED_TEST(test_inner_packets_with_a_wrong_length_are_dropped),
		CONNECTED_TEST(test_congestion_outside_is_told_inside),
		CONNECTED_TEST(test_a_replayed_initiation_is_not_answered),
		CONNECTED_TEST(test_a_replayed_response_changes_nothing),
		PAIR_TEST(test_an_initiation_of_a_stranger_is_not_answered),
		PAIR_TEST(test_a_response_that_does_not_authenticate_is_told_apart),
		PAIR_TEST(test_a_response_without_a_valid_mac_is_told_apart_too),
		PAIR_TEST(test_two_initiations_that_cross_end_in_one_session),
		PAIR_TEST(test_a_response_to_an_initiation_given_up_is_not_taken_for_forged),
		PAIR_TEST(test_handshakes_cost_a_cookie_under_load),
		PAIR_TEST(test_a_cookie_opens_the_way_under_load),
		PAIR_TEST(test_a_cookie_is_not_good_from_another_address),
		PAIR_TEST(test_a_response_costs_a_cookie_under_load_as_well),
		PAIR_TEST(test_a_source_with_a_cookie_is_limited),
		PAIR_TEST(test_load_is_over_a_second_after_the_flood),
		PAIR_TEST(test_a_cookie_reply_counts_once_and_moves_nobody),
		PAIR_TEST(test_cookie_replies_that_are_not_fetched_are_bounded),
	};

	return cmocka_run_group_tests_name("wireguard/receive", tests, NULL, NULL);
}
