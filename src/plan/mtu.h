/* How large an inner packet may be.
 *
 * Source: WireGuard whitepaper section 5.4.6 (16 bytes of header, 16 of tag),
 * RFC 768 (8), RFC 791 (20 without options), RFC 8200 section 3 (40) and
 * section 5 (1280 at the least).
 */
#ifndef ADIT_PLAN_MTU_H
#define ADIT_PLAN_MTU_H

#include <stdint.h>

enum {
	MTU_OVERHEAD_IPV4 = 20 + 8 + 32,
	MTU_OVERHEAD_IPV6 = 40 + 8 + 32,
	MTU_IPV6_MIN = 1280,
	MTU_DEFAULT = 1420, /* Ethernet's 1500 behind MTU_OVERHEAD_IPV6 */
};

/* `configured`: the file's, in bytes, 0 when it has none: taken as it is.
 * `path_mtu`: bytes of outer packet towards the endpoint, 0: not known.
 */
uint32_t mtu_choose(uint32_t configured, uint32_t path_mtu);

/* How many full segments of an inner packet fit one UDP datagram batch
 * (UDP_SEGMENT): what one read of the tunnel device should hold at most.
 */
uint32_t mtu_batch_segments(uint32_t mtu);

#endif
