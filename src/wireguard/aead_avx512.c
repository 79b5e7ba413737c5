/* How it works
 *
 * Eight packets at a time.  ChaCha20 has a block in each of the sixteen 32-bit
 * lanes: two blocks of each packet.  Poly1305 has a packet in each of the eight
 * 64-bit lanes, which needs neither powers of r nor a sum across lanes; its
 * multiplications (IFMA) stand between the rounds of ChaCha20, which leave the
 * multipliers idle.  When packets are sealed, a pair of blocks is authenticated
 * while the key stream of the next pair is made; when they are opened, while
 * its own is made.  All packets walk in step up to the longest; stores and
 * loads past the end of a shorter one are masked out.
 *
 * One packet at a time.  ChaCha20 has four blocks in each register, a row of
 * the state in each 128 bits, up to four registers at once.  Poly1305 takes
 * eight 16-byte blocks at once in steps of r^8, and multiplies the lanes with
 * what is left of r^1 to r^8 at the end.
 *
 * Numbers modulo 2^130 - 5 are three limbs of 44, 44 and 42 bits.  2^132 is
 * 4 * 5 = 20, whence the factor 20.
 */
#ifdef __x86_64__

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define TARGET                                                                                     \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512ifma,avx512vbmi2,bmi2")))
#include "wireguard/aead_lane.h"

/* ---- ChaCha20, a block in each lane ---- */

typedef __m512i vector;
enum { ROW_STEP = 4 };

VECTOR __m512i vector_set(uint32_t word)
{
	return _mm512_set1_epi32((int)word);
}

VECTOR __m512i vector_add(__m512i a, __m512i b)
{
	return _mm512_add_epi32(a, b);
}

VECTOR __m512i vector_xor(__m512i a, __m512i b)
{
	return _mm512_xor_si512(a, b);
}

/* The intrinsic wants a literal. */
VECTOR __m512i vector_rotate(__m512i v, int bits)
{
	switch (bits) {
	case 16:
		return _mm512_rol_epi32(v, 16);
	case 12:
		return _mm512_rol_epi32(v, 12);
	case 8:
		return _mm512_rol_epi32(v, 8);
	default:
		return _mm512_rol_epi32(v, 7);
	}
}

VECTOR __m512i vector_zip_32(__m512i a, __m512i b, bool is_high)
{
	return is_high ? _mm512_unpackhi_epi32(a, b) : _mm512_unpacklo_epi32(a, b);
}

VECTOR __m512i vector_zip_64(__m512i a, __m512i b, bool is_high)
{
	return is_high ? _mm512_unpackhi_epi64(a, b) : _mm512_unpacklo_epi64(a, b);
}

#include "wireguard/aead_rows.h"

/* A matrix of 4 by 4 pieces of 128 bits, transposed. */
VECTOR struct row transpose_pieces(__m512i v0, __m512i v1, __m512i v2, __m512i v3)
{
	__m512i a = _mm512_shuffle_i64x2(v0, v1, 0x44);
	__m512i b = _mm512_shuffle_i64x2(v0, v1, 0xee);
	__m512i c = _mm512_shuffle_i64x2(v2, v3, 0x44);
	__m512i d = _mm512_shuffle_i64x2(v2, v3, 0xee);

	return (struct row){{_mm512_shuffle_i64x2(a, c, 0x88), _mm512_shuffle_i64x2(a, c, 0xdd),
			     _mm512_shuffle_i64x2(b, d, 0x88), _mm512_shuffle_i64x2(b, d, 0xdd)}};
}

/* The key stream's block of lane 4 * i + j becomes stream[i].at[j]. */
VECTOR void end_rounds(const struct chacha *chacha, struct row v[4], struct row stream[4])
{
	struct row begun[4];

	begin_rounds(chacha, begun);
	UNROLL
	for (size_t i = 0; i < 4; i++) {
		add_rows(&v[i], &begun[i], 0);
		transpose_words(&v[i]);
	}
	UNROLL
	for (size_t j = 0; j < 4; j++) {
		struct row lanes = transpose_pieces(v[0].at[j], v[1].at[j], v[2].at[j], v[3].at[j]);

		UNROLL
		for (size_t i = 0; i < 4; i++)
			stream[i].at[j] = lanes.at[i];
	}
}

/* ---- Poly1305, a number in each lane ---- */

struct limbs {
	__m512i at[3];
};

