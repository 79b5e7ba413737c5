/* Inner packets for tests, and the slow way to check them. */
#ifndef ADIT_TESTS_UNIT_DATAPLANE_MADE_PACKET_H
#define ADIT_TESTS_UNIT_DATAPLANE_MADE_PACKET_H

#include "base/bytes.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MADE_MAX = 65535 };

/* What differs from test to test; the rest is fixed. */
struct made {
	uint8_t version;
	uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP, or any other without a header */
	size_t payload_len;
	uint8_t fill; /* first byte of the payload, counted up */
	uint8_t tos;
	uint16_t id;
	bool may_fragment;    /* DF clear */
	uint16_t source_port; /* 0: 1000 */
	uint32_t sequence;
	uint8_t flags;	   /* TCP; 0: ACK */
	uint8_t n_options; /* TCP, in four bytes */
	uint16_t window;
	uint8_t ip_options; /* IPv4, in four bytes; IPv6: destination options, in eight */
};

static inline uint16_t slow_sum(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += be16_load(bytes + i);
	if (len % 2 != 0)
		sum += (uint32_t)bytes[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static inline uint16_t slow_pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
	uint8_t rest[8] = {0};

	be32_store(rest, (uint32_t)len);
	rest[7] = protocol;
	if (ip[0] >> 4 == 4)
		return slow_sum(slow_sum(0, rest, 8), ip + 12, 8);
	return slow_sum(slow_sum(0, rest, 8), ip + 8, 32);
}

static inline size_t made_ip_len(const struct made *made)
{
	return made->version == 4 ? 20 + 4U * made->ip_options : 40 + 8U * made->ip_options;
}

static inline size_t made_transport_len(const struct made *made)
{
	if (made->protocol == IPPROTO_TCP)
		return 20 + 4U * made->n_options;
	return made->protocol == IPPROTO_UDP ? 8 : 0;
}

static inline void make_ip(const struct made *made, uint8_t *ret, size_t len)
{
	if (made->version == 4) {
		ret[0] = (uint8_t)(0x45 + made->ip_options);
		ret[1] = made->tos;
		be16_store(ret + 2, (uint16_t)len);
		be16_store(ret + 4, made->id);
		be16_store(ret + 6, made->may_fragment ? 0 : 0x4000);
		ret[8] = 64;
		ret[9] = made->protocol;
		be32_store(ret + 12, 0x0a000001);
		be32_store(ret + 16, 0x0a000002);
		memset(ret + 20, 1, 4U * made->ip_options); /* no operation */
		be16_store(ret + 10, (uint16_t)~slow_sum(0, ret, made_ip_len(made)));
		return;
	}
	be32_store(ret, 0x60000000U | (uint32_t)made->tos << 20);
	be16_store(ret + 4, (uint16_t)(len - 40));
	ret[6] = made->ip_options ? IPPROTO_DSTOPTS : made->protocol;
	ret[7] = 64;
	ret[8] = ret[24] = 0xfd;
	ret[23] = 1;
	ret[39] = 2;
	if (made->ip_options) {
		memset(ret + 40, 0, 8U * made->ip_options); /* Pad1 */
		ret[40] = made->protocol;
		ret[41] = (uint8_t)(made->ip_options - 1);
	}
}

static inline void make_transport(const struct made *made, uint8_t *ret)
{
	be16_store(ret, made->source_port ? made->source_port : 1000);
	be16_store(ret + 2, 2000);
	if (made->protocol == IPPROTO_UDP) {
		be16_store(ret + 4, (uint16_t)(8 + made->payload_len));
		return;
	}
	be32_store(ret + 4, made->sequence);
	be32_store(ret + 8, 77);
	ret[12] = (uint8_t)((5 + made->n_options) << 4);
	ret[13] = made->flags ? made->flags : 0x10;
	be16_store(ret + 14, made->window ? made->window : 512);
	memset(ret + 20, 1, 4U * made->n_options);
}

/* Into ret, MADE_MAX bytes; the length. */
static inline size_t make_packet(const struct made *made, uint8_t *ret)
{
	size_t ip_len = made_ip_len(made);
	size_t transport_len = made_transport_len(made);
	size_t len = ip_len + transport_len + made->payload_len;
	uint8_t *transport = ret + ip_len;

	memset(ret, 0, ip_len + transport_len);
	make_ip(made, ret, len);
	if (transport_len > 0)
		make_transport(made, transport);
	for (size_t i = 0; i < made->payload_len; i++)
		transport[transport_len + i] = (uint8_t)(made->fill + i);
	if (transport_len > 0) {
		uint16_t sum = slow_sum(slow_pseudo(ret, made->protocol, len - ip_len), transport,
					len - ip_len);

		be16_store(transport + (made->protocol == IPPROTO_UDP ? 6 : 16), (uint16_t)~sum);
	}
	return len;
}

/* Both checksums of a packet that is TCP or UDP behind ip_len bytes. */
static inline bool has_right_sums(const uint8_t *packet, size_t len, size_t ip_len)
{
	uint8_t protocol = packet[0] >> 4 == 4 ? packet[9] : packet[6];

	if (packet[0] >> 4 == 6 && protocol == IPPROTO_DSTOPTS)
		protocol = packet[40];
	if (packet[0] >> 4 == 4 && slow_sum(0, packet, ip_len) != 0xffff)
		return false;
	return slow_sum(slow_pseudo(packet, protocol, len - ip_len), packet + ip_len,
			len - ip_len) == 0xffff;
}

/* A repeatable sequence: xorshift64*, Vigna 2016. */
static inline uint32_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)(*state * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

#endif
