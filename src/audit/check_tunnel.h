/* Where the tunnel's own UDP socket is: outside, or what is encrypted goes nowhere, or by
 * the tunnel itself.  Pure, but for check_tunnel_count().
 *
 * Two ways of telling.  The sockets that the data plane holds say it; where there is no such
 * process (the kernel's WireGuard) or it may not be looked at (a user's), the UDP sockets at
 * the tunnel's port, in the host's network and inside.
 *
 * Source: proc(5), /proc/net/udp, in which the kernel's own sockets are, too.
 */
#ifndef ADIT_AUDIT_CHECK_TUNNEL_H
#define ADIT_AUDIT_CHECK_TUNNEL_H

#include "audit/sockets.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct finding_list;

struct check_tunnel {
	bool is_kernels;  /* it lives without a process */
	uint16_t port;	  /* of the socket; 0: nobody who knows it answers */
	size_t n_at_port; /* UDP sockets at that port in the host's network */
	size_t n_at_port_inside;
	pid_t data_plane; /* 0: there is none */
	bool has_sockets; /* its descriptors could be looked at */
	struct sockets sockets;
};

void check_tunnel(const struct check_tunnel *seen, struct finding_list *findings);

/* UDP sockets at a port, at any address, in the caller's network namespace. */
size_t check_tunnel_count(uint16_t port);

#endif
