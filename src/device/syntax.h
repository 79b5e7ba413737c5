/* The configuration protocol as text: where a request ends, and whether all of it
 * makes sense, before any of it is done.
 *
 * No system calls, but for the name of an interface in an endpoint's scope.
 *
 * Source: https://www.wireguard.com/xplatform/
 */
#ifndef ADIT_DEVICE_SYNTAX_H
#define ADIT_DEVICE_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum syntax_kind {
	SYNTAX_PARTIAL, /* more must come */
	SYNTAX_GET,
	SYNTAX_SET,
	SYNTAX_BAD_GET, /* -EINVAL, and nothing after it is sure */
	SYNTAX_GARBAGE, /* not the protocol: deserves no answer */
};

/* What text that begins with a request begins with.  *seen is how much of it was
 * looked at in vain before, 0 at first; *ret_len, with SYNTAX_GET and
 * SYNTAX_SET, the request's length.
 */
enum syntax_kind syntax_find(const char *text, size_t len, size_t *seen, size_t *ret_len);

/* A set as the data plane shall have it, and what is for whoever opens sockets. */
struct syntax_set {
	/* The lines after "set=1" without listen_port and fwmark, scopes as numbers,
	 * and an empty one.  Owned; secret_new()'s.
	 */
	char *text;
	size_t len;
	bool has_port;
	uint16_t port; /* host byte order; 0: any */
	bool has_mark;
	uint32_t mark; /* 0: off */
};

/* A whole request, from "set=1" on.  What the first line that is wrong deserves:
 * -EPROTO without a "=", else -EINVAL; -ENOMEM.
 */
int syntax_read_set(const char *text, size_t len, struct syntax_set *ret);
void syntax_set_done(struct syntax_set *set); /* accepts one that is zeroed */

#endif
