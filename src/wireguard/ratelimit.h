/* How often one source may cause the work of a handshake while we are under
 * load: 20 a second, 5 at once, for an IPv4 address or an IPv6 /64.
 *
 * The table has a fixed size, made at start.  Who has been quiet for a second
 * is forgotten; who finds the table full is refused.
 *
 * Source: the numbers are those of the Linux module (whitepaper section 5.3
 * asks for the limit and leaves them open).
 */
#ifndef ADIT_WIREGUARD_RATELIMIT_H
#define ADIT_WIREGUARD_RATELIMIT_H

#include "base/address.h"
#include "base/clock.h"
#include "wireguard/random.h"

enum { RATELIMIT_SOURCES_MAX = 8192 }; /* known at one time, both families */

struct ratelimit;

struct ratelimit *ratelimit_new(const struct random_source *random); /* NULL: out of memory */
void ratelimit_free(struct ratelimit *ratelimit);		     /* accepts NULL */

/* Takes a token of the source's; false when it has none. */
bool ratelimit_allow(struct ratelimit *ratelimit, struct instant now, const union endpoint *from);

size_t ratelimit_count(const struct ratelimit *ratelimit); /* sources known */

#endif
