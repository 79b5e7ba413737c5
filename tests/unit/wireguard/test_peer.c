/* Mirrors src/wireguard/peer.c */
#include "cmocka_all.h"

#include "wireguard/pair.h"

#include "base/secret.h"
#include "wireguard/device_state.h"
#include "wireguard/peer.h"
#include "wireguard/shortage.h"

#include <string.h>

static int start_connected(void **state)
{
	int r = pair_start(state);

	if (r == 0)
		pair_connect(*state);
	return r;
}

static size_t count_indices(const struct pair *pair, enum pair_name of)
{
	return pair->side[of].device->indices.n_entries;
}

/* ---- who is a peer ---- */

static void test_a_peer_is_there_once(void **state)
{
	struct pair *pair = *state;
	const struct pair_side *alice = &pair->side[ALICE];

	assert_ptr_equal(wg_peer_add(alice->device, pair->now, pair->side[BOB].public_key),
			 alice->peer);
	assert_ptr_equal(wg_peer_find(alice->device, pair->side[BOB].public_key), alice->peer);
	assert_null(wg_peer_find(alice->device, alice->public_key));
}

static void test_our_own_key_is_no_peer(void **state)
{
	struct pair *pair = *state;

	assert_null(wg_peer_add(pair->side[ALICE].device, pair->now, pair->side[ALICE].public_key));
}

static void test_peers_come_in_the_order_of_addition(void **state)
{
	struct pair *pair = *state;
	struct wg_device *device = pair->side[ALICE].device;
	const uint8_t keys[2][32] = {{2}, {1}};
	struct wg_peer *second = wg_peer_add(device, pair->now, keys[0]);
	struct wg_peer *third = wg_peer_add(device, pair->now, keys[1]);

	assert_ptr_equal(wg_peer_next(device, NULL), pair->side[ALICE].peer);
	assert_ptr_equal(wg_peer_next(device, pair->side[ALICE].peer), second);
	assert_ptr_equal(wg_peer_next(device, second), third);
	assert_null(wg_peer_next(device, third));
	wg_peer_remove_all(device);
	assert_null(wg_peer_next(device, NULL));
}

static void test_a_removed_peer_leaves_nothing(void **state)
{
	struct pair *pair = *state;
	struct pair_side *alice = &pair->side[ALICE];

	pair_send(pair, BOB);
	assert_ptr_equal(alice->device->cache.owner, alice->peer);
	assert_ptr_equal(alice->device->cache.keypair, alice->peer->keypairs.current);
	wg_peer_remove(alice->device, alice->peer);
	assert_null(alice->device->cache.owner);
	assert_null(alice->device->cache.keypair);
	assert_int_equal(count_indices(pair, ALICE), 0);
	assert_null(wg_peer_find(alice->device, pair->side[BOB].public_key));
	assert_false(instant_is_set(wg_next_deadline(alice->device)));
	pair_advance(pair, 1);
	assert_int_equal(alice->n_delivered, 1);
	assert_int_equal(pair_stats(pair, ALICE).rx_invalid, 1);
}

static void test_a_peer_can_be_removed_while_it_wants_to_send(void **state)
{
	struct pair *pair = *state;
	struct wg_device *device = pair->side[ALICE].device;
	struct wg_peer *peers[3];

	for (uint8_t i = 0; i < 3; i++) {
		const uint8_t key[32] = {i};

		peers[i] = wg_peer_add(device, pair->now, key);
		wg_peer_set_endpoint(peers[i], &pair->side[BOB].at);
		wg_peer_start_handshake(device, pair->now, peers[i]);
	}
	wg_peer_remove(device, peers[1]);
	wg_peer_remove(device, peers[0]);
	wg_peer_remove(device, peers[2]);
	assert_null(device->wanting.first);
	assert_null(device->wanting.last);
	pair_pump(pair, ALICE);
	assert_int_equal(pair->side[ALICE].n_sent[MESSAGE_INITIATION], 0);
}

