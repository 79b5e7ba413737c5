/* Mirrors src/dataplane/offload_merge.c */
#include "cmocka_all.h"

#include "dataplane/offload_merge.h"
#include "dataplane/offload_split.h"
#include "made_packet.h"

#include <stdlib.h>

enum { PACKETS_MAX = 600, ROOM = 4096 };

static struct merge merge;

/* Packets that go in, each with room of its own since it is borrowed. */
static uint8_t room[PACKETS_MAX][ROOM];
static size_t room_len[PACKETS_MAX];
static unsigned int n_in;

/* Frames that come out. */
struct frame {
	struct virtio_net_hdr header;
	size_t len;
	uint8_t *bytes;
};
static struct frame frames[PACKETS_MAX];
static unsigned int n_frames;

static void collect(void *context, const struct iovec *iov, int n)
{
	struct frame *frame = &frames[n_frames++];

	(void)context;
	assert_int_equal(iov[0].iov_len, sizeof(frame->header));
	memcpy(&frame->header, iov[0].iov_base, sizeof(frame->header));
	frame->len = 0;
	frame->bytes = malloc(SPLIT_FRAME_MAX);
	assert_non_null(frame->bytes);
	for (int i = 1; i < n; i++) {
		assert_true(frame->len + iov[i].iov_len <= SPLIT_FRAME_MAX);
		memcpy(frame->bytes + frame->len, iov[i].iov_base, iov[i].iov_len);
		frame->len += iov[i].iov_len;
	}
}

static int end(void **state)
{
	(void)state;
	while (n_frames > 0)
		free(frames[--n_frames].bytes);
	return 0;
}

static int start(void **state)
{
	(void)state;
	n_in = 0;
	merge_init(&merge, true);
	return 0;
}

static uint8_t *put(const struct made *made)
{
	uint8_t *packet = room[n_in];

	room_len[n_in] = make_packet(made, packet);
	n_in++;
	return packet;
}

static void add(const struct made *made)
{
	uint8_t *packet = put(made);

	assert_true(merge_add(&merge, packet, room_len[n_in - 1]));
}

/* Runs of `n` packets in sequence, from *made on. */
static void add_train(struct made *made, unsigned int n)
{
	while (n-- > 0) {
		add(made);
		made->sequence += (uint32_t)made->payload_len;
		made->id++;
	}
}

static void flush(void)
{
	merge_flush(&merge, collect, NULL);
}

static struct made tcp4(void)
{
	return (struct made){
		.version = 4, .protocol = IPPROTO_TCP, .payload_len = 1000, .sequence = 5000};
}

