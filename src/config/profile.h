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
#include "base/cleanup.h"
#include "base/error.h"
#include "base/secret.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PROFILE_FILES_MAX = 64,
	PROFILE_PEERS_MAX = 1024,
	PROFILE_ALLOWED_IPS_MAX = 16384, /* of all peers together */
	PROFILE_ADDRESSES_MAX = 32,
	PROFILE_DNS_MAX = 16,
	PROFILE_SEARCH_MAX = 16,
	PROFILE_DOMAIN_LEN = 254, /* RFC 1035 section 2.3.4, NUL included */
	PROFILE_FORWARDS_MAX = 64,
	PROFILE_ALLOWS_MAX = 64,
	PROFILE_ACCEPTS_MAX = 64,
	PROFILE_NAMES_MAX = 32,
	PROFILE_USER_LEN = 33,	 /* of a user or a group, NUL included */
	PROFILE_PATH_LEN = 1024, /* NUL included */
	PROFILE_NAME_LEN = 65,	 /* of a profile, NUL included */
};

enum profile_backend { BACKEND_AUTO, BACKEND_KERNEL, BACKEND_USERSPACE };
enum profile_mode { MODE_MOVE, MODE_NAT };
enum profile_lan_path { LAN_PATH_RELAY, LAN_PATH_VETH };
enum profile_protocol { PROTOCOL_TCP, PROTOCOL_UDP };

/* Where a value stood, for errors that come after parsing. */
struct profile_place {
	uint32_t file;	 /* index into profile.file */
	uint32_t line;	 /* from 1; 0: no place, the value was not given */
	uint32_t column; /* from 1, in bytes; 0: whole line */
};

struct profile_peer {
	uint8_t public_key[32];
	struct secret_key preshared_key; /* zeroes: none */
	union endpoint endpoint;	 /* AF_UNSPEC: none, or a name */
	/* A domain name, or a link-local address with its interface ("fe80::1%eth0"),
	 * which getaddrinfo(3) reads too.  "": the endpoint is an address or absent.
	 */
	char endpoint_host[PROFILE_DOMAIN_LEN];
	uint16_t endpoint_port;			/* host byte order, with endpoint_host */
	uint16_t keepalive_s;			/* seconds; 0: off */
	struct prefix *allowed_ip;		/* malloc()ed; host bits cleared, each once */
	struct profile_place *allowed_ip_place; /* one each, malloc()ed */
	size_t n_allowed_ips;
	struct profile_place place; /* of [Peer] */
	struct profile_place public_key_place;
	struct profile_place preshared_key_place;
	struct profile_place endpoint_place;
	struct profile_place keepalive_place;
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
	char name[PROFILE_NAME_LEN];   /* of NAME.conf; "" when the file is called otherwise */
	char *file[PROFILE_FILES_MAX]; /* paths read, the main one first; malloc()ed */
	char **key_file; /* of PrivateKeyFile, PresharedKeyFile; malloc()ed, all of it */
	size_t n_key_files;
	size_t n_files;

	/* [Interface] and [Peer] */
	bool has_private_key;
	struct secret_key private_key;
	uint8_t public_key[32]; /* zeroes until a caller derives it: config/ does no cryptography */
	struct prefix address[PROFILE_ADDRESSES_MAX]; /* host bits kept */
	size_t n_addresses;
	/* What [Namespace] says, else [Interface]. */
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
	char device[IFNAMSIZ];		 /* the tunnel's name inside; "wg0" */
	char underlay[PROFILE_NAME_LEN]; /* "": the host's */
	char path[PROFILE_PATH_LEN];	 /* "": a namespace of adit's own */
	struct profile_place path_place;
	char user[PROFILE_NAMES_MAX][PROFILE_USER_LEN];
	size_t n_users;
	char group[PROFILE_NAMES_MAX][PROFILE_USER_LEN];
	size_t n_groups;

	/* [Nat]; addresses: at most one a family, none: chosen by adit */
	char nat_via[IFNAMSIZ];
	struct prefix nat_host[2];
	size_t n_nat_host;
	struct prefix nat_namespace[2];
	size_t n_nat_namespace;

	/* [Lan] */
	char lan_interface[IFNAMSIZ]; /* "": that of the default route */
	enum profile_lan_path lan_path;
	bool has_lan_path; /* Path= was given; else lan_path follows from the other keys */
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

/* Appends; the new peer has no key yet.  NULL: PROFILE_PEERS_MAX, or memory.
 * Pointers to earlier peers are no longer valid.
 */
int profile_add_key_file(struct profile *profile, const char *path); /* 0 or -ENOMEM */
struct profile_peer *profile_add_peer(struct profile *profile);
void profile_remove_peer(struct profile *profile, size_t index);
/* Copies.  -ENOMEM.  The caller keeps to PROFILE_ALLOWED_IPS_MAX. */
int profile_add_allowed_ip(struct profile_peer *peer, const struct prefix *prefix,
			   const struct profile_place *place);

/* For errors that come after parsing: borrowed from the profile. */
struct source_pos profile_pos(const struct profile *profile, const struct profile_place *place);

DEFINE_AUTO(profile, profile_free);

#endif
