/* What a configuration says, checked: the model that everything behind the
 * parser works from.  Text with places is config/lexer.h's; steps are plan/'s.
 *
 * A profile holds keys, so the whole of it lives in secret_new() memory: it is
 * wiped when freed and reads as zeroes in a child after fork(2).  What a child
 * needs is copied into a plan, which holds no secrets, before the fork.
 *
 * Source: wg(8), wg-quick(8); the sections [Namespace], [Nat], [Lan] and
 * [Tunnel] are adit's own (docs/adit.conf.5.scd).
 */
#ifndef ADIT_CONFIG_PROFILE_H
#define ADIT_CONFIG_PROFILE_H

#include "base/address.h"
#include "base/error.h"
#include "base/secret.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PROFILE_ADDRESSES_MAX = 32,
	PROFILE_DNS_MAX = 16,
	PROFILE_SEARCH_MAX = 16,
	PROFILE_DOMAIN_LEN = 254, /* RFC 1035 section 2.3.4, NUL included */
	PROFILE_FORWARDS_MAX = 64,
	PROFILE_ALLOWS_MAX = 64,
	PROFILE_ACCEPTS_MAX = 64,
	PROFILE_NAMES_MAX = 32,
	PROFILE_PATH_LEN = 1024, /* NUL included */
};

enum profile_backend { BACKEND_AUTO, BACKEND_KERNEL, BACKEND_USERSPACE };
enum profile_mode { MODE_MOVE, MODE_NAT };
enum profile_lan_path { LAN_PATH_RELAY, LAN_PATH_VETH };
enum profile_protocol { PROTOCOL_TCP, PROTOCOL_UDP };

/* Where a value stood, for errors that come after parsing. */
struct profile_place {
	uint32_t file; /* index into profile.file */
	uint32_t line;
	uint32_t column;
};

struct profile_peer {
	uint8_t public_key[32];
	struct secret_key preshared_key;	/* zeroes: none */
	union endpoint endpoint;		/* AF_UNSPEC: none, or a name */
	char endpoint_host[PROFILE_DOMAIN_LEN]; /* "" when the endpoint is an address or absent */
	uint16_t endpoint_port;			/* host byte order, with endpoint_host */
	uint16_t keepalive_s;			/* seconds; 0: off */
	struct prefix *allowed_ip; /* in secret_new() memory of its own; host bits cleared */
	struct profile_place *allowed_ip_place; /* one each */
	size_t n_allowed_ips;
	struct profile_place place; /* of [Peer] */
	struct profile_place endpoint_place;
};

struct profile_port_range {
	uint16_t first; /* host byte order */
	uint16_t last;	/* inclusive */
};

struct profile_forward {
	enum profile_protocol protocol;
	bool has_address;
	struct address address;
	char interface[IFNAMSIZ]; /* "": the LAN interface */
	struct profile_port_range outside;
	struct profile_port_range inside;
	struct profile_place place;
};

struct profile_allow {
	struct prefix prefix;
	bool has_ports; /* false: every protocol and port */
	enum profile_protocol protocol;
	struct profile_port_range ports;
	struct profile_place place;
};

struct profile_accept {
	enum profile_protocol protocol;
	struct profile_port_range ports;
	struct profile_place place;
};

struct profile {
	char name[64 + 1]; /* "" for a file that is no named profile */
	char **file;	   /* paths read, the main one first */
	size_t n_files;

	/* [Interface] and [Peer] */
	bool has_private_key;
	struct secret_key private_key;
	uint8_t public_key[32]; /* zeroes until a caller derives it: config/ does no cryptography */
	struct prefix address[PROFILE_ADDRESSES_MAX]; /* host bits kept */
	size_t n_addresses;
	struct address dns[PROFILE_DNS_MAX];
	struct profile_place dns_place[PROFILE_DNS_MAX];
	size_t n_dns;
	char search[PROFILE_SEARCH_MAX][PROFILE_DOMAIN_LEN];
	size_t n_search;
	uint16_t mtu;		   /* bytes; 0: not given */
	uint16_t listen_port;	   /* host byte order; 0: any */
	uint32_t fwmark;	   /* 0: off */
	struct profile_peer *peer; /* secret_new() memory */
	size_t n_peers;

	/* [Namespace] */
	enum profile_mode mode;
	enum profile_backend backend;
	char device[IFNAMSIZ]; /* the tunnel's name inside; "wg0" */
	char underlay[65];     /* "": the host's */
	char path[PROFILE_PATH_LEN];
	char user[PROFILE_NAMES_MAX][33];
	size_t n_users;
	char group[PROFILE_NAMES_MAX][33];
	size_t n_groups;

	/* [Nat] */
	char nat_via[IFNAMSIZ];
	struct prefix nat_host[2];
	size_t n_nat_host;
	struct prefix nat_namespace[2];
	size_t n_nat_namespace;

	/* [Lan] */
	char lan_interface[IFNAMSIZ]; /* "": that of the default route */
	enum profile_lan_path lan_path;
	bool has_lan_path;
	struct prefix lan_host[2];
	size_t n_lan_host;
	struct prefix lan_namespace[2];
	size_t n_lan_namespace;
	struct profile_forward forward[PROFILE_FORWARDS_MAX];
	size_t n_forwards;
	struct profile_allow allow[PROFILE_ALLOWS_MAX];
	size_t n_allows;
	bool has_proxy_protocol;

	/* [Tunnel] */
	struct profile_accept accept[PROFILE_ACCEPTS_MAX];
	size_t n_accepts;
};

struct profile *profile_new(void);	    /* NULL: out of memory */
void profile_free(struct profile *profile); /* accepts NULL */

#endif
