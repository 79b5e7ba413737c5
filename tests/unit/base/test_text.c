/* Mirrors src/base/text.c */
#include "cmocka_all.h"

#include "base/text.h"

#include <string.h>

static bool decimal(const char *text, uint64_t max, uint64_t *ret)
{
	return text_to_u64(text, strlen(text), max, ret);
}

static bool any_base(const char *text, uint64_t max, uint64_t *ret)
{
	return text_to_u64_any_base(text, strlen(text), max, ret);
}

static void test_builder_adds_up_what_it_is_given(void **state)
{
	char buffer[32];
	struct text text;

	(void)state;
	text_init(&text, buffer, sizeof(buffer));
	assert_string_equal(buffer, "");
	text_add(&text, "mtu %d", 1420);
	text_add(&text, "%s", "");
	text_add(&text, ", %s", "up");
	assert_string_equal(buffer, "mtu 1420, up");
	assert_int_equal(text.len, strlen(buffer));
	assert_false(text.is_truncated);
}

static void test_bits_are_named_in_the_tables_order(void **state)
{
	static const struct text_bit table[] = {{4, "four"}, {1, "one"}, {2, "two"}, {0, NULL}};
	char buffer[32];
	struct text text;

	(void)state;
	text_init(&text, buffer, sizeof(buffer));
	text_add(&text, "has ");
	text_add_bits(&text, table, 1 | 4 | 8);
	assert_string_equal(buffer, "has four, one");
	text_add_bits(&text, table, 0);
	assert_string_equal(buffer, "has four, one");
}

static void test_builder_takes_text_that_just_fits(void **state)
{
	char buffer[5];
	struct text text;

	(void)state;
	text_init(&text, buffer, sizeof(buffer));
	text_add(&text, "abcd");
	assert_string_equal(buffer, "abcd");
	assert_false(text.is_truncated);
}

static void test_builder_cuts_and_remembers_it(void **state)
{
	char buffer[5] = "....";
	struct text text;

	(void)state;
	text_init(&text, buffer, sizeof(buffer));
	text_add(&text, "abcde");
	assert_string_equal(buffer, "abcd");
	assert_int_equal(text.len, 4);
	assert_true(text.is_truncated);

	text_add(&text, "%s", "");
	text_add(&text, "f");
	assert_string_equal(buffer, "abcd");
	assert_true(text.is_truncated);
}

static void test_builder_of_one_byte_holds_the_nul(void **state)
{
	char buffer[1];
	struct text text;

	(void)state;
	text_init(&text, buffer, sizeof(buffer));
	text_add(&text, "a");
	assert_string_equal(buffer, "");
	assert_true(text.is_truncated);
}

static void test_numbers_are_digits_and_nothing_else(void **state)
{
	static const char *const bad[] = {"",	 "-1", "+1", " 1",  "1 ", "1a",
					  "0x1", "a",  "/",  "1.0", ":",  "1e3"};
	uint64_t value = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(decimal(bad[i], UINT64_MAX, &value));
	assert_int_equal(value, 77);
	assert_true(decimal("0", 0, &value));
	assert_int_equal(value, 0);
	assert_true(decimal("0051820", UINT16_MAX, &value));
	assert_int_equal(value, 51820);
}

static void test_numbers_end_at_the_given_maximum(void **state)
{
	uint64_t value;

	(void)state;
	assert_true(decimal("65535", UINT16_MAX, &value));
	assert_false(decimal("65536", UINT16_MAX, &value));
}

static void test_numbers_do_not_wrap_at_64_bits(void **state)
{
	uint64_t value;

	(void)state;
	assert_true(decimal("18446744073709551615", UINT64_MAX, &value));
	assert_true(value == UINT64_MAX);
	assert_false(decimal("18446744073709551616", UINT64_MAX, &value));
	assert_false(decimal("99999999999999999999", UINT64_MAX, &value));
	assert_true(any_base("0xffffffffffffffff", UINT64_MAX, &value));
	assert_true(value == UINT64_MAX);
	assert_false(any_base("0x10000000000000000", UINT64_MAX, &value));
}

static void test_number_ends_with_its_length_not_with_a_nul(void **state)
{
	uint64_t value;

	(void)state;
	assert_true(text_to_u64("123456", 3, UINT64_MAX, &value));
	assert_int_equal(value, 123);
}