static void test_a_peer_is_whole_or_not_there(void **state)
{
	struct pair *pair = *state;
	struct wg_device *device = pair->side[ALICE].device;
	const uint8_t key[32] = {3};
	struct wg_peer *peer = NULL;
	unsigned int n = 0;

	if (!shortage_is_possible())
		skip();
	wg_peer_remove_all(device);
	while (!peer) {
		roster_done(&device->roster); /* so that they grow again */
		schedule_done(&device->schedule);
		shortage_set_calloc(++n);
		peer = wg_peer_add(device, pair->now, key);
		assert_ptr_equal(wg_peer_find(device, key), peer);
		assert_ptr_equal(wg_peer_next(device, NULL), peer);
	}
	shortage_set_calloc(0);
	assert_in_range(n, 4, 10);
}

/* ---- configuration ---- */

static void note_prefix(void *context, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LEN];

	(void)strcat(context, prefix_print(prefix, text));
	(void)strcat(context, " ");
}

static const char *list_prefixes(struct pair *pair, const struct wg_peer *peer, char ret[256])
{
	ret[0] = 0;
	wg_peer_each_allowed_ip(pair->side[ALICE].device, peer, note_prefix, ret);
	return ret;
}

static void test_a_prefix_moves_to_the_last_peer_that_claims_it(void **state)
{
	struct pair *pair = *state;
	struct wg_device *device = pair->side[ALICE].device;
	const struct prefix moved = pair_prefix("10.0.0.2/32");
	const struct prefix more = pair_prefix("fd00::/8");
	const uint8_t key[32] = {1};
	struct wg_peer *other = wg_peer_add(device, pair->now, key);
	char text[256];

	assert_int_equal(wg_peer_add_allowed_ip(device, other, &moved), 0);
	assert_int_equal(wg_peer_add_allowed_ip(device, other, &more), 0);
	assert_string_equal(list_prefixes(pair, pair->side[ALICE].peer, text), "");
	assert_string_equal(list_prefixes(pair, other, text), "10.0.0.2/32 fd00::/8 ");
	wg_peer_remove_allowed_ip(device, other, &moved);
	assert_string_equal(list_prefixes(pair, other, text), "fd00::/8 ");
	wg_peer_clear_allowed_ips(device, other);
	assert_string_equal(list_prefixes(pair, other, text), "");
}

static void test_both_need_the_same_preshared_key(void **state)
{
	struct pair *pair = *state;
	const uint8_t psk[32] = {1, 2, 3};
	uint8_t got[32];

	wg_peer_set_preshared_key(pair->side[ALICE].peer, psk);
	pair_send(pair, ALICE);
	pair_advance(pair, 1);
	assert_int_equal(pair->side[BOB].n_delivered, 0);
	wg_peer_set_preshared_key(pair->side[BOB].peer, psk);
	pair_advance(pair, 5);
	assert_int_equal(pair->side[BOB].n_delivered, 1);
	wg_peer_get_preshared_key(pair->side[BOB].peer, got);
	assert_memory_equal(got, psk, sizeof(psk));
}

static void test_a_peer_tells_how_it_fares(void **state)
{
	struct pair *pair = *state;
	struct wg_peer_stats stats = pair_peer_stats(pair, ALICE);
	uint64_t age_ns;

	assert_memory_equal(stats.public_key, pair->side[BOB].public_key, 32);
	assert_true(endpoint_equal(&stats.endpoint, &pair->side[BOB].at));
	assert_int_equal(stats.handshakes_sent, 1);
	assert_int_equal(stats.keepalive_s, 0);
	age_ns = pair->side[ALICE].boot_wall.ns + pair->now.ns - stats.last_handshake.ns;
	assert_in_range(age_ns, 0, NS_PER_S);
	wg_peer_set_keepalive(pair->side[ALICE].device, pair->now, pair->side[ALICE].peer, 25);
	assert_int_equal(pair_peer_stats(pair, ALICE).keepalive_s, 25);
}

