/* Mirrors src/wireguard/cookie.c */
#include "cmocka_all.h"

#include "wireguard/cookie.h"

#include "repeatable.h"

#include "base/secret.h"

#include <string.h>

#define AT(seconds) ((struct instant){(1000 + (seconds)) * NS_PER_S})

/* A responder that checks, and an initiator that sends it `message`. */
struct pair {
	struct crypto *crypto;
	struct cookie_checker checker;
	struct cookie_maker maker;
	uint64_t random;
	uint8_t public_key[WG_KEY_LEN];
	union endpoint from;
	uint8_t message[sizeof(struct message_initiation)];
};

static union endpoint from_text(const char *text)
{
	union endpoint endpoint;

	assert_true(endpoint_parse(text, strlen(text), &endpoint));
	return endpoint;
}

static int start(void **state)
{
	static struct pair pair;

	pair = (struct pair){.crypto = crypto_new(), .random = 9, .public_key = {1, 2, 3}};
	if (!pair.crypto)
		return -1;
	cookie_checker_init(&pair.checker, pair.crypto, repeatable_source(&pair.random));
	cookie_checker_set_key(&pair.checker, pair.public_key);
	cookie_maker_init(&pair.maker, pair.crypto, pair.public_key);
	pair.from = from_text("192.0.2.1:1234");
	pair.message[0] = MESSAGE_INITIATION;
	pair.message[4] = 0x78;
	pair.message[7] = 0x12;
	*state = &pair;
	return 0;
}

static int stop(void **state)
{
	struct pair *pair = *state;

	crypto_free(pair->crypto);
	return 0;
}

static void sign(struct pair *pair, uint64_t seconds)
{
	cookie_add_macs(&pair->maker, pair->crypto, AT(seconds), pair->message,
			sizeof(pair->message));
}

static enum cookie_verdict check(struct pair *pair, uint64_t seconds)
{
	return cookie_check(&pair->checker, AT(seconds), pair->message, sizeof(pair->message),
			    &pair->from, true);
}

static struct message_cookie reply(struct pair *pair, uint64_t seconds)
{
	struct message_cookie ret;

	assert_true(cookie_make_reply(&pair->checker, AT(seconds), pair->message,
				      sizeof(pair->message), &pair->from, &ret));
	return ret;
}

static bool consume(struct pair *pair, uint64_t seconds, const struct message_cookie *message)
{
	return cookie_consume_reply(&pair->maker, pair->crypto, AT(seconds), message);
}

static void give_cookie(struct pair *pair, uint64_t seconds)
{
	struct message_cookie message;

	sign(pair, seconds);
	message = reply(pair, seconds);
	assert_true(consume(pair, seconds, &message));
}

static void test_mac1_is_good_and_mac2_zero_without_a_cookie(void **state)
{
	struct pair *pair = *state;

	sign(pair, 0);
	assert_int_equal(check(pair, 0), COOKIE_GOOD_MAC1);
	assert_true(secret_is_zero(pair->message + sizeof(pair->message) - 16, 16));
}

/* Known answer: Python's hashlib.blake2s over 116 bytes of the message. */
static void test_mac1_is_keyed_with_the_hash_of_label_and_public_key(void **state)
{
	static const uint8_t expected[16] = {0x17, 0xf1, 0x1e, 0xf7, 0x5f, 0x7b, 0xca, 0xd4,
					     0xe7, 0xf3, 0xe2, 0x98, 0xef, 0x94, 0x09, 0xc8};
	struct pair *pair = *state;

	sign(pair, 0);
	assert_memory_equal(pair->message + sizeof(pair->message) - 32, expected, sizeof(expected));
}

static void test_every_byte_before_mac2_counts_for_mac1(void **state)
{
	struct pair *pair = *state;

	sign(pair, 0);
	for (size_t i = 0; i < sizeof(pair->message) - 16; i++) {
		pair->message[i] ^= 0x80;
		assert_int_equal(check(pair, 0), COOKIE_BAD_MAC1);
		pair->message[i] ^= 0x80;
	}
	assert_int_equal(check(pair, 0), COOKIE_GOOD_MAC1);
}

