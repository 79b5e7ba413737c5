/* Mirrors src/base/log.c */
#include "cmocka_all.h"

#include "base/log.h"

static void test_placeholder(void **state)
{
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_placeholder)};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
