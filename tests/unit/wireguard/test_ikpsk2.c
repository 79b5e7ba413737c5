/* Mirrors src/wireguard/ikpsk2.c */
#include "cmocka_all.h"

#include "wireguard/ikpsk2.h"

#include "vectors.h"

#include <string.h>

/* Two sides that know each other, and what travels between them. */
struct pair {
	struct crypto *crypto;
	struct ikpsk2_own initiator_own, responder_own;
	struct ikpsk2_peer initiator, responder; /* as the other side knows them */
	struct ikpsk2 initiator_state, responder_state;
	uint8_t wire[1024];
	struct ikpsk2_parts parts;
	uint8_t payload[256];
	size_t payload_len;
};

static void set_own(struct crypto *crypto, struct ikpsk2_own *own, struct ikpsk2_peer *seen)
{
	own->crypto = crypto;
	assert_true(crypto_x25519_public(crypto, own->public_key, own->private_key));
	memcpy(seen->public_key, own->public_key, sizeof(seen->public_key));
}

/* The private keys, prologue and ephemerals have been put in. */
static void introduce(struct pair *pair)
{
	set_own(pair->crypto, &pair->initiator_own, &pair->initiator);
	set_own(pair->crypto, &pair->responder_own, &pair->responder);
	assert_true(crypto_x25519(pair->crypto, pair->initiator.static_static,
				  pair->initiator_own.private_key, pair->responder.public_key));
	memcpy(pair->responder.static_static, pair->initiator.static_static, 32);
}

static void lay_out_first(struct pair *pair)
{
	pair->parts = (struct ikpsk2_parts){
		.ephemeral = pair->wire,
		.sealed_static = pair->wire + 32,
		.sealed_payload = pair->wire + 32 + 48,
	};
}

static void lay_out_second(struct pair *pair)
{
	pair->parts = (struct ikpsk2_parts){
		.ephemeral = pair->wire,
		.sealed_payload = pair->wire + 32,
	};
}

static bool write_first(struct pair *pair)
{
	lay_out_first(pair);
	return ikpsk2_write_first(&pair->initiator_state, &pair->initiator_own, &pair->responder,
				  &pair->parts, pair->payload, pair->payload_len);
}

static bool read_first(struct pair *pair)
{
	uint8_t who[32], payload[256];

	return ikpsk2_read_static(&pair->responder_state, &pair->responder_own, pair->wire,
				  pair->wire + 32, who) &&
	       memcmp(who, pair->initiator.public_key, sizeof(who)) == 0 &&
	       ikpsk2_read_first(&pair->responder_state, &pair->responder_own, &pair->initiator,
				 pair->parts.sealed_payload, pair->payload_len + 16, payload) &&
	       memcmp(payload, pair->payload, pair->payload_len) == 0;
}

static bool write_second(struct pair *pair)
{
	lay_out_second(pair);
	return ikpsk2_write_second(&pair->responder_state, &pair->responder_own, &pair->initiator,
				   &pair->parts, pair->payload, pair->payload_len);
}

static bool read_second(struct pair *pair)
{
	uint8_t payload[256];

	return ikpsk2_read_second(&pair->initiator_state, &pair->initiator_own, &pair->responder,
				  &pair->parts, pair->payload_len + 16, payload) &&
	       memcmp(payload, pair->payload, pair->payload_len) == 0;
}

static int start(void **state)
{
	static struct pair pair;

	pair = (struct pair){.crypto = crypto_new(), .payload_len = 3};
	pair.initiator_own.private_key[5] = 1;
	pair.responder_own.private_key[5] = 2;
	pair.initiator_state.ephemeral[5] = 3;
	pair.responder_state.ephemeral[5] = 4;
	if (!pair.crypto)
		return -1;
	ikpsk2_begin(pair.crypto, "test", 4, &pair.initiator_own.start);
	ikpsk2_begin(pair.crypto, "test", 4, &pair.responder_own.start);
	introduce(&pair);
	*state = &pair;
	return 0;
}

static int stop(void **state)
{
	struct pair *pair = *state;

	crypto_free(pair->crypto);
	return 0;
}

/* ---- published vector ---- */

