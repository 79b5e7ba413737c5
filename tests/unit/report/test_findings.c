/* Mirrors src/report/findings.c */
#include "cmocka_all.h"

#include "audit/finding.h"
#include "report/findings.h"

#include <stdlib.h>
#include <string.h>

static struct finding_list list;

static int fill(void **state)
{
	const struct finding route = {
		.promises = 1U << PROMISE_ONLY_TUNNEL | 1U << PROMISE_NO_WAY_TO_HOST,
		.verdict = VERDICT_BROKEN,
	};
	const struct finding process = {
		.promises = 1U << PROMISE_NAMES,
		.verdict = VERDICT_UNKNOWN,
		.pid = 7,
		.name = "sh",
	};
	const struct finding remark = {.promises = 1U << PROMISE_HOST_UNTOUCHED};

	(void)state;
	list = (struct finding_list){0};
	finding_add(&list, &route, "a route");
	finding_add(&list, &process, "its files");
	finding_add(&list, &remark, "by the way");
	return 0;
}

static void expect_text(const char *expected)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	findings_print(&list, out);
	(void)fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void test_a_person_gets_a_line_for_each_promise_and_finding(void **state)
{
	(void)state;
	expect_text("I1 broken       nothing leaves but by the tunnel\n"
		    "    a route\n"
		    "I3 cannot tell  no name is looked up outside the tunnel\n"
		    "    'sh' (process 7): its files\n"
		    "I4 broken       nothing inside can reach the host or its LAN\n"
		    "    a route\n"
		    "I5 kept         the host's other networking is untouched\n"
		    "    note: by the way\n");
}

static void test_findings_without_room_are_said(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	list.n_lost = 3;
	findings_print(&list, out);
	(void)fclose(out);
	assert_non_null(strstr(text, "and 3 more findings\n"));
	free(text);
}

static void test_a_program_gets_the_same_as_json(void **state)
{
	json_t *json = findings_json(&list, "media");
	json_t *names = json_array_get(json_object_get(json, "promises"), 1);
	json_t *expected = json_loads("{\"promise\": \"I3\", \"verdict\": \"cannot tell\","
				      "\"text\": \"no name is looked up outside the tunnel\","
				      "\"findings\": [{\"verdict\": \"cannot tell\","
				      "\"what\": \"its files\", \"pid\": 7, \"process\": \"sh\"}]}",
				      0, NULL);

	(void)state;
	assert_non_null(expected);
	assert_true(json_equal(names, expected));
	assert_false(json_is_true(json_object_get(json, "kept")));
	assert_string_equal(json_string_value(json_object_get(json, "name")), "media");
	json_decref(expected);
	json_decref(json);
}

static void test_all_kept_is_said_to_programs(void **state)
{
	json_t *json;

	(void)state;
	list = (struct finding_list){0};
	json = findings_json(&list, "media");
	assert_true(json_is_true(json_object_get(json, "kept")));
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_person_gets_a_line_for_each_promise_and_finding,
				       fill),
		cmocka_unit_test_setup(test_findings_without_room_are_said, fill),
		cmocka_unit_test_setup(test_a_program_gets_the_same_as_json, fill),
		cmocka_unit_test_setup(test_all_kept_is_said_to_programs, fill),
	};

	return cmocka_run_group_tests_name("report/findings", tests, NULL, NULL);
}
