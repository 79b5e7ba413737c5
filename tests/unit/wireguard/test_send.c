/* Mirrors src/wireguard/send.c */
#include "cmocka_all.h"

#include "wireguard/pair.h"

#include "wireguard/constants.h"
#include "wireguard/device_state.h"
#include "wireguard/peer.h"

#include <errno.h>
#include <string.h>

static int start_connected(void **state)
{
	int r = pair_start(state);

	if (r == 0)
		pair_connect(*state);
	return r;
}

static int begin(struct pair *pair, unsigned int n, struct wg_seal *ret)
{
	uint8_t packet[PAIR_PACKET_LEN];

	pair_write_packet(ALICE, 0, packet, sizeof(packet));
	return wg_seal_begin(pair->side[ALICE].device, pair->now, packet, sizeof(packet), n, ret);
}

/* ---- padding ---- */

static void test_padding_goes_to_16_bytes_and_not_past_the_mtu(void **state)
{
	static const struct {
		size_t len;
		size_t mtu;
		size_t datagram_len;
	} cases[] = {
		{84, 1420, 96 + 32},	 {96, 1420, 96 + 32},	     {97, 1420, 112 + 32},
		{1408, 1420, 1408 + 32}, {1409, 1420, 1420 + 32},    {1420, 1420, 1420 + 32},
		{1420, 0, 1424 + 32},	 {1300, 1299, 1315 + 32},    {1500, 1420, 1500 + 32},
		{2840, 1420, 2840 + 32}, {65000, 65520, 65008 + 32},
	};
	static uint8_t packet[WG_DATAGRAM_MAX];
	static uint8_t out[WG_DATAGRAM_MAX];
	struct pair *pair = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wg_seal seal;

		assert_int_equal(begin(pair, 1, &seal), 0);
		assert_int_equal(wg_seal(&seal, out, packet, 20, packet + 20, cases[i].len - 20,
					 cases[i].mtu),
				 cases[i].datagram_len);
		wg_seal_end(pair->side[ALICE].device, pair->now, &seal, 0, 0);
	}
}

static void test_packets_that_waited_are_padded_likewise(void **state)
{
	struct pair *pair = *state;

	pair_send_len(pair, ALICE, 1420);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[ALICE].last[MESSAGE_DATA].len, 1420 + 32);
	assert_int_equal(pair->side[BOB].last_len, 1420);
}

/* ---- batches ---- */

static void test_a_batch_has_consecutive_counters(void **state)
{
	struct pair *pair = *state;
	uint8_t packet[PAIR_PACKET_LEN];
	uint8_t out[PAIR_PACKET_LEN + 15 + WG_OVERHEAD_LEN];
	struct wg_seal seal;
	uint64_t first;

	pair_write_packet(ALICE, 0, packet, sizeof(packet));
	assert_int_equal(begin(pair, 3, &seal), 0);
	assert_int_equal(seal.n_left, 3);
	first = seal.next_counter;
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(wg_seal(&seal, out, packet, sizeof(packet), NULL, 0, 1420) > 0);
		assert_true(le64_load(out + 8) == first + i);
	}
	assert_int_equal(wg_seal(&seal, out, packet, sizeof(packet), NULL, 0, 1420), 0);
	wg_seal_end(pair->side[ALICE].device, pair->now, &seal, 0, 0);
}

static void test_counters_of_a_batch_not_used_up_are_not_used_again(void **state)
{
	struct pair *pair = *state;
	struct wg_seal seal;
	uint64_t first;

	assert_int_equal(begin(pair, 10, &seal), 0);
	first = seal.next_counter;
	wg_seal_end(pair->side[ALICE].device, pair->now, &seal, 0, 0);
	assert_int_equal(begin(pair, 1, &seal), 0);
	assert_true(seal.next_counter == first + 10);
	wg_seal_end(pair->side[ALICE].device, pair->now, &seal, 0, 0);
}

