/* TUN frames with hostile virtio headers: cut, then merged, then cut again.
 *
 * Input: a struct virtio_net_hdr, then the frame.
 */
#include "dataplane/icmp.h"
#include "dataplane/offload_merge.h"
#include "dataplane/offload_split.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(void *context, const struct iovec *iov, int n)
{
	volatile uint8_t *sum = context;

	for (int i = 0; i < n; i++)
		for (size_t at = 0; at < iov[i].iov_len; at++)
			*sum ^= ((const uint8_t *)iov[i].iov_base)[at];
}

/* Packets as the other side would decrypt them, each in a block of its own so
 * that a step outside is seen.
 */
static void merge_packets(struct split *split, uint8_t **copies, size_t n_max)
{
	static struct merge merge;
	struct split_packet packet;
	uint8_t sum = 0;
	size_t n = 0;

	merge_init(&merge, true);
	while (n < n_max && split_next(split, &packet)) {
		copies[n] = malloc(packet.len > 0 ? packet.len : 1);
		if (!copies[n])
			abort();
		memcpy(copies[n], packet.bytes, packet.len);
		if (packet.len > 0 && !merge_add(&merge, copies[n], packet.len))
			abort();
		n++;
	}
	merge_flush(&merge, touch, &sum);
	while (n > 0)
		free(copies[--n]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *copies[MERGE_PACKETS_MAX];
	static struct split split;
	uint8_t answer[ICMP_MESSAGE_MAX];
	struct virtio_net_hdr header;
	uint8_t *frame;
	size_t len;

	if (size <= sizeof(header) || size - sizeof(header) > SPLIT_FRAME_MAX)
		return 0;
	memcpy(&header, data, sizeof(header));
	len = size - sizeof(header);
	frame = malloc(len);
	if (!frame)
		abort();
	memcpy(frame, data + sizeof(header), len);
	(void)icmp_unreachable(frame, len, answer);
	if (split_begin(&split, &header, frame, len) == 0)
		merge_packets(&split, copies, MERGE_PACKETS_MAX);
	free(frame);
	return 0;
}
