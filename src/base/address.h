/* IP addresses, prefixes and endpoints, and their text.
 *
 * An address is kept in sixteen bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291
 * section 2.5.5.2), so that one type serves both families.
 */
#ifndef ADIT_BASE_ADDRESS_H
#define ADIT_BASE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
	struct in6_addr ip; /* network byte order; IPv4 as ::ffff:a.b.c.d */
};

/* A network.  Host bits may be set: an interface's address has them. */
struct prefix {
	struct address address;
	uint8_t len; /* bits, counted in the address's own family: 0-32 or 0-128 */
};

/* Where a datagram goes or came from.  AF_UNSPEC: not known. */
union endpoint {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

enum {
	ADDRESS_TEXT_LEN = INET6_ADDRSTRLEN,	  /* final NUL included */
	PREFIX_TEXT_LEN = INET6_ADDRSTRLEN + 4,	  /* "/128" */
	ENDPOINT_TEXT_LEN = INET6_ADDRSTRLEN + 20 /* brackets, scope, port */
};

bool address_is_v4(const struct address *address);
/* AF_INET or AF_INET6 */
int address_family(const struct address *address);
/* The 4 or 16 bytes, network byte order, borrowed; *ret_len says which. */
const uint8_t *address_bytes(const struct address *address, size_t *ret_len);
struct address address_from_v4(struct in_addr v4);
struct address address_from_v6(const struct in6_addr *v6);
bool address_equal(const struct address *a, const struct address *b);

/* Dotted IPv4 or RFC 4291 IPv6, nothing around it; no octal, no short forms. */
bool address_parse(const char *text, size_t len, struct address *ret);
/* ret holds ADDRESS_TEXT_LEN bytes; returns ret. */
char *address_print(const struct address *address, char *ret);

/* "ADDRESS" (a host: /32, /128) or "ADDRESS/LEN". */
bool prefix_parse(const char *text, size_t len, struct prefix *ret);
char *prefix_print(const struct prefix *prefix, char *ret);
bool prefix_contains(const struct prefix *prefix, const struct address *address);
/* The first network holds all of the second. */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
/* Clears the host bits. */
void prefix_normalize(struct prefix *prefix);
uint8_t prefix_full_len(const struct address *address); /* 32 or 128 */

/* An order in which prefix_list_has() finds quickly.  Host bits count. */
void prefix_list_sort(struct prefix *list, size_t n);
bool prefix_list_has(const struct prefix *sorted, size_t n, const struct prefix *prefix);

bool endpoint_is_set(const union endpoint *endpoint);
bool endpoint_equal(const union endpoint *a, const union endpoint *b);
socklen_t endpoint_len(const union endpoint *endpoint);
union endpoint endpoint_make(const struct address *address, uint16_t port);
struct address endpoint_address(const union endpoint *endpoint);
uint16_t endpoint_port(const union endpoint *endpoint); /* host byte order */
/* "192.0.2.1:51820", "[2001:db8::1]:51820", "[fe80::1%3]:51820" (scope by
 * number); ret holds ENDPOINT_TEXT_LEN bytes; returns ret.
 */
char *endpoint_print(const union endpoint *endpoint, char *ret);
/* What endpoint_print() writes, and a scope by interface name. */
bool endpoint_parse(const char *text, size_t len, union endpoint *ret);

#endif
