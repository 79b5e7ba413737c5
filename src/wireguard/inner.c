#include "wireguard/inner.h"

#include "base/bytes.h"

#include <string.h>

enum {
	V4_HEADER_LEN = 20,
	V4_TOTAL_LENGTH_AT = 2,
	V4_CHECKSUM_AT = 10,
	V4_SOURCE_AT = 12,
	V6_HEADER_LEN = 40,
	V6_PAYLOAD_LENGTH_AT = 4,
	V6_SOURCE_AT = 8,
};

/* RFC 3168 section 5 */
enum { ECN_MASK = 3, ECN_NOT_ECT = 0, ECN_ECT_1 = 1, ECN_ECT_0 = 2, ECN_CE = 3 };

static unsigned int version(const uint8_t *packet)
{
	return packet[0] >> 4;
}

bool inner_has_header(const uint8_t *packet, size_t len)
{
	if (len < V4_HEADER_LEN)
		return false;
	return version(packet) == 4 || (version(packet) == 6 && len >= V6_HEADER_LEN);
}

size_t inner_length(const uint8_t *packet, size_t len)
{
	size_t said;

	if (!inner_has_header(packet, len))
		return 0;
	if (version(packet) == 4) {
		said = be16_load(packet + V4_TOTAL_LENGTH_AT);
		if (said < V4_HEADER_LEN)
			return 0;
	} else {
		said = V6_HEADER_LEN + (size_t)be16_load(packet + V6_PAYLOAD_LENGTH_AT);
	}
	return said <= len ? said : 0;
}

struct address inner_source(const uint8_t *packet)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (version(packet) == 4) {
		memcpy(&v4, packet + V4_SOURCE_AT, sizeof(v4));
		return address_from_v4(v4);
	}
	memcpy(&v6, packet + V6_SOURCE_AT, sizeof(v6));
	return address_from_v6(&v6);
}

/* IPv6's traffic class lies across the first two bytes. */
static uint8_t load_ecn(const uint8_t *packet)
{
	return version(packet) == 4 ? packet[1] & ECN_MASK : (packet[1] >> 4) & ECN_MASK;
}

uint8_t inner_ecn(const uint8_t *packet, size_t len)
{
	return inner_has_header(packet, len) ? load_ecn(packet) : 0;
}

/* HC' = ~(~HC + ~m + m'), RFC 1624 equation 3 */
static void store_ecn_v4(uint8_t *packet, uint8_t ecn)
{
	uint32_t sum = (uint16_t)~be16_load(packet + V4_CHECKSUM_AT);

	sum += (uint16_t)~be16_load(packet);
	packet[1] = (uint8_t)((packet[1] & ~ECN_MASK) | ecn);
	sum += be16_load(packet);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	be16_store(packet + V4_CHECKSUM_AT, (uint16_t)~sum);
}

static void store_ecn(uint8_t *packet, uint8_t ecn)
{
	if (version(packet) == 4)
		store_ecn_v4(packet, ecn);
	else
		packet[1] = (uint8_t)((packet[1] & ~(ECN_MASK << 4)) | ecn << 4);
}

bool inner_decapsulate_ecn(uint8_t *packet, uint8_t outer_tos)
{
	uint8_t outer = outer_tos & ECN_MASK;
	uint8_t inner = load_ecn(packet);

	if (inner == ECN_NOT_ECT)
		return outer != ECN_CE;
	if (outer == ECN_CE && inner != ECN_CE)
		store_ecn(packet, ECN_CE);
	else if (outer == ECN_ECT_1 && inner == ECN_ECT_0)
		store_ecn(packet, ECN_ECT_1);
	return true;
}
