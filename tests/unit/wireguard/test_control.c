/* Mirrors src/wireguard/control.c, and what only a whole device can show: days
 * of protocol over bad wires, restarts, ten thousand peers.
 */
#include "cmocka_all.h"

#include "emulated.h"

#include "wireguard/pair.h"

#include "base/secret.h"
#include "wireguard/device_state.h"
#include "wireguard/peer.h"
#include "wireguard/shortage.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int start_connected(void **state)
{
	int r = pair_start(state);

	if (r == 0)
		pair_connect(*state);
	return r;
}

/* ---- life and keys ---- */

static void test_a_new_device_has_no_key_and_no_peers(void **state)
{
	struct pair *pair = *state;
	struct wg_device *device =
		wg_device_new(pair_fill_random, pair, (struct wall_time){NS_PER_S});
	uint8_t key[32];

	assert_non_null(device);
	assert_false(wg_device_get_private_key(device, key));
	assert_null(wg_peer_next(device, NULL));
	assert_false(instant_is_set(wg_next_deadline(device)));
	wg_device_free(device);
	wg_device_free(NULL);
}

/* However many allocations there are: each of them fails once. */
static void test_a_device_is_whole_or_not_there(void **state)
{
	struct pair *pair = *state;
	struct wg_device *device = NULL;
	unsigned int n = 0;

	if (!shortage_is_possible())
		skip();
	while (!device) {
		shortage_set_calloc(++n);
		device = wg_device_new(pair_fill_random, pair, (struct wall_time){NS_PER_S});
	}
	shortage_set_calloc(0);
	assert_in_range(n, 4, 20);
	wg_device_free(device);
}

static void test_a_private_key_can_be_read_back_and_removed(void **state)
{
	struct pair *pair = *state;
	struct wg_device *device = pair->side[ALICE].device;
	const uint8_t none[32] = {0};
	uint8_t key[32];

	assert_true(wg_device_get_private_key(device, key));
	assert_memory_equal(key, pair->side[ALICE].private_key, sizeof(key));
	assert_int_equal(wg_device_set_private_key(device, pair->now, none), 0);
	assert_false(wg_device_get_private_key(device, key));
}

static void test_the_same_key_again_changes_nothing(void **state)
{
	struct pair *pair = *state;
	struct pair_side *alice = &pair->side[ALICE];

	assert_int_equal(wg_device_set_private_key(alice->device, pair->now, alice->private_key),
			 0);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(alice->n_sent[MESSAGE_INITIATION], 1);
	assert_int_equal(pair->side[BOB].n_delivered, 2);
}

static void test_a_new_key_ends_sending_and_begins_anew_at_once(void **state)
{
	struct pair *pair = *state;
	struct pair_side *alice = &pair->side[ALICE];
	uint8_t other[32] = {7};

	pair_send(pair, BOB);
	assert_int_equal(wg_device_set_private_key(alice->device, pair->now, other), 0);
	pair_advance_ms(pair, 100);
	assert_int_equal(alice->n_delivered, 2); /* what was under way still arrives */
	pair_send(pair, ALICE);
	assert_int_equal(alice->n_sent[MESSAGE_INITIATION], 2); /* though not 5 s have passed */
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, 1); /* Bob does not know that key */
	assert_int_equal(wg_device_set_private_key(alice->device, pair->now, alice->private_key),
			 0);
	pair_pump(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, 2);
}

/* Bob has answered, and his key changes before Alice's first packet comes. */
static void test_a_session_of_the_old_key_not_confirmed_yet_does_not_send(void **state)
{
	struct pair *pair = *state;
	struct pair_side *bob = &pair->side[BOB];
	const uint8_t other[32] = {7};

	pair_send(pair, ALICE);
	pair->wire.latency_ns = 50 * NS_PER_MS;
	pair_advance_ms(pair, 10);
	assert_non_null(bob->peer->keypairs.next);
	assert_int_equal(wg_device_set_private_key(bob->device, pair->now, other), 0);
	pair_advance_ms(pair, 110);
	assert_int_equal(bob->n_delivered, 1);
	pair_send(pair, BOB);
	assert_int_equal(bob->n_sent[MESSAGE_DATA], 0);
	assert_int_equal(bob->n_sent[MESSAGE_INITIATION], 1);
}

