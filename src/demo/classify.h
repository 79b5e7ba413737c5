/* What a packet on the simulated uplink is: the demo's leak oracle, as a pure
 * function.  Anything that is neither WireGuard to the provider, nor the link's
 * own ARP and neighbour discovery, nor the canary, is a leak of some kind.
 */
#ifndef ADIT_DEMO_CLASSIFY_H
#define ADIT_DEMO_CLASSIFY_H

#include <stddef.h>
#include <stdint.h>

enum seen_kind {
	SEEN_WIREGUARD, /* UDP to or from the provider's endpoint */
	SEEN_LINK,	/* ARP, IPv6 neighbour discovery and MLD: the link itself */
	SEEN_CANARY,	/* leaked on purpose, to see that the capture sees */
	SEEN_TCP,	/* from here on: leaks */
	SEEN_DNS,
	SEEN_ICMP,
	SEEN_IPV6,
	SEEN_BOUND, /* UDP to DEMO_BOUND_PORT: sent with SO_BINDTODEVICE */
	SEEN_RAW,   /* IP protocol DEMO_RAW_PROTOCOL */
	SEEN_MULTICAST,
	SEEN_OTHER,
	SEEN_KINDS
};

enum {
	DEMO_BOUND_PORT = 7777,
	DEMO_CANARY_PORT = 9,	 /* discard */
	DEMO_RAW_PROTOCOL = 253, /* RFC 3692: for experiments */
	DEMO_SSDP_PORT = 1900,
};

struct classify_endpoint {
	uint8_t address[4]; /* the provider's, network byte order */
	uint16_t port;	    /* host byte order */
};

/* `frame` begins with the Ethernet header. */
enum seen_kind classify_frame(const uint8_t *frame, size_t len,
			      const struct classify_endpoint *provider);

#endif