struct poly {
	struct limbs sum;
	struct limbs r;
	struct limbs r20; /* r times 20; limb 0 is not used */
};

VECTOR __m512i low_bits(__m512i v, unsigned int n)
{
	return _mm512_and_si512(v, _mm512_set1_epi64((int64_t)((UINT64_C(1) << n) - 1)));
}

/* A 16-byte block of each lane, without the bit above it. */
VECTOR struct limbs split_limbs(__m512i low, __m512i high)
{
	return (struct limbs){{low_bits(low, 44), low_bits(_mm512_shrdi_epi64(low, high, 44), 44),
			       _mm512_srli_epi64(high, 24)}};
}

VECTOR struct limbs add_limbs(const struct limbs *a, const struct limbs *b)
{
	return (struct limbs){{_mm512_add_epi64(a->at[0], b->at[0]),
			       _mm512_add_epi64(a->at[1], b->at[1]),
			       _mm512_add_epi64(a->at[2], b->at[2])}};
}

VECTOR struct limbs times_20(const struct limbs *a)
{
	struct limbs ret;

	UNROLL
	for (size_t i = 0; i < 3; i++) /* 16 + 4 */
		ret.at[i] = _mm512_add_epi64(_mm512_slli_epi64(a->at[i], 4),
					     _mm512_slli_epi64(a->at[i], 2));
	return ret;
}

/* Adds a * b to the 104 bits of low and high. */
VECTOR void multiply_add(__m512i *low, __m512i *high, __m512i a, __m512i b)
{
	*low = _mm512_madd52lo_epu64(*low, a, b);
	*high = _mm512_madd52hi_epu64(*high, a, b);
}

/* Limbs of low + high * 2^52 each, brought below 2^44, 2^44 + 2^8 and 2^42. */
VECTOR struct limbs carry(const struct limbs *low, const struct limbs *high)
{
	struct limbs ret;
	__m512i over;

	over = _mm512_add_epi64(_mm512_srli_epi64(low->at[0], 44),
				_mm512_slli_epi64(high->at[0], 8));
	ret.at[0] = low_bits(low->at[0], 44);
	ret.at[1] = _mm512_add_epi64(low->at[1], over);
	over = _mm512_add_epi64(_mm512_srli_epi64(ret.at[1], 44),
				_mm512_slli_epi64(high->at[1], 8));
	ret.at[1] = low_bits(ret.at[1], 44);
	ret.at[2] = _mm512_add_epi64(low->at[2], over);
	over = _mm512_add_epi64(_mm512_srli_epi64(ret.at[2], 42),
				_mm512_slli_epi64(high->at[2], 10));
	ret.at[2] = low_bits(ret.at[2], 42);
	/* 2^130 is 5 */
	ret.at[0] = _mm512_add_epi64(ret.at[0], _mm512_slli_epi64(over, 2));
	ret.at[0] = _mm512_add_epi64(ret.at[0], over);
	ret.at[1] = _mm512_add_epi64(ret.at[1], _mm512_srli_epi64(ret.at[0], 44));
	ret.at[0] = low_bits(ret.at[0], 44);
	return ret;
}

/* Adds a * r; a's limb 1 is the last to be known, so it is used last. */
VECTOR void multiply_add_limbs(struct limbs *low, struct limbs *high, const struct limbs *a,
			       const struct limbs *r, const struct limbs *r20)
{
	multiply_add(&low->at[0], &high->at[0], a->at[2], r20->at[1]);
	multiply_add(&low->at[1], &high->at[1], a->at[2], r20->at[2]);
	multiply_add(&low->at[2], &high->at[2], a->at[2], r->at[0]);
	multiply_add(&low->at[0], &high->at[0], a->at[0], r->at[0]);
	multiply_add(&low->at[1], &high->at[1], a->at[0], r->at[1]);
	multiply_add(&low->at[2], &high->at[2], a->at[0], r->at[2]);
	multiply_add(&low->at[0], &high->at[0], a->at[1], r20->at[2]);
	multiply_add(&low->at[1], &high->at[1], a->at[1], r->at[0]);
	multiply_add(&low->at[2], &high->at[2], a->at[1], r->at[1]);
}

VECTOR struct limbs no_limbs(void)
{
	return (struct limbs){
		{_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()}};
}

