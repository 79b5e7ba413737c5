#include "dataplane/offload_merge.h"

#include "base/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/offload_split.h"
#include "dataplane/packet.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

enum { MERGE_END = UINT16_MAX };

/* A packet that could be part of a group. */
struct candidate {
	uint8_t *bytes;
	size_t len;
	uint16_t transport;
	uint16_t head_len;
	enum merge_kind kind;
	bool has_ports; /* a whole TCP or UDP packet, mergeable or not */
	bool is_opaque; /* may belong to any flow: a fragment, or with extensions */
};

static void forget(struct merge *merge)
{
	merge->n_parts = 0;
	merge->n_groups = 0;
	memset(merge->slot, 0, sizeof(merge->slot));
}

void merge_init(struct merge *merge, bool has_uso)
{
	merge->is_off = false;
	merge->has_uso = has_uso;
	forget(merge);
}

/* The IP length field must be the packet's: a frame is cut by it. */
static bool has_true_len(const uint8_t *bytes, size_t len, uint8_t version)
{
	if (version == 4)
		return be16_load(bytes + 2) == len;
	return be16_load(bytes + 4) + (size_t)PACKET_IPV6_LEN == len;
}

static bool is_mergeable_udp(const uint8_t *udp, size_t len)
{
	bool has_checksum = be16_load(udp + 6) != 0;

	return has_checksum && be16_load(udp + 4) == len;
}

/* Fills in ret; its kind is MERGE_NONE when the packet must stay alone. */
static void examine(const struct merge *merge, uint8_t *bytes, size_t len, struct candidate *ret)
{
	struct packet_layout layout;
	size_t transport_len;

	*ret = (struct candidate){.bytes = bytes, .len = len, .kind = MERGE_NONE};
	if (merge->is_off || !packet_parse(bytes, len, &layout) || !layout.is_plain ||
	    layout.is_fragment) {
		ret->is_opaque = true;
		return;
	}
	transport_len = packet_transport_len(bytes, len, &layout);
	if (transport_len == 0)
		return;
	ret->transport = layout.transport;
	ret->has_ports = true;
	if (layout.transport + transport_len == len || !has_true_len(bytes, len, layout.version))
		return;
	ret->head_len = (uint16_t)(layout.transport + transport_len);
	if (layout.protocol == IPPROTO_TCP) {
		uint8_t flags = bytes[layout.transport + 13];

		if ((flags & ~TCP_FLAG_PSH) == TCP_FLAG_ACK)
			ret->kind = MERGE_TCP;
	} else if (merge->has_uso &&
		   is_mergeable_udp(bytes + layout.transport, len - layout.transport)) {
		ret->kind = MERGE_UDP;
	}
}

/* A slot for the addresses and ports; plain packets only. */
static unsigned int find_slot(const struct candidate *candidate)
{
	const uint8_t *ports = candidate->bytes + candidate->transport;
	uint32_t hash = be32_load(ports) ^ be32_load(ports - 4) ^ be32_load(ports - 8);

	hash *= 0x9e3779b1U; /* 2^32 / golden ratio: Knuth, TAOCP 6.4 */
	return hash >> 26 & (MERGE_SLOTS - 1);
}

/* Everything of the IP header but length, identification and checksum. */
static bool is_same_ip(const uint8_t *a, const uint8_t *b)
{
	if (memcmp(a, b, 2) != 0)
		return false;
	if (a[0] >> 4 == 4)
		return memcmp(a + 6, b + 6, 4) == 0 && memcmp(a + 12, b + 12, 8) == 0;
	return memcmp(a + 2, b + 2, 2) == 0 && memcmp(a + 6, b + 6, 34) == 0;
}

/* Cutting counts identifications up; nobody looks at them where DF is set
 * (RFC 6864 section 4.1).
 */
static bool continues_id(const uint8_t *first, const uint8_t *bytes, unsigned int n_parts)
{
	if (first[0] >> 4 == 6 || (first[6] & 0x40))
		return true;
	return be16_load(bytes + 4) == (uint16_t)(be16_load(first + 4) + n_parts);
}

/* Ports, acknowledgement, header length, window, urgent pointer and options.
 * The first packet's PSH is clear, else its group were closed.
 */
static bool is_same_tcp(const uint8_t *a, const uint8_t *b, size_t header_len)
{
	return memcmp(a, b, 4) == 0 && memcmp(a + 8, b + 8, 5) == 0 &&
	       memcmp(a + 14, b + 14, 2) == 0 && memcmp(a + 18, b + 18, header_len - 18) == 0;
}

static bool fits(const struct merge *merge, const struct merge_group *group,
		 const struct candidate *candidate)
{
	const uint8_t *first = merge->part[group->first].bytes;
	const uint8_t *transport = candidate->bytes + candidate->transport;
	size_t payload_len = candidate->len - candidate->head_len;

	if (group->is_closed || group->kind != candidate->kind ||
	    group->head_len != candidate->head_len || group->transport != candidate->transport ||
	    payload_len > group->segment || group->n_parts == MERGE_SEGMENTS_MAX ||
	    group->len + payload_len > MERGE_FRAME_MAX)
		return false;
	if (!is_same_ip(first, candidate->bytes) ||
	    !continues_id(first, candidate->bytes, group->n_parts))
		return false;
	if (group->kind == MERGE_UDP)
		return memcmp(first + group->transport, transport, 4) == 0;
	return be32_load(transport + 4) == group->sequence &&
	       is_same_tcp(first + group->transport, transport,
			   (size_t)group->head_len - group->transport);
}

