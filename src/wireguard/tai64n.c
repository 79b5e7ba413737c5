#include "wireguard/tai64n.h"

#include "wireguard/constants.h"

#include <string.h>

/* TAI64 counts from 2^62; UTC was ten seconds behind TAI in 1970, and leap
 * seconds since then are left out, as all implementations do.
 */
#define TAI64_UNIX_EPOCH UINT64_C(0x400000000000000a)

/* The largest power of two that is not above WG_INITIATION_INTERVAL. */
enum { STEP_NS = 1 << 24 };
static_assert((uint64_t)STEP_NS <= WG_INITIATION_INTERVAL, "as fine as initiations may be close");
static_assert((uint64_t)STEP_NS * 2 > WG_INITIATION_INTERVAL, "and no coarser than needed");

static struct tai64n write_tai64n(uint64_t seconds, uint32_t ns)
{
	struct tai64n ret;

	be32_store(ret.byte, (uint32_t)(seconds >> 32));
	be32_store(ret.byte + 4, (uint32_t)seconds);
	be32_store(ret.byte + 8, ns);
	return ret;
}

struct tai64n tai64n_from_wall(struct wall_time wall)
{
	uint32_t ns = (uint32_t)(wall.ns % NS_PER_S);

	return write_tai64n(TAI64_UNIX_EPOCH + wall.ns / NS_PER_S, ns & ~(uint32_t)(STEP_NS - 1));
}

bool tai64n_is_after(const struct tai64n *a, const struct tai64n *b)
{
	return memcmp(a->byte, b->byte, sizeof(a->byte)) > 0;
}

static struct tai64n step(const struct tai64n *from)
{
	uint64_t seconds = (uint64_t)be32_load(from->byte) << 32 | be32_load(from->byte + 4);
	uint64_t ns = (uint64_t)be32_load(from->byte + 8) + STEP_NS;

	if (ns >= NS_PER_S)
		return write_tai64n(seconds + 1, 0);
	return write_tai64n(seconds, (uint32_t)ns & ~(uint32_t)(STEP_NS - 1));
}

struct tai64n tai64n_next(struct wall_time wall, const struct tai64n *last)
{
	struct tai64n time = tai64n_from_wall(wall);

	return tai64n_is_after(&time, last) ? time : step(last);
}
