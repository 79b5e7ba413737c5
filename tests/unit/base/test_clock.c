/* Mirrors src/base/clock.c */
#include "cmocka_all.h"

#include "base/clock.h"

static void test_placeholder(void **state)
{
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_placeholder)};

	return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
