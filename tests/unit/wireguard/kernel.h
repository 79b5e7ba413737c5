/* What every kernel of aead.h has to do, compared with OpenSSL called directly:
 * a test program of one kernel is a call of this.
 */
#ifndef ADIT_TESTS_UNIT_WIREGUARD_KERNEL_H
#define ADIT_TESTS_UNIT_WIREGUARD_KERNEL_H

#include "wireguard/aead.h"

/* Returns what main() does.  Skips all where the processor lacks the vectors. */
int kernel_run_tests(const struct aead_kernel *kernel);

#endif