VECTOR struct limbs multiply(const struct limbs *a, const struct limbs *r, const struct limbs *r20)
{
	struct limbs low = no_limbs(), high = no_limbs();

	multiply_add_limbs(&low, &high, a, r, r20);
	return carry(&low, &high);
}

/* The bit above a block of 16 bytes, 2^128, as limb 2 has it. */
VECTOR struct limbs add_block(const struct limbs *sum, __m512i low, __m512i high)
{
	struct limbs block = split_limbs(low, high);

	block.at[2] = _mm512_or_si512(block.at[2], _mm512_set1_epi64(INT64_C(1) << 40));
	return add_limbs(sum, &block);
}

VECTOR void set_r(struct poly *poly, __m512i low, __m512i high)
{
	/* RFC 8439 section 2.5 */
	low = _mm512_and_si512(low, _mm512_set1_epi64(0x0ffffffc0fffffff));
	high = _mm512_and_si512(high, _mm512_set1_epi64(0x0ffffffc0ffffffc));
	poly->r = split_limbs(low, high);
	poly->r20 = times_20(&poly->r);
	poly->sum = no_limbs();
}

/* Overwrites the stack that a function called before from the same one has used:
 * keys and key stream lie there, wherever the compiler put them.  The size is a
 * constant; memset() takes three times as long.
 */
VECTOR void burn(__m512i *area, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_mm512_store_si512(&area[i], _mm512_setzero_si512());
		__asm__ volatile("" : : "r"(&area[i]) : "memory");
	}
}

/* A signal handler's frame would have them in memory. */
VECTOR void burn_registers(void)
{
	__asm__ volatile("vzeroall\n\t"
			 "vpxord %%zmm16, %%zmm16, %%zmm16\n\t"
			 "vpxord %%zmm17, %%zmm17, %%zmm17\n\t"
			 "vpxord %%zmm18, %%zmm18, %%zmm18\n\t"
			 "vpxord %%zmm19, %%zmm19, %%zmm19\n\t"
			 "vpxord %%zmm20, %%zmm20, %%zmm20\n\t"
			 "vpxord %%zmm21, %%zmm21, %%zmm21\n\t"
			 "vpxord %%zmm22, %%zmm22, %%zmm22\n\t"
			 "vpxord %%zmm23, %%zmm23, %%zmm23\n\t"
			 "vpxord %%zmm24, %%zmm24, %%zmm24\n\t"
			 "vpxord %%zmm25, %%zmm25, %%zmm25\n\t"
			 "vpxord %%zmm26, %%zmm26, %%zmm26\n\t"
			 "vpxord %%zmm27, %%zmm27, %%zmm27\n\t"
			 "vpxord %%zmm28, %%zmm28, %%zmm28\n\t"
			 "vpxord %%zmm29, %%zmm29, %%zmm29\n\t"
			 "vpxord %%zmm30, %%zmm30, %%zmm30\n\t"
			 "vpxord %%zmm31, %%zmm31, %%zmm31"
			 :
			 :
			 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
			   "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "xmm16",
			   "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24",
			   "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31");
}

/* ---- eight packets ---- */

struct group {
	struct lanes lanes;
	struct chacha chacha;
	struct poly poly;
	/* For four blocks at once, once has_powers: of r, 4 to 1. */
	struct limbs power[4], power20[4];
	bool has_powers;
	__m512i s[2]; /* of Poly1305: added at the end */
};

/* at[i] is 64 bytes of lane i; at[2 * k] and at[2 * k + 1] become the halves of
 * block k of all lanes.
 */
VECTOR void transpose_blocks(__m512i at[8])
{
	__m512i even[4], odd[4];
	struct row row;

	UNROLL
	for (size_t i = 0; i < 4; i++) {
		even[i] = _mm512_unpacklo_epi64(at[2 * i], at[2 * i + 1]);
		odd[i] = _mm512_unpackhi_epi64(at[2 * i], at[2 * i + 1]);
	}
	row = transpose_pieces(even[0], even[1], even[2], even[3]);
	UNROLL
	for (size_t k = 0; k < 4; k++)
		at[2 * k] = row.at[k];
	row = transpose_pieces(odd[0], odd[1], odd[2], odd[3]);
	UNROLL
	for (size_t k = 0; k < 4; k++)
		at[2 * k + 1] = row.at[k];
}

