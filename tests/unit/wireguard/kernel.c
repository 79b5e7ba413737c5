#include "kernel.h"
#include "cmocka_all.h"

#include "wireguard/aead_lane.h"
#include "wireguard/painted_stack.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	LEN_MAX = 2100,
	ROOM = 9216, /* bytes of a buffer: a jumbo packet, and what must stay as it is */
	FILL = 0xa5,
};

static const struct aead_kernel *kernel;

/* ---- a world of eight packets ---- */

static struct {
	EVP_CIPHER_CTX *evp;
	struct crypto_key key;
	uint8_t in[AEAD_LANES][ROOM];
	uint8_t out[AEAD_LANES][ROOM];
	uint8_t expected[AEAD_LANES][ROOM];
	struct aead_packet packet[AEAD_LANES];
} world;

static uint64_t next_random(void)
{
	static uint64_t state = 88172645463325252U;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static size_t random_below(size_t limit)
{
	return (size_t)(next_random() % limit);
}

static void fill_random(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(next_random() >> 32);
}

static int start(void **state)
{
	(void)state;
	world.evp = EVP_CIPHER_CTX_new();
	fill_random(world.key.byte, sizeof(world.key.byte));
	fill_random(world.in[0], sizeof(world.in));
	return world.evp ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	EVP_CIPHER_CTX_free(world.evp);
	return 0;
}

/* `out` may be `in`. */
static void seal_by_library(uint64_t counter, const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t nonce[12] = {0};
	int n;

	le64_store(nonce + 4, counter);
	assert_int_equal(
		EVP_EncryptInit_ex(world.evp, EVP_chacha20_poly1305(), NULL, world.key.byte, nonce),
		1);
	if (len > 0)
		assert_int_equal(EVP_EncryptUpdate(world.evp, out, &n, in, (int)len), 1);
	assert_int_equal(EVP_EncryptFinal_ex(world.evp, out + len, &n), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(world.evp, EVP_CTRL_AEAD_GET_TAG, 16, out + len), 1);
}

/* Len bytes of key stream from block `first` on. */
static void stream_by_library(uint64_t counter, uint32_t first, uint8_t *ret, size_t len)
{
	uint8_t start_at[16] = {0};
	int n;

	le32_store(start_at, first);
	le64_store(start_at + 8, counter);
	memset(ret, 0, len);
	assert_int_equal(
		EVP_EncryptInit_ex(world.evp, EVP_chacha20(), NULL, world.key.byte, start_at), 1);
	assert_int_equal(EVP_EncryptUpdate(world.evp, ret, &n, ret, (int)len), 1);
}

struct shape {
	size_t len, head_len, n_zeroes;
	bool is_in_place;
};

static void set_packet(size_t i, uint64_t counter, const struct shape *shape)
{
	size_t n_zeroes = shape->n_zeroes < shape->len ? shape->n_zeroes : shape->len;
	size_t given = shape->len - n_zeroes;
	size_t head_len = shape->head_len < given ? shape->head_len : given;

	memset(world.out[i], FILL, shape->len + 80);
	memcpy(world.expected[i], world.in[i], given);
	memset(world.expected[i] + given, 0, n_zeroes);
	seal_by_library(counter, world.expected[i], shape->len, world.expected[i]);
	memset(world.expected[i] + shape->len + 16, FILL, 64);
	world.packet[i] = (struct aead_packet){
		.head = world.in[i],
		.head_len = head_len,
		.body = world.in[i] + head_len,
		.body_len = given - head_len,
		.out = world.out[i],
		.len = shape->len,
		.counter = counter,
	};
	if (shape->is_in_place) {
		memcpy(world.out[i] + head_len, world.in[i] + head_len, given - head_len);
		world.packet[i].body = world.out[i] + head_len;
	}
}

static void run(bool is_group, enum aead_direction direction)
{
	if (is_group)
		kernel->run_group(&world.key, world.packet, direction);
	for (size_t i = 0; i < AEAD_LANES && !is_group; i++)
		kernel->run_one(&world.key, &world.packet[i], direction);
}

static void turn_to_opening(void)
{
	for (size_t i = 0; i < AEAD_LANES; i++) {
		struct aead_packet *packet = &world.packet[i];

		packet->head_len = 0;
		packet->body = packet->out;
		packet->body_len = packet->len;
		packet->is_authentic = i % 2;
	}
}

/* Seals what set_packet() has made; nothing past the tag is written. */
static void check_sealing(bool is_group)
{
	run(is_group, AEAD_SEAL);
	for (size_t i = 0; i < AEAD_LANES; i++)
		assert_memory_equal(world.out[i], world.expected[i], world.packet[i].len + 80);
}

static void check_opened(size_t i, size_t n_zeroes)
{
	const struct aead_packet *packet = &world.packet[i];
	size_t given = n_zeroes < packet->len ? packet->len - n_zeroes : 0;

	assert_true(packet->is_authentic);
	assert_memory_equal(packet->out, world.in[i], given);
	assert_memory_equal(packet->out + packet->len, world.expected[i] + packet->len, 80);
}

/* Opens what was sealed. */
static void check_opening(bool is_group, const struct shape shapes[AEAD_LANES])
{
	turn_to_opening();
	run(is_group, AEAD_OPEN);
	for (size_t i = 0; i < AEAD_LANES; i++)
		check_opened(i, shapes[i].n_zeroes);
}

static void check_shapes(const struct shape shapes[AEAD_LANES], uint64_t counter)
{
	for (int is_group = 0; is_group < 2; is_group++) {
		if (!(is_group ? kernel->run_group != NULL : kernel->run_one != NULL))
			continue;
		for (size_t i = 0; i < AEAD_LANES; i++)
			set_packet(i, counter + i, &shapes[i]);
		check_sealing(is_group);
		check_opening(is_group, shapes);
	}
}

/* ---- lengths and shapes ---- */

static void test_every_length_in_all_lanes(void **state)
{
	(void)state;
	for (size_t len = 0; len <= LEN_MAX; len++) {
		struct shape shapes[AEAD_LANES];

		for (size_t i = 0; i < AEAD_LANES; i++)
			shapes[i] = (struct shape){.len = len};
		check_shapes(shapes, len);
	}
}

static void test_every_length_beside_longer_and_shorter_ones(void **state)
{
	(void)state;
	for (size_t len = 0; len <= LEN_MAX; len++) {
		struct shape shapes[AEAD_LANES];

		for (size_t i = 0; i < AEAD_LANES; i++)
			shapes[i] = (struct shape){.len = i % 2 ? random_below(LEN_MAX + 1)
								: (len + i) % (LEN_MAX + 1)};
		check_shapes(shapes, len << 20);
	}
}

static void test_every_length_of_head_and_padding(void **state)
{
	static const size_t lengths[] = {0, 1, 63, 64, 65, 127, 128, 129, 200, 700};

	(void)state;
	for (size_t head_len = 0; head_len <= 200; head_len++) {
		struct shape shapes[AEAD_LANES];

		for (size_t i = 0; i < AEAD_LANES; i++)
			shapes[i] = (struct shape){
				.len = head_len + lengths[random_below(10)],
				.head_len = head_len,
				.n_zeroes = random_below(16),
			};
		check_shapes(shapes, head_len);
		for (size_t i = 0; i < AEAD_LANES; i++)
			shapes[i].is_in_place = true;
		check_shapes(shapes, head_len);
	}
}

static void test_shapes_of_all_kinds_mixed(void **state)
{
	(void)state;
	for (int round = 0; round < 1500; round++) {
		size_t longest = 1 + random_below(round % 50 == 0 ? 9000 : LEN_MAX);
		struct shape shapes[AEAD_LANES];

		for (size_t i = 0; i < AEAD_LANES; i++)
			shapes[i] = (struct shape){
				.len = random_below(longest),
				.head_len = random_below(4) ? random_below(520) : 0,
				.n_zeroes = random_below(2) ? random_below(16) : 0,
				.is_in_place = random_below(3) == 0,
			};
		fill_random(world.key.byte, sizeof(world.key.byte));
		check_shapes(shapes, next_random());
	}
}

static void test_counters_at_the_edges_of_their_halves(void **state)
{
	static const uint64_t counters[] = {0,
					    UINT32_MAX - 3,
					    UINT32_MAX,
					    UINT64_C(1) << 32,
					    UINT64_C(0x7fffffffffffffff),
					    UINT64_C(0xfffffffefffffffc),
					    UINT64_MAX - 8200,
					    UINT64_MAX - 7};
	const struct shape shape = {.len = 100};
	const struct shape shapes[AEAD_LANES] = {shape, shape, shape, shape,
						 shape, shape, shape, shape};

	(void)state;
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		check_shapes(shapes, counters[i]);
}

/* RFC 8439 appendix A.1, test vector 2: zeroes for a key, and block 1. */
static void test_key_stream_of_the_specification(void **state)
{
	static const uint8_t block[] = {
		0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97, 0x7c, 0x73,
		0x2d, 0x08, 0x0d, 0xcb, 0x0f, 0x29, 0xa0, 0x48, 0xe3, 0x65, 0x69, 0x12, 0xc6,
		0x53, 0x3e, 0x32, 0xee, 0x7a, 0xed, 0x29, 0xb7, 0x21, 0x76, 0x9c, 0xe6, 0x4e,
		0x43, 0xd5, 0x71, 0x33, 0xb0, 0x74, 0xd8, 0x39, 0xd5, 0x31, 0xed, 0x1f, 0x28,
		0x51, 0x0a, 0xfb, 0x45, 0xac, 0xe1, 0x0a, 0x1f, 0x4b, 0x79, 0x4d, 0x6f};
	static const struct crypto_key zero;

	(void)state;
	for (int is_group = 0; is_group < 2; is_group++) {
		uint8_t out[AEAD_LANES][64 + 16] = {0};
		struct aead_packet packet[AEAD_LANES];

		for (size_t i = 0; i < AEAD_LANES; i++)
			packet[i] = (struct aead_packet){
				.body = out[i], .body_len = 64, .out = out[i], .len = 64};
		if (is_group && kernel->run_group)
			kernel->run_group(&zero, packet, AEAD_SEAL);
		else if (kernel->run_one)
			for (size_t i = 0; i < AEAD_LANES; i++)
				kernel->run_one(&zero, &packet[i], AEAD_SEAL);
		else
			continue;
		for (size_t i = 0; i < AEAD_LANES; i++)
			assert_memory_equal(out[i], block, sizeof(block));
	}
}

/* ---- forgeries ---- */

static void check_forgery(bool is_group, size_t forged, size_t at, uint8_t bit,
			  const struct shape shapes[AEAD_LANES])
{
	for (size_t i = 0; i < AEAD_LANES; i++)
		memcpy(world.out[i], world.expected[i], shapes[i].len + 80);
	world.out[forged][at] ^= bit;
	turn_to_opening();
	run(is_group, AEAD_OPEN);
	for (size_t i = 0; i < AEAD_LANES; i++) {
		if (i == forged)
			assert_false(world.packet[i].is_authentic);
		else
			check_opened(i, 0);
	}
}

static void test_forgery_in_any_lane_and_place_concerns_that_lane_alone(void **state)
{
	static const size_t lengths[] = {0, 16, 45, 64, 100, 128, 300, 999};

	(void)state;
	for (size_t forged = 0; forged < AEAD_LANES; forged++) {
		struct shape shapes[AEAD_LANES];
		size_t sealed_len;

		for (size_t i = 0; i < AEAD_LANES; i++) {
			shapes[i] = (struct shape){.len = lengths[(i + forged) % AEAD_LANES]};
			set_packet(i, forged, &shapes[i]);
		}
		sealed_len = shapes[forged].len + 16;
		for (size_t at = 0; at < sealed_len; at++) {
			uint8_t bit = (uint8_t)(1U << at % 8);

			if (kernel->run_group)
				check_forgery(true, forged, at, bit, shapes);
			if (kernel->run_one && at % 3 == 0)
				check_forgery(false, forged, at, bit, shapes);
		}
	}
}

static void test_every_bit_of_a_tag_counts(void **state)
{
	const struct shape shape = {.len = 48};
	const struct shape shapes[AEAD_LANES] = {shape, shape, shape, shape,
						 shape, shape, shape, shape};

	(void)state;
	for (size_t i = 0; i < AEAD_LANES; i++)
		set_packet(i, 1, &shape);
	for (size_t bit = 0; bit < 128; bit++) {
		uint8_t mask = (uint8_t)(1U << bit % 8);

		if (kernel->run_group)
			check_forgery(true, bit % AEAD_LANES, 48 + bit / 8, mask, shapes);
		if (kernel->run_one)
			check_forgery(false, bit % AEAD_LANES, 48 + bit / 8, mask, shapes);
	}
}

/* ---- arithmetic ---- */

/* Poly1305 of one packet by big numbers, so that what goes in can be chosen by
 * the sum that comes of it.
 */
struct field {
	BN_CTX *context;
	BIGNUM *prime, *r, *r_inverse, *s, *above; /* above: 2^128 */
};

static BIGNUM *number(const uint8_t *bytes, int len)
{
	BIGNUM *ret = BN_lebin2bn(bytes, len, NULL);

	assert_non_null(ret);
	return ret;
}

static void begin_field(struct field *field, uint64_t counter)
{
	static const uint8_t clamp[16] = {0xff, 0xff, 0xff, 0x0f, 0xfc, 0xff, 0xff, 0x0f,
					  0xfc, 0xff, 0xff, 0x0f, 0xfc, 0xff, 0xff, 0x0f};
	uint8_t block[32];

	stream_by_library(counter, 0, block, sizeof(block));
	for (size_t i = 0; i < sizeof(clamp); i++)
		block[i] &= clamp[i];
	field->context = BN_CTX_new();
	field->prime = BN_new();
	field->above = BN_new();
	assert_true(field->context && field->prime && field->above);
	BN_set_bit(field->prime, 130);
	BN_sub_word(field->prime, 5);
	BN_set_bit(field->above, 128);
	field->r = number(block, 16);
	field->s = number(block + 16, 16);
	field->r_inverse = BN_mod_inverse(NULL, field->r, field->prime, field->context);
	assert_non_null(field->r_inverse);
}

static void end_field(struct field *field)
{
	BN_free(field->prime);
	BN_free(field->above);
	BN_free(field->r);
	BN_free(field->s);
	BN_free(field->r_inverse);
	BN_CTX_free(field->context);
}

/* sum = (sum + block + 2^128) * r */
static void absorb(const struct field *field, BIGNUM *sum, const uint8_t block[16])
{
	BIGNUM *added = number(block, 16);

	BN_mod_add(sum, sum, added, field->prime, field->context);
	BN_mod_add(sum, sum, field->above, field->prime, field->context);
	BN_mod_mul(sum, sum, field->r, field->prime, field->context);
	BN_free(added);
}

/* The block that makes the sum `wanted`; false where there is none (one in four
 * sums has one).
 */
static bool solve(const struct field *field, const BIGNUM *sum, const BIGNUM *wanted,
		  uint8_t ret[16])
{
	BIGNUM *block = BN_new();
	bool is_found;

	BN_mod_mul(block, wanted, field->r_inverse, field->prime, field->context);
	BN_mod_sub(block, block, sum, field->prime, field->context);
	BN_mod_sub(block, block, field->above, field->prime, field->context);
	is_found = BN_num_bits(block) <= 128;
	if (is_found)
		assert_int_equal(BN_bn2lebinpad(block, ret, 16), 16);
	BN_free(block);
	return is_found;
}

/* `sealed` holds encrypted bytes: writes what they come of to `plain`. */
static void find_plain(uint64_t counter, const uint8_t *sealed, size_t len, uint8_t *plain)
{
	stream_by_library(counter, 1, plain, len);
	for (size_t i = 0; i < len; i++)
		plain[i] ^= sealed[i];
}

/* Sums beside the modulus, beside powers of two, and with limbs full of ones. */
static size_t make_wanted(const struct field *field, BIGNUM *ret[])
{
	static const unsigned long near[] = {0, 1, 2, 4, 5, 6};
	static const int bits[] = {26, 44, 52, 64, 78, 88, 104, 128, 129};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
		ret[n] = BN_new();
		BN_set_word(ret[n++], near[i]);
		ret[n] = BN_dup(field->prime);
		BN_sub_word(ret[n++], near[i] + 1);
	}
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		ret[n] = BN_new();
		BN_set_bit(ret[n++], bits[i]);
		ret[n] = BN_dup(ret[n - 1]);
		BN_sub_word(ret[n++], 1);
	}
	return n;
}

