/* Mirrors src/dataplane/offload_split.c */
#include "cmocka_all.h"

#include "dataplane/offload_split.h"
#include "made_packet.h"

#include <errno.h>

static uint8_t frame[SPLIT_FRAME_MAX];
static uint8_t original[SPLIT_FRAME_MAX];
static struct split split;

/* The super-packet as the kernel hands it over: one header, much payload, and
 * a checksum field with the pseudo header's sum.
 */
static size_t make_super(const struct made *made, size_t segment, struct virtio_net_hdr *ret)
{
	size_t ip_len = made_ip_len(made);
	size_t len = make_packet(made, frame);
	bool is_udp = made->protocol == IPPROTO_UDP;

	*ret = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = is_udp ? OFFLOAD_GSO_UDP_L4 : VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = (uint16_t)segment,
		.csum_start = (uint16_t)ip_len,
		.csum_offset = is_udp ? 6 : 16,
	};
	if (!is_udp && made->version == 6)
		ret->gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	be16_store(frame + ip_len + ret->csum_offset,
		   slow_pseudo(frame, made->protocol, len - ip_len));
	memcpy(original, frame, len);
	return len;
}

static unsigned int count_packets(size_t payload_len, size_t segment)
{
	return payload_len == 0 ? 1 : (unsigned int)((payload_len + segment - 1) / segment);
}

/* Everything that must hold of packet number n. */
static void check_packet(const struct made *made, size_t segment, unsigned int n,
			 const struct split_packet *packet)
{
	size_t ip_len = made_ip_len(made);
	size_t head_len = ip_len + made_transport_len(made);
	size_t at = n * segment;
	size_t left = made->payload_len - at;
	size_t payload_len = left < segment ? left : segment;
	const uint8_t *transport = packet->bytes + ip_len;

	assert_int_equal(packet->len, head_len + payload_len);
	assert_memory_equal(packet->bytes + head_len, original + head_len + at, payload_len);
	assert_true(has_right_sums(packet->bytes, packet->len, ip_len));
	if (made->version == 4) {
		assert_int_equal(be16_load(packet->bytes + 2), packet->len);
		assert_int_equal(be16_load(packet->bytes + 4), (uint16_t)(made->id + n));
	} else {
		assert_int_equal(be16_load(packet->bytes + 4), packet->len - 40);
	}
	if (made->protocol == IPPROTO_UDP)
		assert_int_equal(be16_load(transport + 4), 8 + payload_len);
	else
		assert_int_equal(be32_load(transport + 4), (uint32_t)(made->sequence + at));
}

/* The packets in parts, all at hand at once, are those made in place. */
static void check_parts(const struct made *made, size_t segment)
{
	static uint8_t heads[SPLIT_FRAME_MAX * 2];
	static struct split_parts parts[64];
	struct virtio_net_hdr header;
	struct split_packet packet;
	size_t len = make_super(made, segment, &header);
	unsigned int n = 0;

	assert_int_equal(split_begin(&split, &header, frame, len), 0);
	memcpy(original, frame, len);
	while (n < 64 && split_next_parts(&split, heads + n * SPLIT_HEAD_MAX, &parts[n]))
		n++;
	assert_memory_equal(frame, original, len);
	assert_int_equal(split_begin(&split, &header, frame, len), 0);
	for (unsigned int i = 0; i < n; i++) {
		static uint8_t whole[SPLIT_FRAME_MAX];
		size_t at = (size_t)(parts[i].body - frame);

		/* the body of before, for split_next() writes over the frame */
		memcpy(whole, parts[i].head, parts[i].head_len);
		memcpy(whole + parts[i].head_len, original + at, parts[i].body_len);
		assert_true(split_next(&split, &packet));
		assert_int_equal(packet.len, parts[i].head_len + parts[i].body_len);
		assert_memory_equal(packet.bytes, whole, packet.len);
	}
}

