#include "demo/classify.h"

#include "base/bytes.h"

#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

enum { IPV4_HEADER_MIN = 20, IPV6_HEADER_LEN = 40, MLD2_REPORT = 143 /* RFC 3810 */ };

/* Ports of a UDP or TCP header; 0 where the packet is too short for them. */
struct ports {
	uint16_t from;
	uint16_t to;
};

static struct ports read_ports(const uint8_t *header, size_t len)
{
	if (len < 4)
		return (struct ports){0};
	return (struct ports){be16_load(header), be16_load(header + 2)};
}

static enum seen_kind classify_udp(struct ports ports)
{
	if (ports.to == DEMO_CANARY_PORT)
		return SEEN_CANARY;
	if (ports.to == 53)
		return SEEN_DNS;
	if (ports.to == DEMO_BOUND_PORT)
		return SEEN_BOUND;
	return SEEN_OTHER;
}

static enum seen_kind classify_ipv4(const uint8_t *packet, size_t len,
				    const struct classify_endpoint *provider)
{
	size_t header_len;
	struct ports ports;

	if (len < IPV4_HEADER_MIN)
		return SEEN_OTHER;
	header_len = (size_t)(packet[0] & 15) * 4;
	if (header_len < IPV4_HEADER_MIN || header_len > len)
		return SEEN_OTHER;
	ports = read_ports(packet + header_len, len - header_len);
	if (packet[9] == IPPROTO_UDP &&
	    ((memcmp(packet + 16, provider->address, 4) == 0 && ports.to == provider->port) ||
	     (memcmp(packet + 12, provider->address, 4) == 0 && ports.from == provider->port)))
		return SEEN_WIREGUARD;
	if (packet[16] >> 4 == 14)
		return SEEN_MULTICAST;
	switch (packet[9]) {
	case IPPROTO_TCP:
		return SEEN_TCP;
	case IPPROTO_UDP:
		return classify_udp(ports);
	case IPPROTO_ICMP:
		return SEEN_ICMP;
	case DEMO_RAW_PROTOCOL:
		return SEEN_RAW;
	default:
		return SEEN_OTHER;
	}
}

/* Neighbour discovery and MLD, also behind the hop-by-hop header that MLD has. */
static enum seen_kind classify_ipv6(const uint8_t *packet, size_t len)
{
	size_t at = IPV6_HEADER_LEN;
	uint8_t protocol;

	if (len < IPV6_HEADER_LEN)
		return SEEN_OTHER;
	protocol = packet[6];
	if (protocol == IPPROTO_HOPOPTS && len >= at + 8) {
		protocol = packet[at];
		at += 8 + (size_t)packet[at + 1] * 8;
	}
	if (protocol != IPPROTO_ICMPV6 || at >= len)
		return SEEN_IPV6;
	if ((packet[at] >= ND_ROUTER_SOLICIT && packet[at] <= ND_REDIRECT) ||
	    (packet[at] >= MLD_LISTENER_QUERY && packet[at] <= MLD_LISTENER_REDUCTION) ||
	    packet[at] == MLD2_REPORT)
		return SEEN_LINK;
	return SEEN_IPV6;
}

enum seen_kind classify_frame(const uint8_t *frame, size_t len,
			      const struct classify_endpoint *provider)
{
	if (len < ETH_HLEN)
		return SEEN_OTHER;
	switch (be16_load(frame + 12)) {
	case ETH_P_ARP:
		return SEEN_LINK;
	case ETH_P_IP:
		return classify_ipv4(frame + ETH_HLEN, len - ETH_HLEN, provider);
	case ETH_P_IPV6:
		return classify_ipv6(frame + ETH_HLEN, len - ETH_HLEN);
	default:
		return SEEN_OTHER;
	}
}