/* Random encrypted blocks, of which one is changed so that the sum after it is
 * the one that is wanted.  False: not to be had with these blocks.
 */
static bool aim(const struct field *field, const BIGNUM *wanted, uint8_t *sealed, size_t n_blocks,
		size_t at)
{
	BIGNUM *sum = BN_new();
	bool is_found;

	fill_random(sealed, 16 * n_blocks);
	for (size_t i = 0; i < at; i++)
		absorb(field, sum, sealed + 16 * i);
	is_found = solve(field, sum, wanted, sealed + 16 * at);
	BN_free(sum);
	return is_found;
}

/* The lengths' block comes last: what must the sum before it be, for the tag? */
static void go_back(const struct field *field, BIGNUM *wanted, size_t len)
{
	uint8_t lengths[16] = {0};
	BIGNUM *block;

	le64_store(lengths + 8, len);
	block = number(lengths, 16);
	BN_mod_mul(wanted, wanted, field->r_inverse, field->prime, field->context);
	BN_mod_sub(wanted, wanted, block, field->prime, field->context);
	BN_mod_sub(wanted, wanted, field->above, field->prime, field->context);
	BN_free(block);
}

/* Lane i's plain text becomes one that has the sum after some block, or at the
 * end of all.
 */
static void aim_lane(const struct field *field, const BIGNUM *at_end, size_t i, size_t len,
		     bool is_last)
{
	BIGNUM *wanted = BN_dup(at_end);
	uint8_t sealed[512];
	size_t n_blocks = len / 16;

	if (is_last)
		go_back(field, wanted, len);
	while (!aim(field, wanted, sealed, n_blocks,
		    is_last ? n_blocks - 1 : random_below(n_blocks)))
		continue;
	find_plain(i, sealed, len, world.in[i]);
	BN_free(wanted);
}