static void test_a_keepalive_switched_on_is_sent_at_once(void **state)
{
	struct pair *pair = *state;
	struct pair_side *alice = &pair->side[ALICE];

	wg_peer_set_keepalive(alice->device, pair->now, alice->peer, 25);
	pair_pump(pair, ALICE);
	assert_int_equal(alice->n_keepalives, 1);
	wg_peer_set_keepalive(alice->device, pair->now, alice->peer, 20);
	pair_pump(pair, ALICE);
	assert_int_equal(alice->n_keepalives, 1);
}

static void test_a_peer_with_keepalive_begins_when_the_device_comes_up(void **state)
{
	struct pair *pair = *state;
	struct pair_side *alice = &pair->side[ALICE];

	wg_device_down(alice->device);
	wg_peer_set_keepalive(alice->device, pair->now, alice->peer, 25);
	pair_pump(pair, ALICE);
	assert_int_equal(alice->n_sent[MESSAGE_INITIATION], 0);
	wg_device_up(alice->device, pair->now);
	pair_pump(pair, ALICE);
	assert_int_equal(alice->n_sent[MESSAGE_INITIATION], 1);
}

/* ---- sessions ---- */

static void test_a_responder_waits_for_the_first_data(void **state)
{
	struct pair *pair = *state;
	struct pair_side *bob = &pair->side[BOB];

	pair_send(pair, ALICE);
	pair->wire.latency_ns = 50 * NS_PER_MS; /* of what is sent from now on */
	pair_advance_ms(pair, 10);
	assert_int_equal(bob->n_sent[MESSAGE_RESPONSE], 1);
	assert_non_null(bob->peer->keypairs.next);
	assert_null(bob->peer->keypairs.current);
	pair_send(pair, BOB);
	assert_int_equal(bob->n_sent[MESSAGE_DATA], 0);
	assert_int_equal(bob->n_sent[MESSAGE_INITIATION], 0);
	assert_true(pair_peer_stats(pair, BOB).last_handshake.ns == 0);
	pair_advance_ms(pair, 110);
	assert_null(bob->peer->keypairs.next);
	assert_non_null(bob->peer->keypairs.current);
	assert_int_equal(bob->n_sent[MESSAGE_DATA], 1);
	assert_true(pair_peer_stats(pair, BOB).last_handshake.ns > 0);
}

static void test_an_old_session_serves_until_the_new_one_is_confirmed(void **state)
{
	struct pair *pair = *state;
	struct pair_side *bob = &pair->side[BOB];
	struct wg_keypair *old = bob->peer->keypairs.current;

	pair_advance(pair, 6);
	wg_peer_start_handshake(pair->side[ALICE].device, pair->now, pair->side[ALICE].peer);
	pair_pump(pair, ALICE);
	pair->wire.is_cut[BOB] = true;
	pair_advance_ms(pair, 100);
	assert_ptr_equal(bob->peer->keypairs.current, old);
	assert_non_null(bob->peer->keypairs.next);
	pair->wire.is_cut[BOB] = false;
	pair_send(pair, BOB);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[ALICE].n_delivered, 2);
	assert_int_equal(bob->n_delivered, 2);
}

static void test_indices_do_not_pile_up(void **state)
{
	struct pair *pair = *state;

	for (unsigned int i = 0; i < 50; i++) {
		pair_advance(pair, 6);
		wg_peer_start_handshake(pair->side[i % 2].device, pair->now,
					pair->side[i % 2].peer);
		pair_pump(pair, i % 2);
		pair_advance_ms(pair, 100);
		assert_in_range(count_indices(pair, ALICE), 1, 4);
		assert_in_range(count_indices(pair, BOB), 1, 4);
	}
	pair_advance(pair, 600);
	assert_int_equal(count_indices(pair, ALICE), 0);
	assert_int_equal(count_indices(pair, BOB), 0);
}

