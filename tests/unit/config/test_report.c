/* Mirrors src/config/report.c */
#include "cmocka_all.h"

#include "base/text.h"
#include "config/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "eEeGGJoGqh0q9nbnAm3fHC3FPb3HWqmzRVAdGwNm3l8="

static struct report_spot spot_of(const char *source, uint32_t line, uint32_t column, size_t width)
{
	return (struct report_spot){
		.pos = {"/etc/adit/work.conf", line, column},
		.width = width,
		.source = source,
		.source_len = strlen(source),
		.mask_from = SIZE_MAX,
	};
}

static const char *print_all(const struct report *report, bool has_color)
{
	static char buffer[65536];
	FILE *file = fmemopen(buffer, sizeof(buffer), "w");

	assert_non_null(file);
	buffer[0] = '\0';
	report_print(report, file, has_color);
	(void)fclose(file);
	return buffer;
}

static const char *print_one(const struct report_spot *spot, const char *what)
{
	AUTO(report) struct report *report = report_new();

	report_add(report, REPORT_ERROR, spot, "%s", what);
	return print_all(report, false);
}

static void test_remark_shows_place_line_caret_and_hint(void **state)
{
	AUTO(report) struct report *report = report_new();
	struct report_spot spot = spot_of("AllowedIPs = fd00::/8, 10.0.0.1/33", 14, 33, 2);

	(void)state;
	report_add(report, REPORT_ERROR, &spot, "AllowedIPs: '%s': an IPv4 prefix is 0 to 32 bits",
		   "10.0.0.1/33");
	report_hint(report, "for one address write %s", "10.0.0.1/32");
	assert_string_equal(print_all(report, false),
			    "/etc/adit/work.conf:14:33: error: AllowedIPs: '10.0.0.1/33': an IPv4 "
			    "prefix is 0 to 32 bits\n"
			    "   14 | AllowedIPs = fd00::/8, 10.0.0.1/33\n"
			    "      |                                 ^~\n"
			    "hint: for one address write 10.0.0.1/32\n");
}

static void test_remark_on_a_file_or_a_line_has_less(void **state)
{
	struct report_spot file = spot_of("", 0, 5, 0);
	struct report_spot line = spot_of("MTU = 1", 7, 0, 0);
	struct report_spot none = {.mask_from = SIZE_MAX};

	(void)state;
	assert_string_equal(print_one(&file, "empty"), "/etc/adit/work.conf: error: empty\n");
	assert_string_equal(print_one(&line, "odd"),
			    "/etc/adit/work.conf:7: error: odd\n    7 | MTU = 1\n");
	assert_string_equal(print_one(&none, "odd"), "error: odd\n");
}

static void test_tabs_and_wide_characters_do_not_move_the_caret(void **state)
{
	struct report_spot spot = spot_of("\tDNS =\tb\xc3\xbc"
					  "cher.x",
					  1, 8, 9);

	(void)state;
	assert_non_null(strstr(print_one(&spot, "x"), "\n      | \t     \t^~~~~~~~\n"));
}

static void test_caret_may_stand_behind_the_line_and_ends_with_it(void **state)
{
	struct report_spot behind = spot_of("DNS =", 1, 6, 1);
	struct report_spot wide = spot_of("DNS =", 1, 5, 100);
	struct report_spot beyond = spot_of("DNS =", 1, 50, 1);

	(void)state;
	assert_non_null(strstr(print_one(&behind, "x"), "| DNS =\n      |      ^\n"));
	assert_non_null(strstr(print_one(&wide, "x"), "| DNS =\n      |     ^\n"));
	assert_string_equal(print_one(&beyond, "x"), "/etc/adit/work.conf:1:50: error: x\n");
}

