/* The Internet checksum (RFC 1071), for headers that the data plane writes.
 *
 * A sum is kept unfolded in 64 bits and in the machine's byte order: the ones'
 * complement sum of swapped bytes is the swapped sum, so nothing is converted.
 */
#ifndef ADIT_DATAPLANE_CHECKSUM_H
#define ADIT_DATAPLANE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Adds bytes to a sum.  Only the last piece of a whole may have an odd length. */
uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t len);
/* Adds the pseudo header of the IPv4 or IPv6 packet at `ip` (RFC 9293 section
 * 3.1, RFC 8200 section 8.1) for `len` bytes of transport header and data.
 */
uint64_t checksum_add_pseudo(uint64_t sum, const uint8_t *ip, uint8_t protocol, size_t len);
/* Sixteen bits, not complemented: what a partial checksum holds. */
uint16_t checksum_fold(uint64_t sum);

/* Stores what checksum_fold() gave, as it is or complemented. */
void checksum_store_partial(uint8_t *at, uint64_t sum);
void checksum_store(uint8_t *at, uint64_t sum);
/* As checksum_store(), and writes 0 as 0xffff: in UDP 0 says "none" (RFC 768). */
void checksum_store_nonzero(uint8_t *at, uint64_t sum);

/* Writes the header checksum of an IPv4 packet. */
void checksum_store_ipv4(uint8_t *ip, size_t header_len);

#endif
