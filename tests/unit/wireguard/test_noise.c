/* Mirrors src/wireguard/noise.c */
#include "cmocka_all.h"

#include "wireguard/noise.h"

#include "base/secret.h"
#include "wireguard/constants.h"

#include "repeatable.h"
#include "vectors.h"

#include <string.h>

#define NOW  ((struct instant){1000 * NS_PER_S})
#define WALL ((struct wall_time){UINT64_C(1790000000) * NS_PER_S})

enum { INITIATOR_INDEX = 0x11223344, RESPONDER_INDEX = 0x55667788 };

struct side {
	struct noise_static self;
	struct noise_handshake other; /* the peer */
};

struct pair {
	struct crypto *crypto;
	struct side initiator, responder;
	uint64_t random;
	struct message_initiation initiation;
	struct message_response response;
};

/* The keys of the known answers: n, n + 3, n + 6, ... */
static void make_key(uint8_t n, uint8_t ret[WG_KEY_LEN])
{
	for (size_t i = 0; i < WG_KEY_LEN; i++)
		ret[i] = (uint8_t)(n + i * 3);
}

static void set_key(struct noise_static *self, uint8_t n)
{
	uint8_t key[WG_KEY_LEN];

	make_key(n, key);
	assert_true(noise_static_set_key(self, key));
}

static int start(void **state)
{
	static struct pair pair;

	pair = (struct pair){.crypto = crypto_new(), .random = 3};
	if (!pair.crypto)
		return -1;
	noise_static_init(&pair.initiator.self, pair.crypto, repeatable_source(&pair.random));
	noise_static_init(&pair.responder.self, pair.crypto, repeatable_source(&pair.random));
	set_key(&pair.initiator.self, 1);
	set_key(&pair.responder.self, 2);
	noise_init(&pair.initiator.other, &pair.initiator.self, pair.responder.self.own.public_key);
	noise_init(&pair.responder.other, &pair.responder.self, pair.initiator.self.own.public_key);
	make_key(5, pair.initiator.other.peer.preshared_key);
	make_key(5, pair.responder.other.peer.preshared_key);
	*state = &pair;
	return 0;
}

static int stop(void **state)
{
	struct pair *pair = *state;

	crypto_free(pair->crypto);
	return 0;
}

static bool initiate(struct pair *pair)
{
	return noise_create_initiation(&pair->initiator.other, &pair->initiator.self,
				       INITIATOR_INDEX, WALL, &pair->initiation);
}

static bool hear_initiation_at(struct pair *pair, struct instant now)
{
	struct noise_opening opening;

	if (!noise_open_initiation(&pair->responder.self, &pair->initiation, &opening))
		return false;
	assert_memory_equal(opening.public_key, pair->initiator.self.own.public_key, WG_KEY_LEN);
	return noise_consume_initiation(&pair->responder.other, &pair->responder.self, now,
					&pair->initiation, &opening);
}

static bool hear_initiation(struct pair *pair)
{
	return hear_initiation_at(pair, NOW);
}

static bool respond(struct pair *pair)
{
	return noise_create_response(&pair->responder.other, &pair->responder.self, RESPONDER_INDEX,
				     &pair->response);
}

static bool hear_response(struct pair *pair)
{
	return noise_consume_response(&pair->initiator.other, &pair->initiator.self,
				      &pair->response);
}

/* ---- known answers ---- */

/* Whitepaper section 5.4 written down in Python (hashlib, hmac, and the
 * cryptography package), with MACs; see the keys in make_key().
 */
static const char initiation_answer[] =
	"0100000044332211e96fd9a312938a8a22154349fe3df0afb99ca4228c5ffbaa"
	"908c9cc4057e463a1b9587d560be9005e6c47cce654ebb9d826c06aec6df3709"
	"7857110d1768cc664131c3ecd56f9658145f7004a302cc4ab32809f33d93c172"
	"e83a723adba786970d69f2ea23c2fd8b9d1db84b32e9108975e46c20e656907a"
	"8ac10ae100000000000000000000000000000000";
static const char response_answer[] =
	"0200000088776655443322112c6cd56ba0b7a9b126c0117757d2f70399ce7ef0"
	"4967db967e571f3c8997103ba21efa6cfdd4824cfa06055b5e610d02017fb781"
	"5fde06fda95b31e5279adcb600000000000000000000000000000000";
static const char initiator_sends[] =
	"471e51aaa74bd22adf739fb00a92ed99109fc293dcc90042689ab07c83c7aa4b";
