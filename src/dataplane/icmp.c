#include "dataplane/icmp.h"

#include "base/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/packet.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

enum {
	ICMP_HEADER_LEN = 8,
	ICMPV4_MAX = 576, /* RFC 1812 section 4.3.2.3 */
	TTL = 64,
};

bool icmp_limit_take(struct icmp_limit *limit, struct instant now)
{
	uint64_t n_earned = instant_since(now, limit->refilled) / ICMP_REFILL_NS;

	if (n_earned > 0) {
		limit->n_spent =
			n_earned > limit->n_spent ? 0 : limit->n_spent - (unsigned int)n_earned;
		limit->refilled = now;
	}
	if (limit->n_spent >= ICMP_BURST)
		return false;
	limit->n_spent++;
	return true;
}

/* No answer to an answer, to what is no first piece, and to what was sent to or
 * claims to come from more than one host.
 */
static bool is_answered_v4(const uint8_t *packet, size_t len, const struct packet_layout *layout)
{
	const uint8_t *transport = packet + layout->transport;

	if ((be16_load(packet + 6) & 0x1fff) != 0 || packet[12] >= 224 || packet[16] >= 224 ||
	    be32_load(packet + 12) == 0)
		return false;
	if (layout->protocol != IPPROTO_ICMP)
		return true;
	return len > layout->transport &&
	       (transport[0] == ICMP_ECHO || transport[0] == ICMP_TIMESTAMP);
}

static bool is_answered_v6(const uint8_t *packet, size_t len, const struct packet_layout *layout)
{
	static const uint8_t unspecified[16];
	const uint8_t *transport = packet + layout->transport;

	if (packet[8] == 0xff || packet[24] == 0xff || memcmp(packet + 8, unspecified, 16) == 0)
		return false;
	if (layout->protocol != IPPROTO_ICMPV6)
		return true;
	/* errors are the types below 128 */
	return len > layout->transport && transport[0] >= 128;
}

static size_t answer_v4(const uint8_t *packet, size_t len, uint8_t *ret)
{
	struct packet_layout layout = {.version = 4, .transport = PACKET_IPV4_LEN};
	uint8_t *icmp = ret + PACKET_IPV4_LEN;
	size_t room = ICMPV4_MAX - PACKET_IPV4_LEN - ICMP_HEADER_LEN;
	size_t quoted = len < room ? len : room;

	memset(ret, 0, PACKET_IPV4_LEN + ICMP_HEADER_LEN);
	ret[0] = 0x45;
	ret[1] = 0xc0; /* precedence 6: RFC 1812 section 4.3.2.5 */
	ret[8] = TTL;
	ret[9] = IPPROTO_ICMP;
	memcpy(ret + 12, packet + 16, 4);
	memcpy(ret + 16, packet + 12, 4);
	icmp[0] = ICMP_DEST_UNREACH;
	icmp[1] = ICMP_HOST_UNREACH;
	memcpy(icmp + ICMP_HEADER_LEN, packet, quoted);
	checksum_store(icmp + 2, checksum_add(0, icmp, ICMP_HEADER_LEN + quoted));
	packet_set_len(ret, &layout, PACKET_IPV4_LEN + ICMP_HEADER_LEN + quoted);
	return PACKET_IPV4_LEN + ICMP_HEADER_LEN + quoted;
}

static size_t answer_v6(const uint8_t *packet, size_t len, uint8_t *ret)
{
	struct packet_layout layout = {.version = 6, .transport = PACKET_IPV6_LEN};
	uint8_t *icmp = ret + PACKET_IPV6_LEN;
	size_t room = ICMP_MESSAGE_MAX - PACKET_IPV6_LEN - ICMP_HEADER_LEN;
	size_t quoted = len < room ? len : room;
	uint64_t sum;

	memset(ret, 0, PACKET_IPV6_LEN + ICMP_HEADER_LEN);
	ret[0] = 0x60;
	ret[6] = IPPROTO_ICMPV6;
	ret[7] = TTL;
	memcpy(ret + 8, packet + 24, 16);
	memcpy(ret + 24, packet + 8, 16);
	icmp[0] = ICMP6_DST_UNREACH;
	icmp[1] = ICMP6_DST_UNREACH_ADDR;
	memcpy(icmp + ICMP_HEADER_LEN, packet, quoted);
	sum = checksum_add_pseudo(0, ret, IPPROTO_ICMPV6, ICMP_HEADER_LEN + quoted);
	checksum_store(icmp + 2, checksum_add(sum, icmp, ICMP_HEADER_LEN + quoted));
	packet_set_len(ret, &layout, PACKET_IPV6_LEN + ICMP_HEADER_LEN + quoted);
	return PACKET_IPV6_LEN + ICMP_HEADER_LEN + quoted;
}

size_t icmp_unreachable(const uint8_t *packet, size_t len, uint8_t *ret)
{
	struct packet_layout layout;

	if (!packet_parse(packet, len, &layout))
		return 0;
	if (layout.version == 4)
		return is_answered_v4(packet, len, &layout) ? answer_v4(packet, len, ret) : 0;
	return is_answered_v6(packet, len, &layout) ? answer_v6(packet, len, ret) : 0;
}