static void test_a_train_of_tcp_becomes_one_frame(void **state)
{
	struct made made = tcp4();

	(void)state;
	add_train(&made, 10);
	flush();
	assert_int_equal(n_frames, 1);
	assert_int_equal(frames[0].len, 40 + 10000);
	assert_int_equal(frames[0].header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(frames[0].header.gso_size, 1000);
	assert_int_equal(frames[0].header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(frames[0].header.hdr_len, 40);
	assert_int_equal(frames[0].header.csum_start, 20);
	assert_int_equal(frames[0].header.csum_offset, 16);
	assert_int_equal(be16_load(frames[0].bytes + 2), 10040);
	assert_int_equal(slow_sum(0, frames[0].bytes, 20), 0xffff);
	assert_int_equal(be16_load(frames[0].bytes + 36),
			 slow_pseudo(frames[0].bytes, IPPROTO_TCP, 10020));
}

static void test_a_train_of_udp_becomes_one_frame(void **state)
{
	struct made made = {.version = 6, .protocol = IPPROTO_UDP, .payload_len = 1200};

	(void)state;
	add_train(&made, 5);
	made.payload_len = 100;
	add(&made);
	add(&made);
	flush();
	assert_int_equal(n_frames, 2);
	assert_int_equal(frames[0].len, 48 + 6100);
	assert_int_equal(frames[0].header.gso_type, OFFLOAD_GSO_UDP_L4);
	assert_int_equal(frames[0].header.gso_size, 1200);
	assert_int_equal(frames[0].header.csum_offset, 6);
	assert_int_equal(be16_load(frames[0].bytes + 44), 6108);
}

static void test_udp_stays_apart_where_the_device_cannot_cut_it(void **state)
{
	struct made made = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 1200};

	(void)state;
	merge_init(&merge, false);
	add_train(&made, 5);
	flush();
	assert_int_equal(n_frames, 5);
}

static void test_everything_stays_apart_where_a_frame_is_one_packet(void **state)
{
	struct made made = tcp4();

	(void)state;
	merge.is_off = true;
	add_train(&made, 5);
	flush();
	assert_int_equal(n_frames, 5);
	add_train(&made, 5);
	flush();
	assert_int_equal(n_frames, 10);
}

static void test_a_single_packet_is_marked_as_checked_and_unchanged(void **state)
{
	struct made made = tcp4();
	uint8_t copy[ROOM];

	(void)state;
	add(&made);
	memcpy(copy, room[0], room_len[0]);
	flush();
	assert_int_equal(n_frames, 1);
	assert_int_equal(frames[0].header.flags, VIRTIO_NET_HDR_F_DATA_VALID);
	assert_int_equal(frames[0].header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	assert_memory_equal(frames[0].bytes, copy, room_len[0]);
}

static void test_psh_and_a_short_packet_end_the_frame(void **state)
{
	struct made made = tcp4();

	(void)state;
	add_train(&made, 2);
	made.flags = 0x18;
	add_train(&made, 1);
	made.flags = 0x10;
	add_train(&made, 2);
	made.payload_len = 10;
	add_train(&made, 1);
	made.payload_len = 1000;
	add_train(&made, 1);
	flush();
	assert_int_equal(n_frames, 3);
	assert_int_equal(frames[0].len, 3040);
	assert_int_equal(frames[0].bytes[33], 0x18);
	assert_int_equal(frames[1].len, 40 + 2010);
	assert_int_equal(frames[2].len, 1040);
}

/* The number of frames that two packets in sequence become when the second is
 * changed by `change`.
 */
static unsigned int frames_after(struct made made, void (*change)(uint8_t *packet))
{
	(void)end(NULL);
	(void)start(NULL);
	add_train(&made, 1);
	(void)put(&made);
	change(room[1]);
	assert_true(merge_add(&merge, room[1], room_len[1]));
	flush();
	return n_frames;
}

static void change_nothing(uint8_t *packet)
{
	(void)packet;
}
static void change_tos(uint8_t *packet)
{
	packet[1] ^= 0x20;
}
static void change_ecn(uint8_t *packet)
{
	packet[1] |= 3;
}
static void change_ttl(uint8_t *packet)
{
	packet[8]--;
}
static void change_df(uint8_t *packet)
{
	packet[6] ^= 0x40;
}
static void change_source(uint8_t *packet)
{
	packet[13]++;
}
static void change_destination(uint8_t *packet)
{
	packet[19]++;
}
static void change_port(uint8_t *packet)
{
	packet[21]++;
}
static void change_sequence(uint8_t *packet)
{
	packet[27]++;
}
static void change_ack(uint8_t *packet)
{
	packet[31]++;
}
static void change_reserved(uint8_t *packet)
{
	packet[32] |= 1;
}
static void change_window(uint8_t *packet)
{
	packet[35]++;
}
static void change_urgent(uint8_t *packet)
{
	packet[39]++;
}
static void change_options(uint8_t *packet)
{
	packet[40]++;
}
static void set_fin(uint8_t *packet)
{
	packet[33] |= 1;
}
static void set_urg(uint8_t *packet)
{
	packet[33] |= 0x20;
}
static void set_cwr(uint8_t *packet)
{
	packet[33] |= 0x80;
}
static void clear_ack(uint8_t *packet)
{
	packet[33] = 0;
}
static void change_ip_len(uint8_t *packet)
{
	packet[3]--;
}

static void test_any_other_difference_keeps_tcp_packets_apart(void **state)
{
	static void (*const changes[])(uint8_t * packet) = {
		change_tos,	 change_ecn,	change_ttl,
		change_df,	 change_source, change_port,
		change_sequence, change_ack,	change_reserved,
		change_window,	 change_urgent, change_options,
		set_fin,	 set_urg,	set_cwr,
		clear_ack,	 change_ip_len, change_destination,
	};
	struct made made = tcp4();

	(void)state;
	made.n_options = 3;
	assert_int_equal(frames_after(made, change_nothing), 1);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		assert_int_equal(frames_after(made, changes[i]), 2);
}

static void change_flow_label(uint8_t *packet)
{
	packet[3]++;
}
static void change_hop_limit(uint8_t *packet)
{
	packet[7]--;
}
static void change_class(uint8_t *packet)
{
	packet[1] |= 0x30;
}
static void change_address6(uint8_t *packet)
{
	packet[39]++;
}
static void clear_udp_checksum(uint8_t *packet)
{
	be16_store(packet + 46, 0);
}
static void change_udp_len(uint8_t *packet)
{
	packet[45]--;
}

static void test_any_other_difference_keeps_udp_packets_apart(void **state)
{
	static void (*const changes[])(uint8_t * packet) = {
		change_flow_label, change_hop_limit,   change_class,
		change_address6,   clear_udp_checksum, change_udp_len,
	};
	const struct made made = {.version = 6, .protocol = IPPROTO_UDP, .payload_len = 1000};

	(void)state;
	assert_int_equal(frames_after(made, change_nothing), 1);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		assert_int_equal(frames_after(made, changes[i]), 2);
}

static void test_identifications_count_up_where_fragments_are_allowed(void **state)
{
	struct made made = tcp4();

	(void)state;
	made.may_fragment = true;
	made.id = 65535;
	add_train(&made, 3);
	made.id = 9;
	add_train(&made, 1);
	flush();
	assert_int_equal(n_frames, 2);
	assert_int_equal(frames[0].len, 3040);
}

static void test_options_extensions_and_fragments_stay_alone(void **state)
{
	struct made made = tcp4();

	(void)state;
	made.ip_options = 1;
	add_train(&made, 2);
	made.version = 6;
	add_train(&made, 2);
	flush();
	assert_int_equal(n_frames, 4);
}

static void test_an_empty_acknowledgement_stays_alone(void **state)
{
	struct made made = tcp4();

	(void)state;
	made.payload_len = 0;
	add_train(&made, 3);
	flush();
	assert_int_equal(n_frames, 3);
}

/* Data behind a FIN or an acknowledgement must not overtake it. */
static void test_packets_of_a_flow_are_never_reordered(void **state)
{
	struct made made = tcp4();
	struct made bare = tcp4();

	(void)state;
	add_train(&made, 2);
	bare.payload_len = 0;
	bare.sequence = made.sequence;
	add(&bare);
	add_train(&made, 2);
	flush();
	assert_int_equal(n_frames, 3);
	assert_int_equal(frames[0].len, 2040);
	assert_int_equal(frames[1].len, 40);
	assert_int_equal(frames[2].len, 2040);
}

/* A fragment may be of any flow. */
static void test_a_fragment_ends_every_group(void **state)
{
	struct made made = tcp4();
	const struct made other = {.version = 4, .protocol = IPPROTO_UDP, .payload_len = 64};
	uint8_t *fragment;

	(void)state;
	add_train(&made, 2);
	fragment = put(&other);
	be16_store(fragment + 6, 0x2000);
	assert_true(merge_add(&merge, fragment, room_len[n_in - 1]));
	add_train(&made, 2);
	flush();
	assert_int_equal(n_frames, 3);
}

static void test_flows_side_by_side_are_merged_each(void **state)
{
	struct made flows[8];

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		flows[i] = tcp4();
		flows[i].source_port = (uint16_t)(40000 + i * 7);
	}
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < 8; i++)
			add_train(&flows[i], 1);
	flush();
	/* two flows may meet in one slot, which costs frames, never order */
	assert_in_range(n_frames, 8, 60);
}