static const char responder_sends[] =
	"6dadcd2b7422145d6f66219b3e6a51f4a3e56022090ced491498f89cb7fa4b9e";

static void give_key(void *context, uint8_t *ret, size_t len)
{
	assert_int_equal(len, WG_KEY_LEN);
	make_key(*(const uint8_t *)context, ret);
}

static void check_answer(const void *bytes, size_t len, const char *expected)
{
	uint8_t wanted[256];

	assert_true(vectors_hex(expected, wanted) >= len);
	assert_memory_equal(bytes, wanted, len);
}

static void test_messages_and_keys_are_those_of_the_whitepaper(void **state)
{
	struct pair *pair = *state;
	uint8_t initiator_ephemeral = 3, responder_ephemeral = 4;
	struct noise_session session;

	pair->initiator.self.random = (struct random_source){give_key, &initiator_ephemeral};
	pair->responder.self.random = (struct random_source){give_key, &responder_ephemeral};
	assert_true(noise_create_initiation(
		&pair->initiator.other, &pair->initiator.self, INITIATOR_INDEX,
		(struct wall_time){UINT64_C(0x6a141b80) * NS_PER_S + 0x02000000},
		&pair->initiation));
	check_answer(&pair->initiation, offsetof(struct message_initiation, macs),
		     initiation_answer);
	assert_true(hear_initiation(pair));
	assert_true(respond(pair));
	check_answer(&pair->response, offsetof(struct message_response, macs), response_answer);
	assert_true(hear_response(pair));
	assert_true(noise_begin_session(&pair->initiator.other, &pair->initiator.self, &session));
	check_answer(&session.send, sizeof(session.send), initiator_sends);
	check_answer(&session.receive, sizeof(session.receive), responder_sends);
}

/* ---- a whole handshake ---- */

static void test_both_sides_get_matching_keys_and_indices(void **state)
{
	struct pair *pair = *state;
	struct noise_session one, two;

	assert_true(initiate(pair) && hear_initiation(pair) && respond(pair) &&
		    hear_response(pair));
	assert_true(noise_begin_session(&pair->initiator.other, &pair->initiator.self, &one));
	assert_true(noise_begin_session(&pair->responder.other, &pair->responder.self, &two));
	assert_memory_equal(&one.send, &two.receive, sizeof(one.send));
	assert_memory_equal(&one.receive, &two.send, sizeof(one.send));
	assert_memory_not_equal(&one.send, &one.receive, sizeof(one.send));
	assert_int_equal(one.local_index, INITIATOR_INDEX);
	assert_int_equal(one.remote_index, RESPONDER_INDEX);
	assert_int_equal(two.local_index, RESPONDER_INDEX);
	assert_int_equal(two.remote_index, INITIATOR_INDEX);
	assert_true(one.is_initiator);
	assert_false(two.is_initiator);
}

static void test_session_wipes_the_handshake(void **state)
{
	struct pair *pair = *state;
	struct noise_session session;

	assert_true(initiate(pair) && hear_initiation(pair) && respond(pair) &&
		    hear_response(pair));
	assert_true(noise_begin_session(&pair->initiator.other, &pair->initiator.self, &session));
	assert_true(secret_is_zero(&pair->initiator.other.symmetric, sizeof(struct ikpsk2)));
	assert_int_equal(pair->initiator.other.state, NOISE_IDLE);
	assert_false(noise_begin_session(&pair->initiator.other, &pair->initiator.self, &session));
	assert_false(hear_response(pair));
}

static void test_two_handshakes_have_nothing_in_common(void **state)
{
	struct pair *pair = *state;
	struct message_initiation first;

	assert_true(initiate(pair));
	first = pair->initiation;
	assert_true(initiate(pair));
	assert_memory_not_equal(first.ephemeral, pair->initiation.ephemeral, WG_KEY_LEN);
	assert_memory_not_equal(first.sealed_static, pair->initiation.sealed_static, 48);
}

static void test_messages_leave_room_for_macs(void **state)
{
	struct pair *pair = *state;

	assert_true(initiate(pair) && hear_initiation(pair) && respond(pair));
	assert_true(secret_is_zero(&pair->initiation.macs, sizeof(pair->initiation.macs)));
	assert_true(secret_is_zero(&pair->response.macs, sizeof(pair->response.macs)));
}

/* ---- what is refused ---- */

