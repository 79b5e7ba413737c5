/* Mirrors src/device/journal.c */
#include "cmocka_all.h"

#include "device/journal.h"

#include <errno.h>
#include <string.h>

static void add(struct journal *journal, const char *lines)
{
	assert_int_equal(journal_reserve(journal, strlen(lines)), 0);
	journal_add(journal, lines, strlen(lines));
}

static void check_next(const struct journal *journal, size_t *at, const char *expected)
{
	const char *text;
	size_t len;

	assert_true(journal_next(journal, at, &text, &len));
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(text, expected, len);
}

static void test_sets_come_back_whole_and_in_order(void **state)
{
	struct journal journal = {0};
	const char *text;
	size_t at = 0;
	size_t len;

	(void)state;
	assert_false(journal_next(&journal, &at, &text, &len));
	add(&journal, "private_key=0\n\n");
	add(&journal, "\n");
	add(&journal, "public_key=1\nremove=true\n\n");
	check_next(&journal, &at, "set=1\nprivate_key=0\n\n");
	check_next(&journal, &at, "set=1\n\n");
	check_next(&journal, &at, "set=1\npublic_key=1\nremove=true\n\n");
	assert_false(journal_next(&journal, &at, &text, &len));
	journal_done(&journal);
	assert_null(journal.text);
	journal_done(&journal);
}

static void test_a_state_is_a_new_beginning_without_what_only_reports(void **state)
{
	static const char reply[] =
		"private_key=a\nlisten_port=1\nfwmark=2\npublic_key=b\npreshared_key=c\n"
		"protocol_version=1\nendpoint=d\nlast_handshake_time_sec=1\n"
		"last_handshake_time_nsec=2\ntx_bytes=3\nrx_bytes=4\n"
		"persistent_keepalive_interval=5\nallowed_ip=e\nallowed_ip=f\npublic_key=g\n"
		"errno=0\n\n";
	struct journal journal = {0};
	size_t at = 0;

	(void)state;
	add(&journal, "public_key=old\n\n");
	assert_int_equal(journal_restart(&journal, reply, sizeof(reply) - 1), 0);
	check_next(&journal, &at,
		   "set=1\nprivate_key=a\npublic_key=b\npreshared_key=c\nendpoint=d\n"
		   "persistent_keepalive_interval=5\nallowed_ip=e\nallowed_ip=f\npublic_key=g\n\n");
	assert_int_equal(at, journal.len);
	add(&journal, "public_key=new\n\n");
	check_next(&journal, &at, "set=1\npublic_key=new\n\n");
	journal_done(&journal);
}

static void test_it_is_long_when_it_has_doubled(void **state)
{
	static char lines[10000];
	struct journal journal = {0};
	int n = 0;

	(void)state;
	memset(lines, 'x', sizeof(lines));
	memcpy(lines + sizeof(lines) - 3, "\n\n", 3);
	while (!journal_is_stale(&journal) && n++ < 1000)
		add(&journal, lines);
	assert_in_range(journal.len, JOURNAL_SHORT, JOURNAL_SHORT + 2 * sizeof(lines));
	journal.start_len = journal.len;
	assert_false(journal_is_stale(&journal));
	for (n = 0; !journal_is_stale(&journal) && n < 1000; n++)
		add(&journal, lines);
	assert_in_range(journal.len, 2 * journal.start_len, 2 * journal.start_len + 20000);
	journal_done(&journal);
}

static void test_it_is_stale_when_a_set_takes_keys_away(void **state)
{
	static const char *const ends[] = {
		"private_key=b\n\n",
		"public_key=c\npreshared_key=d\n\n",
		"public_key=c\nremove=true\n\n",
		"replace_peers=true\npublic_key=c\n\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct journal journal = {0};

		add(&journal, "private_key=a\nreplace_peers=true\npublic_key=c\n\n");
		assert_false(journal_is_stale(&journal));
		add(&journal, "public_key=c\nallowed_ip=e\n\n");
		add(&journal, "\n");
		assert_false(journal_is_stale(&journal));
		add(&journal, ends[i]);
		assert_true(journal_is_stale(&journal));
		assert_int_equal(journal_restart(&journal, "errno=0\n\n", 9), 0);
		assert_false(journal_is_stale(&journal));
		journal_done(&journal);
	}
}

static void test_it_does_not_grow_for_ever(void **state)
{
	struct journal journal = {0};

	(void)state;
	assert_int_equal(journal_reserve(&journal, JOURNAL_MAX + 1), -ENOMEM);
	assert_int_equal(journal_reserve(&journal, SIZE_MAX), -ENOMEM);
	add(&journal, "a=b\n\n");
	assert_int_equal(journal_reserve(&journal, JOURNAL_MAX), -ENOMEM);
	assert_int_equal(journal_reserve(&journal, 10), 0);
	journal_done(&journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets_come_back_whole_and_in_order),
		cmocka_unit_test(test_a_state_is_a_new_beginning_without_what_only_reports),
		cmocka_unit_test(test_it_is_long_when_it_has_doubled),
		cmocka_unit_test(test_it_is_stale_when_a_set_takes_keys_away),
		cmocka_unit_test(test_it_does_not_grow_for_ever),
	};

	return cmocka_run_group_tests_name("device/journal", tests, NULL, NULL);
}
