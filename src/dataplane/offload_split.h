/* A frame of the TUN device into the IP packets it stands for.
 *
 * How it works: with offloads on, the kernel hands over TCP streams and UDP
 * trains as one frame of up to 64 KiB with a virtio header that says how to cut
 * it.  split_next_parts() writes the header of each packet apart, and no byte of
 * payload is copied; split_next() writes it straight in front of its payload,
 * over the end of the payload before it, which by then has been used.  Frames that are one packet
 * come out as they are, with the checksum that the kernel left undone filled in.
 *
 * The virtio header is checked against the packet, never believed: lengths are
 * read from the IP and transport headers.
 *
 * Sources: linux/virtio_net.h; RFC 9293 (TCP), RFC 3168 section 6.1.2 (CWR on
 * the first segment only), RFC 768 (UDP).
 */
#ifndef ADIT_DATAPLANE_OFFLOAD_SPLIT_H
#define ADIT_DATAPLANE_OFFLOAD_SPLIT_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	OFFLOAD_GSO_UDP_L4 = 5, /* VIRTIO_NET_HDR_GSO_UDP_L4: Linux 6.2's headers have it */
	SPLIT_HEAD_MAX = 512,	/* bytes of IP and transport header; more is refused */
	SPLIT_FRAME_MAX = 65535
};

enum split_kind {
	SPLIT_WHOLE, /* one packet, as it is */
	SPLIT_TCP,
	SPLIT_UDP,
};

/* A frame under way.  It lies in the caller's buffer, which is overwritten. */
struct split {
	enum split_kind kind;
	uint8_t version;	/* 4 or 6 */
	uint16_t transport;	/* offset of the TCP or UDP header */
	uint16_t head_len;	/* both headers */
	uint16_t segment;	/* bytes of payload a packet; the last may have less */
	uint16_t id;		/* IPv4 identification of the first packet */
	uint32_t sequence;	/* TCP, of the first packet */
	uint8_t flags;		/* TCP */
	uint8_t *payload;	/* of the next packet; SPLIT_WHOLE: the packet */
	size_t payload_left;	/* bytes */
	unsigned int n_packets; /* in all */
	unsigned int n_done;
	uint64_t head_sum; /* of the fields that all packets share */
	uint8_t head[SPLIT_HEAD_MAX];
};

struct split_packet {
	uint8_t *bytes; /* within the frame; valid until the next call */
	size_t len;
};

/* 0; or -EINVAL: not IP, or the virtio header contradicts the packet;
 * -EPROTONOSUPPORT: a kind of offload that was never asked for.
 */
int split_begin(struct split *split, const struct virtio_net_hdr *header, uint8_t *frame,
		size_t len);

/* The next packet, or false when all are done. */
bool split_next(struct split *split, struct split_packet *ret);

/* The next packet in two parts, so that many can be at hand at once: the frame is
 * left as it is.
 */
struct split_parts {
	const uint8_t *head; /* the caller's bytes; NULL, with head_len 0, for SPLIT_WHOLE */
	size_t head_len;
	const uint8_t *body; /* within the frame */
	size_t body_len;
};
/* `head` has room for split->head_len bytes.  False: all are done. */
bool split_next_parts(struct split *split, uint8_t *head, struct split_parts *ret);

#endif
