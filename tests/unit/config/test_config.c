/* Mirrors src/config/config.c */
#include "cmocka_all.h"

#include "source.h"

static void test_profile_is_named_after_its_file(void **state)
{
	static const struct {
		const char *path;
		const char *name;
	} cases[] = {
		{"/etc/adit/work.conf", "work"},
		{"work.conf", "work"},
		{"/c/work", ""},
		{"/c/.conf", ""},
		{"/c/-x.conf", ""},
		{"/c/a b.conf", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made_up made_up = {.file = {{cases[i].path, INTERFACE PEER, false, false}}};

		source_parse(&made_up);
		assert_int_equal(made_up.r, 0);
		assert_string_equal(made_up.profile->name, cases[i].name);
		assert_string_equal(made_up.profile->file[0], cases[i].path);
		source_free(&made_up);
	}
}

static void test_errors_are_counted_and_there_is_no_profile(void **state)
{
	struct made_up lasting = source_of(INTERFACE PEER "[Namespace]\nBackend = kernel\n[Lan]\n");
	struct made_up one = source_of(INTERFACE);
	struct made_up three = source_of("[Interface]\n");

	(void)state;
	assert_int_equal(one.r, -EBADMSG);
	assert_null(one.profile);
	assert_string_equal(one.err.what, "'/c/work.conf' has 1 error");
	assert_string_equal(three.err.what, "'/c/work.conf' has 3 errors");
	source_free(&one);
	source_free(&lasting);
	source_free(&three);
}

static void test_file_that_cannot_be_read_is_no_remark(void **state)
{
	struct made_up made_up = {.file = {{"/c/work.conf", "", false, false}}};
	struct made_up drop_in = {.file = {{"/c/work.conf", INTERFACE PEER, false, false}},
				  .list_error = EACCES};

	(void)state;
	made_up.report = report_new();
	{
		struct config_source source = {.context = &made_up, .read = source_read};

		assert_int_equal(config_parse(&source, "/c/other.conf", &made_up.profile,
					      made_up.report, &made_up.err),
				 -ENOENT);
	}
	assert_int_equal(report_length(made_up.report), 0);
	assert_non_null(strstr(made_up.err.what, "/c/other.conf"));
	source_free(&made_up);
	source_parse(&drop_in);
	assert_int_equal(drop_in.r, -EACCES);
	assert_null(drop_in.profile);
	source_free(&drop_in);
}

static void test_path_that_is_too_long_for_its_drop_ins_is_refused(void **state)
{
	char path[PROFILE_PATH_LEN];
	struct made_up made_up = {.file = {{path, INTERFACE PEER, false, false}}};

	(void)state;
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	source_parse(&made_up);
	assert_int_equal(made_up.r, -ENAMETOOLONG);
	source_free(&made_up);
}

static void test_remarks_come_sorted(void **state)
{
	struct made_up made_up = source_of("[Interface]\nDNS = 9.9.9.9\nAddress = 10.0.0.1\n"
					   "PrivateKey = " KEY_A "\n[Peer]\nEndpoint = h\n"
					   "AllowedIPs = 10.0.0.0/8\nPublicKey = " KEY_B "\n");
	uint32_t last = 0;

	(void)state;
	assert_true(report_length(made_up.report) >= 2);
	for (size_t i = 0; i < report_length(made_up.report); i++) {
		assert_true(report_pos_at(made_up.report, i).line >= last);
		last = report_pos_at(made_up.report, i).line;
	}
	source_free(&made_up);
}

static void test_only_what_is_available_can_be_required(void **state)
{
	struct made_up plain = source_of(INTERFACE PEER "[Namespace]\nBackend = userspace\n");
	struct made_up later = source_of(INTERFACE PEER "[Namespace]\nUsers = a\nGroups = b\n");
	struct made_up lasting = source_of(INTERFACE PEER "[Namespace]\nBackend = kernel\n[Lan]\n");
	struct made_up one = source_of(INTERFACE PEER "[Namespace]\nBackend = kernel\n");
	struct made_up path = source_of(INTERFACE PEER "[Namespace]\nPath = /run/netns/x\n");

	(void)state;
	assert_int_equal(config_require_available(plain.report, CONFIG_FOR_RUN, &plain.err), 0);
	assert_int_equal(later.r, 0);
	assert_int_equal(config_require_available(later.report, CONFIG_FOR_LASTING, &later.err),
			 -EOPNOTSUPP);
	assert_int_equal(report_count(later.report, REPORT_ERROR), 2);
	assert_string_equal(later.err.what, "the configuration uses 2 things not available yet");
	assert_int_equal(config_require_available(one.report, CONFIG_FOR_RUN, &one.err),
			 -EOPNOTSUPP);
	assert_string_equal(one.err.what,
			    "the configuration uses 1 thing that only lasting namespaces have");
	assert_int_equal(config_require_available(lasting.report, CONFIG_FOR_LASTING, NULL), 0);
	assert_int_equal(config_require_available(path.report, CONFIG_FOR_LASTING, NULL), 0);
	assert_int_equal(config_require_available(path.report, CONFIG_FOR_RUN, NULL), -EOPNOTSUPP);
	source_free(&path);
	source_free(&plain);
	source_free(&later);
	source_free(&one);
	source_free(&lasting);
}

static void test_large_file_with_faults_everywhere_takes_no_time(void **state)
{
	static const char line[4] = {'[', 'a', ']', '\n'};
	static char text[CONFIG_TEXT_MAX + 1];

	(void)state;
	for (size_t at = 0; at + 4 < CONFIG_TEXT_MAX; at += 4)
		memcpy(text + at, line, sizeof(line));
	{
		struct made_up made_up = source_of(text);

		assert_int_equal(made_up.r, -EBADMSG);
		assert_int_equal(report_length(made_up.report), REPORT_MAX);
		assert_int_equal(report_count(made_up.report, REPORT_ERROR),
				 CONFIG_TEXT_MAX / 4 - 1);
		source_free(&made_up);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profile_is_named_after_its_file),
		cmocka_unit_test(test_errors_are_counted_and_there_is_no_profile),
		cmocka_unit_test(test_file_that_cannot_be_read_is_no_remark),
		cmocka_unit_test(test_path_that_is_too_long_for_its_drop_ins_is_refused),
		cmocka_unit_test(test_remarks_come_sorted),
		cmocka_unit_test(test_only_what_is_available_can_be_required),
		cmocka_unit_test(test_large_file_with_faults_everywhere_takes_no_time),
	};

	return cmocka_run_group_tests_name("config/config", tests, NULL, NULL);
}