static void test_a_new_key_works_with_whoever_knows_it(void **state)
{
	struct pair *pair = *state;
	struct pair_side *alice = &pair->side[ALICE];
	struct pair_side *bob = &pair->side[BOB];
	const struct prefix allowed = pair_prefix("10.0.0.1/32");
	const uint8_t other[32] = {7};

	assert_int_equal(wg_device_set_private_key(alice->device, pair->now, other), 0);
	bob->peer = wg_peer_add(bob->device, pair->now, alice->device->noise.own.public_key);
	assert_non_null(bob->peer);
	assert_int_equal(wg_peer_add_allowed_ip(bob->device, bob->peer, &allowed), 0);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(bob->n_delivered, 2);
}

/* The kernel's netns.sh: also where the private key is set after the link is up. */
static void test_keepalives_begin_with_the_first_key(void **state)
{
	static uint8_t bytes[WG_DATAGRAM_MAX];
	static const uint8_t key[32] = {0x40, [31] = 0x40};
	static const uint8_t public_key[32] = {9};
	const struct instant now = {100 * NS_PER_S};
	struct wg_output output = {.bytes = bytes};
	union endpoint endpoint;
	struct wg_device *device =
		wg_device_new(pair_fill_random, *state, (struct wall_time){NS_PER_S});
	struct wg_peer *peer;

	assert_non_null(device);
	assert_true(endpoint_parse("127.0.0.1:1", 11, &endpoint));
	peer = wg_peer_add(device, now, public_key);
	wg_peer_set_endpoint(peer, &endpoint);
	wg_peer_set_keepalive(device, now, peer, 25);
	wg_device_up(device, now);
	assert_false(wg_next_output(device, now, &output));
	assert_int_equal(wg_device_set_private_key(device, now, key), 0);
	assert_true(wg_next_output(device, now, &output));
	assert_int_equal(bytes[0], 1); /* an initiation: whitepaper section 5.4.2 */
	wg_device_free(device);
}

static void test_a_peer_with_the_new_keys_public_key_is_removed(void **state)
{
	struct pair *pair = *state;
	struct wg_device *device = pair->side[ALICE].device;

	assert_int_equal(wg_device_set_private_key(device, pair->now, pair->side[BOB].private_key),
			 0);
	assert_null(wg_peer_find(device, pair->side[BOB].public_key));
	assert_int_equal(device->indices.n_entries, 0);
}

static void test_up_and_down_can_be_said_twice(void **state)
{
	struct pair *pair = *state;

	wg_device_up(pair->side[ALICE].device, pair->now);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, 2);
	wg_device_down(pair->side[ALICE].device);
	wg_device_down(pair->side[ALICE].device);
}

/* ---- restarts ---- */

static void test_after_a_restart_of_the_initiator_there_is_a_new_session(void **state)
{
	struct pair *pair = *state;

	pair_restart(pair, ALICE);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, 2);
}

/* Alice hears nothing for 15 s, then asks. */
static void test_after_a_restart_of_the_responder_silence_brings_a_new_session(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 30);
	pair_restart(pair, BOB);
	pair_send(pair, ALICE);
	pair_advance(pair, 16);
	assert_int_equal(pair->side[ALICE].n_sent[MESSAGE_INITIATION], 2);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, 2); /* one was lost */
}

/* Time as it stood an hour before: Bob takes the initiations for replays. */
static void test_a_clock_set_back_without_the_last_timestamp_is_locked_out(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 30);
	pair->side[ALICE].boot_wall.ns -= 3600 * NS_PER_S;
	pair_restart(pair, ALICE);
	pair_send(pair, ALICE);
	pair_advance(pair, 60);
	assert_int_equal(pair->side[BOB].n_delivered, 1);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_RESPONSE], 1);
}

