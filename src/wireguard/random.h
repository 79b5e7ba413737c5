/* Where unpredictable bytes come from: the caller's function, carried as one
 * value.  It must not fail; tests give one that repeats.
 */
#ifndef ADIT_WIREGUARD_RANDOM_H
#define ADIT_WIREGUARD_RANDOM_H

#include "wireguard/device.h"

struct random_source {
	wg_random fill;
	void *context; /* borrowed; handed to fill */
};

static inline void random_fill(const struct random_source *source, uint8_t *ret, size_t len)
{
	source->fill(source->context, ret, len);
}

#endif
