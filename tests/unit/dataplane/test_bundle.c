/* Mirrors src/dataplane/bundle.c */
#include "cmocka_all.h"

#include "dataplane/bundle.h"
#include "made_packet.h"
#include "wireguard/pair.h"

static struct bundle *bundle;

static int start(void **state)
{
	int r = pair_start(state);

	if (r == 0)
		pair_connect(*state);
	bundle = bundle_new();
	return r == 0 && bundle ? 0 : -1;
}

static int stop(void **state)
{
	bundle_free(bundle);
	bundle_free(NULL);
	return pair_stop(state);
}

/* From Alice to Bob, whose inner addresses are the pair's. */
static size_t write_packet(uint8_t *ret, size_t payload_len)
{
	const struct made made = {
		.version = 4, .protocol = IPPROTO_UDP, .payload_len = payload_len};
	uint8_t like[PAIR_PACKET_LEN];
	size_t len = make_packet(&made, ret);

	pair_write_packet(ALICE, 0, like, sizeof(like));
	memcpy(ret + 12, like + 12, 8);
	return len;
}

static bool add_frame(size_t payload_len, uint16_t gso_size)
{
	struct virtio_net_hdr header = {.gso_type = gso_size ? OFFLOAD_GSO_UDP_L4 : 0,
					.gso_size = gso_size};
	uint8_t *room = bundle_room(bundle);

	if (!room)
		return false;
	assert_int_equal(bundle_add(bundle, &header, write_packet(room, payload_len)), 0);
	return true;
}

static void assign_all(struct pair *pair)
{
	struct wg_device *device = pair->side[ALICE].device;

	for (unsigned int i = 0; i < bundle->n_frames; i++) {
		const struct bundle_frame *frame = &bundle->frame[i];
		struct wg_seal seal;

		assert_int_equal(wg_seal_begin(device, pair->now, frame->bytes, frame->len,
					       frame->split.n_packets, &seal),
				 0);
		bundle_assign(bundle, device, i, &seal);
	}
}

static unsigned int n_sends;
static unsigned int n_datagrams;

/* Bob takes what was sealed. */
static void deliver(void *context, struct bundle *of)
{
	struct pair *pair = context;

	n_sends++;
	for (unsigned int i = 0; i < of->batch.n_runs; i++) {
		const struct batch_run *run = &of->batch.run[i];

		for (size_t at = 0; at < run->len; at += run->segment) {
			size_t left = run->len - at;
			struct wg_packet packet;
			const struct wg_datagram datagram = {
				.bytes = of->batch.buffer + run->offset + at,
				.len = left < run->segment ? left : run->segment,
				.from = &pair->side[ALICE].at,
				.to = &pair->side[BOB].at,
			};

			assert_int_equal(
				wg_receive(pair->side[BOB].device, pair->now, &datagram, &packet),
				WG_DELIVER);
			n_datagrams++;
		}
	}
	batch_clear(&of->batch);
}

static void seal_all(struct pair *pair)
{
	n_sends = 0;
	n_datagrams = 0;
	assign_all(pair);
	for (unsigned int i = 0; i < bundle->n_groups; i++)
		assert_int_equal(bundle->group[i].n_sealed, 0);
	/* the device's own cipher, which wg_seal_begin() has put there */
	bundle_seal(bundle, bundle->group[0].seal.crypto, 1420, deliver, pair);
	for (unsigned int i = 0; i < bundle->n_groups; i++)
		wg_seal_end(pair->side[ALICE].device, pair->now, &bundle->group[i].seal, 0, 0);
}

static void test_a_super_packet_is_enough(void **state)
{
	struct pair *pair = *state;

	bundle_clear(bundle, pair->now);
	assert_true(add_frame(60000, 1000));
	assert_null(bundle_room(bundle));
	assert_false(bundle->is_oversize);
	seal_all(pair);
	assert_int_equal(n_sends, 0);
	assert_int_equal(bundle->group[0].n_sealed, 60);
	deliver(pair, bundle);
	assert_int_equal(n_datagrams, 60);
}

