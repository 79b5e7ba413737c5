/* The header that tells a server who its client is when a relay stands between.
 *
 * Source: The PROXY protocol, version 2 (haproxy, doc/proxy-protocol.txt),
 * section 2.2.
 */
#ifndef ADIT_RELAY_PROXY_HEADER_H
#define ADIT_RELAY_PROXY_HEADER_H

#include "base/address.h"

#include <stddef.h>
#include <stdint.h>

enum { PROXY_HEADER_MAX = 52 };

/* Of a TCP connection; both ends are of one family.  Bytes written. */
size_t proxy_header_write(const union endpoint *client, const union endpoint *server,
			  uint8_t ret[PROXY_HEADER_MAX]);

#endif
