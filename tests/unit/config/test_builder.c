/* Mirrors src/config/builder.c */
#include "cmocka_all.h"

#include "base/text.h"
#include "source.h"

/* What a person would see. */
static const char *print_remarks(const char *text)
{
	static char buffer[16 * REPORT_ONE_TEXT_LEN];
	struct made_up made_up = source_of(text);
	struct text out;

	text_init(&out, buffer, sizeof(buffer));
	for (size_t i = 0; i < report_length(made_up.report); i++)
		report_write_one(made_up.report, i, false, &out);
	source_free(&made_up);
	return buffer;
}

static void test_place_of_a_squeezed_value_is_where_it_stands(void **state)
{
	(void)state;
	assert_string_equal(
		print_remarks(INTERFACE
			      "[Peer]\nPublicKey = " KEY_B
			      "\nEndpoint=h:1\nAllowed IPs = 10.0.0.0 / 8 , 10.0 .0.0 / 4 4\n"),
		"/c/work.conf:7:42: error: AllowedIPs: '10.0.0.0/44': an IPv4 prefix is 0 to 32 "
		"bits\n"
		"    7 | Allowed IPs = 10.0.0.0 / 8 , 10.0 .0.0 / 4 4\n"
		"      |                                          ^~~\n"
		"hint: commas stand between the values of a list\n");
}

static void test_second_own_value_is_an_error_across_files_too(void **state)
{
	struct made_up made_up = {
		.file = {{"/c/work.conf", INTERFACE PEER "[Namespace]\nDevice = wg1\n", false,
			  false},
			 {"/c/work.conf.d/a.conf", "[Namespace]\nDevice = wg2\n", false, false}},
	};

	(void)state;
	source_parse(&made_up);
	assert_int_equal(made_up.r, -EBADMSG);
	assert_string_equal(source_remarks(&made_up),
			    "error:2:1: Device: given already (/c/work.conf:9)\n");
	assert_string_equal(report_pos_at(made_up.report, 0).path, "/c/work.conf.d/a.conf");
	source_free(&made_up);
}

static void test_path_and_item_lengths_are_limited(void **state)
{
	char text[4096];
	char path[PROFILE_PATH_LEN + 8];

	(void)state;
	memset(path, 'p', sizeof(path));
	path[PROFILE_PATH_LEN - 1] = '\0';
	(void)snprintf(text, sizeof(text), INTERFACE PEER "[Namespace]\nPath = %s\n", path);
	assert_non_null(strstr(source_remarks_on(text), "the path is too long"));
	path[PROFILE_PATH_LEN - 1] = 'p';
	path[PROFILE_PATH_LEN] = '\0';
	(void)snprintf(text, sizeof(text), INTERFACE PEER "[Namespace]\nPath = %s\n", path);
	assert_non_null(strstr(source_remarks_on(text), "Path: longer than 1023 characters"));
}

static void test_credential_is_a_name_and_nothing_else(void **state)
{
	static const char *const wrong[] = {"@", "@.", "@..", "@a/b"};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(text, sizeof(text),
			       INTERFACE PEER "[Namespace]\nPrivateKeyFile = %s\n", wrong[i]);
		assert_non_null(
			strstr(source_remarks_on(text), "not the name of a systemd credential"));
	}
	assert_non_null(
		strstr(source_remarks_on(INTERFACE PEER "[Namespace]\nPrivateKeyFile = @key\n"),
		       "no systemd credentials here"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_place_of_a_squeezed_value_is_where_it_stands),
		cmocka_unit_test(test_second_own_value_is_an_error_across_files_too),
		cmocka_unit_test(test_path_and_item_lengths_are_limited),
		cmocka_unit_test(test_credential_is_a_name_and_nothing_else),
	};

	return cmocka_run_group_tests_name("config/builder", tests, NULL, NULL);
}
