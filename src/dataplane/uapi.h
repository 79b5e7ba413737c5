/* The cross-platform WireGuard configuration protocol, over any byte stream.
 *
 * How it works: text goes in with uapi_feed() in pieces of any size, replies
 * come out of uapi_output().  A request is `set=1` or `get=1`, lines `key=value`
 * and an empty line; the reply ends with `errno=N`, N 0 or negative, and an
 * empty line.  Lines of a set act as they come; after the first that fails the
 * rest of the request is passed over.
 *
 * Keys pass through one line buffer and the reply, both in secret memory; each
 * is wiped when it has been used.
 *
 * On a connection to adit's own supervisor (is_internal) there is more:
 *
 *   request  adit_stats=1            reply as of get, without keys and allowed
 *                                    IPs, with the adit_ lines below
 *   set, device                      set, peer
 *     adit_mtu=BYTES                   adit_handshake=true   begin one now
 *     adit_last_timestamp=HEX12        adit_doubt_source=true
 *                                      adit_past_rx=BYTES     of a predecessor
 *                                      adit_past_tx=BYTES
 *                                      adit_past_handshake=NS since 1970
 *     adit_sockets=true       use the UDP sockets that came beside the text
 *     adit_forget_sources=true         addresses or routes have changed
 *     adit_doubt_sources=true          likewise: see wg_device_doubt_sources()
 *     adit_up=true    with sockets: packets are read again
 *     adit_up=false   sessions are wiped, the sockets closed, the TUN is not read
 *
 *   adit_stats, device: adit_mtu, adit_last_timestamp, adit_rx_invalid,
 *     adit_rx_bad_response, adit_rx_handshake, adit_tx_errno (of the latest
 *     send), adit_tx_errors, adit_icmp_errno, adit_icmp_type, adit_icmp_code,
 *     adit_icmp_version (4 or 6), adit_icmp_count, adit_rx_datagrams,
 *     adit_tun_errors, adit_tun_refused, adit_mark_refused, adit_unlocked (bytes of
 *     key memory that RLIMIT_MEMLOCK did not let us lock)
 *   adit_stats, peer: adit_handshakes_sent; where the source is chosen by now,
 *     adit_source (an address of ours and our port) and adit_source_link (an
 *     interface's index)
 *
 * Source: https://www.wireguard.com/xplatform/
 */
#ifndef ADIT_DATAPLANE_UAPI_H
#define ADIT_DATAPLANE_UAPI_H

#include "base/clock.h"
#include "dataplane/uapi_target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uapi;

enum {
	UAPI_LINE_MAX = 256, /* bytes of a line, its end included */
	UAPI_MTU_MIN = 576,
};

/* One connection; `target` is borrowed.  NULL: out of memory. */
struct uapi *uapi_new(const struct uapi_target *target, bool is_internal);
void uapi_free(struct uapi *uapi); /* accepts NULL */

/* 0; or -EPROTO: this is not the protocol, so close the connection; -ENOMEM. */
int uapi_feed(struct uapi *uapi, struct instant now, const char *bytes, size_t len);

/* Nothing of a request has come yet, or all of it has. */
bool uapi_is_idle(const struct uapi *uapi);

/* What waits to be written; borrowed until the next call. */
const char *uapi_output(const struct uapi *uapi, size_t *ret_len);
/* The first len bytes of it have been written. */
void uapi_consume(struct uapi *uapi, size_t len);

#endif
