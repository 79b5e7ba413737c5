/* The data plane as a process of its own, from fork(2) to its end.
 *
 * It keeps the TUN, two UDP sockets, one socket to the supervisor and an event
 * descriptor, and gives everything else up: other descriptors, its session,
 * capabilities, new privileges, and all system calls but a few.  Keys reach it
 * over the socket, as text.  It ends when the supervisor does.
 */
#ifndef ADIT_DATAPLANE_CHILD_H
#define ADIT_DATAPLANE_CHILD_H

#include "dataplane/sandbox.h"
#include "dataplane/udp.h"

#include <stdbool.h>
#include <stdint.h>

struct child_options {
	int tun;    /* opened with IFF_TUN and IFF_NO_PI; IFF_VNET_HDR makes it fast */
	int uapi;   /* a stream socket: see uapi.h */
	int events; /* an eventfd: see worker.h */
	struct udp_sockets sockets;
	uint32_t mtu; /* bytes of inner packet */
	/* How many it shall have threads for; 0: as many as it may run on. */
	unsigned int n_processors;
	bool drops_backlog; /* what waits in the TUN is stale: see tun_discard() */
	bool is_successor;  /* of one that died: what waits in the TUN is for a session */
	bool is_down;	    /* until adit_up=true: see uapi.h */
	struct sandbox_options sandbox;
};

/* Runs in a process just forked from one of a single thread, and returns the
 * status to give to _exit(2): 0 when the supervisor has closed the socket.
 */
int child_run(const struct child_options *options);

#endif
