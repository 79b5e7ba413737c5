/* Mirrors src/wireguard/aead.c */
#include "cmocka_all.h"

#include "wireguard/aead.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 2200, N_MAX = 2 * CRYPTO_BATCH_MAX + 2 };

/* ---- kernels made up for tests, which let OpenSSL do their work ---- */

enum defect {
	DEFECT_NONE,
	DEFECT_TEXT,	/* a bit of the last packet's */
	DEFECT_TAG,	/* a bit of the first packet's */
	DEFECT_PADDING, /* not sealed as zeroes */
	DEFECT_PLAIN,	/* a bit of what is opened */
	DEFECT_ACCEPTS, /* whatever comes */
	DEFECT_REFUSES, /* whatever comes */
	DEFECT_LONG,	/* of packets over 1024 bytes: the last */
	DEFECT_COUNTER, /* its upper half is lost */
	DEFECTS,
};

static struct {
	struct aead library; /* OpenSSL alone */
	enum defect defect;
	bool is_supported;
	unsigned int n_groups, n_ones;
	size_t n_bytes; /* of the packets in groups */
} fake;

static void seal_by_library(const struct crypto_key *key, const struct aead_packet *packet)
{
	struct crypto_sealing sealing = {
		.plain = {.head = packet->head,
			  .head_len = packet->head_len,
			  .body = packet->body,
			  .body_len = packet->body_len,
			  .n_zeroes = packet->len - packet->head_len - packet->body_len},
		.out = packet->out,
	};
	uint64_t counter =
		fake.defect == DEFECT_COUNTER ? (uint32_t)packet->counter : packet->counter;
	size_t given = packet->head_len + packet->body_len;

	aead_seal(&fake.library, key, counter, &sealing, 1);
	if (fake.defect == DEFECT_PADDING && packet->len > given)
		packet->out[given] ^= 1;
	if (fake.defect == DEFECT_LONG && packet->len > 1024)
		packet->out[packet->len - 1] ^= 1;
}

static void open_by_library(const struct crypto_key *key, struct aead_packet *packet)
{
	struct crypto_opening opening = {
		.counter = packet->counter, .bytes = packet->out, .len = packet->len + WG_TAG_LEN};

	aead_open(&fake.library, key, &opening, 1);
	packet->is_authentic = opening.is_authentic;
	if (fake.defect == DEFECT_ACCEPTS || fake.defect == DEFECT_REFUSES)
		packet->is_authentic = fake.defect == DEFECT_ACCEPTS;
	if (fake.defect == DEFECT_PLAIN && packet->len > 0)
		packet->out[0] ^= 1;
}

static void run_fake(const struct crypto_key *key, struct aead_packet *packet, size_t n,
		     enum aead_direction direction)
{
	for (size_t i = 0; i < n; i++) {
		if (direction == AEAD_SEAL)
			seal_by_library(key, &packet[i]);
		else
			open_by_library(key, &packet[i]);
		fake.n_bytes += packet[i].len;
	}
	if (direction == AEAD_SEAL && fake.defect == DEFECT_TEXT && packet[n - 1].len > 0)
		packet[n - 1].out[packet[n - 1].len - 1] ^= 0x80;
	if (direction == AEAD_SEAL && fake.defect == DEFECT_TAG)
		packet[0].out[packet[0].len + 15] ^= 0x80;
}

static void run_fake_group(const struct crypto_key *key, struct aead_packet packet[AEAD_LANES],
			   enum aead_direction direction)
{
	fake.n_groups++;
	run_fake(key, packet, AEAD_LANES, direction);
}

static void run_fake_one(const struct crypto_key *key, struct aead_packet *packet,
			 enum aead_direction direction)
{
	fake.n_ones++;
	run_fake(key, packet, 1, direction);
}

static bool is_fake_supported(void)
{
	return fake.is_supported;
}