static void test_a_packet_can_be_encrypted_where_it_is(void **state)
{
	struct pair *pair = *state;
	uint8_t out[WG_HEADER_LEN + PAIR_PACKET_LEN + 15 + 16];
	uint8_t packet[PAIR_PACKET_LEN];
	struct pair_datagram datagram = {.bytes = out, .from = pair->side[ALICE].at};
	struct wg_seal seal;

	datagram.to = pair->side[BOB].at;
	pair_write_packet(ALICE, pair->side[ALICE].n_offered++, packet, sizeof(packet));
	memcpy(out + WG_HEADER_LEN + 20, packet + 20, sizeof(packet) - 20);
	assert_int_equal(begin(pair, 1, &seal), 0);
	datagram.len = wg_seal(&seal, out, packet, 20, out + WG_HEADER_LEN + 20,
			       sizeof(packet) - 20, 1420);
	assert_int_equal(pair_inject(pair, BOB, &datagram), WG_DELIVER);
	wg_seal_end(pair->side[ALICE].device, pair->now, &seal, 0, 0);
}

/* The session may have begun in another thread, a moment ago. */
static void test_packets_that_waited_leave_before_a_batch_begins(void **state)
{
	struct pair *pair = *state;
	struct wg_device *device = pair->side[ALICE].device;
	uint8_t packet[PAIR_PACKET_LEN];
	uint8_t bytes[PAIR_PACKET_LEN + 15 + WG_OVERHEAD_LEN];
	struct wg_output output = {.bytes = bytes};
	struct wg_seal seal;

	pair_write_packet(ALICE, 0, packet, sizeof(packet));
	wg_stage(device, pair->now, packet, sizeof(packet));
	assert_int_equal(begin(pair, 1, &seal), -EBUSY);
	assert_true(wg_has_output(device));
	assert_true(wg_next_output(device, pair->now, &output));
	assert_int_equal(begin(pair, 1, &seal), 0);
	assert_false(wg_has_output(device));
	assert_true(seal.next_counter == le64_load(bytes + 8) + 1);
	wg_seal_end(device, pair->now, &seal, 0, 0);
}

/* ---- what another thread may do between the beginning of a batch and its end ---- */

static void remove_peer(struct pair *pair)
{
	wg_peer_remove(pair->side[ALICE].device, pair->side[ALICE].peer);
}

static void go_down(struct pair *pair)
{
	wg_device_down(pair->side[ALICE].device);
}

static void change_key(struct pair *pair)
{
	const uint8_t key[32] = {77};

	assert_int_equal(wg_device_set_private_key(pair->side[ALICE].device, pair->now, key), 0);
}

/* Three sessions later nothing but the batch knows the keypair. */
static void renew_thrice(struct pair *pair)
{
	for (int i = 0; i < 3; i++) {
		pair_advance(pair, 6);
		wg_peer_start_handshake(pair->side[ALICE].device, pair->now,
					pair->side[ALICE].peer);
		pair_pump(pair, ALICE);
		pair_advance_ms(pair, 100);
	}
}

static void test_a_batch_under_way_outlives_whatever_happens(void **state)
{
	static void (*const happens[])(struct pair *) = {remove_peer, go_down, change_key,
							 renew_thrice};
	uint8_t packet[PAIR_PACKET_LEN] = {0};
	uint8_t out[PAIR_PACKET_LEN + 15 + WG_OVERHEAD_LEN];

	for (size_t i = 0; i < sizeof(happens) / sizeof(happens[0]); i++) {
		struct pair *pair = *state;
		struct wg_seal seal;
		uint32_t receiver;

		assert_int_equal(begin(pair, 2, &seal), 0);
		assert_true(wg_seal(&seal, out, packet, sizeof(packet), NULL, 0, 1420) > 0);
		receiver = le32_load(out + 4);
		happens[i](pair);
		assert_true(wg_seal(&seal, out, packet, sizeof(packet), NULL, 0, 1420) > 0);
		assert_int_equal(le32_load(out + 4), receiver);
		wg_seal_end(pair->side[ALICE].device, pair->now, &seal, 2, 200);
		assert_null(seal.keypair);
		assert_int_equal(pair_stop(state), 0);
		assert_int_equal(start_connected(state), 0);
	}
}

static void test_of_a_peer_that_is_gone_no_timer_is_set(void **state)
{
	struct pair *pair = *state;
	struct wg_device *device = pair->side[ALICE].device;
	struct wg_seal seal;

	assert_int_equal(begin(pair, 1, &seal), 0);
	remove_peer(pair);
	wg_seal_end(device, pair->now, &seal, 1, 100);
	assert_false(instant_is_set(wg_next_deadline(device)));
	assert_false(wg_has_output(device));
}

