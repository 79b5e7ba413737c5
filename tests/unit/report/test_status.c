/* Mirrors src/report/status.c */
#include "cmocka_all.h"

#include "report/status.h"

#include <stdlib.h>
#include <string.h>

static char *printed(const char *json, int is_row)
{
	json_t *facts = json ? json_loads(json, 0, NULL) : NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	if (is_row)
		status_print_row(facts, out);
	else
		status_print(facts, 1000, out);
	(void)fclose(out);
	json_decref(facts);
	return text;
}

static void test_all_facts_of_a_namespace_are_printed(void **state)
{
	char *text = printed(
		"{\"name\": \"media\", \"line\": \"tunnel up, handshake 12 s ago\", \"mtu\": 1420,"
		" \"device\": \"wg0\", \"addresses\": [\"10.0.0.2/32\", \"fd00::2/128\"],"
		" \"dns\": [], \"peers\": [{\"public_key\": \"KEY=\", \"endpoint\": "
		"\"192.0.2.1:1\","
		" \"latest_handshake\": 988, \"rx_bytes\": 3355443, \"tx_bytes\": 100}]}",
		0);

	(void)state;
	assert_non_null(strstr(text, "media: tunnel up, handshake 12 s ago\n"));
	assert_non_null(strstr(text, "addresses  10.0.0.2/32, fd00::2/128\n"));
	assert_null(strstr(text, "DNS"));
	assert_non_null(strstr(text, "latest handshake  12 s ago\n"));
	assert_non_null(strstr(text, "3.20 MiB received, 100 B sent\n"));
	free(text);
}

static void test_no_handshake_is_never(void **state)
{
	char *text = printed("{\"name\": \"x\", \"peers\": [{\"public_key\": \"KEY=\"}]}", 0);

	(void)state;
	assert_non_null(strstr(text, "latest handshake  never\n"));
	free(text);
}

static void test_drops_are_lines_where_there_were_some(void **state)
{
	char *text = printed("{\"name\": \"x\", \"drops\": [{\"meaning\": \"going out\", "
			     "\"packets\": 3}, {\"meaning\": \"coming in\", \"packets\": 0}]}",
			     0);

	(void)state;
	assert_non_null(strstr(text, "dropped  3 going out\n"));
	assert_null(strstr(text, "coming in"));
	free(text);
}

static void test_forwards_are_lines(void **state)
{
	char *text = printed("{\"name\": \"x\", \"forwards\": [{\"protocol\": \"tcp\", \"at\": "
			     "\"enp3s0\", \"outside\": \"2222\", \"inside\": \"22\", \"open\": 1,"
			     " \"total\": 5, \"refused\": 2, \"listeners\": 0}]}",
			     0);

	(void)state;
	assert_non_null(strstr(text,
			       "forward  enp3s0/tcp:2222->22: 1 open, 5 in all, some refused, "
			       "no such address yet\n"));
	free(text);
}

static void test_a_row_stands_under_the_heading(void **state)
{
	char *heading = printed(NULL, 1);
	char *row = printed("{\"name\": \"media\", \"state\": \"up\", \"line\": \"fine\"}", 1);

	(void)state;
	assert_int_equal(strstr(heading, "STATE") - heading, strstr(row, "up") - row);
	assert_int_equal(strstr(heading, "TUNNEL") - heading, strstr(row, "fine") - row);
	free(heading);
	free(row);
}

static void test_facts_of_another_version_are_not_trusted(void **state)
{
	char *text = printed("{\"name\": 5, \"peers\": \"none\", \"dns\": [7]}", 0);

	(void)state;
	assert_true(text[0] == ':');
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_facts_of_a_namespace_are_printed),
		cmocka_unit_test(test_no_handshake_is_never),
		cmocka_unit_test(test_drops_are_lines_where_there_were_some),
		cmocka_unit_test(test_forwards_are_lines),
		cmocka_unit_test(test_a_row_stands_under_the_heading),
		cmocka_unit_test(test_facts_of_another_version_are_not_trusted),
	};

	return cmocka_run_group_tests_name("report/status", tests, NULL, NULL);
}
