/* The encrypted side: two UDP sockets on one port.
 *
 * The sockets are opened by the supervisor, which has the privilege that FwMark
 * and low ports need, and used by the data plane, whose seccomp filter has no
 * socket(2).  udp_reader.h reads them, udp_sender.h sends.
 *
 * Sources: udp(7), ip(7), ipv6(7), linux/udp.h.
 */
#ifndef ADIT_DATAPLANE_UDP_H
#define ADIT_DATAPLANE_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum udp_family { UDP_V4, UDP_V6, UDP_FAMILIES };

struct udp_sockets {
	int fd[UDP_FAMILIES]; /* owned; -1: the host has not this family */
	bool is_mark_refused; /* fwmark was asked for, and needs CAP_NET_ADMIN */
};

/* Opens both on `port`, 0: one that is free for both; in the caller's network
 * namespace, close-on-exec and non-blocking.  -EADDRINUSE and what bind(2) says.
 */
int udp_open(uint16_t port, uint32_t fwmark, struct udp_sockets *ret, struct error *err);
/* Of sockets that may be in use; 0: off.  -EPERM is no failure but is_mark_refused,
 * since a tunnel without a mark is better than none.
 */
int udp_set_mark(struct udp_sockets *sockets, uint32_t fwmark);
void udp_close(struct udp_sockets *sockets);
/* Read from the sockets themselves; the port in host byte order. */
uint16_t udp_port(const struct udp_sockets *sockets);
uint32_t udp_mark(const struct udp_sockets *sockets);
/* Takes descriptors that another process opened so; -EINVAL: not one or two
 * UDP sockets of different families, and they are still the caller's.
 */
int udp_adopt(const int *fds, size_t n_fds, struct udp_sockets *ret);

#endif
