/* The kernel's WireGuard link, made where it is to be used.
 *
 * Source: drivers/net/wireguard/device.c, net/core/rtnetlink.c.
 */
#ifndef ADIT_NET_WIREGUARD_LINK_H
#define ADIT_NET_WIREGUARD_LINK_H

#include <stdint.h>

struct error;
struct nlsock;

/* By one request, straight inside the network namespace of that descriptor: at
 * no instant is it a link of the host's.  Its UDP socket belongs for good to the
 * namespace of the rtnetlink handle, the host's.  It arrives down, without key,
 * peer or address, and goes with either namespace: when the host's ends it loses
 * its socket, when its own ends it is deleted.
 *
 * A link of the same name outside is no obstacle.  -EEXIST: there is one inside;
 * -EOPNOTSUPP: the kernel has no WireGuard.  mtu: bytes; 0: the kernel's choice.
 */
int wireguard_link_create(struct nlsock *host_side, const char *name, int netns_fd, uint32_t mtu,
			  struct error *err);

#endif
