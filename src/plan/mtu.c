#include "plan/mtu.h"

enum {
	UDP_PAYLOAD_MAX = 65507, /* bytes: RFC 791's 65535 without 20 and 8 */
	MESSAGE_OVERHEAD = 32,	 /* whitepaper section 5.4.6: header and tag */
	UDP_SEGMENTS_MAX = 64,	 /* UDP_MAX_SEGMENTS of linux/udp.h before 6.9 */
};

uint32_t mtu_choose(uint32_t configured, uint32_t path_mtu)
{
	if (configured != 0)
		return configured;
	/* A large first hop (jumbo frames, lo) says nothing about those behind
	 * it: a packet too large is lost, one too small costs a few per cent.
	 */
	if (path_mtu == 0 || path_mtu >= MTU_DEFAULT + MTU_OVERHEAD_IPV6)
		return MTU_DEFAULT;
	/* The IPv6 overhead also over IPv4: the endpoint may come back with an
	 * address of the other family, and the other end counts so, too.
	 */
	if (path_mtu < MTU_IPV6_MIN + MTU_OVERHEAD_IPV6)
		return MTU_IPV6_MIN;
	return path_mtu - MTU_OVERHEAD_IPV6;
}

uint32_t mtu_batch_segments(uint32_t mtu)
{
	uint32_t n = UDP_PAYLOAD_MAX / (mtu + MESSAGE_OVERHEAD);

	if (n > UDP_SEGMENTS_MAX)
		return UDP_SEGMENTS_MAX;
	return n > 0 ? n : 1;
}
