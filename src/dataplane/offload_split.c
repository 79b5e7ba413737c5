#include "dataplane/offload_split.h"

#include "base/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* Fills in a checksum that the kernel left to the device: at csum_start begins
 * what it covers, and its field holds the pseudo header's sum.
 */
static int finish_checksum(const struct virtio_net_hdr *header, uint8_t *frame, size_t len)
{
	size_t start = header->csum_start;
	size_t field = start + header->csum_offset;

	if (start < PACKET_IPV4_LEN || field + 2 > len)
		return -EINVAL;
	checksum_store_nonzero(frame + field, checksum_add(0, frame + start, len - start));
	return 0;
}

static int begin_whole(struct split *split, const struct virtio_net_hdr *header, uint8_t *frame,
		       size_t len)
{
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		int r = finish_checksum(header, frame, len);

		if (r < 0)
			return r;
	}
	split->kind = SPLIT_WHOLE;
	split->payload = frame;
	split->payload_left = len;
	split->n_packets = 1;
	return 0;
}

/* Which kind the virtio header asks for, when the packet is of that kind. */
static int find_kind(struct split *split, uint8_t gso_type, const struct packet_layout *layout)
{
	uint8_t protocol = IPPROTO_TCP;

	switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		split->kind = SPLIT_TCP;
		if (layout->version != ((gso_type & 15) == VIRTIO_NET_HDR_GSO_TCPV4 ? 4 : 6))
			return -EINVAL;
		break;
	case OFFLOAD_GSO_UDP_L4:
		split->kind = SPLIT_UDP;
		protocol = IPPROTO_UDP;
		break;
	default:
		return -EPROTONOSUPPORT;
	}
	return layout->protocol == protocol ? 0 : -EINVAL;
}

/* The pseudo header without its length, and the transport header with the
 * fields that change from packet to packet taken as zero.
 */
static uint64_t sum_head(struct split *split)
{
	uint8_t *transport = split->head + split->transport;
	uint64_t sum;

	if (split->kind == SPLIT_TCP) {
		be32_store(transport + 4, 0);
		transport[13] = 0;
		be16_store(transport + 16, 0);
		sum = checksum_add_pseudo(0, split->head, IPPROTO_TCP, 0);
	} else {
		be16_store(transport + 4, 0);
		be16_store(transport + 6, 0);
		sum = checksum_add_pseudo(0, split->head, IPPROTO_UDP, 0);
	}
	return checksum_add(sum, transport, (size_t)split->head_len - split->transport);
}

static void keep_head(struct split *split, const uint8_t *frame)
{
	const uint8_t *transport = frame + split->transport;

	memcpy(split->head, frame, split->head_len);
	split->id = split->version == 4 ? be16_load(frame + 4) : 0;
	split->sequence = be32_load(transport + 4);
	split->flags = split->kind == SPLIT_TCP ? transport[13] : 0;
	split->head_sum = sum_head(split);
}

int split_begin(struct split *split, const struct virtio_net_hdr *header, uint8_t *frame,
		size_t len)
{
	struct packet_layout layout;
	size_t transport_len;
	int r;

	split->n_done = 0;
	if (len > SPLIT_FRAME_MAX || !packet_parse(frame, len, &layout))
		return -EINVAL;
	if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return begin_whole(split, header, frame, len);
	r = find_kind(split, header->gso_type, &layout);
	if (r < 0)
		return r;
	transport_len = packet_transport_len(frame, len, &layout);
	if (transport_len == 0 || layout.transport + transport_len > SPLIT_HEAD_MAX ||
	    header->gso_size == 0 || layout.transport + transport_len + header->gso_size > 65535)
		return -EINVAL;
	split->version = layout.version;
	split->transport = layout.transport;
	split->head_len = (uint16_t)(layout.transport + transport_len);
	split->segment = header->gso_size;
	split->payload = frame + split->head_len;
	split->payload_left = len - split->head_len;
	split->n_packets = 1;
	if (split->payload_left > 0)
		split->n_packets = (unsigned int)((split->payload_left - 1) / split->segment) + 1;
	keep_head(split, frame);
	return 0;
}