static void test_a_clock_set_back_with_the_last_timestamp_goes_on(void **state)
{
	struct pair *pair = *state;
	uint8_t timestamp[12];
	uint8_t later[12];

	wg_device_get_last_timestamp(pair->side[ALICE].device, timestamp);
	pair->side[ALICE].boot_wall.ns -= 3600 * NS_PER_S;
	pair_restart(pair, ALICE);
	wg_device_set_last_timestamp(pair->side[ALICE].device, timestamp);
	wg_device_get_last_timestamp(pair->side[ALICE].device, later);
	assert_memory_equal(later, timestamp, sizeof(later));
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, 2);
	wg_device_get_last_timestamp(pair->side[ALICE].device, later);
	assert_true(memcmp(later, timestamp, sizeof(later)) > 0);
	/* And again and again, as the clock stays behind. */
	for (unsigned int i = 0; i < 5; i++) {
		pair_advance(pair, 200);
		pair_send(pair, ALICE);
		pair_advance_ms(pair, 100);
	}
	assert_int_equal(pair->side[BOB].n_delivered, 7);
}

/* ---- days ---- */

/* Bursts with pauses, a long talk, silence, one side alone: an hour's worth.
 * Bob speaks 8 ms after Alice: initiations that cross are another test's.
 */
static void talk_for_an_hour(struct pair *pair)
{
	static const struct {
		unsigned int n;
		unsigned int pause_ms;
		bool is_sender[PAIR_SIDES];
	} phases[] = {
		{60, 1000, {true, true}}, {30, 10000, {true, false}}, {30, 10000, {false, true}},
		{40, 20, {true, true}},	  {3, 400000, {true, true}},  {600, 1000, {true, true}},
	};
	const struct instant end = instant_add(pair->now, 3600 * NS_PER_S);

	for (size_t phase = 0; phase < sizeof(phases) / sizeof(phases[0]); phase++) {
		for (unsigned int i = 0; i < phases[phase].n; i++) {
			for (enum pair_name name = ALICE; name < PAIR_SIDES; name++) {
				if (phases[phase].is_sender[name])
					pair_send_len(pair, name, 40 + pair_random(pair) % 1300);
				pair_advance_ms(pair, 8);
			}
			pair_advance_ms(pair, phases[phase].pause_ms);
		}
	}
	pair_advance_ns(pair, instant_since(end, pair->now));
}

/* Under qemu-user, which is slow, a part stands for the whole: here and below. */
static unsigned int hours_of_a_day(void)
{
	return is_emulated() ? 4 : 24;
}

static void talk_for_a_day(struct pair *pair)
{
	wg_peer_set_endpoint(pair->side[BOB].peer, &pair->side[ALICE].at);
	for (unsigned int hour = 0; hour < hours_of_a_day(); hour++)
		talk_for_an_hour(pair);
}

static void tell(const struct pair *pair, const char *what)
{
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++) {
		const struct pair_side *side = &pair->side[name];

		print_message("%s, %s: %u of %u packets delivered, %u initiations, %u responses, "
			      "%u data of which %u keepalives\n",
			      what, name == ALICE ? "Alice" : "Bob",
			      pair->side[pair_other(name)].n_delivered, side->n_offered,
			      side->n_sent[MESSAGE_INITIATION], side->n_sent[MESSAGE_RESPONSE],
			      side->n_sent[MESSAGE_DATA], side->n_keepalives);
	}
}

static void test_a_day_on_a_good_wire_loses_nothing(void **state)
{
	struct pair *pair = *state;
	unsigned int n_initiations;

	talk_for_a_day(pair);
	tell(pair, "good wire");
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++) {
		assert_int_equal(pair->side[pair_other(name)].n_delivered,
				 pair->side[name].n_offered);
		assert_int_equal(pair_stats(pair, name).rx_invalid, 0);
		assert_int_equal(pair_stats(pair, name).rx_replayed, 0);
		assert_int_equal(pair_stats(pair, name).tx_staged_lost, 0);
	}
	/* One each 120 s when both talk all the time, fewer in the pauses. */
	n_initiations = pair->side[ALICE].n_sent[MESSAGE_INITIATION] +
			pair->side[BOB].n_sent[MESSAGE_INITIATION];
	assert_in_range(n_initiations, hours_of_a_day() * 10, hours_of_a_day() * 30);
}