static uint16_t add_part(struct merge *merge, uint8_t *bytes, size_t len)
{
	merge->part[merge->n_parts] = (struct merge_part){bytes, (uint16_t)len, MERGE_END};
	return merge->n_parts++;
}

static void append(struct merge *merge, struct merge_group *group,
		   const struct candidate *candidate)
{
	size_t payload_len = candidate->len - candidate->head_len;
	uint16_t part = add_part(merge, candidate->bytes + candidate->head_len, payload_len);

	merge->part[group->last].next = part;
	group->last = part;
	group->n_parts++;
	group->len += (uint32_t)payload_len;
	group->sequence += (uint32_t)payload_len;
	if (payload_len < group->segment)
		group->is_closed = true;
	if (group->kind == MERGE_TCP &&
	    (candidate->bytes[candidate->transport + 13] & TCP_FLAG_PSH)) {
		merge->part[group->first].bytes[group->transport + 13] |= TCP_FLAG_PSH;
		group->is_closed = true;
	}
}

static void begin_group(struct merge *merge, const struct candidate *candidate)
{
	struct merge_group *group = &merge->group[merge->n_groups++];
	const uint8_t *transport = candidate->bytes + candidate->transport;

	*group = (struct merge_group){
		.first = add_part(merge, candidate->bytes, candidate->len),
		.n_parts = 1,
		.kind = candidate->kind,
		.len = (uint32_t)candidate->len,
		.is_closed = candidate->kind == MERGE_NONE,
	};
	group->last = group->first;
	if (candidate->kind == MERGE_NONE)
		return;
	group->transport = candidate->transport;
	group->head_len = candidate->head_len;
	group->segment = (uint16_t)(candidate->len - candidate->head_len);
	if (candidate->kind == MERGE_TCP) {
		group->sequence = be32_load(transport + 4) + group->segment;
		group->is_closed = (transport[13] & TCP_FLAG_PSH) != 0;
	}
}

/* What comes later must not overtake a packet that stays alone. */
static void add_alone(struct merge *merge, const struct candidate *candidate)
{
	begin_group(merge, candidate);
	if (candidate->has_ports)
		merge->slot[find_slot(candidate)] = 0;
	else if (candidate->is_opaque)
		memset(merge->slot, 0, sizeof(merge->slot));
}

bool merge_add(struct merge *merge, uint8_t *packet, size_t len)
{
	struct candidate candidate;
	struct merge_group *group;
	uint16_t *slot;

	if (merge->n_parts == MERGE_PACKETS_MAX)
		return false;
	examine(merge, packet, len, &candidate);
	if (candidate.kind == MERGE_NONE) {
		add_alone(merge, &candidate);
		return true;
	}
	slot = &merge->slot[find_slot(&candidate)];
	group = *slot != 0 ? &merge->group[*slot - 1] : NULL;
	if (group && fits(merge, group, &candidate)) {
		append(merge, group, &candidate);
	} else {
		begin_group(merge, &candidate);
		*slot = merge->n_groups;
	}
	return true;
}

static uint8_t gso_type(const struct merge_group *group, const uint8_t *packet)
{
	if (group->kind == MERGE_UDP)
		return OFFLOAD_GSO_UDP_L4;
	return packet[0] >> 4 == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
}

/* Makes the first packet's headers those of the whole frame; the kernel
 * finishes the checksum from the pseudo header's sum when it cuts it.
 */
static void write_headers(const struct merge_group *group, uint8_t *packet,
			  struct virtio_net_hdr *header)
{
	bool is_udp = group->kind == MERGE_UDP;
	uint8_t protocol = is_udp ? IPPROTO_UDP : IPPROTO_TCP;
	uint8_t *transport = packet + group->transport;
	size_t transport_len = group->len - group->transport;
	struct packet_layout layout = {
		.version = packet[0] >> 4,
		.transport = group->transport,
	};

	*header = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = gso_type(group, packet),
		.hdr_len = group->head_len,
		.gso_size = group->segment,
		.csum_start = group->transport,
		.csum_offset = is_udp ? 6 : 16,
	};
	packet_set_len(packet, &layout, group->len);
	if (is_udp)
		be16_store(transport + 4, (uint16_t)transport_len);
	checksum_store_partial(transport + header->csum_offset,
			       checksum_add_pseudo(0, packet, protocol, transport_len));
}

void merge_flush(struct merge *merge, merge_writer write, void *context)
{
	struct iovec iov[1 + MERGE_SEGMENTS_MAX];

	for (unsigned int i = 0; i < merge->n_groups; i++) {
		const struct merge_group *group = &merge->group[i];
		struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_DATA_VALID};
		int n = 0;

		iov[n++] = (struct iovec){&header, sizeof(header)};
		for (uint16_t at = group->first; at != MERGE_END; at = merge->part[at].next)
			iov[n++] = (struct iovec){merge->part[at].bytes, merge->part[at].len};
		assert(n > 1); /* a group has a part */
		if (group->n_parts > 1)
			write_headers(group, iov[1].iov_base, &header);
		write(context, iov, n);
	}
	forget(merge);
}
