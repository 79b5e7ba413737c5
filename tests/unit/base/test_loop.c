/* Mirrors src/base/loop.c */
#include "cmocka_all.h"

#include "base/loop.h"

static void test_placeholder(void **state)
{
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_placeholder)};

	return cmocka_run_group_tests_name("base/loop", tests, NULL, NULL);
}