/* Loss falls on handshakes too: what waits meanwhile is late, and most of what
 * is offered arrives.  That nothing arrives twice or altered the fixture asserts.
 */
static void test_a_day_on_a_bad_wire_recovers_every_time(void **state)
{
	struct pair *pair = *state;

	pair->wire = (struct pair_wire){
		.loss = 300,
		.duplication = 100,
		.corruption = 50,
		.reordering = 200,
		.latency_ns = 30 * NS_PER_MS,
	};
	talk_for_a_day(pair);
	tell(pair, "bad wire");
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++) {
		assert_true(pair->side[pair_other(name)].n_delivered >
			    pair->side[name].n_offered / 2);
		assert_true(pair_stats(pair, name).rx_invalid > 100);
		assert_true(pair_stats(pair, name).rx_replayed > 100);
	}
	pair->wire = (struct pair_wire){.latency_ns = NS_PER_MS};
	pair_advance(pair, 20);
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++) {
		uint32_t n_before = pair->side[pair_other(name)].n_delivered;

		pair_send(pair, name);
		pair_advance(pair, 6);
		assert_int_equal(pair->side[pair_other(name)].n_delivered, n_before + 1);
	}
}

static void test_a_wire_cut_for_an_hour_heals_within_seconds(void **state)
{
	struct pair *pair = *state;
	uint32_t n_before;

	pair->wire.is_cut[ALICE] = pair->wire.is_cut[BOB] = true;
	for (unsigned int i = 0; i < 3600; i++) {
		pair_send(pair, ALICE);
		pair_advance(pair, 1);
	}
	pair->wire.is_cut[ALICE] = pair->wire.is_cut[BOB] = false;
	n_before = pair->side[BOB].n_delivered;
	pair_advance(pair, 6);
	assert_int_equal(pair->side[BOB].n_delivered, n_before + WG_STAGED_MAX);
}

/* The same seed gives the same run: times, bytes and all. */
static void test_a_run_can_be_repeated(void **state)
{
	struct pair *first = *state;
	struct pair_datagram datagram;
	struct pair *second;

	talk_for_an_hour(first);
	datagram = pair_datagram_copy(&first->side[ALICE].last[MESSAGE_DATA]);
	assert_int_equal(pair_start((void **)&second), 0);
	pair_connect(second);
	talk_for_an_hour(second);
	assert_int_equal(second->side[ALICE].last[MESSAGE_DATA].len, datagram.len);
	assert_memory_equal(second->side[ALICE].last[MESSAGE_DATA].bytes, datagram.bytes,
			    datagram.len);
	(void)pair_stop((void **)&second);
	pair_datagram_done(&datagram);
}

/* ---- many peers ---- */

static unsigned int many(void)
{
	return is_emulated() ? 1000 : 10000;
}

static struct wg_peer *add_one_of_many(struct pair *pair, uint32_t number)
{
	struct wg_device *device = pair->side[ALICE].device;
	struct prefix prefix = pair_prefix("10.128.0.0/32");
	uint8_t key[32];
	struct wg_peer *peer;

	pair_fill_random(pair, key, sizeof(key));
	peer = wg_peer_add(device, pair->now, key);
	assert_non_null(peer);
	be32_store(&prefix.address.ip.s6_addr[12], UINT32_C(0x0a800000) + number);
	assert_int_equal(wg_peer_add_allowed_ip(device, peer, &prefix), 0);
	wg_peer_set_endpoint(peer, &pair->side[BOB].at);
	return peer;
}

