/* Mirrors src/report/facts.c */
#include "cmocka_all.h"

#include "report/facts.h"

#include <errno.h>
#include <stdlib.h>

static void test_facts_are_indented_and_end_in_a_newline(void **state)
{
	json_t *facts = json_pack("{s:s}", "name", "media");
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(facts_print_json(facts, out), 0);
	(void)fclose(out);
	assert_string_equal(text, "{\n  \"name\": \"media\"\n}\n");
	free(text);
	json_decref(facts);
}

static void test_no_facts_and_no_room_are_errors(void **state)
{
	json_t *facts = json_array();
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_int_equal(facts_print_json(NULL, stdout), -ENOMEM);
	assert_non_null(full);
	assert_int_equal(setvbuf(full, NULL, _IONBF, 0), 0);
	assert_int_equal(facts_print_json(facts, full), -EIO);
	(void)fclose(full);
	json_decref(facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts_are_indented_and_end_in_a_newline),
		cmocka_unit_test(test_no_facts_and_no_room_are_errors),
	};

	return cmocka_run_group_tests_name("report/facts", tests, NULL, NULL);
}