static void test_without_memory_for_a_session_the_next_try_makes_one(void **state)
{
	struct pair *pair = *state;

	if (!shortage_is_possible())
		skip();
	pair_send(pair, ALICE);
	shortage_set_calloc(1); /* Bob's */
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_RESPONSE], 0);
	assert_int_equal(count_indices(pair, BOB), 0);
	pair_advance_ms(pair, 5240);
	assert_int_equal(pair->side[BOB].n_delivered, 1);
	pair_advance(pair, 200);
	pair_send(pair, ALICE);
	shortage_set_calloc(2); /* Alice's */
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_sent[MESSAGE_RESPONSE], 2);
	assert_int_equal(pair->side[BOB].n_delivered, 1);
	pair_advance_ms(pair, 5240);
	assert_int_equal(pair->side[BOB].n_delivered, 2);
}

static void expect_no_key(const struct pair *pair, enum pair_name of)
{
	const struct wg_peer *peer = pair->side[of].peer;

	assert_null(peer->keypairs.current);
	assert_null(peer->keypairs.previous);
	assert_null(peer->keypairs.next);
	assert_int_equal(peer->handshake.state, NOISE_IDLE);
	assert_true(secret_is_zero(&peer->handshake.symmetric, sizeof(peer->handshake.symmetric)));
	assert_null(pair->side[of].device->cache.keypair);
	assert_int_equal(count_indices(pair, of), 0);
}

static void test_no_key_is_left_540_seconds_after_the_last_session(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 539);
	assert_non_null(pair->side[ALICE].peer->keypairs.current);
	pair_advance(pair, 1);
	expect_no_key(pair, ALICE);
	expect_no_key(pair, BOB);
}

static void test_no_key_is_left_when_a_handshake_was_given_up(void **state)
{
	struct pair *pair = *state;

	pair->wire.is_cut[BOB] = true;
	pair_send(pair, ALICE);
	pair_advance(pair, 110);
	assert_int_equal(pair->side[ALICE].peer->handshake.state, NOISE_CREATED_INITIATION);
	pair_advance(pair, 540);
	expect_no_key(pair, ALICE);
}

static void test_a_device_that_goes_down_has_no_session(void **state)
{
	struct pair *pair = *state;
	struct pair_side *alice = &pair->side[ALICE];

	pair_advance(pair, 200);
	pair_send(pair, ALICE);
	wg_device_down(alice->device);
	expect_no_key(pair, ALICE);
	assert_int_equal(pair_stats(pair, ALICE).tx_staged_lost, 1);
	assert_false(instant_is_set(wg_next_deadline(alice->device)));
	pair_advance(pair, 1);
	wg_device_up(alice->device, pair->now);
	pair_send(pair, ALICE); /* at once, though not 5 s have passed */
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[BOB].n_delivered, 2);
}

/* ---- sources ---- */

static struct wg_seal seal_of_bob(struct pair *pair)
{
	uint8_t packet[PAIR_PACKET_LEN];
	struct wg_seal seal;

	pair_write_packet(BOB, 0, packet, sizeof(packet));
	assert_int_equal(
		wg_seal_begin(pair->side[BOB].device, pair->now, packet, sizeof(packet), 1, &seal),
		0);
	return seal;
}

static bool has_source(struct pair *pair)
{
	struct wg_seal seal = seal_of_bob(pair);
	bool is_set = endpoint_is_set(&seal.source) || seal.ifindex != 0;

	wg_seal_end(pair->side[BOB].device, pair->now, &seal, 0, 0);
	return is_set;
}

static void test_a_source_can_be_forgotten(void **state)
{
	struct pair *pair = *state;
	const union endpoint another = pair_endpoint("192.0.2.9:9");

	assert_true(has_source(pair));
	wg_clear_source(pair->side[BOB].device, &another);
	assert_true(has_source(pair));
	wg_clear_source(pair->side[BOB].device, &pair->side[ALICE].at);
	assert_false(has_source(pair));
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_true(has_source(pair));
	wg_device_forget_sources(pair->side[BOB].device);
	assert_false(has_source(pair));
}

