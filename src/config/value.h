/* Single values: text to type, or what is wrong with it and where.
 *
 * Each function reads exactly `len` bytes and returns true with *ret written,
 * or false with *fault written.
 */
#ifndef ADIT_CONFIG_VALUE_H
#define ADIT_CONFIG_VALUE_H

#include "base/address.h"
#include "config/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fault {
	size_t offset;	/* bytes into the text, where it begins to be wrong */
	size_t len;	/* bytes from there; 0: to the end */
	char what[160]; /* what would be right; no final period */
	char hint[160]; /* "" for none */
};

/* Both for use in a return statement: fault_set() is always false. */
bool fault_set(struct fault *fault, size_t offset, size_t len, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool fault_hint(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An address written as IPv4 inside IPv6 is refused: it would be sent as neither. */
bool value_address(const char *text, size_t len, struct fault *fault, struct address *ret);
bool value_prefix(const char *text, size_t len, struct fault *fault, struct prefix *ret);
/* Only checks: an address that one host can have, no group and no wildcard. */
bool value_host(const struct address *address, struct fault *fault);
/* The fault does not quote the text. */
bool value_key(const char *text, size_t len, struct fault *fault, uint8_t ret[32]);
/* Decimal, from min to max, both ends included. */
bool value_number(const char *text, size_t len, uint32_t min, uint32_t max, struct fault *fault,
		  uint32_t *ret);
/* "off" in any case is 0. */
bool value_fwmark(const char *text, size_t len, struct fault *fault, uint32_t *ret);
bool value_keepalive(const char *text, size_t len, struct fault *fault, uint16_t *ret);
/* "yes" or "no" in any case; also true, false, on, off, 1 and 0. */
bool value_bool(const char *text, size_t len, struct fault *fault, bool *ret);

/* Ports: a number from 1 to 65535, or a name of services(5) where the caller
 * knows them.
 */
struct value_services {
	bool (*find)(void *context, const char *name, const char *protocol, uint16_t *ret);
	void *context;
};
bool value_port(const char *text, size_t len, const struct value_services *services,
		const char *protocol, struct fault *fault, uint16_t *ret);

/* ADDRESS:PORT, [ADDRESS]:PORT or HOST:PORT. */
struct value_endpoint {
	union endpoint address;	       /* AF_UNSPEC: host is set */
	char host[PROFILE_DOMAIN_LEN]; /* "": address is set */
	uint16_t port;		       /* host byte order; of either */
	bool lacks_brackets;	       /* IPv6 without [ ], where the last colon was taken */
};
bool value_endpoint(const char *text, size_t len, const struct value_services *services,
		    struct fault *fault, struct value_endpoint *ret);

/* These only check; the text itself is the value. */
bool value_interface_name(const char *text, size_t len, struct fault *fault);
bool value_profile_name(const char *text, size_t len, struct fault *fault);
bool value_user_name(const char *text, size_t len, struct fault *fault);
bool value_domain(const char *text, size_t len, struct fault *fault);

#endif