static void test_mac1_for_another_key_is_bad(void **state)
{
	struct pair *pair = *state;
	const uint8_t other[WG_KEY_LEN] = {9};

	sign(pair, 0);
	cookie_checker_set_key(&pair->checker, other);
	assert_int_equal(check(pair, 0), COOKIE_BAD_MAC1);
}

static void test_cookie_makes_mac2_good(void **state)
{
	struct pair *pair = *state;

	give_cookie(pair, 0);
	sign(pair, 1);
	assert_int_equal(check(pair, 1), COOKIE_GOOD_MAC2);
	for (size_t i = sizeof(pair->message) - 16; i < sizeof(pair->message); i++) {
		pair->message[i] ^= 1;
		assert_int_equal(check(pair, 1), COOKIE_GOOD_MAC1);
		pair->message[i] ^= 1;
	}
}

static void test_mac2_is_not_looked_at_without_load(void **state)
{
	struct pair *pair = *state;

	give_cookie(pair, 0);
	sign(pair, 1);
	assert_int_equal(cookie_check(&pair->checker, AT(1), pair->message, sizeof(pair->message),
				      &pair->from, false),
			 COOKIE_GOOD_MAC1);
}

static void test_cookie_is_good_for_its_address_and_port_alone(void **state)
{
	static const char *const others[] = {"192.0.2.2:1234", "192.0.2.1:1235",
					     "[2001:db8::1]:1234"};
	struct pair *pair = *state;

	give_cookie(pair, 0);
	sign(pair, 1);
	for (size_t i = 0; i < 3; i++) {
		pair->from = from_text(others[i]);
		assert_int_equal(check(pair, 1), COOKIE_GOOD_MAC1);
	}
	pair->from = from_text("192.0.2.1:1234");
	assert_int_equal(check(pair, 1), COOKIE_GOOD_MAC2);
}

static void test_cookie_works_for_ipv6_and_counts_every_byte(void **state)
{
	struct pair *pair = *state;

	pair->from = from_text("[2001:db8::1]:1234");
	give_cookie(pair, 0);
	sign(pair, 1);
	assert_int_equal(check(pair, 1), COOKIE_GOOD_MAC2);
	for (size_t i = 0; i < 16; i++) {
		pair->from.v6.sin6_addr.s6_addr[i] ^= 1;
		assert_int_equal(check(pair, 1), COOKIE_GOOD_MAC1);
		pair->from.v6.sin6_addr.s6_addr[i] ^= 1;
	}
}

static void test_reply_names_the_sender_of_the_message(void **state)
{
	struct pair *pair = *state;
	struct message_cookie message;

	sign(pair, 0);
	message = reply(pair, 0);
	assert_int_equal(le32_to_host(message.type), MESSAGE_COOKIE);
	assert_int_equal(le32_to_host(message.receiver), 0x12000078);
}

static void test_two_replies_have_different_nonces(void **state)
{
	struct pair *pair = *state;
	struct message_cookie one, two;

	sign(pair, 0);
	one = reply(pair, 0);
	two = reply(pair, 0);
	assert_memory_not_equal(one.nonce, two.nonce, sizeof(one.nonce));
}

static void test_secret_changes_after_120_seconds(void **state)
{
	struct pair *pair = *state;

	give_cookie(pair, 0);
	sign(pair, 10);
	assert_int_equal(check(pair, 119), COOKIE_GOOD_MAC2);
	assert_int_equal(check(pair, 120), COOKIE_GOOD_MAC1);
	give_cookie(pair, 121);
	sign(pair, 122);
	assert_int_equal(check(pair, 239), COOKIE_GOOD_MAC2);
	assert_int_equal(check(pair, 240), COOKIE_GOOD_MAC1);
}

static void test_cookie_is_used_for_115_seconds(void **state)
{
	struct pair *pair = *state;

	give_cookie(pair, 0);
	sign(pair, 114);
	assert_int_equal(check(pair, 114), COOKIE_GOOD_MAC2);
	sign(pair, 115);
	assert_true(secret_is_zero(pair->message + sizeof(pair->message) - 16, 16));
}

