/* Frames of the TUN that go through the cipher and out of a socket together.
 *
 * How it works: frames are read one behind the other until none waits or
 * BUNDLE_ENOUGH_LEN is reached: one super-packet, or many small packets.  Those
 * of one peer that follow each other make a group, whose packets are sealed many
 * at once and leave with as few sends as they fit into.
 *
 * A frame that becomes more than a batch holds (hostile: a program inside asks
 * for segments of a few bytes) makes its bundle oversize; it is then sealed and
 * sent by turns.
 */
#ifndef ADIT_DATAPLANE_BUNDLE_H
#define ADIT_DATAPLANE_BUNDLE_H

#include "dataplane/batch.h"
#include "dataplane/offload_split.h"
#include "wireguard/device.h"

#include <linux/virtio_net.h>

enum {
	BUNDLE_FRAMES_MAX = 16,
	BUNDLE_FRAME_SIZE = SPLIT_FRAME_MAX + 1,
	BUNDLE_ENOUGH_LEN = BATCH_FULL_LEN,
};

struct bundle_frame {
	uint8_t *bytes;
	size_t len;
	struct split split;
};

/* Frames that follow each other under one seal. */
struct bundle_group {
	struct wg_seal seal;
	unsigned int first; /* frame */
	unsigned int n_frames;
	unsigned int n_sealed; /* packets */
	size_t n_bytes;	       /* of UDP payload */
};

struct bundle {
	uint8_t *memory; /* owned: frames, and behind them the heads of packets */
	size_t n_used;	 /* bytes of frames */
	struct bundle_frame frame[BUNDLE_FRAMES_MAX];
	unsigned int n_frames;
	struct bundle_group group[BUNDLE_FRAMES_MAX];
	unsigned int n_groups;
	size_t sealed_max; /* bytes that all this becomes at the most */
	size_t runs_max;   /* and runs of the batch */
	bool is_oversize;
	struct batch batch;
	struct instant now;
};

struct bundle *bundle_new(void);	 /* NULL: out of memory */
void bundle_free(struct bundle *bundle); /* accepts NULL */
void bundle_clear(struct bundle *bundle, struct instant now);

/* BUNDLE_FRAME_SIZE bytes for another frame; NULL: there is enough. */
uint8_t *bundle_room(const struct bundle *bundle);
/* A frame was read there.  As split_begin(), and on failure it is left out. */
int bundle_add(struct bundle *bundle, const struct virtio_net_hdr *header, size_t len);

/* Frame i goes under the seal, which joins the one before where it can; with the
 * lock of the device.
 */
void bundle_assign(struct bundle *bundle, struct wg_device *device, unsigned int i,
		   struct wg_seal *seal);

/* Seals all groups into the batch.  `send` empties the batch when it is full, as
 * only one that is oversize gets.
 */
void bundle_seal(struct bundle *bundle, struct crypto *crypto, size_t mtu,
		 void (*send)(void *context, struct bundle *bundle), void *context);

#endif
