/* Decrypted packets, put together and cut again: as many packets and as many
 * bytes must come back.  (That they are the same packets is the unit test's;
 * here their checksums are wrong, and made right.)
 *
 * Input: packets, each behind its length in two bytes, little-endian.
 */
#include "dataplane/offload_merge.h"
#include "dataplane/offload_split.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	size_t n_packets;
	size_t n_bytes; /* of packets, counted again after cutting */
};

static void cut(void *context, const struct iovec *iov, int n)
{
	static struct split split;
	static uint8_t frame[SPLIT_FRAME_MAX];
	struct virtio_net_hdr header;
	struct split_packet packet;
	struct seen *seen = context;
	size_t len = 0;

	memcpy(&header, iov[0].iov_base, sizeof(header));
	for (int i = 1; i < n; i++) {
		if (iov[i].iov_len > sizeof(frame) - len)
			abort();
		memcpy(frame + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	if (n == 2) { /* alone: may be anything, and must be unchanged */
		seen->n_packets++;
		seen->n_bytes += len;
		return;
	}
	if (split_begin(&split, &header, frame, len) < 0)
		abort();
	while (split_next(&split, &packet)) {
		seen->n_packets++;
		seen->n_bytes += packet.len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct merge merge;
	static uint8_t *copies[MERGE_PACKETS_MAX];
	struct seen put = {0};
	struct seen got = {0};

	merge_init(&merge, true);
	while (size > 2 && put.n_packets < MERGE_PACKETS_MAX) {
		size_t len = data[0] | (size_t)data[1] << 8;

		data += 2;
		size -= 2;
		len = len < size ? len : size;
		if (len == 0)
			continue;
		copies[put.n_packets] = malloc(len);
		if (!copies[put.n_packets])
			abort();
		memcpy(copies[put.n_packets], data, len);
		if (!merge_add(&merge, copies[put.n_packets], len))
			abort();
		put.n_packets++;
		put.n_bytes += len;
		data += len;
		size -= len;
	}
	merge_flush(&merge, cut, &got);
	if (put.n_packets != got.n_packets || put.n_bytes != got.n_bytes)
		abort();
	for (size_t i = 0; i < put.n_packets; i++)
		free(copies[i]);
	return 0;
}
