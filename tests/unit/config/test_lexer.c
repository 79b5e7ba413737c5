/* Mirrors src/config/lexer.c */
#include "cmocka_all.h"

#include "config/lexer.h"

#include <string.h>

static struct lexer lex(const char *text)
{
	struct lexer lexer;

	lexer_init(&lexer, text, strlen(text));
	return lexer;
}

static void assert_slice(struct slice slice, const char *expected)
{
	assert_int_equal(slice.len, strlen(expected));
	assert_memory_equal(slice.at, expected, slice.len);
}

static void assert_pair(const struct lexer_line *line, const char *name, const char *value)
{
	assert_int_equal(line->kind, LEXER_PAIR);
	assert_slice(line->name, name);
	assert_slice(line->value, value);
}

static void test_sections_and_pairs_come_in_order_with_their_lines(void **state)
{
	struct lexer lexer = lex("[Interface]\n\nMTU = 1420\n# remark\n[Peer]\n");
	struct lexer_line line = lexer_next(&lexer);

	(void)state;
	assert_int_equal(line.kind, LEXER_SECTION);
	assert_slice(line.name, "Interface");
	assert_int_equal(line.number, 1);
	line = lexer_next(&lexer);
	assert_pair(&line, "MTU", "1420");
	assert_int_equal(line.number, 3);
	line = lexer_next(&lexer);
	assert_int_equal(line.kind, LEXER_SECTION);
	assert_int_equal(line.number, 5);
	assert_int_equal(lexer_next(&lexer).kind, LEXER_END);
	assert_int_equal(lexer_next(&lexer).kind, LEXER_END);
}

static void test_columns_count_bytes_from_one(void **state)
{
	struct lexer lexer = lex("  DNS =\t 1.1.1.1\n");
	struct lexer_line line = lexer_next(&lexer);

	(void)state;
	assert_int_equal(lexer_column(&line, line.name.at), 3);
	assert_int_equal(lexer_column(&line, line.value.at), 10);
}

static void test_a_comment_ends_a_line_and_a_value(void **state)
{
	struct lexer lexer = lex("#A = 1\nB = 2 # = 3\nC = #\n");
	struct lexer_line line = lexer_next(&lexer);

	(void)state;
	assert_pair(&line, "B", "2");
	assert_slice(line.whole, "B = 2 # = 3");
	line = lexer_next(&lexer);
	assert_pair(&line, "C", "");
}

static void test_crlf_and_a_byte_order_mark_are_passed_over(void **state)
{
	struct lexer lexer = lex("\xef\xbb\xbf[Interface]\r\nMTU = 1420\r\n\r\n");
	struct lexer_line line = lexer_next(&lexer);

	(void)state;
	assert_slice(line.name, "Interface");
	assert_slice(line.whole, "[Interface]");
	assert_int_equal(lexer_column(&line, line.name.at), 2);
	line = lexer_next(&lexer);
	assert_pair(&line, "MTU", "1420");
	assert_int_equal(line.number, 2);
	assert_int_equal(lexer_next(&lexer).kind, LEXER_END);
}

static void test_blanks_around_everything_do_not_count(void **state)
{
	struct lexer lexer = lex(" \t[ Peer ] \n \v Endpoint\f=  a b  \t\n");
	struct lexer_line line = lexer_next(&lexer);

	(void)state;
	assert_slice(line.name, "Peer");
	line = lexer_next(&lexer);
	assert_pair(&line, "Endpoint", "a b");
}

static void test_the_last_line_needs_no_end(void **state)
{
	struct lexer lexer = lex("MTU=1");
	struct lexer_line line = lexer_next(&lexer);

	(void)state;
	assert_pair(&line, "MTU", "1");
}

static void test_a_value_may_hold_an_equals_sign(void **state)
{
	struct lexer lexer = lex("PostUp = a=b\n");
	struct lexer_line line = lexer_next(&lexer);

	(void)state;
	assert_pair(&line, "PostUp", "a=b");
}

static void test_junk_says_what_is_wrong_and_where(void **state)
{
	static const struct {
		const char *text;
		const char *part;
		const char *why;
	} cases[] = {
		{"what is this", "what is this", "neither [Section] nor Key = value"},
		{"= 5", "= 5", "a value without a key"},
		{"[Peer", "[Peer", "a section's name ends with ']'"},
		{"[]", "[]", "a section without a name"},
		{"[ ]", "[ ]", "a section without a name"},
		{"[Peer] x", "x", "nothing but a comment may follow a section's name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lexer lexer = lex(cases[i].text);
		struct lexer_line line = lexer_next(&lexer);

		assert_int_equal(line.kind, LEXER_JUNK);
		assert_slice(line.name, cases[i].part);
		assert_string_equal(line.why, cases[i].why);
	}
}

static void test_a_nul_byte_is_junk_at_its_place(void **state)
{
	struct lexer lexer;
	struct lexer_line line;

	(void)state;
	lexer_init(&lexer, "MTU\0 = 5", 8);
	line = lexer_next(&lexer);
	assert_int_equal(line.kind, LEXER_JUNK);
	assert_int_equal(lexer_column(&line, line.name.at), 4);
	assert_string_equal(line.why, "a NUL byte: this is no text");
}

static void test_names_compare_without_case_and_blanks(void **state)
{
	(void)state;
	assert_true(lexer_equal((struct slice){"listen Port", 11}, "ListenPort"));
	assert_true(lexer_equal((struct slice){"ListenPort", 10}, "ListenPort"));
	assert_false(lexer_equal((struct slice){"ListenPor", 9}, "ListenPort"));
	assert_false(lexer_equal((struct slice){"ListenPorts", 11}, "ListenPort"));
	assert_false(lexer_equal((struct slice){"", 0}, "ListenPort"));
	assert_false(lexer_equal((struct slice){"MTU\0", 4}, "MTU"));
}

static void test_an_empty_text_has_no_line(void **state)
{
	struct lexer lexer = lex("");

	(void)state;
	assert_int_equal(lexer_next(&lexer).kind, LEXER_END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections_and_pairs_come_in_order_with_their_lines),
		cmocka_unit_test(test_columns_count_bytes_from_one),
		cmocka_unit_test(test_a_comment_ends_a_line_and_a_value),
		cmocka_unit_test(test_crlf_and_a_byte_order_mark_are_passed_over),
		cmocka_unit_test(test_blanks_around_everything_do_not_count),
		cmocka_unit_test(test_the_last_line_needs_no_end),
		cmocka_unit_test(test_a_value_may_hold_an_equals_sign),
		cmocka_unit_test(test_junk_says_what_is_wrong_and_where),
		cmocka_unit_test(test_a_nul_byte_is_junk_at_its_place),
		cmocka_unit_test(test_names_compare_without_case_and_blanks),
		cmocka_unit_test(test_an_empty_text_has_no_line),
	};

	return cmocka_run_group_tests_name("config/lexer", tests, NULL, NULL);
}