/* What comes to the old address after the routes have changed must not bring it back. */
static void test_a_source_in_doubt_is_not_learned_for_a_second(void **state)
{
	struct pair *pair = *state;

	wg_device_doubt_sources(pair->side[BOB].device, pair->now);
	assert_false(has_source(pair));
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 900);
	assert_false(has_source(pair));
	pair_advance_ms(pair, 200);
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_true(has_source(pair));
}

static void test_the_source_of_one_peer_can_be_in_doubt(void **state)
{
	struct pair *pair = *state;
	struct wg_peer_stats stats;

	wg_peer_read_stats(pair->side[BOB].peer, &stats);
	assert_true(endpoint_is_set(&stats.source));
	wg_peer_doubt_source(pair->side[BOB].device, pair->now, pair->side[BOB].peer);
	wg_peer_read_stats(pair->side[BOB].peer, &stats);
	assert_false(endpoint_is_set(&stats.source));
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	assert_false(has_source(pair));
}

static void test_a_new_endpoint_has_no_source_yet(void **state)
{
	struct pair *pair = *state;

	wg_peer_set_endpoint(pair->side[BOB].peer, &pair->side[ALICE].at);
	assert_false(has_source(pair));
}

static void test_silence_makes_a_source_doubtful(void **state)
{
	struct pair *pair = *state;

	pair_advance(pair, 30);
	pair->wire.is_cut[ALICE] = true;
	pair_send(pair, BOB);
	pair_advance(pair, 14);
	assert_true(has_source(pair));
	pair_advance(pair, 2);
	assert_false(has_source(pair));
}

#define PAIR_TEST(name)	     cmocka_unit_test_setup_teardown(name, pair_start, pair_stop)
#define CONNECTED_TEST(name) cmocka_unit_test_setup_teardown(name, start_connected, pair_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(test_a_peer_is_there_once),
		PAIR_TEST(test_our_own_key_is_no_peer),
		PAIR_TEST(test_peers_come_in_the_order_of_addition),
		CONNECTED_TEST(test_a_removed_peer_leaves_nothing),
		PAIR_TEST(test_a_peer_can_be_removed_while_it_wants_to_send),
		PAIR_TEST(test_a_peer_is_whole_or_not_there),
		PAIR_TEST(test_without_memory_for_a_session_the_next_try_makes_one),
		PAIR_TEST(test_a_prefix_moves_to_the_last_peer_that_claims_it),
		PAIR_TEST(test_both_need_the_same_preshared_key),
		CONNECTED_TEST(test_a_peer_tells_how_it_fares),
		CONNECTED_TEST(test_a_keepalive_switched_on_is_sent_at_once),
		PAIR_TEST(test_a_peer_with_keepalive_begins_when_the_device_comes_up),
		PAIR_TEST(test_a_responder_waits_for_the_first_data),
		CONNECTED_TEST(test_an_old_session_serves_until_the_new_one_is_confirmed),
		CONNECTED_TEST(test_indices_do_not_pile_up),
		CONNECTED_TEST(test_no_key_is_left_540_seconds_after_the_last_session),
		PAIR_TEST(test_no_key_is_left_when_a_handshake_was_given_up),
		CONNECTED_TEST(test_a_device_that_goes_down_has_no_session),
		CONNECTED_TEST(test_a_source_can_be_forgotten),
		CONNECTED_TEST(test_the_source_of_one_peer_can_be_in_doubt),
		CONNECTED_TEST(test_a_source_in_doubt_is_not_learned_for_a_second),
		CONNECTED_TEST(test_a_new_endpoint_has_no_source_yet),
		CONNECTED_TEST(test_silence_makes_a_source_doubtful),
	};

	return cmocka_run_group_tests_name("wireguard/peer", tests, NULL, NULL);
}