static uint64_t seal_to_each(struct pair *pair)
{
	uint8_t packet[PAIR_PACKET_LEN];
	const struct instant start = clock_now();
	struct wg_seal seal;

	pair_write_packet(ALICE, 0, packet, sizeof(packet));
	for (uint32_t i = 0; i < many(); i++) {
		be32_store(packet + 16, UINT32_C(0x0a800000) + i * 7919 % many());
		assert_int_equal(wg_seal_begin(pair->side[ALICE].device, pair->now, packet,
					       sizeof(packet), 1, &seal),
				 -EAGAIN);
	}
	return instant_since(clock_now(), start) / many();
}

static void test_ten_thousand_peers_are_light_and_quickly_found(void **state)
{
	struct pair *pair = *state;
	struct wg_device *device = pair->side[ALICE].device;
	uint8_t bytes[WG_DATAGRAM_MAX];
	struct wg_output output = {.bytes = bytes};
	size_t before = mallinfo2().uordblks + device->vault.size;
	unsigned int n_initiations = 0;
	size_t each;
	uint64_t lookup_ns;
	uint64_t tick_ns;
	struct instant start;

	for (uint32_t i = 0; i < many(); i++)
		(void)add_one_of_many(pair, i);
	each = (mallinfo2().uordblks + device->vault.size - before) / many();
	lookup_ns = seal_to_each(pair); /* each asks for a handshake */
	while (wg_next_output(device, pair->now, &output))
		n_initiations++;
	assert_int_equal(n_initiations, many());
	pair->now = instant_add(pair->now, 6 * NS_PER_S);
	start = clock_now();
	wg_tick(device, pair->now);
	tick_ns = instant_since(clock_now(), start) / many();
	print_message("%u peers: %zu bytes each without sessions, %zu a session, %u ns a "
		      "lookup, %u ns a timer\n",
		      many(), each, sizeof(struct wg_keypair), (unsigned int)lookup_ns,
		      (unsigned int)tick_ns);
	assert_true(each < 2048);
	assert_true(sizeof(struct wg_keypair) < 1536);
	assert_true(is_emulated() || lookup_ns < 20000);
	assert_true(is_emulated() || tick_ns < 20000);
	n_initiations = 0;
	while (wg_next_output(device, pair->now, &output))
		n_initiations++;
	assert_int_equal(n_initiations, many());
}

#define PAIR_TEST(name)	     cmocka_unit_test_setup_teardown(name, pair_start, pair_stop)
#define CONNECTED_TEST(name) cmocka_unit_test_setup_teardown(name, start_connected, pair_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(test_a_new_device_has_no_key_and_no_peers),
		PAIR_TEST(test_a_device_is_whole_or_not_there),
		PAIR_TEST(test_a_private_key_can_be_read_back_and_removed),
		CONNECTED_TEST(test_the_same_key_again_changes_nothing),
		CONNECTED_TEST(test_a_new_key_ends_sending_and_begins_anew_at_once),
		PAIR_TEST(test_a_session_of_the_old_key_not_confirmed_yet_does_not_send),
		CONNECTED_TEST(test_a_new_key_works_with_whoever_knows_it),
		CONNECTED_TEST(test_keepalives_begin_with_the_first_key),
		CONNECTED_TEST(test_a_peer_with_the_new_keys_public_key_is_removed),
		CONNECTED_TEST(test_up_and_down_can_be_said_twice),
		CONNECTED_TEST(test_after_a_restart_of_the_initiator_there_is_a_new_session),
		CONNECTED_TEST(test_after_a_restart_of_the_responder_silence_brings_a_new_session),
		CONNECTED_TEST(test_a_clock_set_back_without_the_last_timestamp_is_locked_out),
		CONNECTED_TEST(test_a_clock_set_back_with_the_last_timestamp_goes_on),
		PAIR_TEST(test_a_day_on_a_good_wire_loses_nothing),
		PAIR_TEST(test_a_day_on_a_bad_wire_recovers_every_time),
		CONNECTED_TEST(test_a_wire_cut_for_an_hour_heals_within_seconds),
		CONNECTED_TEST(test_a_run_can_be_repeated),
		PAIR_TEST(test_ten_thousand_peers_are_light_and_quickly_found),
	};

	return cmocka_run_group_tests_name("wireguard/control", tests, NULL, NULL);
}
