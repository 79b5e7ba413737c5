/* qemu-user translates the system calls of another architecture's program, and
 * has not all of them.  tools/check-arm64 says by ADIT_TESTS_EMULATED that it
 * runs the tests; what it lacks for which test stands in tools/README.md too.
 */
#ifndef ADIT_TESTS_UNIT_EMULATED_H
#define ADIT_TESTS_UNIT_EMULATED_H

#include "cmocka_all.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline bool is_emulated(void)
{
	return getenv("ADIT_TESTS_EMULATED") != NULL;
}

/* First line of a test that needs what qemu-user has not. */
static inline void skip_if_emulated(const char *lacks)
{
	if (!is_emulated())
		return;
	(void)fprintf(stderr, "SKIP: qemu-user has no %s\n", lacks);
	skip();
}

#endif