static void check_split(const struct made *made, size_t segment)
{
	struct virtio_net_hdr header;
	struct split_packet packet;
	size_t len = make_super(made, segment, &header);
	unsigned int n = 0;

	assert_int_equal(split_begin(&split, &header, frame, len), 0);
	assert_int_equal(split.n_packets, count_packets(made->payload_len, segment));
	while (split_next(&split, &packet))
		check_packet(made, segment, n++, &packet);
	assert_int_equal(n, split.n_packets);
	assert_false(split_next(&split, &packet));
	check_parts(made, segment);
}

static void test_random_trains_are_cut_into_right_packets(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	uint64_t random = 3;

	(void)state;
	for (int i = 0; i < 600; i++) {
		struct made made = {
			.version = next_random(&random) % 2 ? 4 : 6,
			.protocol = protocols[next_random(&random) % 2],
			.payload_len = next_random(&random) % 20000,
			.fill = (uint8_t)next_random(&random),
			.tos = (uint8_t)next_random(&random),
			.id = (uint16_t)next_random(&random),
			.sequence = next_random(&random),
			.n_options = (uint8_t)(next_random(&random) % 11),
			.ip_options = next_random(&random) % 4 ? 0 : 2,
		};

		check_split(&made, 1 + next_random(&random) % 3000);
	}
}

static void test_the_largest_frame_is_cut(void **state)
{
	const struct made made = {
		.version = 4,
		.protocol = IPPROTO_TCP,
		.payload_len = 65535 - 40,
		.sequence = UINT32_MAX - 1000,
		.id = 65530,
	};

	(void)state;
	check_split(&made, 1380);
	check_split(&made, 8960);
	check_split(&made, 1);
}

static void test_a_segment_larger_than_the_payload_leaves_one_packet(void **state)
{
	(void)state;
	check_split(&(struct made){.version = 6, .protocol = IPPROTO_TCP, .payload_len = 100},
		    1400);
	check_split(&(struct made){.version = 4, .protocol = IPPROTO_TCP}, 1400);
}

static uint8_t flags_of(unsigned int n, uint8_t flags)
{
	const struct made made = {
		.version = 4, .protocol = IPPROTO_TCP, .payload_len = 300, .flags = flags};
	struct virtio_net_hdr header;
	struct split_packet packet = {0};
	size_t len = make_super(&made, 100, &header);

	header.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	assert_int_equal(split_begin(&split, &header, frame, len), 0);
	for (unsigned int i = 0; i <= n; i++)
		assert_true(split_next(&split, &packet));
	return packet.bytes[20 + 13];
}

/* RFC 3168 section 6.1.2 for CWR; FIN and PSH belong to the last byte. */
static void test_cwr_stays_on_the_first_and_fin_and_psh_on_the_last(void **state)
{
	(void)state;
	assert_int_equal(flags_of(0, 0xd9), 0xd0);
	assert_int_equal(flags_of(1, 0xd9), 0x50);
	assert_int_equal(flags_of(2, 0xd9), 0x59);
}

static void test_a_single_packet_gets_the_checksum_left_to_us(void **state)
{
	static const uint8_t versions[] = {4, 6};
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct made made = {.version = versions[i % 2],
					  .protocol = protocols[i / 2],
					  .payload_len = 33};
		struct virtio_net_hdr header;
		struct split_packet packet;
		size_t len = make_super(&made, 0, &header);

		header.gso_type = VIRTIO_NET_HDR_GSO_NONE;
		assert_int_equal(split_begin(&split, &header, frame, len), 0);
		assert_true(split_next(&split, &packet));
		assert_int_equal(packet.len, len);
		assert_true(has_right_sums(packet.bytes, packet.len, made_ip_len(&made)));
		assert_false(split_next(&split, &packet));
	}
}

static void test_a_packet_without_offloads_passes_unchanged(void **state)
{
	const struct virtio_net_hdr header = {0};
	struct split_packet packet;
	size_t len = make_packet(
		&(struct made){.version = 4, .protocol = IPPROTO_ICMP, .payload_len = 64}, frame);

	(void)state;
	memcpy(original, frame, len);
	be16_store(frame + 6, 0x2001); /* a fragment */
	be16_store(original + 6, 0x2001);
	assert_int_equal(split_begin(&split, &header, frame, len), 0);
	assert_true(split_next(&split, &packet));
	assert_int_equal(packet.len, len);
	assert_memory_equal(packet.bytes, original, len);
}