static void load_pair(struct pair *pair, const json_t *vector)
{
	const json_t *psk = json_array_get(json_object_get(vector, "init_psks"), 0);
	uint8_t prologue[64];
	size_t len = vectors_bytes(vector, "init_prologue", prologue, sizeof(prologue));

	ikpsk2_begin(pair->crypto, prologue, len, &pair->initiator_own.start);
	len = vectors_bytes(vector, "resp_prologue", prologue, sizeof(prologue));
	ikpsk2_begin(pair->crypto, prologue, len, &pair->responder_own.start);
	(void)vectors_bytes(vector, "init_static", pair->initiator_own.private_key, 32);
	(void)vectors_bytes(vector, "resp_static", pair->responder_own.private_key, 32);
	(void)vectors_bytes(vector, "init_ephemeral", pair->initiator_state.ephemeral, 32);
	(void)vectors_bytes(vector, "resp_ephemeral", pair->responder_state.ephemeral, 32);
	(void)vectors_hex(json_string_value(psk), pair->initiator.preshared_key);
	(void)vectors_hex(json_string_value(psk), pair->responder.preshared_key);
	introduce(pair);
}

static void load_payload(struct pair *pair, const json_t *vector, size_t message)
{
	const json_t *messages = json_object_get(vector, "messages");

	pair->payload_len = vectors_bytes(json_array_get(messages, message), "payload",
					  pair->payload, sizeof(pair->payload));
}

static void check_wire(const struct pair *pair, const json_t *vector, size_t message)
{
	const json_t *messages = json_object_get(vector, "messages");
	uint8_t expected[1024];
	size_t len = vectors_bytes(json_array_get(messages, message), "ciphertext", expected,
				   sizeof(expected));

	assert_memory_equal(pair->wire, expected, len);
}

static void check_vector(struct pair *pair, const json_t *vector)
{
	uint8_t hash[32];
	struct crypto_key sends[2];

	load_pair(pair, vector);
	load_payload(pair, vector, 0);
	assert_true(write_first(pair));
	check_wire(pair, vector, 0);
	assert_true(read_first(pair));
	load_payload(pair, vector, 1);
	assert_true(write_second(pair));
	check_wire(pair, vector, 1);
	assert_true(read_second(pair));

	(void)vectors_bytes(vector, "handshake_hash", hash, sizeof(hash));
	assert_memory_equal(pair->initiator_state.hash, hash, sizeof(hash));
	assert_memory_equal(pair->responder_state.hash, hash, sizeof(hash));

	/* Transport messages go in turn, the initiator's first. */
	ikpsk2_split(&pair->initiator_state, pair->crypto, &sends[0], &sends[1]);
	for (size_t i = 2; i < json_array_size(json_object_get(vector, "messages")); i++) {
		struct crypto_plain plain = {.body = pair->payload};

		load_payload(pair, vector, i);
		plain.body_len = pair->payload_len;
		(void)crypto_seal(pair->crypto, &sends[i % 2], (i - 2) / 2, &plain, pair->wire);
		check_wire(pair, vector, i);
	}
}

/* cacophony's vectors, as mcginty/snow keeps them. */
static void test_handshake_of_the_published_vector(void **state)
{
	json_t *json = vectors_load("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s.json");
	const json_t *vector;
	size_t i, n = 0;

	json_array_foreach(json, i, vector)
	{
		const char *name = json_string_value(json_object_get(vector, "protocol_name"));

		/* The file also holds one of another pattern, IKpsk0+psk2. */
		if (strcmp(name, "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s") != 0)
			continue;
		check_vector(*state, vector);
		n++;
	}
	assert_int_equal(n, 1);
	json_decref(json);
}

/* ---- rules ---- */

static void test_both_sides_derive_the_same_keys_and_wipe_the_handshake(void **state)
{
	struct pair *pair = *state;
	const struct ikpsk2 wiped = {0};
	struct crypto_key one[2], two[2];

	assert_true(write_first(pair) && read_first(pair) && write_second(pair) &&
		    read_second(pair));
	ikpsk2_split(&pair->initiator_state, pair->crypto, &one[0], &one[1]);
	ikpsk2_split(&pair->responder_state, pair->crypto, &two[0], &two[1]);
	assert_memory_equal(one, two, sizeof(one));
	assert_memory_not_equal(&one[0], &one[1], sizeof(one[0]));
	assert_memory_equal(&pair->initiator_state, &wiped, sizeof(wiped));
	assert_memory_equal(&pair->responder_state, &wiped, sizeof(wiped));
}

