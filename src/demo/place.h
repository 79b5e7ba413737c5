/* Who lives where in the demo's internet.  Addresses are those that the RFCs
 * keep for documentation (RFC 5737, RFC 3849) and private ones; all of it
 * exists in the demo's own network namespaces and nowhere else.
 *
 *     you 192.168.1.10 ── enp3s0 ── router ──┬── web 203.0.113.80
 *                                 192.0.2.7  └── provider 198.51.100.1
 */
#ifndef ADIT_DEMO_PLACE_H
#define ADIT_DEMO_PLACE_H

#define DEMO_UPLINK "enp3s0"

#define DEMO_HOST_V4	    "192.168.1.10/24"
#define DEMO_HOST_V6	    "2001:db8:1::10/64"
#define DEMO_ROUTER_LAN_V4  "192.168.1.1/24"
#define DEMO_ROUTER_LAN_V6  "2001:db8:1::1/64"
#define DEMO_ROUTER_PUBLIC  "192.0.2.7" /* what the web sees of the LAN */
#define DEMO_ROUTER_WEB_V4  "203.0.113.1/24"
#define DEMO_ROUTER_WEB_V6  "2001:db8:80::1/64"
#define DEMO_ROUTER_VPN_V4  "198.51.100.254/24"
#define DEMO_WEB_V4	    "203.0.113.80/24"
#define DEMO_WEB_V6	    "2001:db8:80::80/64"
#define DEMO_PROVIDER_V4    "198.51.100.1/24"
#define DEMO_PROVIDER_WG_V4 "10.64.0.1/24"
#define DEMO_CLIENT_WG_V4   "10.64.0.2/32"

/* The same without prefix lengths, for sockets and gateways. */
#define DEMO_WEB_IP	 "203.0.113.80"
#define DEMO_WEB_IP6	 "2001:db8:80::80"
#define DEMO_PROVIDER_IP "198.51.100.1"

enum { DEMO_WIREGUARD_PORT = 51820, DEMO_WEB_PORT = 80 };

#endif