static void test_hexadecimal_needs_its_prefix_and_a_digit(void **state)
{
	uint64_t value;

	(void)state;
	assert_true(any_base("0xCA6c", UINT64_MAX, &value));
	assert_int_equal(value, 0xca6c);
	assert_true(any_base("0XcA6C", UINT64_MAX, &value));
	assert_true(any_base("17", UINT64_MAX, &value));
	assert_int_equal(value, 17);
	assert_false(any_base("0x", UINT64_MAX, &value));
	assert_false(any_base("x1", UINT64_MAX, &value));
	assert_false(any_base("0xg", UINT64_MAX, &value));
	assert_false(any_base("ff", UINT64_MAX, &value));
}

static void test_words_compare_without_case_and_in_full(void **state)
{
	(void)state;
	assert_true(text_equal_nocase("AllowedIPs", 10, "allowedips"));
	assert_true(text_equal_nocase("AllowedIPs = x", 10, "AllowedIPs"));
	assert_false(text_equal_nocase("Allowed", 7, "AllowedIPs"));
	assert_false(text_equal_nocase("AllowedIPs", 10, "Allowed"));
	assert_true(text_equal_nocase("", 0, ""));
}

static void test_prefixes_are_found(void **state)
{
	(void)state;
	assert_true(text_starts_with("wg0", "wg"));
	assert_true(text_starts_with("wg", "wg"));
	assert_true(text_starts_with("wg", ""));
	assert_false(text_starts_with("w", "wg"));
}

static void test_distance_counts_single_edits(void **state)
{
	(void)state;
	assert_int_equal(text_distance("kitten", 6, "sitting"), 3);
	assert_int_equal(text_distance("Adress", 6, "Address"), 1);
	assert_int_equal(text_distance("DNS", 3, "dns"), 0);
	assert_int_equal(text_distance("", 0, "abc"), 3);
	assert_int_equal(text_distance("abc", 3, ""), 3);
}

static void test_distance_of_long_words_is_cut_off(void **state)
{
	char longest[300];

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(text_distance(longest, 299, "a"), 255);
	assert_int_equal(text_distance("a", 1, longest), 255);
	assert_int_equal(text_distance(longest, 254, "a"), 253);
}

static void test_link_names_are_safe_in_any_text_made_of_them(void **state)
{
	static const struct {
		const char *name;
		bool is_good;
	} rows[] = {
		{"wg0", true},	  {"a", true},
		{"...", true},	  {"A-Z_a.z09", true},
		{".a", true},	  {"fifteen-letters", true},
		{"", false},	  {"sixteen-letters-", false},
		{".", false},	  {"..", false},
		{"-wg0", false},  {"wg*", false},
		{"wg 0", false},  {"wg\"0", false},
		{"wg/0", false},  {"wg:0", false},
		{"wg\n0", false}, {"w\xc3\xa9", false},
		{"wg@0", false},  {"wg[0", false},
		{"wg`0", false},  {"wg{0", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(text_is_link_name(rows[i].name, strlen(rows[i].name)),
				 rows[i].is_good);
	assert_false(text_is_link_name("wg\0", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builder_adds_up_what_it_is_given),
		cmocka_unit_test(test_bits_are_named_in_the_tables_order),
		cmocka_unit_test(test_builder_takes_text_that_just_fits),
		cmocka_unit_test(test_builder_cuts_and_remembers_it),
		cmocka_unit_test(test_builder_of_one_byte_holds_the_nul),
		cmocka_unit_test(test_numbers_are_digits_and_nothing_else),
		cmocka_unit_test(test_numbers_end_at_the_given_maximum),
		cmocka_unit_test(test_numbers_do_not_wrap_at_64_bits),
		cmocka_unit_test(test_number_ends_with_its_length_not_with_a_nul),
		cmocka_unit_test(test_hexadecimal_needs_its_prefix_and_a_digit),
		cmocka_unit_test(test_words_compare_without_case_and_in_full),
		cmocka_unit_test(test_prefixes_are_found),
		cmocka_unit_test(test_link_names_are_safe_in_any_text_made_of_them),
		cmocka_unit_test(test_distance_counts_single_edits),
		cmocka_unit_test(test_distance_of_long_words_is_cut_off),
	};

	return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
