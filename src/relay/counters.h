/* What a forward has carried.  One array in memory that the supervisor and the
 * pump share: only the pump writes, so that no question is needed to read it,
 * and it outlives a pump.  A hostile pump can tell lies in it, no more.
 */
#ifndef ADIT_RELAY_COUNTERS_H
#define ADIT_RELAY_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

struct counters {
	_Atomic uint64_t open; /* connections, or UDP clients, now */
	_Atomic uint64_t total;
	_Atomic uint64_t refused;
	_Atomic uint64_t bytes_in;
	_Atomic uint64_t bytes_out;
};

/* With one writer there is nothing to lock. */
static inline void counters_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline uint64_t counters_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