static void test_reply_with_any_byte_changed_is_refused(void **state)
{
	struct pair *pair = *state;
	struct message_cookie message;
	uint8_t *bytes = (uint8_t *)&message;

	sign(pair, 0);
	message = reply(pair, 0);
	for (size_t i = offsetof(struct message_cookie, nonce); i < sizeof(message); i++) {
		bytes[i] ^= 1;
		assert_false(consume(pair, 0, &message));
		bytes[i] ^= 1;
	}
	assert_false(instant_is_set(pair->maker.cookie_got));
	assert_true(consume(pair, 0, &message));
}

static void test_reply_is_taken_once(void **state)
{
	struct pair *pair = *state;
	struct message_cookie message;

	sign(pair, 0);
	message = reply(pair, 0);
	assert_true(consume(pair, 0, &message));
	assert_false(consume(pair, 0, &message));
}

static void test_reply_to_nothing_sent_is_refused(void **state)
{
	struct pair *pair = *state;
	struct message_cookie message;

	sign(pair, 0);
	message = reply(pair, 0);
	cookie_maker_init(&pair->maker, pair->crypto, pair->public_key);
	assert_false(consume(pair, 0, &message));
}

/* The associated data is mac1 of the message that caused it. */
static void test_reply_to_an_earlier_message_is_refused(void **state)
{
	struct pair *pair = *state;
	struct message_cookie message;

	sign(pair, 0);
	message = reply(pair, 0);
	pair->message[8] ^= 1;
	sign(pair, 5);
	assert_false(consume(pair, 5, &message));
}

static void test_responses_carry_macs_at_their_own_end(void **state)
{
	struct pair *pair = *state;
	struct message_response response = {.type = le32_from_host(MESSAGE_RESPONSE)};
	uint8_t *bytes = (uint8_t *)&response;

	give_cookie(pair, 0);
	cookie_add_macs(&pair->maker, pair->crypto, AT(1), bytes, sizeof(response));
	assert_int_equal(
		cookie_check(&pair->checker, AT(1), bytes, sizeof(response), &pair->from, true),
		COOKIE_GOOD_MAC2);
	response.sealed_nothing[15] ^= 1;
	assert_int_equal(
		cookie_check(&pair->checker, AT(1), bytes, sizeof(response), &pair->from, true),
		COOKIE_BAD_MAC1);
}

static void test_done_wipes(void **state)
{
	struct pair *pair = *state;

	give_cookie(pair, 0);
	cookie_maker_done(&pair->maker);
	cookie_checker_done(&pair->checker);
	assert_true(secret_is_zero(&pair->maker, sizeof(pair->maker)));
	assert_true(secret_is_zero(&pair->checker, sizeof(pair->checker)));
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_mac1_is_good_and_mac2_zero_without_a_cookie),
		EACH(test_mac1_is_keyed_with_the_hash_of_label_and_public_key),
		EACH(test_every_byte_before_mac2_counts_for_mac1),
		EACH(test_mac1_for_another_key_is_bad),
		EACH(test_cookie_makes_mac2_good),
		EACH(test_mac2_is_not_looked_at_without_load),
		EACH(test_cookie_is_good_for_its_address_and_port_alone),
		EACH(test_cookie_works_for_ipv6_and_counts_every_byte),
		EACH(test_reply_names_the_sender_of_the_message),
		EACH(test_two_replies_have_different_nonces),
		EACH(test_secret_changes_after_120_seconds),
		EACH(test_cookie_is_used_for_115_seconds),
		EACH(test_reply_with_any_byte_changed_is_refused),
		EACH(test_reply_is_taken_once),
		EACH(test_reply_to_nothing_sent_is_refused),
		EACH(test_reply_to_an_earlier_message_is_refused),
		EACH(test_responses_carry_macs_at_their_own_end),
		EACH(test_done_wipes),
	};

	return cmocka_run_group_tests_name("wireguard/cookie", tests, NULL, NULL);
}
