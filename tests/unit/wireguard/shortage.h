/* Memory that runs out when a test says so.
 *
 * calloc(3), reallocarray(3) and secret memory are counted apart from malloc(3),
 * which is what libcrypto takes: it ends the process when it gets nothing.
 */
#ifndef ADIT_TESTS_UNIT_WIREGUARD_SHORTAGE_H
#define ADIT_TESTS_UNIT_WIREGUARD_SHORTAGE_H

#include <stdbool.h>

/* A sanitizer's own allocator cannot be replaced. */
bool shortage_is_possible(void);
/* The n-th call from now fails, and none after it; 0: none. */
void shortage_set_calloc(unsigned int nth);
void shortage_set_malloc(unsigned int nth);

#endif
