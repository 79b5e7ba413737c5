/* Inner IP packets, as far as a tunnel must know them: whose they are, how long
 * they are, and the ECN field.
 *
 * Source: RFC 791, RFC 8200; RFC 6040 for ECN across tunnels; RFC 1624 for the
 * checksum.
 */
#ifndef ADIT_WIREGUARD_INNER_H
#define ADIT_WIREGUARD_INNER_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An IPv4 or IPv6 header without options fits. */
bool inner_has_header(const uint8_t *packet, size_t len);
/* The length its header says, which may be less than `len`; 0: not IPv4 or
 * IPv6, or shorter than its header says.
 */
size_t inner_length(const uint8_t *packet, size_t len);
/* Of a packet with inner_has_header(). */
struct address inner_source(const uint8_t *packet);

/* The two ECN bits; 0 for what is not IP. */
uint8_t inner_ecn(const uint8_t *packet, size_t len);
/* Carries the outer ECN field into the packet (RFC 6040 section 4.2), checksum
 * included.  False: congestion was met and the inner transport cannot be told,
 * so that the packet must be dropped.
 */
bool inner_decapsulate_ecn(uint8_t *packet, uint8_t outer_tos);

#endif