static void test_sums_at_the_edges_of_the_modulus_and_of_limbs(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		const struct shape shape = {.len = 16 * (1 + random_below(30))};
		const struct shape shapes[AEAD_LANES] = {shape, shape, shape, shape,
							 shape, shape, shape, shape};
		struct field field[AEAD_LANES];
		BIGNUM *wanted[64];
		size_t n;

		fill_random(world.key.byte, sizeof(world.key.byte));
		for (size_t i = 0; i < AEAD_LANES; i++)
			begin_field(&field[i], i);
		n = make_wanted(&field[0], wanted);
		for (size_t k = 0; k < n; k++) {
			for (size_t i = 0; i < AEAD_LANES; i++)
				aim_lane(&field[i], wanted[(k + i) % n], i, shape.len, round % 2);
			check_shapes(shapes, 0);
		}
		for (size_t k = 0; k < n; k++)
			BN_free(wanted[k]);
		for (size_t i = 0; i < AEAD_LANES; i++)
			end_field(&field[i]);
	}
}

/* Wycheproof's kind of vectors: tags of zeroes, of ones, and with single bits. */
static void test_tags_of_every_edge(void **state)
{
	static const uint64_t tags[][2] = {{0, 0},
					   {UINT64_MAX, UINT64_MAX},
					   {1, 0},
					   {UINT64_MAX - 1, UINT64_MAX},
					   {UINT64_MAX, 0},
					   {0, UINT64_MAX},
					   {UINT64_C(1) << 63, UINT64_C(1) << 63},
					   {UINT64_MAX >> 1, UINT64_MAX >> 1}};
	const struct shape shape = {.len = 208};
	const struct shape shapes[AEAD_LANES] = {shape, shape, shape, shape,
						 shape, shape, shape, shape};

	(void)state;
	for (size_t i = 0; i < AEAD_LANES; i++) {
		uint8_t tag[16], sealed[208], found[208 + 16];
		struct field field;
		BIGNUM *wanted;

		begin_field(&field, i);
		le64_store(tag, tags[i][0]);
		le64_store(tag + 8, tags[i][1]);
		wanted = number(tag, 16);
		BN_mod_sub(wanted, wanted, field.s, field.above, field.context);
		go_back(&field, wanted, shape.len);
		while (!aim(&field, wanted, sealed, shape.len / 16, shape.len / 16 - 1))
			continue;
		find_plain(i, sealed, shape.len, world.in[i]);
		seal_by_library(i, world.in[i], shape.len, found);
		assert_memory_equal(found + shape.len, tag, sizeof(tag));
		BN_free(wanted);
		end_field(&field);
	}
	check_shapes(shapes, 0);
}