static void test_long_line_is_cut_around_its_column(void **state)
{
	char line[1000];
	struct report_spot spot;
	const char *shown;

	(void)state;
	memset(line, '.', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(line + 600, "HERE", 4);
	spot = spot_of(line, 1, 601, 4);
	shown = print_one(&spot, "x");
	assert_non_null(strstr(shown, "| ..."));
	assert_non_null(strstr(shown, "HERE"));
	assert_non_null(strstr(shown, "^~~~\n"));
	assert_true(strlen(shown) < 600);
}

static void test_long_line_is_not_cut_inside_a_character(void **state)
{
	static const char euro[3] = {'\xe2', '\x82', '\xac'};
	char line[901] = "";
	struct report_spot spot;

	(void)state;
	for (int i = 0; i < 300; i++)
		memcpy(line + 3L * i, euro, sizeof(euro));
	spot = spot_of(line, 1, 602, 1);
	assert_null(strchr(print_one(&spot, "x"), '?'));
}

static void test_value_behind_the_mask_is_not_shown(void **state)
{
	struct report_spot spot = spot_of("PrivateKey = " KEY " # old", 2, 14, 44);
	const char *shown;

	(void)state;
	spot.mask_from = 13;
	shown = print_one(&spot, "PrivateKey: no");
	assert_null(strstr(shown, "eEe"));
	assert_null(strstr(shown, "old"));
	assert_non_null(strstr(shown, "| PrivateKey = ****"));
}

static void test_key_is_masked_wherever_it_stands(void **state)
{
	AUTO(report) struct report *report = report_new();
	struct report_spot spot = spot_of("Address = " KEY, 2, 11, 44);

	(void)state;
	report_add(report, REPORT_ERROR, &spot, "Address: '%s': no", KEY);
	report_hint(report, "not %s", KEY);
	assert_null(strstr(print_all(report, false), "Gqh0q9"));
}

static void test_half_a_key_at_a_cut_is_masked(void **state)
{
	char line[400];
	const char *shown;

	(void)state;
	for (int at = 0; at < 60; at++) {
		struct report_spot spot;

		memset(line, ' ', sizeof(line));
		memcpy(line + 150 + at, KEY, 44);
		line[350] = '\0';
		spot = spot_of(line, 1, 1, 1);
		shown = print_one(&spot, "x");
		assert_null(strstr(shown, "eEeGG"));
		spot = spot_of(line, 1, 300, 1);
		shown = print_one(&spot, "x");
		assert_null(strstr(shown, "Nm3l8"));
	}
}

static void test_key_is_masked_before_a_sentence_is_cut(void **state)
{
	char filler[220];
	struct report_spot spot = {.mask_from = SIZE_MAX};

	(void)state;
	for (size_t len = 180; len < sizeof(filler); len++) {
		char what[300];

		memset(filler, '.', len);
		(void)snprintf(what, sizeof(what), "%.*s'" KEY "'", (int)len, filler);
		assert_null(strstr(print_one(&spot, what), "eEeGG"));
	}
}

static void test_what_a_terminal_obeys_is_replaced(void **state)
{
	struct report_spot spot = spot_of("DNS = \x1b[31m\x7f\xc2\x9b", 1, 7, 1);

	(void)state;
	assert_string_equal(print_one(&spot, "\x1b]0;x\x07 \xff\xc3"),
			    "/etc/adit/work.conf:1:7: error: ?]0;x? ??\n"
			    "    1 | DNS = ?[31m???\n"
			    "      |       ^\n");
}

static void test_valid_utf8_is_kept(void **state)
{
	struct report_spot spot = {.mask_from = SIZE_MAX};

	(void)state;
	assert_string_equal(print_one(&spot, "b\xc3\xbc \xe2\x82\xac \xf0\x9f\x94\x92"),
			    "error: b\xc3\xbc \xe2\x82\xac \xf0\x9f\x94\x92\n");
}

static void test_remarks_are_sorted_by_file_line_and_column(void **state)
{
	AUTO(report) struct report *report = report_new();
	struct report_spot spots[] = {
		{.pos = {"a", 9, 1}}, {.pos = {"b", 1, 1}}, {.pos = {"a", 2, 5}},
		{.pos = {"a", 2, 3}}, {.pos = {"a", 2, 3}},
	};
	static const char *const sorted[] = {"3", "4", "2", "0", "1"};

	(void)state;
	for (size_t i = 0; i < 5; i++)
		report_add(report, REPORT_ERROR, &spots[i], "%zu", i);
	report_sort(report);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(report_what_at(report, i), sorted[i]);
	assert_string_equal(report_pos_at(report, 4).path, "b");
}

static void test_what_is_not_available_is_said_only_when_asked(void **state)
{
	AUTO(report) struct report *report = report_new();
	struct report_spot spot = {.mask_from = SIZE_MAX};

	(void)state;
	report_add(report, REPORT_LATER, &spot, "[Lan] is not available yet");
	assert_string_equal(print_all(report, false), "");
	assert_int_equal(report_count(report, REPORT_ERROR), 0);
	assert_int_equal(report_promote(report, REPORT_LATER), 1);
	assert_int_equal(report_promote(report, REPORT_LATER), 0);
	assert_int_equal(report_count(report, REPORT_ERROR), 1);
	assert_string_equal(print_all(report, false), "error: [Lan] is not available yet\n");
}

static void test_remarks_past_the_limit_are_counted(void **state)
{
	AUTO(report) struct report *report = report_new();
	struct report_spot spot = {.mask_from = SIZE_MAX};

	(void)state;
	for (int i = 0; i < REPORT_MAX; i++)
		report_add(report, REPORT_WARNING, &spot, "x");
	assert_true(report_is_full(report));
	report_hint(report, "of the last");
	report_add(report, REPORT_ERROR, &spot, "lost");
	report_hint(report, "of nothing");
	assert_int_equal(report_length(report), REPORT_MAX);
	assert_int_equal(report_count(report, REPORT_ERROR), 1);
	assert_string_equal(report_hint_at(report, REPORT_MAX - 1), "of the last");
	assert_non_null(strstr(print_all(report, false), "hint: of the last\nand 1 more\n"));
}

static void test_hint_without_a_remark_is_dropped(void **state)
{
	AUTO(report) struct report *report = report_new();

	(void)state;
	report_hint(report, "x");
	assert_int_equal(report_length(report), 0);
}

static void test_colour_is_only_where_asked_for(void **state)
{
	AUTO(report) struct report *report = report_new();
	struct report_spot spot = spot_of("MTU = 1", 1, 7, 1);

	(void)state;
	report_add(report, REPORT_WARNING, &spot, "small");
	assert_null(strchr(print_all(report, false), '\033'));
	assert_non_null(strstr(print_all(report, true), "\033[1;33mwarning:\033[0m small"));
}

static void test_any_remark_fits_its_buffer(void **state)
{
	AUTO(report) struct report *report = report_new();
	char long_text[2000];
	char buffer[REPORT_ONE_TEXT_LEN];
	struct report_spot spot;
	struct text text;

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	spot = spot_of(long_text, 999999, 1500, 400);
	spot.pos.path = long_text + 977;
	report_add(report, REPORT_ERROR, &spot, "%s", long_text);
	report_hint(report, "%s", long_text);
	text_init(&text, buffer, sizeof(buffer));
	report_write_one(report, 0, true, &text);
	assert_false(text.is_truncated);
}

static void test_more_paths_than_are_kept_are_shown_without(void **state)
{
	AUTO(report) struct report *report = report_new();

	(void)state;
	for (int i = 0; i < 70; i++) {
		char path[32];
		struct report_spot spot = {.pos = {path, 1, 1}};

		(void)snprintf(path, sizeof(path), "%d.conf", i);
		report_add(report, REPORT_ERROR, &spot, "x");
	}
	assert_string_equal(report_pos_at(report, 63).path, "63.conf");
	assert_null(report_pos_at(report, 64).path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remark_shows_place_line_caret_and_hint),
		cmocka_unit_test(test_remark_on_a_file_or_a_line_has_less),
		cmocka_unit_test(test_tabs_and_wide_characters_do_not_move_the_caret),
		cmocka_unit_test(test_caret_may_stand_behind_the_line_and_ends_with_it),
		cmocka_unit_test(test_long_line_is_cut_around_its_column),
		cmocka_unit_test(test_long_line_is_not_cut_inside_a_character),
		cmocka_unit_test(test_value_behind_the_mask_is_not_shown),
		cmocka_unit_test(test_key_is_masked_wherever_it_stands),
		cmocka_unit_test(test_half_a_key_at_a_cut_is_masked),
		cmocka_unit_test(test_key_is_masked_before_a_sentence_is_cut),
		cmocka_unit_test(test_what_a_terminal_obeys_is_replaced),
		cmocka_unit_test(test_valid_utf8_is_kept),
		cmocka_unit_test(test_remarks_are_sorted_by_file_line_and_column),
		cmocka_unit_test(test_what_is_not_available_is_said_only_when_asked),
		cmocka_unit_test(test_remarks_past_the_limit_are_counted),
		cmocka_unit_test(test_hint_without_a_remark_is_dropped),
		cmocka_unit_test(test_colour_is_only_where_asked_for),
		cmocka_unit_test(test_any_remark_fits_its_buffer),
		cmocka_unit_test(test_more_paths_than_are_kept_are_shown_without),
	};

	return cmocka_run_group_tests_name("config/report", tests, NULL, NULL);
}