static void write_ip(const struct split *split, uint8_t *packet, size_t len)
{
	if (split->version == 4) {
		be16_store(packet + 2, (uint16_t)len);
		be16_store(packet + 4, (uint16_t)(split->id + split->n_done));
		checksum_store_ipv4(packet, (size_t)(packet[0] & 15) * 4);
	} else {
		be16_store(packet + 4, (uint16_t)(len - PACKET_IPV6_LEN));
	}
}

static void write_tcp(const struct split *split, uint8_t *tcp, bool is_last)
{
	uint8_t flags = split->flags;

	if (split->n_done > 0)
		flags = (uint8_t)(flags & ~TCP_FLAG_CWR);
	if (!is_last)
		flags = (uint8_t)(flags & ~(TCP_FLAG_FIN | TCP_FLAG_PSH));
	be32_store(tcp + 4, split->sequence + split->n_done * split->segment);
	tcp[13] = flags;
}

/* Adds what sum_head() took as zero, the payload, and the length. */
static void write_checksum(const struct split *split, uint8_t *transport, const uint8_t *payload,
			   size_t payload_len)
{
	uint8_t changing[16] = {0};
	uint64_t sum;

	be32_store(changing, (uint32_t)((size_t)split->head_len - split->transport + payload_len));
	if (split->kind == SPLIT_TCP) {
		memcpy(changing + 4, transport + 4, 4);
		changing[9] = transport[13];
	} else {
		memcpy(changing + 4, transport + 4, 2);
	}
	sum = checksum_add(split->head_sum, changing, sizeof(changing));
	sum = checksum_add(sum, payload, payload_len);
	if (split->kind == SPLIT_TCP)
		checksum_store(transport + 16, sum);
	else
		checksum_store_nonzero(transport + 6, sum);
}

static size_t next_payload_len(const struct split *split)
{
	return split->payload_left < split->segment ? split->payload_left : split->segment;
}

/* The next packet's header, whose payload is still where it was. */
static void write_head(const struct split *split, uint8_t *head, size_t payload_len)
{
	memcpy(head, split->head, split->head_len);
	write_ip(split, head, split->head_len + payload_len);
	if (split->kind == SPLIT_TCP)
		write_tcp(split, head + split->transport, payload_len == split->payload_left);
	else
		be16_store(head + split->transport + 4, (uint16_t)(PACKET_UDP_LEN + payload_len));
	write_checksum(split, head + split->transport, split->payload, payload_len);
}

static void advance(struct split *split, size_t payload_len)
{
	split->payload += payload_len;
	split->payload_left -= payload_len;
	split->n_done++;
}

bool split_next(struct split *split, struct split_packet *ret)
{
	size_t payload_len;

	if (split->n_done == split->n_packets)
		return false;
	if (split->kind == SPLIT_WHOLE) {
		*ret = (struct split_packet){split->payload, split->payload_left};
		split->n_done++;
		return true;
	}
	payload_len = next_payload_len(split);
	*ret = (struct split_packet){split->payload - split->head_len,
				     split->head_len + payload_len};
	write_head(split, ret->bytes, payload_len);
	advance(split, payload_len);
	return true;
}

bool split_next_parts(struct split *split, uint8_t *head, struct split_parts *ret)
{
	size_t payload_len;

	if (split->n_done == split->n_packets)
		return false;
	if (split->kind == SPLIT_WHOLE) {
		*ret = (struct split_parts){.body = split->payload,
					    .body_len = split->payload_left};
		split->n_done++;
		return true;
	}
	payload_len = next_payload_len(split);
	write_head(split, head, payload_len);
	*ret = (struct split_parts){head, split->head_len, split->payload, payload_len};
	advance(split, payload_len);
	return true;
}