static void test_initiation_with_any_byte_changed_is_refused(void **state)
{
	struct pair *pair = *state;
	uint8_t *bytes = (uint8_t *)&pair->initiation;

	assert_true(initiate(pair));
	for (size_t i = offsetof(struct message_initiation, ephemeral);
	     i < offsetof(struct message_initiation, macs); i++) {
		struct noise_handshake before = pair->responder.other;

		/* The uppermost bit of a point does not count (RFC 7748 section 5),
		 * and changes the hash nevertheless.
		 */
		bytes[i] ^= 0x80;
		assert_false(hear_initiation(pair));
		bytes[i] ^= 0x80;
		assert_memory_equal(&before, &pair->responder.other, sizeof(before));
	}
	assert_true(hear_initiation(pair));
}

static void test_initiation_is_not_accepted_twice(void **state)
{
	struct pair *pair = *state;

	assert_true(initiate(pair));
	assert_true(hear_initiation(pair));
	assert_false(hear_initiation_at(pair, instant_add(NOW, 60 * NS_PER_S)));
}

static void test_older_initiation_is_refused_though_never_seen(void **state)
{
	struct pair *pair = *state;
	struct message_initiation first;

	assert_true(initiate(pair));
	first = pair->initiation;
	assert_true(initiate(pair));
	assert_true(hear_initiation(pair));
	pair->initiation = first;
	assert_false(hear_initiation_at(pair, instant_add(NOW, 60 * NS_PER_S)));
}

static void test_initiations_within_20_ms_are_refused(void **state)
{
	struct pair *pair = *state;
	struct instant first = NOW;

	assert_true(initiate(pair) && hear_initiation_at(pair, first));
	assert_true(initiate(pair));
	assert_false(hear_initiation_at(pair, instant_add(first, 20 * NS_PER_MS - 1)));
	assert_true(hear_initiation_at(pair, instant_add(first, 20 * NS_PER_MS)));
}

/* A refused one must not count as the last one accepted. */
static void test_refused_initiation_does_not_move_timestamp_or_time(void **state)
{
	struct pair *pair = *state;
	struct message_initiation good;

	assert_true(initiate(pair));
	good = pair->initiation;
	pair->initiation.sealed_timestamp[0] ^= 1;
	assert_false(hear_initiation(pair));
	assert_int_equal(pair->responder.other.state, NOISE_IDLE);
	pair->initiation = good;
	assert_true(hear_initiation(pair));
}

static void test_initiation_of_a_stranger_names_him_and_no_more(void **state)
{
	struct pair *pair = *state;
	struct noise_opening opening;

	set_key(&pair->initiator.self, 77);
	noise_set_static(&pair->initiator.other, &pair->initiator.self);
	assert_true(initiate(pair));
	assert_true(noise_open_initiation(&pair->responder.self, &pair->initiation, &opening));
	assert_memory_equal(opening.public_key, pair->initiator.self.own.public_key, WG_KEY_LEN);
	/* Whoever takes him for the peer finds that he cannot have its key. */
	assert_false(noise_consume_initiation(&pair->responder.other, &pair->responder.self, NOW,
					      &pair->initiation, &opening));
	assert_true(secret_is_zero(&opening, sizeof(opening)));
}

static void test_response_with_any_byte_changed_is_refused(void **state)
{
	struct pair *pair = *state;
	uint8_t *bytes = (uint8_t *)&pair->response;

	assert_true(initiate(pair) && hear_initiation(pair) && respond(pair));
	for (size_t i = offsetof(struct message_response, receiver);
	     i < offsetof(struct message_response, macs); i++) {
		struct noise_handshake before = pair->initiator.other;

		bytes[i] ^= 0x80;
		assert_false(hear_response(pair));
		bytes[i] ^= 0x80;
		assert_memory_equal(&before, &pair->initiator.other, sizeof(before));
	}
	assert_true(hear_response(pair));
}

static void test_response_is_accepted_only_while_one_is_awaited(void **state)
{
	struct pair *pair = *state;

	assert_false(hear_response(pair));
	assert_true(initiate(pair) && hear_initiation(pair) && respond(pair));
	assert_true(hear_response(pair));
	assert_false(hear_response(pair));
	noise_clear(&pair->initiator.other);
	assert_false(hear_response(pair));
}

/* An idle handshake is all zeroes, which anybody knows: whoever may answer it
 * needs no key of ours or of the peer's.
 */