/* A group costs as much as four packets. */
static const struct aead_kernel fake_group = {
	.name = "group",
	.is_supported = is_fake_supported,
	.run_group = run_fake_group,
	.group_cost = {400, 40},
	.one_cost = {100, 10},
};
static const struct aead_kernel fake_both = {
	.name = "both",
	.is_supported = is_fake_supported,
	.run_group = run_fake_group,
	.run_one = run_fake_one,
	.group_cost = {400, 40},
	.one_cost = {100, 10},
};
static const struct aead_kernel fake_one = {
	.name = "one",
	.is_supported = is_fake_supported,
	.run_one = run_fake_one,
	.group_cost = {1, 0},
	.one_cost = {1, 0},
};

/* ---- fixture ---- */

static struct aead *new_aead(void)
{
	struct aead *aead = calloc(1, sizeof(*aead));

	assert_non_null(aead);
	assert_true(aead_init(aead, (EVP_CIPHER *)(uintptr_t)EVP_chacha20_poly1305()));
	return aead;
}

static int start(void **state)
{
	struct aead *library = new_aead();

	fake.library = *library;
	free(library);
	fake.is_supported = true;
	fake.defect = DEFECT_NONE;
	*state = new_aead();
	return 0;
}

static int stop(void **state)
{
	aead_done(&fake.library);
	aead_done(*state);
	free(*state);
	return 0;
}

/* ---- the choice ---- */

static void test_first_kernel_that_is_supported_and_right_is_chosen(void **state)
{
	const struct aead_kernel *const kernels[] = {&fake_both, &fake_group, NULL};
	struct aead *aead = *state;

	aead_choose(aead, kernels);
	assert_ptr_equal(aead->kernel, &fake_both);
	aead_choose(aead, kernels + 1);
	assert_ptr_equal(aead->kernel, &fake_group);
	aead_choose(aead, kernels + 2);
	assert_null(aead->kernel);
	fake.is_supported = false;
	aead_choose(aead, kernels);
	assert_null(aead->kernel);
}

/* Each defect in turn, in groups, one by one, and in both. */
static void test_kernel_with_any_defect_is_not_used(void **state)
{
	const struct aead_kernel *const all[] = {&fake_group, &fake_one, &fake_both};
	struct aead *aead = *state;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct aead_kernel *const kernels[] = {all[i], NULL};

		for (int defect = 0; defect < DEFECTS; defect++) {
			fake.defect = (enum defect)defect;
			aead_choose(aead, kernels);
			if (defect == DEFECT_NONE)
				assert_ptr_equal(aead->kernel, all[i]);
			else
				assert_null(aead->kernel);
		}
	}
}

static void test_kernels_of_this_processor_pass(void **state)
{
	struct aead *aead = *state;

	for (size_t i = 0; aead_kernels[i]; i++) {
		const struct aead_kernel *const one[] = {aead_kernels[i], NULL};

		aead_choose(aead, one);
		if (aead_kernels[i]->is_supported())
			assert_ptr_equal(aead->kernel, one[0]);
		else
			assert_null(aead->kernel);
	}
}

/* ---- batches ---- */

static uint8_t in[N_MAX][ROOM], out[N_MAX][ROOM], expected[N_MAX][ROOM];
static struct crypto_sealing sealing[N_MAX];
static struct crypto_opening opening[N_MAX];
static const struct crypto_key key = {{1, 2, 3}};

/* Of any length, head and padding; by OpenSSL alone into `expected`. */
static void set_packet(size_t i, uint64_t counter, size_t len)
{
	size_t n_zeroes = (i * 5 + len) % 16, head_len = i % 3 ? 40 + i % 30 : 0;
	struct crypto_sealing *packet = &sealing[i];

	if (n_zeroes > len)
		n_zeroes = len;
	if (head_len > len - n_zeroes)
		head_len = len - n_zeroes;
	for (size_t k = 0; k < len; k++)
		in[i][k] = (uint8_t)(i * 7 + k * 31 + (k >> 8));
	packet->plain = (struct crypto_plain){in[i], head_len, in[i] + head_len,
					      len - n_zeroes - head_len, n_zeroes};
	packet->out = expected[i];
	aead_seal(&fake.library, &key, counter, packet, 1);
	packet->out = out[i];
	packet->len = 0;
}