VECTOR void load_blocks(const struct group *group, size_t chunk, __m512i at[8])
{
	UNROLL
	for (size_t i = 0; i < AEAD_LANES; i++)
		at[i] = _mm512_loadu_si512(group->lanes.at[i].out + 64 * chunk);
	transpose_blocks(at);
}

VECTOR void absorb_block(struct limbs *sum, const struct poly *poly, const __m512i half[2])
{
	struct limbs next = add_block(sum, half[0], half[1]);

	*sum = multiply(&next, &poly->r, &poly->r20);
}

TARGET static void make_stream(const struct chacha *chacha, struct row stream[4])
{
	struct row v[4];

	begin_rounds(chacha, v);
	for (int i = 0; i < 10; i++)
		double_round(v);
	end_rounds(chacha, v, stream);
}

TARGET static void make_powers(struct group *group)
{
	group->power[3] = group->poly.r;
	group->power20[3] = group->poly.r20;
	for (size_t i = 3; i > 0; i--) {
		group->power[i - 1] = multiply(&group->power[i], &group->poly.r, &group->poly.r20);
		group->power20[i - 1] = times_20(&group->power[i - 1]);
	}
	group->has_powers = true;
}

/* The i-th block of four: (sum + b0) * r^4 + b1 * r^3 + b2 * r^2 + b3 * r has
 * one carry in place of four.
 */
VECTOR void absorb_quarter(struct group *group, size_t i, const __m512i half[2],
			   struct limbs product[2])
{
	struct limbs zero = no_limbs();
	struct limbs block = add_block(i == 0 ? &group->poly.sum : &zero, half[0], half[1]);

	/* Powers stay in memory, from where the multiplication takes them: in
	 * registers they would drive out the state of ChaCha20.
	 */
	__asm__("" : "+m"(group->power), "+m"(group->power20));
	multiply_add_limbs(&product[0], &product[1], &block, &group->power[i], &group->power20[i]);
}

/* And two chunks of every packet are authenticated. */
TARGET static void make_stream_and_absorb(struct group *group, struct row stream[4])
{
	__m512i half[8] __attribute__((uninitialized));
	struct row v[4];

	if (!group->has_powers)
		make_powers(group);
	begin_rounds(&group->chacha, v);
	for (size_t i = 0; i < 2; i++) {
		struct limbs product[2] = {no_limbs(), no_limbs()};

		load_blocks(group, group->lanes.n_absorbed++, half);
		absorb_quarter(group, 0, half, product);
		double_round(v);
		absorb_quarter(group, 1, half + 2, product);
		double_round(v);
		absorb_quarter(group, 2, half + 4, product);
		double_round(v);
		absorb_quarter(group, 3, half + 6, product);
		double_round(v);
		group->poly.sum = carry(&product[0], &product[1]);
		double_round(v);
	}
	end_rounds(&group->chacha, v, stream);
}

/* 64 bytes of a lane, zeroes after its end, and the block of lengths. */
VECTOR __m512i load_end(const struct lane *lane, size_t offset)
{
	size_t at = lane_padded(lane); /* of the block of lengths */
	__m512i bytes = _mm512_setzero_si512();

	if (offset < lane->len)
		bytes = _mm512_maskz_loadu_epi8(lane_mask(lane->len - offset), lane->out + offset);
	if (at >= offset && at < offset + 64) {
		__mmask8 half = (__mmask8)(1U << (at - offset) / 8);

		bytes = _mm512_mask_set1_epi64(bytes, half, (int64_t)LANE_AAD_LEN);
		bytes = _mm512_mask_set1_epi64(bytes, (__mmask8)(half << 1),
					       (int64_t)(lane->len - LANE_AAD_PADDED));
	}
	return bytes;
}

/* One chunk, of which some lanes have only a part or nothing. */
TARGET static void absorb_end(struct group *group)
{
	size_t offset = 64 * group->lanes.n_absorbed;
	struct poly *poly = &group->poly;
	__m512i half[8] __attribute__((uninitialized));

	UNROLL
	for (size_t i = 0; i < AEAD_LANES; i++)
		half[i] = load_end(&group->lanes.at[i], offset);
	transpose_blocks(half);
	UNROLL
	for (size_t k = 0; k < 4; k++) {
		struct limbs sum = poly->sum;
		__mmask8 has_block = (__mmask8)lanes_with_block(&group->lanes, offset + 16 * k);

		absorb_block(&sum, poly, &half[2 * k]);
		UNROLL
		for (size_t i = 0; i < 3; i++)
			poly->sum.at[i] =
				_mm512_mask_mov_epi64(poly->sum.at[i], has_block, sum.at[i]);
	}
	group->lanes.n_absorbed++;
}