static void test_a_frame_holds_no_more_than_an_ip_packet(void **state)
{
	struct made made = tcp4();

	(void)state;
	made.payload_len = 1448;
	add_train(&made, 100);
	flush();
	assert_int_equal(n_frames, 3);
	assert_int_equal(frames[0].len, 40 + 45 * 1448);
	(void)end(NULL);
	(void)start(NULL);
	made.payload_len = 10;
	add_train(&made, 65);
	flush();
	assert_int_equal(n_frames, 2);
}

static void test_a_full_collector_says_so_and_starts_anew_after_a_flush(void **state)
{
	struct made made = tcp4();

	(void)state;
	add_train(&made, MERGE_PACKETS_MAX);
	(void)put(&made);
	assert_false(merge_add(&merge, room[n_in - 1], room_len[n_in - 1]));
	flush();
	assert_true(merge_add(&merge, room[n_in - 1], room_len[n_in - 1]));
	flush();
	flush();
}

static void test_what_is_no_ip_passes_alone(void **state)
{
	static uint8_t noise[] = {0x12, 0x34};

	(void)state;
	assert_true(merge_add(&merge, noise, sizeof(noise)));
	flush();
	assert_int_equal(n_frames, 1);
	assert_int_equal(frames[0].len, 2);
}

/* ---- what was merged and is cut again is what it was ---- */

static struct made random_packet(uint64_t *random, struct made *flows)
{
	struct made *flow = &flows[next_random(random) % 6];
	struct made made = *flow;

