/* Sockets of the outside, made by the supervisor for the pump, which could not. */
#ifndef ADIT_RELAY_LISTENER_H
#define ADIT_RELAY_LISTENER_H

#include "relay/forward.h"

#include <stdbool.h>
#include <stdint.h>

struct error;

struct listener_spec {
	/* What it is bound to; two may not have these in common. */
	enum relay_protocol protocol;
	union endpoint at;
	uint32_t device; /* index of the link that it must come by */
	/* What is done with what comes. */
	uint32_t link; /* place of the link's sources */
	uint32_t slot; /* place of the forward's counters */
	uint16_t inside_port;
	bool has_proxy_header;
};

bool listener_is_same_place(const struct listener_spec *a, const struct listener_spec *b);

/* Packets to the address that come by another link do not reach it: the kernel
 * accepts them on every link (weak host model), so the socket is bound to its
 * own.  What this host sends to its own address counts as come by the link that
 * has it.
 *
 * The address need not be there yet.  -EADDRINUSE: the text names the owner.
 */
int listener_open(const struct listener_spec *spec, int *ret_fd, struct error *err);

/* A UDP socket on the listener's port that receives from and sends to that
 * client only.
 */
int listener_open_client(const struct listener_spec *spec, const union endpoint *client,
			 int *ret_fd);

#endif