/* One chunk that all packets have. */
TARGET static void absorb_chunk(struct group *group)
{
	struct limbs product[2] = {no_limbs(), no_limbs()};
	__m512i half[8] __attribute__((uninitialized));

	load_blocks(group, group->lanes.n_absorbed++, half);
	UNROLL
	for (size_t k = 0; k < 4; k++) {
		if (group->has_powers)
			absorb_quarter(group, k, &half[2 * k], product);
		else
			absorb_block(&group->poly.sum, &group->poly, &half[2 * k]);
	}
	if (group->has_powers)
		group->poly.sum = carry(&product[0], &product[1]);
}

TARGET static void absorb_until(struct group *group, size_t n_chunks)
{
	while (group->lanes.n_absorbed < n_chunks && group->lanes.n_absorbed < group->lanes.n_full)
		absorb_chunk(group);
	while (group->lanes.n_absorbed < n_chunks)
		absorb_end(group);
}

VECTOR void apply_whole(const struct lane *lane, size_t offset, __m512i stream)
{
	__m512i bytes = _mm512_loadu_si512(lane_source(lane, offset));

	_mm512_storeu_si512(lane->out + offset, _mm512_xor_si512(bytes, stream));
}

VECTOR void apply_end(const struct lane *lane, size_t offset, __m512i stream)
{
	__m512i bytes = _mm512_setzero_si512();

	if (offset >= lane->len)
		return;
	if (offset < lane->given)
		bytes = _mm512_maskz_loadu_epi8(lane_mask(lane->given - offset),
						lane_source(lane, offset));
	_mm512_mask_storeu_epi8(lane->out + offset, lane_mask(lane->len - offset),
				_mm512_xor_si512(bytes, stream));
}

/* stream: of lanes 0 to 7, two rows of four */
VECTOR void apply_chunk(struct group *group, const struct row stream[2])
{
	size_t offset = 64 * group->lanes.n_applied;

	if (group->lanes.n_applied++ < group->lanes.n_full)
		UNROLL
	for (size_t i = 0; i < AEAD_LANES; i++)
		apply_whole(&group->lanes.at[i], offset, stream[i / 4].at[i % 4]);
	else UNROLL for (size_t i = 0; i < AEAD_LANES; i++)
		apply_end(&group->lanes.at[i], offset, stream[i / 4].at[i % 4]);
}

/* The first block of a packet's key stream is its key for Poly1305. */
VECTOR void begin_poly(struct group *group, const struct row stream[2])
{
	__m512i at[8];

	UNROLL
	for (size_t i = 0; i < AEAD_LANES; i++)
		at[i] = stream[i / 4].at[i % 4];
	transpose_blocks(at);
	LANE_POLY_KEYS(at, AEAD_LANES);
	set_r(&group->poly, at[0], at[1]);
	group->has_powers = false;
	group->s[0] = at[2];
	group->s[1] = at[3];
}

VECTOR void begin_chacha(struct chacha *chacha, const struct crypto_key *key,
			 const struct aead_packet *packet)
{
	begin_nonces(chacha, key, packet);
	chacha->counter = _mm512_mask_set1_epi32(_mm512_setzero_si512(), 0xff00, 1);
}

VECTOR void run_steps(struct group *group, enum aead_direction direction)
{
	struct row stream[4];

	make_stream(&group->chacha, stream);
	begin_poly(group, stream);
	if (direction == AEAD_OPEN)
		absorb_until(group, 1);
	apply_chunk(group, stream + 2);
	while (group->lanes.n_applied < group->lanes.n_chunks) {
		size_t n_ready = direction == AEAD_SEAL ? group->lanes.n_applied : SIZE_MAX;

		group->chacha.counter =
			_mm512_add_epi32(group->chacha.counter, _mm512_set1_epi32(2));
		if (group->lanes.n_absorbed + 2 <= group->lanes.n_full &&
		    group->lanes.n_absorbed + 2 <= n_ready)
			make_stream_and_absorb(group, stream);
		else
			make_stream(&group->chacha, stream);
		if (direction == AEAD_OPEN)
			absorb_until(group, group->lanes.n_applied + 2);
		apply_chunk(group, stream);
		apply_chunk(group, stream + 2);
	}
}

