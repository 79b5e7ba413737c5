/* Mirrors src/base/bytes.c */
#include "cmocka_all.h"

#include "base/bytes.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void test_wire_numbers_have_the_byte_order_of_their_name(void **state)
{
	static const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 0xf8};
	uint8_t out[8];

	(void)state;
	assert_int_equal(be16_load(bytes), 0x0102);
	assert_int_equal(be32_load(bytes + 4), 0x050607f8);
	assert_int_equal(le32_load(bytes + 4), 0xf8070605);
	assert_true(le64_load(bytes) == UINT64_C(0xf807060504030201));

	be16_store(out, 0x0102);
	be32_store(out + 2, 0x03040506);
	assert_memory_equal(out, "\1\2\3\4\5\6", 6);
	le32_store(out, 0x04030201);
	assert_memory_equal(out, "\1\2\3\4", 4);
	le64_store(out, UINT64_C(0xf807060504030201));
	assert_memory_equal(out, bytes, 8);
}

static void test_wire_structs_convert_both_ways(void **state)
{
	(void)state;
	assert_int_equal(le32_to_host(le32_from_host(0xdeadbeef)), 0xdeadbeef);
	assert_true(le64_to_host(le64_from_host(UINT64_MAX - 5)) == UINT64_MAX - 5);
	assert_int_equal(le32_from_host(1).byte[0], 1);
	assert_int_equal(le64_from_host(1).byte[0], 1);
}

/* RFC 4648 section 10: BASE16("foobar") = "666F6F626172"; ours is lower case. */
static void test_hexadecimal_writes_the_rfc_4648_vector(void **state)
{
	uint8_t bytes[6];
	char text[13];

	(void)state;
	hex_encode((const uint8_t *)"foobar", 6, text);
	assert_string_equal(text, "666f6f626172");
	assert_true(hex_decode("666F6f626172", 12, bytes, 6));
	assert_memory_equal(bytes, "foobar", 6);
	hex_encode(bytes, 0, text);
	assert_string_equal(text, "");
	assert_true(hex_decode("", 0, bytes, 0));
}

static void test_hexadecimal_refuses_wrong_lengths_and_letters(void **state)
{
	uint8_t bytes[2];

	(void)state;
	assert_false(hex_decode("abc", 3, bytes, 2));
	assert_false(hex_decode("abcdef", 6, bytes, 2));
	assert_false(hex_decode("abcg", 4, bytes, 2));
	assert_false(hex_decode("g0cd", 4, bytes, 2));
	assert_false(hex_decode("ab/0", 4, bytes, 2));
	assert_false(hex_decode("ab:0", 4, bytes, 2));
	assert_false(hex_decode("ab@0", 4, bytes, 2));
	assert_false(hex_decode("ab`0", 4, bytes, 2));
}

/* A key of the bytes "foo" and "bar", in turn, ending in "fo".
 * RFC 4648 section 10: "foobar" is Zm9vYmFy, "fo" is Zm8=
 */
static void test_keys_are_written_as_the_rfc_4648_vectors(void **state)
{
	static const char text[] = "Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm8=";
	uint8_t key[32];
	uint8_t back[32];
	char out[KEY_TEXT_LEN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t) "foobar"[i % 6];
	key_to_base64(key, out);
	assert_string_equal(out, text);
	assert_true(key_from_base64(text, strlen(text), back));
	assert_memory_equal(back, key, sizeof(key));
}

static void test_every_digit_reads_and_writes_as_its_value(void **state)
{
	uint8_t key[32] = {0};
	char text[KEY_TEXT_LEN + 1];

	(void)state;
	for (unsigned int value = 0; value < 64; value++) {
		uint8_t back[32];

		key[0] = (uint8_t)(value << 2);
		key_to_base64(key, text);
		assert_int_equal(text[0], digits[value]);
		assert_true(key_from_base64(text, KEY_TEXT_LEN, back));
		assert_memory_equal(back, key, sizeof(key));
	}
}

static void test_no_other_byte_is_a_digit_in_any_place(void **state)
{
	const uint8_t zero[32] = {0};

	(void)state;
	for (int c = 0; c < 256; c++) {
		if (c != 0 && strchr(digits, c))
			continue;
		for (size_t i = 0; i < 43; i++) {
			char text[KEY_TEXT_LEN + 1];
			uint8_t key[32];

			key_to_base64(zero, text);
			text[i] = (char)c;
			assert_false(key_from_base64(text, KEY_TEXT_LEN, key));
		}
	}
}

static void test_keys_of_another_length_or_padding_are_refused(void **state)
{
	const uint8_t zero[32] = {0};
	char text[KEY_TEXT_LEN + 2];
	uint8_t key[32];

	(void)state;
	key_to_base64(zero, text);
	assert_true(key_from_base64(text, KEY_TEXT_LEN, key));
	assert_false(key_from_base64(text, KEY_TEXT_LEN - 1, key));
	assert_false(key_from_base64(text, KEY_TEXT_LEN + 1, key));
	assert_false(key_from_base64("", 0, key));
	text[43] = 'A';
	assert_false(key_from_base64(text, KEY_TEXT_LEN, key));
}

/* The last digit before '=' has two spare bits (RFC 4648 section 3.5). */
static void test_only_the_canonical_last_digit_is_accepted(void **state)
{
	const uint8_t zero[32] = {0};
	char text[KEY_TEXT_LEN + 1];

	(void)state;
	key_to_base64(zero, text);
	for (unsigned int value = 0; value < 64; value++) {
		uint8_t key[32];

		text[42] = digits[value];
		assert_int_equal(key_from_base64(text, KEY_TEXT_LEN, key), value % 4 == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wire_numbers_have_the_byte_order_of_their_name),
		cmocka_unit_test(test_wire_structs_convert_both_ways),
		cmocka_unit_test(test_hexadecimal_writes_the_rfc_4648_vector),
		cmocka_unit_test(test_hexadecimal_refuses_wrong_lengths_and_letters),
		cmocka_unit_test(test_keys_are_written_as_the_rfc_4648_vectors),
		cmocka_unit_test(test_every_digit_reads_and_writes_as_its_value),
		cmocka_unit_test(test_no_other_byte_is_a_digit_in_any_place),
		cmocka_unit_test(test_keys_of_another_length_or_padding_are_refused),
		cmocka_unit_test(test_only_the_canonical_last_digit_is_accepted),
	};

	return cmocka_run_group_tests_name("base/bytes", tests, NULL, NULL);
}