static void check_batch(struct aead *aead, uint64_t counter, size_t n)
{
	aead_seal(aead, &key, counter, sealing, n);
	for (size_t i = 0; i < n; i++) {
		const struct crypto_plain *plain = &sealing[i].plain;

		assert_int_equal(sealing[i].len,
				 plain->head_len + plain->body_len + plain->n_zeroes + 16);
		assert_memory_equal(out[i], expected[i], sealing[i].len);
		opening[i] = (struct crypto_opening){counter + i, out[i], sealing[i].len, false};
	}
	aead_open(aead, &key, opening, n);
	for (size_t i = 0; i < n; i++) {
		const struct crypto_plain *plain = &sealing[i].plain;

		assert_true(opening[i].is_authentic);
		assert_memory_equal(out[i], in[i], plain->head_len + plain->body_len);
	}
}

static size_t length_of(size_t pattern, size_t i)
{
	switch (pattern) {
	case 0:
		return 1420;
	case 1:
		return i % 2 ? 52 : 1420;
	case 2:
		return (i * 131 + 7) % 2100;
	case 3:
		return i == 43 ? 700 : 1440;
	case 4:
		return i * 33;
	default:
		return 2000 - i * 15;
	}
}

static void check_batches(struct aead *aead)
{
	for (size_t pattern = 0; pattern < 6; pattern++)
		for (size_t n = 0; n <= CRYPTO_BATCH_MAX; n++) {
			uint64_t counter = (UINT64_C(1) << 32) - 20 + n;

			for (size_t i = 0; i < n; i++)
				set_packet(i, counter + i, length_of(pattern, i));
			check_batch(aead, counter, n);
		}
}

static void test_batches_of_every_size_and_shape_with_openssl(void **state)
{
	check_batches(*state);
}

static void test_batches_of_every_size_and_shape_with_every_kernel(void **state)
{
	struct aead *aead = *state;

	for (size_t i = 0; aead_kernels[i]; i++) {
		const struct aead_kernel *const one[] = {aead_kernels[i], NULL};

		aead_choose(aead, one);
		if (aead->kernel)
			check_batches(aead);
		else
			print_message("not on this processor: %s\n", aead_kernels[i]->name);
	}
}

static void test_batch_larger_than_a_slice_goes_on_counting(void **state)
{
	struct aead *aead = *state;

	aead_choose(aead, aead_kernels);
	for (size_t i = 0; i < N_MAX; i++)
		set_packet(i, 1000 + i, (i * 77) % 2100);
	check_batch(aead, 1000, N_MAX);
}

static void test_forged_and_short_packets_concern_no_other(void **state)
{
	struct aead *aead = *state;
	const size_t n = 44;

	aead_choose(aead, aead_kernels);
	for (size_t forged = 0; forged < n; forged++) {
		for (size_t i = 0; i < n; i++) {
			set_packet(i, i, 100 + i % 5);
			memcpy(out[i], expected[i], ROOM);
			opening[i] = (struct crypto_opening){
				.counter = i, .bytes = out[i], .len = 100 + i % 5 + 16};
		}
		out[forged][forged] ^= 1;
		opening[(forged + 1) % n].len = forged % 16;
		opening[(forged + 1) % n].is_authentic = true;
		opening[(forged + 2) % n].counter += n;
		aead_open(aead, &key, opening, n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(opening[i].is_authentic, (i + n - forged) % n > 2);
	}
}

/* Packets out of order, as the network may have them. */
static void test_every_packet_is_opened_under_its_own_counter(void **state)
{
	struct aead *aead = *state;

	aead_choose(aead, aead_kernels);
	for (size_t i = 0; i < 20; i++) {
		uint64_t counter = (i * 7) % 20 + (i % 2 ? UINT64_C(1) << 40 : 0);

		set_packet(i, counter, 300);
		memcpy(out[i], expected[i], ROOM);
		opening[i] = (struct crypto_opening){counter, out[i], 316, false};
	}
	aead_open(aead, &key, opening, 20);
	for (size_t i = 0; i < 20; i++)
		assert_true(opening[i].is_authentic);
}

/* ---- what goes together ---- */

static void run_lengths(struct aead *aead, size_t n, size_t len)
{
	for (size_t i = 0; i < n; i++)
		set_packet(i, i, len);
	fake.n_groups = fake.n_ones = 0;
	fake.n_bytes = 0;
	check_batch(aead, 0, n);
}

/* A group costs as much as four packets here, so five make one. */
static void test_packets_go_in_groups_while_that_is_cheaper(void **state)
{
	static const unsigned int rest[] = {0, 1, 2, 3, 4};
	struct aead *aead = *state;

	aead_choose(aead, (const struct aead_kernel *const[]){&fake_both, NULL});
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		run_lengths(aead, 40 + rest[i], 1420);
		assert_int_equal(fake.n_groups, 2 * 5); /* sealed and opened */
		assert_int_equal(fake.n_ones, 2 * rest[i]);
	}
	run_lengths(aead, 45, 1420);
	assert_int_equal(fake.n_groups, 2 * 6);
	assert_int_equal(fake.n_ones, 0);
}