static void test_ciphertexts_of_zeroes_and_of_ones(void **state)
{
	(void)state;
	for (int round = 0; round < 400; round++) {
		const size_t len = 1 + random_below(600);
		struct shape shapes[AEAD_LANES];
		uint8_t sealed[ROOM];

		memset(sealed, round % 2 ? 0xff : 0, sizeof(sealed));
		fill_random(world.key.byte, sizeof(world.key.byte));
		for (size_t i = 0; i < AEAD_LANES; i++) {
			shapes[i] = (struct shape){.len = len + i};
			find_plain(i, sealed, len + i, world.in[i]);
		}
		check_shapes(shapes, 0);
	}
	fill_random(world.in[0], sizeof(world.in));
}

struct reduction {
	uint64_t limb[3];
	uint64_t tag[2]; /* with s of zeroes */
};

/* Limbs as they may be: values around the modulus, and bits above a limb. */
static void test_last_reduction_is_complete(void **state)
{
	static const uint64_t m44 = (UINT64_C(1) << 44) - 1, m42 = (UINT64_C(1) << 42) - 1;
	const struct reduction all[] = {
		{{m44 - 5, m44, m42}, {UINT64_MAX - 5, UINT64_MAX}}, /* p - 1 */
		{{m44 - 4, m44, m42}, {0, 0}},			     /* p */
		{{m44 - 3, m44, m42}, {1, 0}},			     /* p + 1 */
		{{m44, m44, m42}, {4, 0}},			     /* 2^130 - 1 */
		{{m44 + 1, m44, m42}, {5, 0}},			     /* 2^130 */
		{{0, 0, m42 + 1}, {5, 0}},			     /* the same */
		{{m44, m44, m44}, {19, 0}},			     /* 2^132 - 1 = 4p + 19 */
		{{5, 0, 0}, {5, 0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint64_t tag[2];

		lane_tag(all[i].limb, (const uint64_t[]){0, 0}, tag);
		assert_int_equal(tag[0], all[i].tag[0]);
		assert_int_equal(tag[1], all[i].tag[1]);
	}
}

static void test_s_is_added_with_its_carry(void **state)
{
	const uint64_t limb[3] = {1, 0, 0};
	uint64_t tag[2];

	(void)state;
	lane_tag(limb, (const uint64_t[]){UINT64_MAX, 7}, tag);
	assert_int_equal(tag[0], 0);
	assert_int_equal(tag[1], 8);
	lane_tag(limb, (const uint64_t[]){UINT64_MAX, UINT64_MAX}, tag);
	assert_int_equal(tag[0], 0);
	assert_int_equal(tag[1], 0);
}

/* ---- memory ---- */

/* Pages between two that cannot be touched. */
struct fenced {
	uint8_t *mapped;
	size_t size;
};

static void fence(struct fenced *ret)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	ret->size = page;
	ret->mapped = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(ret->mapped != MAP_FAILED);
	assert_int_equal(mprotect(ret->mapped + page, page, PROT_READ | PROT_WRITE), 0);
}

static void unfence(const struct fenced *fenced)
{
	assert_int_equal(munmap(fenced->mapped, 3 * fenced->size), 0);
}

/* Of len bytes, with a fence right behind or right before. */
static uint8_t *place(const struct fenced *fenced, size_t len, bool is_at_end)
{
	return fenced->mapped + fenced->size + (is_at_end ? fenced->size - len : 0);
}

static void test_nothing_outside_the_packets_is_touched(void **state)
{
	struct fenced head[AEAD_LANES], body[AEAD_LANES], out[AEAD_LANES];

	(void)state;
	for (size_t i = 0; i < AEAD_LANES; i++) {
		fence(&head[i]);
		fence(&body[i]);
		fence(&out[i]);
	}
	for (size_t round = 0; round < 1200; round++) {
		bool is_group = kernel->run_group && (round % 2 || !kernel->run_one);

		for (size_t i = 0; i < AEAD_LANES; i++) {
			bool is_at_end = round / 2 % 2;
			const struct shape shape = {.len = random_below(600),
						    .head_len = random_below(100),
						    .n_zeroes = random_below(16)};
			struct aead_packet *packet = &world.packet[i];

			set_packet(i, i, &shape);
			packet->head = memcpy(place(&head[i], packet->head_len, is_at_end),
					      packet->head, packet->head_len);
			packet->body = memcpy(place(&body[i], packet->body_len, is_at_end),
					      packet->body, packet->body_len);
			packet->out = place(&out[i], packet->len + 16, is_at_end);
		}
		run(is_group, AEAD_SEAL);
		for (size_t i = 0; i < AEAD_LANES; i++)
			assert_memory_equal(world.packet[i].out, world.expected[i],
					    world.packet[i].len + 16);
		turn_to_opening();
		run(is_group, AEAD_OPEN);
		for (size_t i = 0; i < AEAD_LANES; i++)
			assert_true(world.packet[i].is_authentic);
	}
	for (size_t i = 0; i < AEAD_LANES; i++) {
		unfence(&head[i]);
		unfence(&body[i]);
		unfence(&out[i]);
	}
}

#ifdef PAINTED_STACK_IS_POSSIBLE

/* Pieces of 4 bytes, since vectors hold words of different packets in turn. */
static size_t count_words(const uint8_t *in, size_t in_len, const uint8_t *words, size_t len)
{
	size_t n = 0;

	for (size_t at = 0; at + 4 <= len; at += 4)
		n += memmem(in, in_len, words + at, 4) != NULL;
	return n;
}

static void test_no_key_and_no_key_stream_is_left_on_the_stack(void **state)
{
	static uint8_t stack[PAINTED_DEPTH];
	const struct shape shape = {.len = 700, .n_zeroes = 12};
	uint8_t stream[832];

	(void)state;
	for (int is_group = 0; is_group < 2; is_group++) {
		if (!(is_group ? kernel->run_group != NULL : kernel->run_one != NULL))
			continue;
		for (size_t i = 0; i < AEAD_LANES; i++)
			set_packet(i, 1, &shape);
		stream_by_library(1, 0, stream, sizeof(stream));
		painted_stack_begin();
		run(is_group, AEAD_SEAL);
		painted_stack_end(stack);
		assert_int_equal(count_words(stack, PAINTED_DEPTH, stream, sizeof(stream)), 0);
		assert_int_equal(count_words(stack, PAINTED_DEPTH, world.key.byte, 32), 0);
	}
}

#endif

static int skip_all(const char *name)
{
	print_message("SKIP: this processor does not run kernel %s\n", name);
	return getenv("ADIT_TESTS_MUST_RUN") ? 1 : 0;
}

int kernel_run_tests(const struct aead_kernel *tested)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_length_in_all_lanes),
		cmocka_unit_test(test_every_length_beside_longer_and_shorter_ones),
		cmocka_unit_test(test_every_length_of_head_and_padding),
		cmocka_unit_test(test_shapes_of_all_kinds_mixed),
		cmocka_unit_test(test_counters_at_the_edges_of_their_halves),
		cmocka_unit_test(test_key_stream_of_the_specification),
		cmocka_unit_test(test_forgery_in_any_lane_and_place_concerns_that_lane_alone),
		cmocka_unit_test(test_every_bit_of_a_tag_counts),
		cmocka_unit_test(test_sums_at_the_edges_of_the_modulus_and_of_limbs),
		cmocka_unit_test(test_tags_of_every_edge),
		cmocka_unit_test(test_ciphertexts_of_zeroes_and_of_ones),
		cmocka_unit_test(test_last_reduction_is_complete),
		cmocka_unit_test(test_s_is_added_with_its_carry),
		cmocka_unit_test(test_nothing_outside_the_packets_is_touched),
#ifdef PAINTED_STACK_IS_POSSIBLE
		cmocka_unit_test(test_no_key_and_no_key_stream_is_left_on_the_stack),
#endif
	};

	kernel = tested;
	if (!kernel->is_supported())
		return skip_all(kernel->name);
	return cmocka_run_group_tests_name(kernel->name, tests, start, stop);
}
