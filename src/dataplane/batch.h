/* Sealed datagrams on their way out: one buffer, cut into runs.
 *
 * A run is what one UDP_SEGMENT send takes: datagrams of equal length (the last
 * may be shorter) to one place with one outer TOS, one behind the other in the
 * buffer.  A datagram is sealed straight into the buffer, then committed.
 */
#ifndef ADIT_DATAPLANE_BATCH_H
#define ADIT_DATAPLANE_BATCH_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BATCH_SIZE = 256 * 1024, /* bytes */
	BATCH_RUNS_MAX = 64,
	BATCH_FRAME_RUNS_MAX = 16,    /* more than the packets of one frame can make */
	BATCH_RUN_DATAGRAMS_MAX = 64, /* UDP_MAX_SEGMENTS of older kernels */
	BATCH_RUN_LEN_MAX = 65507,    /* UDP payload of an IPv4 packet of 65535 bytes */
	BATCH_FULL_LEN = 48 * 1024,   /* send at once from here on: see batch_is_full() */
};

/* Where datagrams go. */
struct batch_route {
	union endpoint to;
	union endpoint source; /* AF_UNSPEC: the kernel chooses */
	uint32_t ifindex;      /* of source; 0: not known */
	uint8_t tos;	       /* outer TOS or traffic class */
};

struct batch_run {
	struct batch_route route;
	uint32_t offset; /* into the buffer */
	uint32_t len;
	uint16_t segment; /* bytes of the first datagram */
	uint16_t n_datagrams;
	uint16_t n_gone;	/* sent, or given up */
	bool is_closed;		/* a shorter datagram ends it */
	bool is_single;		/* one datagram a send: the kernel refused UDP_SEGMENT */
	int refused_code;	/* errno of its UDP_SEGMENT send, while nothing left singly; or 0 */
	bool was_retried;	/* after an error that may have been an earlier datagram's */
	bool is_source_refused; /* the route's source did not work and was dropped */
};

struct batch {
	uint8_t *buffer; /* BATCH_SIZE bytes, owned */
	size_t used;
	unsigned int n_runs;
	unsigned int run_limit; /* datagrams a run now: see batch_balance() */
	struct batch_run run[BATCH_RUNS_MAX];
};

int batch_init(struct batch *batch); /* -ENOMEM */
void batch_done(struct batch *batch);

/* Where the next datagrams, len bytes in all, may be written; NULL: send first.
 * There is room for BATCH_FRAME_RUNS_MAX runs more.
 */
uint8_t *batch_reserve(struct batch *batch, size_t len);
/* The next len reserved bytes are a datagram. */
void batch_commit(struct batch *batch, const struct batch_route *route, size_t len);

/* n datagrams of `len` bytes follow: when they need several runs, spreads them
 * evenly, so that the last send does not carry two of 46.
 */
void batch_balance(struct batch *batch, unsigned int n, size_t len);

/* Enough for good sends: waiting for more costs cache and delay. */
bool batch_is_full(const struct batch *batch);
/* Forgets the runs. */
void batch_clear(struct batch *batch);

#endif