static void test_short_packets_do_not_wait_for_long_ones_in_their_group(void **state)
{
	struct aead *aead = *state;

	aead_choose(aead, (const struct aead_kernel *const[]){&fake_both, NULL});
	for (size_t i = 0; i < 16; i++)
		set_packet(i, i, i % 2 ? 1400 : 60);
	fake.n_groups = fake.n_ones = 0;
	fake.n_bytes = 0;
	aead_seal(aead, &key, 0, sealing, 16);
	assert_int_equal(fake.n_groups, 2);

	/* One long among seven short: alone. */
	for (size_t i = 0; i < 8; i++)
		set_packet(i, i, i == 5 ? 2100 : 16);
	fake.n_groups = fake.n_ones = 0;
	aead_seal(aead, &key, 0, sealing, 8);
	assert_int_equal(fake.n_groups, 1);
	assert_int_equal(fake.n_ones, 1);
}

static void test_single_packets_are_the_librarys_where_the_kernel_has_no_way(void **state)
{
	struct aead *aead = *state;

	aead_choose(aead, (const struct aead_kernel *const[]){&fake_group, NULL});
	run_lengths(aead, 3, 500);
	assert_int_equal(fake.n_groups + fake.n_ones, 0);
	run_lengths(aead, 8, 500);
	assert_int_equal(fake.n_groups, 2);
}

static void test_kernel_without_groups_has_all_one_by_one(void **state)
{
	struct aead *aead = *state;

	aead_choose(aead, (const struct aead_kernel *const[]){&fake_one, NULL});
	run_lengths(aead, 9, 500);
	assert_int_equal(fake.n_groups, 0);
	assert_int_equal(fake.n_ones, 2 * 9);
}

static void test_unused_is_ended_like_used(void **state)
{
	struct aead aead = {0};

	(void)state;
	aead_done(&aead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_first_kernel_that_is_supported_and_right_is_chosen, start, stop),
		cmocka_unit_test_setup_teardown(test_kernel_with_any_defect_is_not_used, start,
						stop),
		cmocka_unit_test_setup_teardown(test_kernels_of_this_processor_pass, start, stop),
		cmocka_unit_test_setup_teardown(test_batches_of_every_size_and_shape_with_openssl,
						start, stop),
		cmocka_unit_test_setup_teardown(
			test_batches_of_every_size_and_shape_with_every_kernel, start, stop),
		cmocka_unit_test_setup_teardown(test_batch_larger_than_a_slice_goes_on_counting,
						start, stop),
		cmocka_unit_test_setup_teardown(test_forged_and_short_packets_concern_no_other,
						start, stop),
		cmocka_unit_test_setup_teardown(test_every_packet_is_opened_under_its_own_counter,
						start, stop),
		cmocka_unit_test_setup_teardown(test_packets_go_in_groups_while_that_is_cheaper,
						start, stop),
		cmocka_unit_test_setup_teardown(
			test_short_packets_do_not_wait_for_long_ones_in_their_group, start, stop),
		cmocka_unit_test_setup_teardown(
			test_single_packets_are_the_librarys_where_the_kernel_has_no_way, start,
			stop),
		cmocka_unit_test_setup_teardown(test_kernel_without_groups_has_all_one_by_one,
						start, stop),
		cmocka_unit_test(test_unused_is_ended_like_used),
	};

	return cmocka_run_group_tests_name("wireguard/aead", tests, NULL, NULL);
}
