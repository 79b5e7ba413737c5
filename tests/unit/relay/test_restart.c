/* Mirrors src/relay/restart.c */
#include "cmocka_all.h"

#include "relay/restart.h"

static struct instant at(uint64_t ms)
{
	return (struct instant){ms * NS_PER_MS};
}

static void test_the_first_successor_starts_after_ten_milliseconds(void **state)
{
	struct restart restart = {0};

	(void)state;
	restart_note_start(&restart, at(1000));
	assert_int_equal(restart.due.ns, 0);
	restart_note_end(&restart, at(1001));
	assert_int_equal(restart.due.ns, at(1011).ns);
	restart_note_start(&restart, at(1011));
	assert_int_equal(restart.due.ns, 0);
}

static void test_one_that_dies_at_once_is_followed_later_each_time(void **state)
{
	struct restart restart = {0};
	uint64_t last_ns = 0;
	uint64_t now_ms = 1000;

	(void)state;
	for (int i = 0; i < 20; i++) {
		restart_note_start(&restart, at(now_ms));
		restart_note_end(&restart, at(now_ms));
		assert_true(restart.delay_ns >= last_ns && restart.delay_ns <= RESTART_LAST_NS);
		last_ns = restart.delay_ns;
		now_ms = restart.due.ns / NS_PER_MS;
	}
	assert_int_equal(last_ns, RESTART_LAST_NS);
}

static void test_one_that_lived_begins_anew(void **state)
{
	struct restart restart = {0};

	(void)state;
	for (int i = 0; i < 5; i++) {
		restart_note_start(&restart, at(1000));
		restart_note_end(&restart, at(1000));
	}
	restart_note_start(&restart, at(2000));
	restart_note_end(&restart, at(3000));
	assert_int_equal(restart.delay_ns, RESTART_FIRST_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_successor_starts_after_ten_milliseconds),
		cmocka_unit_test(test_one_that_dies_at_once_is_followed_later_each_time),
		cmocka_unit_test(test_one_that_lived_begins_anew),
	};

	return cmocka_run_group_tests_name("relay/restart", tests, NULL, NULL);
}