static void test_forged_response_to_an_idle_handshake_is_refused(void **state)
{
	struct pair *pair = *state;
	const struct ikpsk2_own forger = {.crypto = pair->crypto};
	const uint8_t zero[WG_KEY_LEN] = {0};
	struct ikpsk2_peer victim = {0};
	struct ikpsk2 forged = {.ephemeral = {1, 2, 3}};
	const struct ikpsk2_parts out = {
		.ephemeral = pair->response.ephemeral,
		.sealed_payload = pair->response.sealed_nothing,
	};

	memset(pair->initiator.other.peer.preshared_key, 0, WG_KEY_LEN);
	memcpy(victim.public_key, pair->initiator.self.own.public_key, WG_KEY_LEN);
	assert_true(crypto_x25519_public(pair->crypto, forged.remote_ephemeral, zero));
	assert_true(ikpsk2_write_second(&forged, &forger, &victim, &out, NULL, 0));
	assert_false(hear_response(pair));
}

static void test_response_to_an_earlier_initiation_is_refused(void **state)
{
	struct pair *pair = *state;

	assert_true(initiate(pair) && hear_initiation(pair) && respond(pair));
	assert_true(initiate(pair));
	assert_false(hear_response(pair));
	assert_int_equal(pair->initiator.other.state, NOISE_CREATED_INITIATION);
}

static void test_response_needs_an_initiation_and_is_made_once(void **state)
{
	struct pair *pair = *state;

	assert_false(respond(pair));
	assert_true(initiate(pair) && hear_initiation(pair));
	assert_true(respond(pair));
	assert_false(respond(pair));
}

static void test_session_needs_a_finished_handshake(void **state)
{
	struct pair *pair = *state;
	struct noise_session session;

	assert_false(noise_begin_session(&pair->initiator.other, &pair->initiator.self, &session));
	assert_true(initiate(pair) && hear_initiation(pair));
	assert_false(noise_begin_session(&pair->initiator.other, &pair->initiator.self, &session));
	assert_false(noise_begin_session(&pair->responder.other, &pair->responder.self, &session));
}

static void test_other_preshared_key_fails_at_the_response(void **state)
{
	struct pair *pair = *state;

	pair->responder.other.peer.preshared_key[0] ^= 1;
	assert_true(initiate(pair) && hear_initiation(pair) && respond(pair));
	assert_false(hear_response(pair));
}

/* ---- keys ---- */

static void test_private_key_is_clamped(void **state)
{
	struct pair *pair = *state;
	uint8_t key[WG_KEY_LEN];

	memset(key, 0xff, sizeof(key));
	assert_true(noise_static_set_key(&pair->initiator.self, key));
	assert_int_equal(pair->initiator.self.own.private_key[0], 0xf8);
	assert_int_equal(pair->initiator.self.own.private_key[31], 0x7f);
}

static void test_without_a_private_key_nothing_is_made_or_opened(void **state)
{
	struct pair *pair = *state;
	const uint8_t none[WG_KEY_LEN] = {0};
	struct noise_opening opening;

	assert_true(initiate(pair));
	assert_true(noise_static_set_key(&pair->responder.self, none));
	assert_true(secret_is_zero(pair->responder.self.own.private_key, WG_KEY_LEN));
	assert_false(noise_open_initiation(&pair->responder.self, &pair->initiation, &opening));

	assert_true(noise_static_set_key(&pair->initiator.self, none));
	noise_set_static(&pair->initiator.other, &pair->initiator.self);
	assert_false(initiate(pair));
}

static void test_peer_of_small_order_never_handshakes(void **state)
{
	struct pair *pair = *state;
	const uint8_t zero[WG_KEY_LEN] = {0};

	noise_init(&pair->initiator.other, &pair->initiator.self, zero);
	assert_false(initiate(pair));
	assert_int_equal(pair->initiator.other.state, NOISE_IDLE);
}

static void test_ephemeral_of_small_order_is_refused(void **state)
{
	struct pair *pair = *state;

	assert_true(initiate(pair));
	memset(pair->initiation.ephemeral, 0, WG_KEY_LEN);
	assert_false(hear_initiation(pair));
}

static void test_changed_private_key_ends_the_handshake_and_serves_the_next(void **state)
{
	struct pair *pair = *state;

	assert_true(initiate(pair) && hear_initiation(pair) && respond(pair));
	set_key(&pair->initiator.self, 99);
	noise_set_static(&pair->initiator.other, &pair->initiator.self);
	assert_false(hear_response(pair));
	noise_init(&pair->responder.other, &pair->responder.self,
		   pair->initiator.self.own.public_key);
	make_key(5, pair->responder.other.peer.preshared_key);
	assert_true(initiate(pair) && hear_initiation(pair) && respond(pair));
	assert_true(hear_response(pair));
}

