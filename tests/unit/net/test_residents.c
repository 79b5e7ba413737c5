/* Mirrors src/net/residents.c */
#include "cmocka_all.h"

#include "net/residents.h"

#include <stdbool.h>
#include <unistd.h>

struct seen {
	bool has_us;
	unsigned int n;
	unsigned int n_most; /* ends with 7 then; 0: never */
};

static int note(void *context, pid_t pid)
{
	struct seen *seen = context;

	seen->has_us = seen->has_us || pid == getpid();
	seen->n++;
	return seen->n == seen->n_most ? 7 : 0;
}

static void test_who_is_in_a_namespace_is_found(void **state)
{
	struct seen seen = {0};
	struct stat netns;

	(void)state;
	assert_int_equal(stat("/proc/self/ns/net", &netns), 0);
	assert_int_equal(residents_each(&netns, note, &seen), 0);
	assert_true(seen.has_us);
}

static void test_nobody_is_in_what_is_no_namespace(void **state)
{
	struct seen seen = {0};
	struct stat netns;

	(void)state;
	assert_int_equal(stat("/proc/self/ns/user", &netns), 0);
	assert_int_equal(residents_each(&netns, note, &seen), 0);
	assert_int_equal(seen.n, 0);
}

static void test_a_visit_may_be_the_last_one(void **state)
{
	struct seen seen = {.n_most = 1};
	struct stat netns;

	(void)state;
	assert_int_equal(stat("/proc/self/ns/net", &netns), 0);
	assert_int_equal(residents_each(&netns, note, &seen), 7);
	assert_int_equal(seen.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_in_a_namespace_is_found),
		cmocka_unit_test(test_nobody_is_in_what_is_no_namespace),
		cmocka_unit_test(test_a_visit_may_be_the_last_one),
	};

	return cmocka_run_group_tests_name("net/residents", tests, NULL, NULL);
}