static void test_a_packet_for_nobody_is_told(void **state)
{
	struct pair *pair = *state;
	uint8_t packet[PAIR_PACKET_LEN];
	struct wg_seal seal;

	pair_write_packet(ALICE, 0, packet, sizeof(packet));
	packet[19] = 99; /* 10.0.0.99 */
	assert_int_equal(wg_seal_begin(pair->side[ALICE].device, pair->now, packet, sizeof(packet),
				       1, &seal),
			 -ENOKEY);
	assert_int_equal(pair_stats(pair, ALICE).tx_no_peer, 1);
	wg_stage(pair->side[ALICE].device, pair->now, packet, sizeof(packet));
	pair_pump(pair, ALICE);
	assert_int_equal(pair->side[ALICE].n_sent[MESSAGE_INITIATION], 0);
}

static void test_a_peer_without_endpoint_is_told(void **state)
{
	struct pair *pair = *state;

	pair_send(pair, BOB);
	assert_int_equal(pair->side[BOB].refusal, -EDESTADDRREQ);
	wg_peer_start_handshake(pair->side[BOB].device, pair->now, pair->side[BOB].peer);
	wg_peer_set_keepalive(pair->side[BOB].device, pair->now, pair->side[BOB].peer, 5);
	pair_pump(pair, BOB);
	pair_advance(pair, 60);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_INITIATION], 0);
	wg_peer_set_endpoint(pair->side[BOB].peer, &pair->side[ALICE].at);
	pair_advance(pair, 6);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_INITIATION], 1);
}

static void test_what_is_not_ip_is_told(void **state)
{
	struct pair *pair = *state;
	uint8_t packet[PAIR_PACKET_LEN] = {0x50};
	struct wg_seal seal;

	assert_int_equal(wg_seal_begin(pair->side[ALICE].device, pair->now, packet, sizeof(packet),
				       1, &seal),
			 -EINVAL);
	packet[0] = 0x60;
	assert_int_equal(wg_seal_begin(pair->side[ALICE].device, pair->now, packet, 39, 1, &seal),
			 -EINVAL);
	assert_int_equal(wg_seal_begin(pair->side[ALICE].device, pair->now, packet, 0, 1, &seal),
			 -EINVAL);
}

static void test_a_device_that_is_down_sends_nothing(void **state)
{
	struct pair *pair = *state;
	struct wg_seal seal;

	wg_device_down(pair->side[ALICE].device);
	assert_int_equal(begin(pair, 1, &seal), -ENETDOWN);
	wg_peer_set_keepalive(pair->side[ALICE].device, pair->now, pair->side[ALICE].peer, 1);
	wg_peer_start_handshake(pair->side[ALICE].device, pair->now, pair->side[ALICE].peer);
	pair_pump(pair, ALICE);
	assert_int_equal(pair->side[ALICE].n_sent[MESSAGE_INITIATION], 1);
	assert_false(instant_is_set(wg_next_deadline(pair->side[ALICE].device)));
}

static void test_no_packet_is_sent_past_the_last_counter(void **state)
{
	struct pair *pair = *state;
	struct wg_seal seal;

	pair_advance(pair, 6);
	pair->side[ALICE].peer->keypairs.current->send_counter = WG_REJECT_AFTER_MESSAGES - 2;
	assert_int_equal(begin(pair, 2, &seal), 0);
	wg_seal_end(pair->side[ALICE].device, pair->now, &seal, 0, 0);
	assert_int_equal(begin(pair, 1, &seal), -EAGAIN);
	pair_send(pair, ALICE);
	assert_int_equal(pair->side[ALICE].n_sent[MESSAGE_INITIATION], 2);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, 2);
}

static void test_a_key_is_renewed_after_two_to_the_sixty_messages(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 6);
	wg_peer_set_endpoint(pair->side[BOB].peer, &pair->side[ALICE].at);
	pair->side[BOB].peer->keypairs.current->send_counter = WG_REKEY_AFTER_MESSAGES - 1;
	pair_send(pair, BOB);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_INITIATION], 0);
	pair_send(pair, BOB);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_INITIATION], 1);
	pair_advance_ms(pair, 100);
	assert_true(pair->side[BOB].peer->keypairs.current->send_counter < 10);
}

