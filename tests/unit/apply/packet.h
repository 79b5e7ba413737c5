/* Packets made by hand, as the other side of the tunnel would send them. */
#ifndef ADIT_TESTS_UNIT_APPLY_PACKET_H
#define ADIT_TESTS_UNIT_APPLY_PACKET_H

#include "base/address.h"
#include "base/bytes.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum {
	PACKET_MAX = 2048,
	PACKET_VNET_LEN = sizeof(struct virtio_net_hdr),
};

struct packet {
	uint8_t vnet[PACKET_VNET_LEN]; /* zeroes: whole, with its checksums */
	uint8_t bytes[PACKET_MAX];     /* from the IP header on */
	size_t len;
};

struct flow {
	const char *from;
	const char *to;
	uint16_t from_port;
	uint16_t to_port;
};

static inline struct address packet_address(const char *text)
{
	struct address address = {0};

	(void)address_parse(text, strlen(text), &address);
	return address;
}

static inline uint32_t packet_sum(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += be16_load(bytes + i);
	return len % 2 ? sum + (uint32_t)(bytes[len - 1] << 8) : sum;
}

static inline uint16_t packet_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* RFC 791, RFC 8200: a header in front of packet->len bytes of payload, which
 * begin behind the place that the header of the family needs.
 */
static inline void packet_wrap(struct packet *packet, const struct address *from,
			       const struct address *to, uint8_t protocol)
{
	size_t address_len;
	uint8_t *ip = packet->bytes;

	if (address_is_v4(from)) {
		memset(ip, 0, 20);
		ip[0] = 0x45;
		be16_store(ip + 2, (uint16_t)(packet->len + 20));
		ip[8] = 64;
		ip[9] = protocol;
		memcpy(ip + 12, address_bytes(from, &address_len), 4);
		memcpy(ip + 16, address_bytes(to, &address_len), 4);
		be16_store(ip + 10, packet_fold(packet_sum(0, ip, 20)));
		packet->len += 20;
		return;
	}
	memset(ip, 0, 40);
	ip[0] = 0x60;
	be16_store(ip + 4, (uint16_t)packet->len);
	ip[6] = protocol;
	ip[7] = 255;
	memcpy(ip + 8, &from->ip, 16);
	memcpy(ip + 24, &to->ip, 16);
	packet->len += 40;
}

static inline uint8_t *packet_payload(struct packet *packet, const struct address *from)
{
	return packet->bytes + (address_is_v4(from) ? 20 : 40);
}

/* The sum over RFC 768's and RFC 8200's pseudo header and the payload. */
static inline uint16_t packet_checksum(const struct address *from, const struct address *to,
				       uint8_t protocol, const uint8_t *payload, size_t len)
{
	size_t address_len;
	const uint8_t *bytes = address_bytes(from, &address_len);
	uint32_t sum = packet_sum((uint32_t)len + protocol, bytes, address_len);

	sum = packet_sum(sum, address_bytes(to, &address_len), address_len);
	return packet_fold(packet_sum(sum, payload, len));
}

/* A UDP datagram with `text` in it. */
static inline void packet_udp(struct packet *packet, const struct flow *flow, const char *text)
{
	struct address from = packet_address(flow->from);
	struct address to = packet_address(flow->to);
	uint8_t *udp = packet_payload(packet, &from);
	size_t len = 8 + strlen(text);

	memset(packet->vnet, 0, sizeof(packet->vnet));
	be16_store(udp, flow->from_port);
	be16_store(udp + 2, flow->to_port);
	be16_store(udp + 4, (uint16_t)len);
	be16_store(udp + 6, 0);
	memcpy(udp + 8, text, strlen(text));
	be16_store(udp + 6, packet_checksum(&from, &to, IPPROTO_UDP, udp, len));
	packet->len = len;
	packet_wrap(packet, &from, &to, IPPROTO_UDP);
}

/* The first packet of a TCP connection. */
static inline void packet_syn(struct packet *packet, const struct flow *flow)
{
	struct address from = packet_address(flow->from);
	struct address to = packet_address(flow->to);
	uint8_t *tcp = packet_payload(packet, &from);

	memset(packet->vnet, 0, sizeof(packet->vnet));
	memset(tcp, 0, 20);
	be16_store(tcp, flow->from_port);
	be16_store(tcp + 2, flow->to_port);
	tcp[12] = 5 << 4;
	tcp[13] = 2;
	be16_store(tcp + 14, 65535);
	be16_store(tcp + 16, packet_checksum(&from, &to, IPPROTO_TCP, tcp, 20));
	packet->len = 20;
	packet_wrap(packet, &from, &to, IPPROTO_TCP);
}

/* An ICMP or ICMPv6 message of type, code and four bytes, with what it is about. */
struct icmp {
	uint8_t type;
	uint8_t code;
	uint32_t rest;
	const uint8_t *about;
	size_t about_len;
};

static inline void packet_icmp(struct packet *packet, const char *from_text, const char *to_text,
			       const struct icmp *icmp)
{
	struct address from = packet_address(from_text);
	struct address to = packet_address(to_text);
	uint8_t *bytes = packet_payload(packet, &from);
	uint8_t protocol = address_is_v4(&from) ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	memset(packet->vnet, 0, sizeof(packet->vnet));
	memset(bytes, 0, 8);
	bytes[0] = icmp->type;
	bytes[1] = icmp->code;
	be32_store(bytes + 4, icmp->rest);
	if (icmp->about_len > 0)
		memcpy(bytes + 8, icmp->about, icmp->about_len);
	packet->len = 8 + icmp->about_len;
	be16_store(bytes + 2, address_is_v4(&from)
				      ? packet_fold(packet_sum(0, bytes, packet->len))
				      : packet_checksum(&from, &to, protocol, bytes, packet->len));
	packet_wrap(packet, &from, &to, protocol);
}

/* The kernel takes it in before this returns. */
static inline bool packet_write(int tun, const struct packet *packet)
{
	size_t len = sizeof(packet->vnet) + packet->len;

	return write(tun, packet, len) == (ssize_t)len;
}

/* False: nothing waits. */
static inline bool packet_read(int tun, struct packet *ret)
{
	ssize_t n = read(tun, ret, sizeof(ret->vnet) + sizeof(ret->bytes));

	if (n < (ssize_t)sizeof(ret->vnet))
		return false;
	ret->len = (size_t)n - sizeof(ret->vnet);
	return true;
}

#endif