__attribute__((noinline)) TARGET static void run_lanes(const struct crypto_key *key,
						       struct aead_packet *packet,
						       enum aead_direction direction)
{
	uint64_t limb[3][AEAD_LANES], s[2][AEAD_LANES];
	struct group group __attribute__((uninitialized));

	lanes_begin(&group.lanes, packet);
	begin_chacha(&group.chacha, key, packet);
	run_steps(&group, direction);
	absorb_until(&group, group.lanes.n_to_absorb);
	for (size_t i = 0; i < 3; i++)
		_mm512_storeu_si512(limb[i], group.poly.sum.at[i]);
	for (size_t i = 0; i < 2; i++)
		_mm512_storeu_si512(s[i], group.s[i]);
	for (size_t i = 0; i < AEAD_LANES; i++)
		lane_end(&packet[i], (const uint64_t[]){limb[0][i], limb[1][i], limb[2][i]},
			 (const uint64_t[]){s[0][i], s[1][i]}, direction);
}

__attribute__((noinline)) TARGET static void burn_group_stack(void)
{
	__m512i area[112] __attribute__((uninitialized));

	burn(area, 112);
}

TARGET static void run_group(const struct crypto_key *key, struct aead_packet packet[AEAD_LANES],
			     enum aead_direction direction)
{
	run_lanes(key, packet, direction);
	burn_group_stack();
	burn_registers();
}

/* ---- one packet ---- */

enum { ONE_BLOCKS = 16 /* of key stream at once */ };

struct one {
	struct lane lane;
	struct row state; /* four blocks: at[3] counts on */
	struct limbs sum;
	struct limbs powers;	   /* of r, 1 to 8 */
	struct limbs step, step20; /* r^8 in every lane, and times 20 */
	uint64_t s[2];
	size_t n_applied; /* bytes */
};

#define TURN_WORDS(row, by)                                                                        \
	((row)->at[0] = _mm512_shuffle_epi32((row)->at[0], by),                                    \
	 (row)->at[1] = _mm512_shuffle_epi32((row)->at[1], by),                                    \
	 (row)->at[2] = _mm512_shuffle_epi32((row)->at[2], by),                                    \
	 (row)->at[3] = _mm512_shuffle_epi32((row)->at[3], by))

/* As double_round(), but v[i].at[k] is row i of the state, of the four blocks
 * from 4 * k on.
 */
VECTOR void double_round_across(struct row v[4])
{
	quarter_rounds(&v[0], &v[1], &v[2], &v[3]);
	TURN_WORDS(&v[1], 0x39);
	TURN_WORDS(&v[2], 0x4e);
	TURN_WORDS(&v[3], 0x93);
	quarter_rounds(&v[0], &v[1], &v[2], &v[3]);
	TURN_WORDS(&v[1], 0x93);
	TURN_WORDS(&v[2], 0x4e);
	TURN_WORDS(&v[3], 0x39);
}

VECTOR __m512i count_four(void)
{
	return _mm512_set4_epi32(0, 0, 0, 4);
}

VECTOR void begin_rounds_across(const struct one *one, struct row v[4])
{
	__m512i counter = one->state.at[3];

	UNROLL
	for (size_t i = 0; i < 3; i++)
		v[i] = (struct row){
			{one->state.at[i], one->state.at[i], one->state.at[i], one->state.at[i]}};
	UNROLL
	for (size_t k = 0; k < 4; k++) {
		v[3].at[k] = counter;
		counter = _mm512_add_epi32(counter, count_four());
	}
}

/* The next 4 * n blocks; n is a constant, and what is not used is not computed. */
VECTOR void make_blocks_of(struct one *one, size_t n, struct row stream[4])
{
	struct row v[4], begun[4];

	begin_rounds_across(one, v);
	for (int i = 0; i < 10; i++)
		double_round_across(v);
	begin_rounds_across(one, begun);
	UNROLL
	for (size_t i = 0; i < 4; i++)
		add_rows(&v[i], &begun[i], 0);
	UNROLL
	for (size_t k = 0; k < n; k++) {
		stream[k] = transpose_pieces(v[0].at[k], v[1].at[k], v[2].at[k], v[3].at[k]);
		one->state.at[3] = _mm512_add_epi32(one->state.at[3], count_four());
	}
}

