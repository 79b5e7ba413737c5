/* Decrypted packets into frames for the TUN device: the opposite of a split.
 *
 * How it works: packets stay where they were decrypted.  merge_add() notes a
 * packet as a group of its own, or appends its payload to the last group of its
 * flow, by pointer; merge_flush() writes each group as one frame: a virtio
 * header, the first packet, and the payloads of the others.  Groups leave in
 * the order of their first packets and a flow adds to its last group only, so
 * packets of a flow are never reordered.
 *
 * Packets are put together only if cutting the frame again gives the same
 * packets: TCP data with only ACK (and PSH, which ends the group), in sequence,
 * equal in every other header field; UDP of equal length with a checksum.  No
 * IPv4 options, IPv6 extension headers or fragments.  A shorter packet ends
 * the group.  Inner checksums are not verified: the sealed message has
 * authenticated the bytes (as the kernel module does).
 *
 * One collector belongs to one thread.  Nothing is allocated after it is made.
 */
#ifndef ADIT_DATAPLANE_OFFLOAD_MERGE_H
#define ADIT_DATAPLANE_OFFLOAD_MERGE_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
	MERGE_PACKETS_MAX = 512,
	MERGE_SEGMENTS_MAX = 64, /* packets a group; fewer than IOV_MAX */
	MERGE_SLOTS = 64,	 /* a power of two */
	MERGE_FRAME_MAX = 65535,
};

enum merge_kind { MERGE_NONE, MERGE_TCP, MERGE_UDP };

/* One packet in a group: its payload, or the whole of the first one. */
struct merge_part {
	uint8_t *bytes; /* borrowed until merge_flush() */
	uint16_t len;
	uint16_t next; /* index of the next part; UINT16_MAX: none */
};

struct merge_group {
	uint16_t first; /* index of a part */
	uint16_t last;
	uint16_t n_parts;
	uint16_t transport; /* offset in the first packet */
	uint16_t head_len;  /* IP and transport header */
	uint16_t segment;   /* payload bytes of the first packet */
	uint32_t len;	    /* bytes in all */
	uint32_t sequence;  /* TCP: of the byte that would come next */
	enum merge_kind kind;
	bool is_closed; /* nothing may follow */
};

struct merge {
	bool has_uso; /* the TUN takes merged UDP */
	bool is_off;  /* set after merge_init(): the TUN takes one packet a frame */
	uint16_t n_parts;
	uint16_t n_groups;
	uint16_t slot[MERGE_SLOTS]; /* by flow: index of a group, plus 1; 0: none */
	struct merge_part part[MERGE_PACKETS_MAX];
	struct merge_group group[MERGE_PACKETS_MAX];
};

void merge_init(struct merge *merge, bool has_uso);

/* Takes an inner IP packet of 1 to 65535 bytes, which must stay in place, and
 * whose header may be rewritten.  False: full, so flush first.
 */
bool merge_add(struct merge *merge, uint8_t *packet, size_t len);

/* A frame's virtio header is the first of its n parts. */
typedef void (*merge_writer)(void *context, const struct iovec *iov, int n);

/* Writes every frame and forgets all packets. */
void merge_flush(struct merge *merge, merge_writer write, void *context);

#endif