static void test_first_message_with_any_byte_changed_is_refused(void **state)
{
	struct pair *pair = *state;
	size_t len = 32 + 48 + pair->payload_len + 16;

	assert_true(write_first(pair));
	for (size_t i = 0; i < len; i++) {
		pair->wire[i] ^= 1;
		assert_false(read_first(pair));
		pair->wire[i] ^= 1;
	}
	assert_true(read_first(pair));
}

static void test_second_message_with_any_byte_changed_is_refused(void **state)
{
	struct pair *pair = *state;
	struct ikpsk2 before;

	assert_true(write_first(pair) && read_first(pair) && write_second(pair));
	before = pair->initiator_state;
	for (size_t i = 0; i < 32 + pair->payload_len + 16; i++) {
		pair->wire[i] ^= 1;
		pair->initiator_state = before;
		assert_false(read_second(pair));
		pair->wire[i] ^= 1;
	}
	pair->initiator_state = before;
	assert_true(read_second(pair));
}

static void test_other_preshared_key_is_refused(void **state)
{
	struct pair *pair = *state;

	pair->responder.preshared_key[31] = 1;
	assert_true(write_first(pair) && read_first(pair) && write_second(pair));
	assert_false(read_second(pair));
}

static void test_other_prologue_is_refused(void **state)
{
	struct pair *pair = *state;

	ikpsk2_begin(pair->crypto, "tesu", 4, &pair->responder_own.start);
	assert_true(write_first(pair));
	assert_false(read_first(pair));
}

static void test_zero_static_agreement_is_refused_on_both_sides(void **state)
{
	struct pair *pair = *state;

	assert_true(write_first(pair));
	memset(pair->initiator.static_static, 0, 32);
	assert_false(read_first(pair));
	memset(pair->responder.static_static, 0, 32);
	assert_false(write_first(pair));
}

/* Whitepaper section 5.4: an all-zero result of DH ends the handshake. */
static void test_keys_of_small_order_are_refused(void **state)
{
	struct pair *pair = *state;
	struct ikpsk2 before;
	uint8_t real[32];

	assert_true(write_first(pair));
	memcpy(real, pair->wire, sizeof(real));
	memset(pair->wire, 0, 32);
	assert_false(read_first(pair));
	memcpy(pair->wire, real, sizeof(real));
	assert_true(read_first(pair));

	before = pair->responder_state;
	memset(pair->responder_state.remote_ephemeral, 0, 32);
	assert_false(write_second(pair));
	pair->responder_state = before;
	memset(pair->initiator.public_key, 0, 32);
	assert_false(write_second(pair));
	pair->responder_state = before;
	memcpy(pair->initiator.public_key, pair->initiator_own.public_key, 32);
	assert_true(write_second(pair));
	memset(pair->wire, 0, 32);
	assert_false(read_second(pair));

	memset(pair->responder.public_key, 0, 32);
	assert_false(write_first(pair));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_handshake_of_the_published_vector, start,
						stop),
		cmocka_unit_test_setup_teardown(
			test_both_sides_derive_the_same_keys_and_wipe_the_handshake, start, stop),
		cmocka_unit_test_setup_teardown(test_first_message_with_any_byte_changed_is_refused,
						start, stop),
		cmocka_unit_test_setup_teardown(
			test_second_message_with_any_byte_changed_is_refused, start, stop),
		cmocka_unit_test_setup_teardown(test_other_preshared_key_is_refused, start, stop),
		cmocka_unit_test_setup_teardown(test_other_prologue_is_refused, start, stop),
		cmocka_unit_test_setup_teardown(test_zero_static_agreement_is_refused_on_both_sides,
						start, stop),
		cmocka_unit_test_setup_teardown(test_keys_of_small_order_are_refused, start, stop),
	};

	return cmocka_run_group_tests_name("wireguard/ikpsk2", tests, NULL, NULL);
}
