/* A capture on the simulated uplink: counts by kind, from before the first
 * packet to the last, and says when the kernel dropped any.
 *
 * Owned by the scene; single-threaded: uplink_collect() empties the ring.
 */
#ifndef ADIT_DEMO_UPLINK_H
#define ADIT_DEMO_UPLINK_H

#include "demo/classify.h"

#include <stddef.h>
#include <stdint.h>

struct error;

struct uplink {
	int fd;	       /* AF_PACKET; -1: none */
	uint8_t *ring; /* the kernel's, mapped */
	size_t next;   /* the frame to be looked at next */
	struct classify_endpoint provider;
	uint64_t n_seen[SEEN_KINDS]; /* outgoing packets, but both ways for SEEN_WIREGUARD */
	uint64_t n_lost;	     /* that the kernel could not hand over */
};

/* On the link of this name in the caller's network namespace. */
int uplink_open(const char *link, const struct classify_endpoint *provider, struct uplink *ret,
		struct error *err);
/* Takes what has been captured so far. */
int uplink_collect(struct uplink *uplink, struct error *err);
/* Everything that has no business there. */
uint64_t uplink_leaks(const struct uplink *uplink);
void uplink_close(struct uplink *uplink);

#endif
