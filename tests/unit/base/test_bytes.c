/* Mirrors src/base/bytes.c */
#include "cmocka_all.h"

#include "base/bytes.h"

static void test_placeholder(void **state)
{
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_placeholder)};

	return cmocka_run_group_tests_name("base/bytes", tests, NULL, NULL);
}