/* Enough of the next ONE_BLOCKS blocks for n of them. */
TARGET static void make_blocks(struct one *one, size_t n, struct row stream[4])
{
	if (n <= 4)
		make_blocks_of(one, 1, stream);
	else if (n <= 8)
		make_blocks_of(one, 2, stream);
	else if (n <= 12)
		make_blocks_of(one, 3, stream);
	else
		make_blocks_of(one, 4, stream);
}

VECTOR void apply_blocks(struct one *one, const struct row stream[4], size_t first, size_t n)
{
	for (size_t i = first; i < n; i++, one->n_applied += 64) {
		if (one->n_applied + 64 <= one->lane.given)
			apply_whole(&one->lane, one->n_applied, stream[i / 4].at[i % 4]);
		else
			apply_end(&one->lane, one->n_applied, stream[i / 4].at[i % 4]);
	}
}

VECTOR struct limbs blend_limbs(__mmask8 mask, const struct limbs *a, const struct limbs *b)
{
	return (struct limbs){{_mm512_mask_mov_epi64(a->at[0], mask, b->at[0]),
			       _mm512_mask_mov_epi64(a->at[1], mask, b->at[1]),
			       _mm512_mask_mov_epi64(a->at[2], mask, b->at[2])}};
}

/* Lane `from[i]` of each limb to lane i. */
VECTOR struct limbs pick_lanes(const struct limbs *a, __m512i from)
{
	return (struct limbs){{_mm512_permutexvar_epi64(from, a->at[0]),
			       _mm512_permutexvar_epi64(from, a->at[1]),
			       _mm512_permutexvar_epi64(from, a->at[2])}};
}

VECTOR void set_powers(struct one *one, uint64_t low, uint64_t high)
{
	struct limbs power, more, more20;
	struct poly poly;

	set_r(&poly, _mm512_set1_epi64((int64_t)low), _mm512_set1_epi64((int64_t)high));
	power = poly.r;
	more = multiply(&power, &power, &poly.r20);
	more20 = times_20(&more);
	power = blend_limbs(0xaa, &power, &more); /* r, r^2 and so on */
	more = multiply(&power, &more, &more20);  /* r^3, r^4 and so on */
	power = blend_limbs(0xcc, &power, &more);
	more = pick_lanes(&more, _mm512_set1_epi64(3));
	more20 = times_20(&more);
	more = multiply(&power, &more, &more20); /* r^5 to r^8, twice */
	one->powers = blend_limbs(0xf0, &power, &more);
	one->step = pick_lanes(&more, _mm512_set1_epi64(7));
	one->step20 = times_20(&one->step);
}

/* The 16-byte block of 128 bytes that is in lane i after interleaving. */
VECTOR __m512i block_of_lane(void)
{
	return _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
}

