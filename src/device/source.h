/* Which address of ours the datagrams to a peer are sent from.
 *
 * A peer's datagrams are answered from the address that they came to.  That
 * ends, as with the kernel's module, when the address is not ours any more, or
 * when the way to the peer leaves by another link than the one they came by.
 */
#ifndef ADIT_DEVICE_SOURCE_H
#define ADIT_DEVICE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

struct nlsock;
struct tunnel_peer_stats;

/* Also where there is none, or the kernel does not say. */
bool source_is_good(struct nlsock *sock, const struct tunnel_peer_stats *peer, uint32_t mark);

#endif
