/* An inner IP packet taken apart as far as offloads and ICMP need it.
 *
 * Sources: RFC 791 (IPv4), RFC 8200 section 4 (IPv6 and its extension headers).
 */
#ifndef ADIT_DATAPLANE_PACKET_H
#define ADIT_DATAPLANE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PACKET_IPV4_LEN = 20, /* without options */
	PACKET_IPV6_LEN = 40, /* without extension headers */
	PACKET_TCP_LEN = 20,  /* without options */
	PACKET_UDP_LEN = 8,
	PACKET_EXTENSIONS_MAX = 8, /* IPv6 headers followed; more is refused */
};

/* Bits of the TCP flags byte, offset 13. */
enum {
	TCP_FLAG_FIN = 0x01,
	TCP_FLAG_PSH = 0x08,
	TCP_FLAG_ACK = 0x10,
	TCP_FLAG_CWR = 0x80,
};

struct packet_layout {
	uint8_t version;    /* 4 or 6 */
	uint8_t protocol;   /* of what stands at `transport` */
	bool is_fragment;   /* a piece: first, middle or last */
	bool is_plain;	    /* no IPv4 options, no IPv6 extension headers */
	uint16_t transport; /* offset of the transport header, within the packet */
};

/* False: not IP, or its headers do not fit into len bytes. */
bool packet_parse(const uint8_t *bytes, size_t len, struct packet_layout *ret);

/* Bytes of the TCP or UDP header at bytes + layout->transport; 0: another
 * protocol, a fragment, or it does not fit into len bytes.
 */
size_t packet_transport_len(const uint8_t *bytes, size_t len, const struct packet_layout *layout);

/* The two ECN bits (RFC 3168 section 5); `bytes` begins with an IP header. */
uint8_t packet_ecn(const uint8_t *bytes);

/* The whole packet is len bytes (IPv6: at least 40): writes the IP length, and
 * the checksum of an IPv4 header.
 */
void packet_set_len(uint8_t *bytes, const struct packet_layout *layout, size_t len);

#endif