/* What a virtio header may say that is not true of the packet. */
static void test_a_packet_without_offloads_is_one_part(void **state)
{
	struct virtio_net_hdr header = {0};
	struct split_parts parts;
	struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 100};
	struct virtio_net_hdr unused;
	size_t len = make_super(&made, 100, &unused);

	(void)state;
	assert_int_equal(split_begin(&split, &header, frame, len), 0);
	assert_true(split_next_parts(&split, NULL, &parts));
	assert_int_equal(parts.head_len, 0);
	assert_ptr_equal(parts.body, frame);
	assert_int_equal(parts.body_len, len);
	assert_false(split_next_parts(&split, NULL, &parts));
}

static void test_contradictions_are_refused(void **state)
{
	static const struct {
		struct virtio_net_hdr header;
		int expected;
	} cases[] = {
		{{.gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 10}, -EINVAL},
		{{.gso_type = OFFLOAD_GSO_UDP_L4, .gso_size = 10}, -EINVAL},
		{{.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 0}, -EINVAL},
		{{.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 65535}, -EINVAL},
		{{.gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 10}, -EPROTONOSUPPORT},
		{{.gso_type = 2, .gso_size = 10}, -EPROTONOSUPPORT},
		{{.flags = 1, .csum_start = 0, .csum_offset = 16}, -EINVAL},
		{{.flags = 1, .csum_start = 20, .csum_offset = 100}, -EINVAL},
		{{.flags = 1, .csum_start = 65535, .csum_offset = 65535}, -EINVAL},
	};
	const struct made made = {.version = 4, .protocol = IPPROTO_TCP, .payload_len = 50};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = make_packet(&made, frame);

		assert_int_equal(split_begin(&split, &cases[i].header, frame, len),
				 cases[i].expected);
	}
}

static void test_segments_of_a_fragment_or_of_half_a_header_are_refused(void **state)
{
	const struct made made = {.version = 4, .protocol = IPPROTO_TCP, .payload_len = 50};
	struct virtio_net_hdr header;
	size_t len = make_super(&made, 10, &header);

	(void)state;
	assert_int_equal(split_begin(&split, &header, frame, 39), -EINVAL);
	assert_int_equal(split_begin(&split, &header, frame, 3), -EINVAL);
	assert_int_equal(split_begin(&split, &header, frame, SPLIT_FRAME_MAX + 1), -EINVAL);
	be16_store(frame + 6, 0x2000);
	assert_int_equal(split_begin(&split, &header, frame, len), -EINVAL);
}

static void test_a_header_longer_than_any_real_one_is_refused(void **state)
{
	const struct made made = {
		.version = 6, .protocol = IPPROTO_TCP, .payload_len = 50, .ip_options = 60};
	struct virtio_net_hdr header;
	size_t len = make_super(&made, 10, &header);

	(void)state;
	assert_int_equal(split_begin(&split, &header, frame, len), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_trains_are_cut_into_right_packets),
		cmocka_unit_test(test_the_largest_frame_is_cut),
		cmocka_unit_test(test_a_segment_larger_than_the_payload_leaves_one_packet),
		cmocka_unit_test(test_cwr_stays_on_the_first_and_fin_and_psh_on_the_last),
		cmocka_unit_test(test_a_single_packet_gets_the_checksum_left_to_us),
		cmocka_unit_test(test_a_packet_without_offloads_passes_unchanged),
		cmocka_unit_test(test_a_packet_without_offloads_is_one_part),
		cmocka_unit_test(test_contradictions_are_refused),
		cmocka_unit_test(test_segments_of_a_fragment_or_of_half_a_header_are_refused),
		cmocka_unit_test(test_a_header_longer_than_any_real_one_is_refused),
	};

	return cmocka_run_group_tests_name("dataplane/offload_split", tests, NULL, NULL);
}