static void test_small_packets_of_one_peer_leave_as_one_train(void **state)
{
	struct pair *pair = *state;

	bundle_clear(bundle, pair->now);
	for (unsigned int i = 0; i < BUNDLE_FRAMES_MAX; i++)
		assert_true(add_frame(64, 0));
	assert_null(bundle_room(bundle));
	seal_all(pair);
	assert_int_equal(bundle->n_groups, 1);
	assert_int_equal(bundle->batch.n_runs, 1);
	assert_int_equal(bundle->group[0].n_bytes, bundle->batch.run[0].len);
	deliver(pair, bundle);
	assert_int_equal(n_datagrams, BUNDLE_FRAMES_MAX);
}

static void test_a_frame_left_out_parts_two_groups(void **state)
{
	struct pair *pair = *state;
	struct wg_device *device = pair->side[ALICE].device;

	bundle_clear(bundle, pair->now);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(add_frame(64, 0));
	for (unsigned int i = 0; i < 3; i += 2) {
		const struct bundle_frame *frame = &bundle->frame[i];
		struct wg_seal seal;

		assert_int_equal(
			wg_seal_begin(device, pair->now, frame->bytes, frame->len, 1, &seal), 0);
		bundle_assign(bundle, device, i, &seal);
	}
	assert_int_equal(bundle->n_groups, 2);
	bundle_seal(bundle, bundle->group[0].seal.crypto, 1420, deliver, pair);
	n_datagrams = 0;
	deliver(pair, bundle);
	assert_int_equal(n_datagrams, 2);
	for (unsigned int i = 0; i < 2; i++)
		wg_seal_end(device, pair->now, &bundle->group[i].seal, 1, 100);
}

static void test_a_frame_of_tiny_segments_is_sent_by_turns(void **state)
{
	struct pair *pair = *state;

	bundle_clear(bundle, pair->now);
	assert_true(add_frame(64, 0));
	assert_true(add_frame(60000, 3));
	assert_true(bundle->is_oversize);
	assert_null(bundle_room(bundle));
	seal_all(pair);
	assert_true(n_sends > 20000 / 64);
	deliver(pair, bundle);
	assert_int_equal(n_datagrams, 20001);
}

static void test_a_frame_that_makes_no_sense_is_left_out(void **state)
{
	const struct virtio_net_hdr header = {.gso_type = 3, .gso_size = 9};
	struct pair *pair = *state;

	bundle_clear(bundle, pair->now);
	memset(bundle_room(bundle), 0x99, 100);
	assert_true(bundle_add(bundle, &header, 100) < 0);
	assert_int_equal(bundle->n_frames, 0);
	assert_true(add_frame(64, 0));
}

/* No bundle may overflow the batch, whatever frames come. */
static void test_whatever_comes_fits_or_is_oversize(void **state)
{
	static const struct {
		size_t payload_len;
		uint16_t gso_size;
	} kinds[] = {{1, 0},	   {1392, 0},	 {9000, 0}, {40000, 8900},
		     {47000, 200}, {65000, 500}, {0, 0}};
	struct pair *pair = *state;

	for (unsigned int round = 0; round < 300; round++) {
		bundle_clear(bundle, pair->now);
		do {
			uint64_t i = pair_random(pair) % (sizeof(kinds) / sizeof(kinds[0]));

			if (!add_frame(kinds[i].payload_len, kinds[i].gso_size))
				break;
		} while (pair_random(pair) % 20 != 0);
		seal_all(pair);
		assert_true(bundle->batch.n_runs <= BATCH_RUNS_MAX);
		assert_true(bundle->batch.used <= BATCH_SIZE);
		assert_true(bundle->is_oversize || n_sends == 0);
		deliver(pair, bundle);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_super_packet_is_enough),
		TEST(test_small_packets_of_one_peer_leave_as_one_train),
		TEST(test_a_frame_left_out_parts_two_groups),
		TEST(test_a_frame_of_tiny_segments_is_sent_by_turns),
		TEST(test_a_frame_that_makes_no_sense_is_left_out),
		TEST(test_whatever_comes_fits_or_is_oversize),
	};

	return cmocka_run_group_tests_name("dataplane/bundle", tests, NULL, NULL);
}
