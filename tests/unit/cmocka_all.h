/* cmocka's header, and those it wants before itself. */
#ifndef ADIT_TESTS_UNIT_CMOCKA_ALL_H
#define ADIT_TESTS_UNIT_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