VECTOR struct limbs load_row(const struct one *one, size_t offset)
{
	__m512i a = _mm512_loadu_si512(one->lane.out + offset);
	__m512i b = _mm512_loadu_si512(one->lane.out + offset + 64);
	struct limbs zero = no_limbs();

	return add_block(&zero, _mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

VECTOR void absorb_whole(struct one *one, size_t offset)
{
	struct limbs row = load_row(one, offset);

	one->sum = multiply(&one->sum, &one->step, &one->step20);
	one->sum = add_limbs(&one->sum, &row);
}

/* Rows of 128 bytes, two at a time as far as they go, with one carry for both:
 * each waits for the one before it.  Returns where the next is.
 */
VECTOR size_t absorb_pairs(struct one *one)
{
	struct limbs twice = multiply(&one->step, &one->step, &one->step20);
	struct limbs twice20 = times_20(&twice);
	size_t offset = 0;

	for (; offset + 256 <= one->lane.len; offset += 256) {
		struct limbs low = no_limbs(), high = no_limbs();
		struct limbs first = load_row(one, offset), second = load_row(one, offset + 128);

		multiply_add_limbs(&low, &high, &first, &one->step, &one->step20);
		multiply_add_limbs(&low, &high, &one->sum, &twice, &twice20);
		one->sum = carry(&low, &high);
		one->sum = add_limbs(&one->sum, &second);
	}
	return offset;
}

/* Up to 128 bytes; lanes for which there is no block stay as they are. */
VECTOR void absorb_rest(struct one *one, size_t offset)
{
	size_t n_blocks = (lane_padded(&one->lane) - offset) / 16 + 1;
	__m512i a = load_end(&one->lane, offset), b = load_end(&one->lane, offset + 64);
	__mmask8 has_block =
		_mm512_cmplt_epu64_mask(block_of_lane(), _mm512_set1_epi64((int64_t)n_blocks));
	struct limbs next = multiply(&one->sum, &one->step, &one->step20);

	next = add_block(&next, _mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
	one->sum = blend_limbs(has_block, &one->sum, &next);
}

VECTOR void absorb_all(struct one *one)
{
	size_t offset = one->lane.len < 512 ? 0 : absorb_pairs(one);

	for (; offset + 128 <= one->lane.len; offset += 128)
		absorb_whole(one, offset);
	for (; offset <= lane_padded(&one->lane); offset += 128)
		absorb_rest(one, offset);
}

/* Multiplies the lanes with the powers that they still lack, and adds them up. */
VECTOR void end_one(struct one *one, struct aead_packet *packet, enum aead_direction direction)
{
	int64_t n_blocks = (int64_t)(lane_padded(&one->lane) / 16 + 1);
	__m512i lacks =
		_mm512_and_si512(_mm512_sub_epi64(_mm512_set1_epi64(n_blocks - 1), block_of_lane()),
				 _mm512_set1_epi64(7));
	struct limbs power = pick_lanes(&one->powers, lacks);
	struct limbs power20 = times_20(&power);
	struct limbs sum = multiply(&one->sum, &power, &power20);
	uint64_t h[3];

	UNROLL
	for (size_t i = 0; i < 3; i++)
		h[i] = (uint64_t)_mm512_reduce_add_epi64(sum.at[i]);
	lane_end(packet, h, one->s, direction);
}

VECTOR void begin_one(struct one *one, const struct crypto_key *key,
		      const struct aead_packet *packet)
{
	uint32_t word[12];

	lane_begin(&one->lane, packet);
	lane_state(key, word);
	UNROLL
	for (size_t i = 0; i < 3; i++)
		one->state.at[i] = _mm512_broadcast_i32x4(
			_mm_loadu_si128((const __m128i *)(const void *)(word + 4 * i)));
	one->state.at[3] =
		_mm512_add_epi32(_mm512_set4_epi32((int)(packet->counter >> 32),
						   (int)packet->counter, (int)LANE_NONCE_HEAD, 0),
				 _mm512_setr_epi32(0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0));
	one->n_applied = 0;
}

__attribute__((noinline)) TARGET static void run_packet(const struct crypto_key *key,
							struct aead_packet *packet,
							enum aead_direction direction)
{
	size_t n_left = 1 + (packet->len + 63) / 64;
	struct row stream[4] __attribute__((uninitialized));
	struct one one __attribute__((uninitialized));
	uint64_t first[8];

	begin_one(&one, key, packet);
	make_blocks(&one, n_left, stream);
	_mm512_storeu_si512(first, stream[0].at[0]);
	LANE_POLY_KEYS(first, 1);
	set_powers(&one, first[0], first[1]);
	one.s[0] = first[2];
	one.s[1] = first[3];
	one.sum = no_limbs();
	if (direction == AEAD_OPEN)
		absorb_all(&one);
	apply_blocks(&one, stream, 1, n_left < ONE_BLOCKS ? n_left : ONE_BLOCKS);
	while (n_left > ONE_BLOCKS) {
		n_left -= ONE_BLOCKS;
		make_blocks(&one, n_left, stream);
		apply_blocks(&one, stream, 0, n_left < ONE_BLOCKS ? n_left : ONE_BLOCKS);
	}
	if (direction == AEAD_SEAL)
		absorb_all(&one);
	end_one(&one, packet, direction);
}

__attribute__((noinline)) TARGET static void burn_one_stack(void)
{
	__m512i area[68] __attribute__((uninitialized));

	burn(area, 68);
}

TARGET static void run_one(const struct crypto_key *key, struct aead_packet *packet,
			   enum aead_direction direction)
{
	run_packet(key, packet, direction);
	burn_one_stack();
	burn_registers();
}

static bool is_supported(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vbmi2") &&
	       __builtin_cpu_supports("bmi2");
}

const struct aead_kernel aead_avx512 = {
	.name = "avx512",
	.is_supported = is_supported,
	.run_group = run_group,
	.run_one = run_one,
	.group_cost = {.start = 530, .block = 122},
	.one_cost = {.start = 235, .block = 18},
};

#endif