static void test_a_send_that_failed_sets_no_timer(void **state)
{
	struct pair *pair = *state;
	struct wg_seal seal;

	pair_advance(pair, 100);
	assert_int_equal(begin(pair, 1, &seal), 0);
	wg_seal_end(pair->side[ALICE].device, pair->now, &seal, 0, 0);
	assert_false(timers_is_set(&pair->side[ALICE].peer->timers, TIMER_NEW_HANDSHAKE));
}

/* ---- bytes, as the kernel module counts ---- */

static void test_ten_pings_count_as_in_the_kernel_module(void **state)
{
	struct pair *pair = *state;

	for (unsigned int i = 0; i < 10; i++) {
		pair_send(pair, ALICE);
		pair_advance_ms(pair, 20);
		pair_send(pair, BOB);
		pair_advance_ms(pair, 20);
	}
	assert_int_equal(pair_peer_stats(pair, ALICE).tx_bytes, 148 + 10 * 128);
	assert_int_equal(pair_peer_stats(pair, ALICE).rx_bytes, 92 + 10 * 128);
	assert_int_equal(pair_peer_stats(pair, BOB).tx_bytes, 92 + 10 * 128);
	assert_int_equal(pair_peer_stats(pair, BOB).rx_bytes, 148 + 10 * 128);
	pair_advance(pair, 11);
	assert_int_equal(pair_peer_stats(pair, ALICE).tx_bytes, 148 + 10 * 128 + 32);
	assert_int_equal(pair_peer_stats(pair, BOB).rx_bytes, 148 + 10 * 128 + 32);
}

/* ---- what waits ---- */

static void test_packets_wait_for_the_session_in_order(void **state)
{
	struct pair *pair = *state;

	for (unsigned int i = 0; i < WG_STAGED_MAX; i++)
		pair_send_len(pair, ALICE, 60 + i);
	assert_int_equal(pair->side[ALICE].n_sent[MESSAGE_DATA], 0);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, WG_STAGED_MAX);
	assert_int_equal(pair->side[BOB].last_len, 60 + WG_STAGED_MAX - 1);
	assert_int_equal(pair->side[ALICE].n_keepalives, 0);
	assert_int_equal(pair_stats(pair, ALICE).tx_staged_lost, 0);
}

static void test_of_more_than_128_packets_the_oldest_are_lost(void **state)
{
	struct pair *pair = *state;

	for (unsigned int i = 0; i < 200; i++)
		pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, WG_STAGED_MAX);
	assert_int_equal(pair_stats(pair, ALICE).tx_staged_lost, 200 - WG_STAGED_MAX);
	assert_int_equal(pair->side[BOB].is_delivered[0], 0);
	assert_int_equal(pair->side[BOB].is_delivered[24], 0xff);
}

static void test_without_packets_a_keepalive_confirms_the_session(void **state)
{
	struct pair *pair = *state;

	wg_peer_start_handshake(pair->side[ALICE].device, pair->now, pair->side[ALICE].peer);
	pair_pump(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[ALICE].n_keepalives, 1);
	assert_true(pair_peer_stats(pair, BOB).last_handshake.ns > 0);
}

static void test_without_a_key_nothing_is_sent(void **state)
{
	struct pair *pair = *state;
	const uint8_t none[32] = {0};
	const struct wg_device *device = pair->side[ALICE].device;

	assert_int_equal(wg_device_set_private_key(pair->side[ALICE].device, pair->now, none), 0);
	pair_send(pair, ALICE);
	assert_int_equal(pair->side[ALICE].n_sent[MESSAGE_INITIATION], 0);
	assert_int_equal(device->indices.n_entries, 0);
	assert_int_equal(wg_device_set_private_key(pair->side[ALICE].device, pair->now,
						   pair->side[ALICE].private_key),
			 0);
	pair_pump(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, 1);
}

