/* Published vectors through a kernel that was compiled with seam.h. */
#ifndef ADIT_TESTS_UNIT_WIREGUARD_PUBLISHED_H
#define ADIT_TESTS_UNIT_WIREGUARD_PUBLISHED_H

#include "wireguard/aead.h"

extern const struct aead_kernel seamed_avx2;
extern const struct aead_kernel seamed_avx512;

/* Returns what main() does.  Skips all where the processor lacks the vectors. */
int published_run_tests(const struct aead_kernel *kernel);

#endif