static void test_change_of_key_keeps_timestamps(void **state)
{
	struct pair *pair = *state;
	struct message_initiation first;

	assert_true(initiate(pair));
	first = pair->initiation;
	assert_true(hear_initiation(pair));
	noise_set_static(&pair->responder.other, &pair->responder.self);
	pair->initiation = first;
	assert_false(hear_initiation_at(pair, instant_add(NOW, 60 * NS_PER_S)));
}

static void test_done_wipes(void **state)
{
	struct pair *pair = *state;

	assert_true(initiate(pair));
	noise_done(&pair->initiator.other);
	noise_static_done(&pair->initiator.self);
	assert_true(secret_is_zero(&pair->initiator, sizeof(pair->initiator)));
}

/* ---- timestamps ---- */

static void initiate_at(struct pair *pair, uint64_t seconds)
{
	assert_true(noise_create_initiation(&pair->initiator.other, &pair->initiator.self,
					    INITIATOR_INDEX, (struct wall_time){seconds * NS_PER_S},
					    &pair->initiation));
}

static void test_clock_set_back_makes_no_replay(void **state)
{
	struct pair *pair = *state;

	initiate_at(pair, 5000);
	assert_true(hear_initiation_at(pair, NOW));
	initiate_at(pair, 1000);
	assert_true(hear_initiation_at(pair, instant_add(NOW, NS_PER_S)));
}

static void test_peer_forgotten_and_added_again_gets_later_timestamps(void **state)
{
	struct pair *pair = *state;

	initiate_at(pair, 5000);
	assert_true(hear_initiation_at(pair, NOW));
	noise_init(&pair->initiator.other, &pair->initiator.self,
		   pair->responder.self.own.public_key);
	initiate_at(pair, 1000);
	assert_true(hear_initiation_at(pair, instant_add(NOW, NS_PER_S)));
}

/* A new process is told what the last one sent. */
static void test_successor_goes_on_after_the_last_timestamp(void **state)
{
	struct pair *pair = *state;
	struct tai64n last;

	initiate_at(pair, 5000);
	last = pair->initiator.self.last_timestamp;
	assert_true(hear_initiation_at(pair, NOW));

	noise_static_init(&pair->initiator.self, pair->crypto, pair->initiator.self.random);
	set_key(&pair->initiator.self, 1);
	noise_init(&pair->initiator.other, &pair->initiator.self,
		   pair->responder.self.own.public_key);
	pair->initiator.self.floor = last;
	initiate_at(pair, 5000);
	assert_true(tai64n_is_after(&pair->initiator.self.last_timestamp, &last));
	assert_true(hear_initiation_at(pair, instant_add(NOW, NS_PER_S)));
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_messages_and_keys_are_those_of_the_whitepaper),
		EACH(test_both_sides_get_matching_keys_and_indices),
		EACH(test_session_wipes_the_handshake),
		EACH(test_two_handshakes_have_nothing_in_common),
		EACH(test_messages_leave_room_for_macs),
		EACH(test_initiation_with_any_byte_changed_is_refused),
		EACH(test_initiation_is_not_accepted_twice),
		EACH(test_older_initiation_is_refused_though_never_seen),
		EACH(test_initiations_within_20_ms_are_refused),
		EACH(test_refused_initiation_does_not_move_timestamp_or_time),
		EACH(test_initiation_of_a_stranger_names_him_and_no_more),
		EACH(test_response_with_any_byte_changed_is_refused),
		EACH(test_response_is_accepted_only_while_one_is_awaited),
		EACH(test_forged_response_to_an_idle_handshake_is_refused),
		EACH(test_response_to_an_earlier_initiation_is_refused),
		EACH(test_response_needs_an_initiation_and_is_made_once),
		EACH(test_session_needs_a_finished_handshake),
		EACH(test_other_preshared_key_fails_at_the_response),
		EACH(test_private_key_is_clamped),
		EACH(test_without_a_private_key_nothing_is_made_or_opened),
		EACH(test_peer_of_small_order_never_handshakes),
		EACH(test_ephemeral_of_small_order_is_refused),
		EACH(test_changed_private_key_ends_the_handshake_and_serves_the_next),
		EACH(test_change_of_key_keeps_timestamps),
		EACH(test_done_wipes),
		EACH(test_clock_set_back_makes_no_replay),
		EACH(test_peer_forgotten_and_added_again_gets_later_timestamps),
		EACH(test_successor_goes_on_after_the_last_timestamp),
	};

	return cmocka_run_group_tests_name("wireguard/noise", tests, NULL, NULL);
}