	switch (next_random(random) % 16) {
	case 0:
		made.flags = (uint8_t)next_random(random);
		break;
	case 1:
		made.payload_len = next_random(random) % 1400;
		break;
	case 2:
		made.tos = (uint8_t)next_random(random);
		break;
	case 3:
		made.sequence += 1000;
		break;
	case 4:
		made.flags = 0x18;
		break;
	default:
		break;
	}
	flow->sequence = made.sequence + (uint32_t)made.payload_len;
	flow->id++;
	flow->fill++;
	return made;
}

static bool is_of_flow(const uint8_t *packet, uint16_t port)
{
	return be16_load(packet + (packet[0] >> 4 == 4 ? 20 : 40)) == port;
}

/* The identification of a packet that is never fragmented is nobody's. */
static void forget_id(uint8_t *packet)
{
	if (packet[0] >> 4 == 4 && (packet[6] & 0x40)) {
		be16_store(packet + 4, 0);
		be16_store(packet + 10, 0);
	}
}

static unsigned int check_flow(uint16_t port, uint8_t (*before)[ROOM])
{
	static struct split split;
	unsigned int at = 0;
	unsigned int n_seen = 0;

	for (unsigned int i = 0; i < n_frames; i++) {
		struct split_packet packet;
		uint8_t *copy = malloc(frames[i].len);

		assert_non_null(copy);
		memcpy(copy, frames[i].bytes, frames[i].len);
		assert_int_equal(split_begin(&split, &frames[i].header, copy, frames[i].len), 0);
		while (is_of_flow(frames[i].bytes, port) && split_next(&split, &packet)) {
			while (!is_of_flow(before[at], port))
				at++;
			assert_int_equal(packet.len, room_len[at]);
			forget_id(packet.bytes);
			forget_id(before[at]);
			assert_memory_equal(packet.bytes, before[at], packet.len);
			at++;
			n_seen++;
		}
		free(copy);
	}
	return n_seen;
}

static void test_random_packets_come_back_the_same_and_in_order(void **state)
{
	static uint8_t before[PACKETS_MAX][ROOM];
	uint64_t random = 4;

	(void)state;
	for (int round = 0; round < 60; round++) {
		struct made flows[6];
		unsigned int n_seen = 0;

		(void)end(NULL);
		(void)start(NULL);
		for (size_t i = 0; i < 6; i++)
			flows[i] = (struct made){
				.version = i % 2 ? 4 : 6,
				.protocol = i % 3 ? IPPROTO_TCP : IPPROTO_UDP,
				.payload_len = 1 + next_random(&random) % 1400,
				.sequence = next_random(&random),
				.source_port = (uint16_t)(100 + i),
				.id = (uint16_t)next_random(&random),
				.may_fragment = i == 3,
				.n_options = (uint8_t)(next_random(&random) % 4),
			};
		for (int i = 0; i < 300; i++) {
			struct made made = random_packet(&random, flows);

			(void)make_packet(&made, before[i]);
			add(&made);
		}
		flush();
		for (uint16_t port = 100; port < 106; port++)
			n_seen += check_flow(port, before);
		assert_int_equal(n_seen, 300);
		assert_true(n_frames < 290);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_train_of_tcp_becomes_one_frame),
		TEST(test_a_train_of_udp_becomes_one_frame),
		TEST(test_udp_stays_apart_where_the_device_cannot_cut_it),
		TEST(test_everything_stays_apart_where_a_frame_is_one_packet),
		TEST(test_a_single_packet_is_marked_as_checked_and_unchanged),
		TEST(test_psh_and_a_short_packet_end_the_frame),
		TEST(test_any_other_difference_keeps_tcp_packets_apart),
		TEST(test_any_other_difference_keeps_udp_packets_apart),
		TEST(test_identifications_count_up_where_fragments_are_allowed),
		TEST(test_options_extensions_and_fragments_stay_alone),
		TEST(test_an_empty_acknowledgement_stays_alone),
		TEST(test_packets_of_a_flow_are_never_reordered),
		TEST(test_a_fragment_ends_every_group),
		TEST(test_flows_side_by_side_are_merged_each),
		TEST(test_a_frame_holds_no_more_than_an_ip_packet),
		TEST(test_a_full_collector_says_so_and_starts_anew_after_a_flush),
		TEST(test_what_is_no_ip_passes_alone),
		TEST(test_random_packets_come_back_the_same_and_in_order),
	};

	return cmocka_run_group_tests_name("dataplane/offload_merge", tests, NULL, NULL);
}