static void test_handshakes_are_marked_af41_and_data_by_its_ecn(void **state)
{
	struct pair *pair = *state;
	uint8_t packet[PAIR_PACKET_LEN];

	pair_write_packet(ALICE, pair->side[ALICE].n_offered++, packet, sizeof(packet));
	packet[1] = 0xb8 | 2; /* EF, ECT(0) */
	wg_stage(pair->side[ALICE].device, pair->now, packet, sizeof(packet));
	pair_pump(pair, ALICE);
	assert_int_equal(pair->side[ALICE].last[MESSAGE_INITIATION].tos, 0x88);
	assert_int_equal(pair_inject(pair, BOB, &pair->side[ALICE].last[MESSAGE_INITIATION]),
			 WG_CONTROL);
	assert_int_equal(pair->side[BOB].last[MESSAGE_RESPONSE].tos, 0x88);
	assert_int_equal(pair_inject(pair, ALICE, &pair->side[BOB].last[MESSAGE_RESPONSE]),
			 WG_CONTROL);
	assert_int_equal(pair->side[ALICE].last[MESSAGE_DATA].tos, 2);
	assert_int_equal(wg_outer_tos(packet, sizeof(packet)), 2);
}

static void test_peers_take_turns(void **state)
{
	struct pair *pair = *state;
	struct wg_device *device = pair->side[ALICE].device;
	const union endpoint endpoint = pair_endpoint("192.0.2.3:3333");
	const struct prefix prefix = pair_prefix("10.0.0.3/32");
	const uint8_t key[32] = {9};
	struct wg_peer *other = wg_peer_add(device, pair->now, key);
	uint8_t bytes[WG_DATAGRAM_MAX];
	struct wg_output output = {.bytes = bytes};

	wg_peer_set_endpoint(other, &endpoint);
	assert_int_equal(wg_peer_add_allowed_ip(device, other, &prefix), 0);
	for (unsigned int i = 0; i < 3; i++) {
		uint8_t packet[PAIR_PACKET_LEN];

		pair_write_packet(ALICE, 0, packet, sizeof(packet));
		wg_stage(device, pair->now, packet, sizeof(packet));
	}
	peer_want(other, PEER_INITIATION);
	peer_want(pair->side[ALICE].peer, PEER_INITIATION);
	assert_true(wg_next_output(device, pair->now, &output));
	assert_true(endpoint_equal(&output.to, &pair->side[BOB].at));
	assert_true(wg_next_output(device, pair->now, &output));
	assert_true(endpoint_equal(&output.to, &endpoint));
	assert_false(wg_next_output(device, pair->now, &output));
}

#define PAIR_TEST(name)	     cmocka_unit_test_setup_teardown(name, pair_start, pair_stop)
#define CONNECTED_TEST(name) cmocka_unit_test_setup_teardown(name, start_connected, pair_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONNECTED_TEST(test_padding_goes_to_16_bytes_and_not_past_the_mtu),
		PAIR_TEST(test_packets_that_waited_are_padded_likewise),
		CONNECTED_TEST(test_packets_that_waited_leave_before_a_batch_begins),
		CONNECTED_TEST(test_a_batch_under_way_outlives_whatever_happens),
		CONNECTED_TEST(test_of_a_peer_that_is_gone_no_timer_is_set),
		CONNECTED_TEST(test_a_batch_has_consecutive_counters),
		CONNECTED_TEST(test_counters_of_a_batch_not_used_up_are_not_used_again),
		CONNECTED_TEST(test_a_packet_can_be_encrypted_where_it_is),
		PAIR_TEST(test_a_packet_for_nobody_is_told),
		PAIR_TEST(test_a_peer_without_endpoint_is_told),
		PAIR_TEST(test_what_is_not_ip_is_told),
		CONNECTED_TEST(test_a_device_that_is_down_sends_nothing),
		CONNECTED_TEST(test_no_packet_is_sent_past_the_last_counter),
		CONNECTED_TEST(test_a_key_is_renewed_after_two_to_the_sixty_messages),
		CONNECTED_TEST(test_a_send_that_failed_sets_no_timer),
		PAIR_TEST(test_ten_pings_count_as_in_the_kernel_module),
		PAIR_TEST(test_packets_wait_for_the_session_in_order),
		PAIR_TEST(test_of_more_than_128_packets_the_oldest_are_lost),
		PAIR_TEST(test_without_packets_a_keepalive_confirms_the_session),
		PAIR_TEST(test_without_a_key_nothing_is_sent),
		PAIR_TEST(test_handshakes_are_marked_af41_and_data_by_its_ecn),
		PAIR_TEST(test_peers_take_turns),
	};

	return cmocka_run_group_tests_name("wireguard/send", tests, NULL, NULL);
}
