/* How it works
 *
 * Eight packets at a time, as the first part of aead_avx512.c says it, with
 * registers of half the size: ChaCha20 has one block of each packet, Poly1305
 * four packets in each of two registers.  Single packets are OpenSSL's.
 *
 * Numbers modulo 2^130 - 5 are five limbs of 26 bits, since products are of 32
 * bits by 32.
 */
#ifdef __x86_64__

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define TARGET __attribute__((target("avx2,bmi2")))
#include "wireguard/aead_lane.h"

enum { HALVES = 2, HALF_LANES = 4 };

/* ---- ChaCha20, a block in each lane ---- */

typedef __m256i vector;
enum { ROW_STEP = 2 };

VECTOR __m256i vector_set(uint32_t word)
{
	return _mm256_set1_epi32((int)word);
}

VECTOR __m256i vector_add(__m256i a, __m256i b)
{
	return _mm256_add_epi32(a, b);
}

VECTOR __m256i vector_xor(__m256i a, __m256i b)
{
	return _mm256_xor_si256(a, b);
}

/* By whole bytes is one instruction. */
VECTOR __m256i vector_rotate(__m256i v, int bits)
{
	if (bits == 16)
		return _mm256_shuffle_epi8(
			v, _mm256_set_epi64x(0x0d0c0f0e09080b0a, 0x0504070601000302,
					     0x0d0c0f0e09080b0a, 0x0504070601000302));
	if (bits == 8)
		return _mm256_shuffle_epi8(
			v, _mm256_set_epi64x(0x0e0d0c0f0a09080b, 0x0605040702010003,
					     0x0e0d0c0f0a09080b, 0x0605040702010003));
	return _mm256_or_si256(_mm256_slli_epi32(v, bits), _mm256_srli_epi32(v, 32 - bits));
}

VECTOR __m256i vector_zip_32(__m256i a, __m256i b, bool is_high)
{
	return is_high ? _mm256_unpackhi_epi32(a, b) : _mm256_unpacklo_epi32(a, b);
}

VECTOR __m256i vector_zip_64(__m256i a, __m256i b, bool is_high)
{
	return is_high ? _mm256_unpackhi_epi64(a, b) : _mm256_unpacklo_epi64(a, b);
}

#include "wireguard/aead_rows.h"

/* 64 bytes of key stream. */
struct block {
	__m256i half[2];
};

VECTOR void end_rounds(const struct chacha *chacha, struct row v[4],
		       struct block stream[AEAD_LANES])
{
	struct row begun[4];

	begin_rounds(chacha, begun);
	UNROLL
	for (size_t i = 0; i < 4; i++) {
		add_rows(&v[i], &begun[i], 0);
		add_rows(&v[i], &begun[i], ROW_STEP);
		transpose_words(&v[i]);
	}
	UNROLL
	for (size_t j = 0; j < 4; j++)
		UNROLL
	for (size_t k = 0; k < 2; k++) {
		__m256i a = v[2 * k].at[j], b = v[2 * k + 1].at[j];

		stream[j].half[k] = _mm256_permute2x128_si256(a, b, 0x20);
		stream[4 + j].half[k] = _mm256_permute2x128_si256(a, b, 0x31);
	}
}

/* The next block of every packet's key stream. */
TARGET static void make_stream(struct chacha *chacha, struct block stream[AEAD_LANES])
{
	struct row v[4];

	begin_rounds(chacha, v);
	for (int i = 0; i < 10; i++)
		double_round(v);
	end_rounds(chacha, v, stream);
	chacha->counter = _mm256_add_epi32(chacha->counter, _mm256_set1_epi32(1));
}

/* ---- Poly1305, a number in each of four lanes ---- */

struct limbs {
	__m256i at[5];
};

struct poly {
	struct limbs sum;
	struct limbs r;
	struct limbs r5; /* r times 5; limb 0 is not used */
};

VECTOR __m256i low_bits(__m256i v)
{
	return _mm256_and_si256(v, _mm256_set1_epi64x((1 << 26) - 1));
}

/* A 16-byte block of each lane, without the bit above it. */
VECTOR struct limbs split_limbs(__m256i low, __m256i high)
{
	__m256i middle = _mm256_or_si256(_mm256_srli_epi64(low, 52), _mm256_slli_epi64(high, 12));

	return (struct limbs){{low_bits(low), low_bits(_mm256_srli_epi64(low, 26)),
			       low_bits(middle), low_bits(_mm256_srli_epi64(high, 14)),
			       _mm256_srli_epi64(high, 40)}};
}

VECTOR __m256i carry_over(__m256i *to, __m256i from)
{
	*to = _mm256_add_epi64(*to, _mm256_srli_epi64(from, 26));
	return low_bits(from);
}

/* Limbs of up to 60 bits, brought below 2^26, some bits more in limbs 1 and 4. */
VECTOR struct limbs carry(struct limbs v)
{
	__m256i over;

	v.at[0] = carry_over(&v.at[1], v.at[0]);
	v.at[3] = carry_over(&v.at[4], v.at[3]);
	v.at[1] = carry_over(&v.at[2], v.at[1]);
	over = _mm256_srli_epi64(v.at[4], 26);
	v.at[4] = low_bits(v.at[4]);
	/* 2^130 is 5 */
	v.at[0] = _mm256_add_epi64(v.at[0], _mm256_add_epi64(over, _mm256_slli_epi64(over, 2)));
	v.at[2] = carry_over(&v.at[3], v.at[2]);
	v.at[0] = carry_over(&v.at[1], v.at[0]);
	v.at[3] = carry_over(&v.at[4], v.at[3]);
	return v;
}

VECTOR struct limbs multiply(const struct limbs *a, const struct poly *poly)
{
	struct limbs ret;

	UNROLL
	for (size_t i = 0; i < 5; i++) {
		ret.at[i] = _mm256_mul_epu32(a->at[0], poly->r.at[i]);
		UNROLL
		for (size_t j = 1; j < 5; j++) {
			__m256i b = j <= i ? poly->r.at[i - j] : poly->r5.at[5 + i - j];

			ret.at[i] = _mm256_add_epi64(ret.at[i], _mm256_mul_epu32(a->at[j], b));
		}
	}
	return carry(ret);
}

VECTOR void absorb_block(struct limbs *sum, const struct poly *poly, __m256i low, __m256i high)
{
	struct limbs block = split_limbs(low, high);

	/* 2^128 */
	block.at[4] = _mm256_or_si256(block.at[4], _mm256_set1_epi64x(1 << 24));
	UNROLL
	for (size_t i = 0; i < 5; i++)
		block.at[i] = _mm256_add_epi64(block.at[i], sum->at[i]);
	*sum = multiply(&block, poly);
}

VECTOR void set_r(struct poly *poly, __m256i low, __m256i high)
{
	/* RFC 8439 section 2.5 */
	low = _mm256_and_si256(low, _mm256_set1_epi64x(0x0ffffffc0fffffff));
	high = _mm256_and_si256(high, _mm256_set1_epi64x(0x0ffffffc0ffffffc));
	poly->r = split_limbs(low, high);
	for (size_t i = 0; i < 5; i++) {
		poly->r5.at[i] =
			_mm256_add_epi64(poly->r.at[i], _mm256_slli_epi64(poly->r.at[i], 2));
		poly->sum.at[i] = _mm256_setzero_si256();
	}
}

/* A matrix of 4 by 4 halves of blocks, transposed. */
VECTOR void transpose_blocks(__m256i at[4])
{
	__m256i a = _mm256_unpacklo_epi64(at[0], at[1]);
	__m256i b = _mm256_unpackhi_epi64(at[0], at[1]);
	__m256i c = _mm256_unpacklo_epi64(at[2], at[3]);
	__m256i d = _mm256_unpackhi_epi64(at[2], at[3]);

	at[0] = _mm256_permute2x128_si256(a, c, 0x20);
	at[1] = _mm256_permute2x128_si256(b, d, 0x20);
	at[2] = _mm256_permute2x128_si256(a, c, 0x31);
	at[3] = _mm256_permute2x128_si256(b, d, 0x31);
}

/* ---- eight packets ---- */

struct group {
	struct lanes lanes;
	struct chacha chacha;
	struct poly poly[HALVES];
	__m256i s[HALVES][2]; /* of Poly1305: added at the end */
};

VECTOR __m256i load(const uint8_t *at)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

VECTOR void store(void *at, __m256i v)
{
	_mm256_storeu_si256(at, v);
}

/* Two blocks of four packets, `at` of each. */
VECTOR void absorb_two(struct limbs *sum, const struct poly *poly,
		       const uint8_t *const at[HALF_LANES], size_t offset)
{
	__m256i half[4] = {load(at[0] + offset), load(at[1] + offset), load(at[2] + offset),
			   load(at[3] + offset)};

	transpose_blocks(half);
	absorb_block(sum, poly, half[0], half[1]);
	absorb_block(sum, poly, half[2], half[3]);
}

TARGET static void absorb_whole(struct group *group, size_t n_chunks)
{
	struct lanes *lanes = &group->lanes;

	for (size_t i = 0; i < HALVES; i++) {
		struct limbs sum = group->poly[i].sum;
		const uint8_t *const at[HALF_LANES] = {
			lanes->at[HALF_LANES * i].out, lanes->at[HALF_LANES * i + 1].out,
			lanes->at[HALF_LANES * i + 2].out, lanes->at[HALF_LANES * i + 3].out};

		for (size_t offset = 64 * lanes->n_absorbed; offset < 64 * n_chunks; offset += 32)
			absorb_two(&sum, &group->poly[i], at, offset);
		group->poly[i].sum = sum;
	}
	lanes->n_absorbed = n_chunks;
}

/* A block of some of the packets; the others' sums stay as they are. */
VECTOR void absorb_masked(struct poly *poly, __m256i low, __m256i high, unsigned int has_block)
{
	const __m256i bit = _mm256_setr_epi64x(1, 2, 4, 8);
	__m256i mask =
		_mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(has_block), bit), bit);
	struct limbs sum = poly->sum;

	absorb_block(&sum, poly, low, high);
	for (size_t i = 0; i < 5; i++)
		poly->sum.at[i] = _mm256_blendv_epi8(poly->sum.at[i], sum.at[i], mask);
}

/* One chunk, of which some packets have only a part or nothing. */
TARGET static void absorb_end(struct group *group)
{
	size_t offset = 64 * group->lanes.n_absorbed++;
	uint8_t chunk[AEAD_LANES][64];

	for (size_t i = 0; i < AEAD_LANES; i++)
		lane_copy_end(&group->lanes.at[i], offset, chunk[i]);
	for (size_t k = 0; k < 4; k += 2) {
		unsigned int has_first = lanes_with_block(&group->lanes, offset + 16 * k);
		unsigned int has_second = lanes_with_block(&group->lanes, offset + 16 * k + 16);

		for (size_t i = 0; i < HALVES && has_first; i++) {
			uint8_t(*at)[64] = chunk + HALF_LANES * i;
			__m256i half[4] = {load(at[0] + 16 * k), load(at[1] + 16 * k),
					   load(at[2] + 16 * k), load(at[3] + 16 * k)};

			transpose_blocks(half);
			absorb_masked(&group->poly[i], half[0], half[1],
				      has_first >> HALF_LANES * i);
			absorb_masked(&group->poly[i], half[2], half[3],
				      has_second >> HALF_LANES * i);
		}
	}
}

TARGET static void absorb_until(struct group *group, size_t n_chunks)
{
	size_t n_whole = n_chunks < group->lanes.n_full ? n_chunks : group->lanes.n_full;

	if (group->lanes.n_absorbed < n_whole)
		absorb_whole(group, n_whole);
	while (group->lanes.n_absorbed < n_chunks)
		absorb_end(group);
}

VECTOR void xor_block(uint8_t *out, const uint8_t *from, const struct block *stream)
{
	__m256i first = load(from), second = load(from + 32);

	store(out, _mm256_xor_si256(first, stream->half[0]));
	store(out + 32, _mm256_xor_si256(second, stream->half[1]));
}

VECTOR void apply_end(const struct lane *lane, size_t offset, const struct block *stream)
{
	uint8_t bytes[64] = {0};
	size_t n;

	if (offset >= lane->len)
		return;
	n = lane->len - offset < 64 ? lane->len - offset : 64;
	if (offset < lane->given)
		memcpy(bytes, lane_source(lane, offset),
		       lane->given - offset < n ? lane->given - offset : n);
	xor_block(bytes, bytes, stream);
	memcpy(lane->out + offset, bytes, n);
}

VECTOR void apply_chunk(struct group *group, const struct block stream[AEAD_LANES])
{
	size_t offset = 64 * group->lanes.n_applied;
	bool is_full = group->lanes.n_applied++ < group->lanes.n_full;

	for (size_t i = 0; i < AEAD_LANES; i++) {
		const struct lane *lane = &group->lanes.at[i];

		if (is_full)
			xor_block(lane->out + offset, lane_source(lane, offset), &stream[i]);
		else
			apply_end(lane, offset, &stream[i]);
	}
}

VECTOR void begin_chacha(struct chacha *chacha, const struct crypto_key *key,
			 const struct aead_packet *packet)
{
	begin_nonces(chacha, key, packet);
	chacha->counter = _mm256_setzero_si256();
}

/* The first block of a packet's key stream is its key for Poly1305. */
VECTOR void begin_poly(struct group *group, const struct block stream[AEAD_LANES])
{
	for (size_t i = 0; i < HALVES; i++) {
		const struct block *at = stream + HALF_LANES * i;
		__m256i half[4] = {at[0].half[0], at[1].half[0], at[2].half[0], at[3].half[0]};

		transpose_blocks(half);
		LANE_POLY_KEYS(half, HALF_LANES);
		set_r(&group->poly[i], half[0], half[1]);
		group->s[i][0] = half[2];
		group->s[i][1] = half[3];
	}
}

/* Four packets' tags; limbs of 26 bits become those of lane_end(). */
TARGET static void end_half(const struct group *group, size_t i, struct aead_packet *packet,
			    enum aead_direction direction)
{
	uint64_t limb[5][HALF_LANES], s[2][HALF_LANES];

	for (size_t k = 0; k < 5; k++)
		store(limb[k], group->poly[i].sum.at[k]);
	for (size_t k = 0; k < 2; k++)
		store(s[k], group->s[i][k]);
	for (size_t k = 0; k < HALF_LANES; k++) {
		const uint64_t joined[3] = {limb[0][k] + (limb[1][k] << 26),
					    (limb[2][k] << 8) + (limb[3][k] << 34),
					    limb[4][k] << 16};

		lane_end(&packet[k], joined, (const uint64_t[]){s[0][k], s[1][k]}, direction);
	}
}

__attribute__((noinline)) TARGET static void run_lanes(const struct crypto_key *key,
						       struct aead_packet *packet,
						       enum aead_direction direction)
{
	struct block stream[AEAD_LANES] __attribute__((uninitialized));
	struct group group __attribute__((uninitialized));

	lanes_begin(&group.lanes, packet);
	begin_chacha(&group.chacha, key, packet);
	make_stream(&group.chacha, stream);
	begin_poly(&group, stream);
	while (group.lanes.n_applied < group.lanes.n_chunks) {
		make_stream(&group.chacha, stream);
		if (direction == AEAD_OPEN)
			absorb_until(&group, group.lanes.n_applied + 1);
		apply_chunk(&group, stream);
		if (direction == AEAD_SEAL && group.lanes.n_applied <= group.lanes.n_full)
			absorb_until(&group, group.lanes.n_applied);
	}
	absorb_until(&group, group.lanes.n_to_absorb);
	for (size_t i = 0; i < HALVES; i++)
		end_half(&group, i, packet + HALF_LANES * i, direction);
}

/* As in aead_avx512.c. */
__attribute__((noinline)) TARGET static void burn_stack(void)
{
	__m256i area[144] __attribute__((uninitialized));

	for (size_t i = 0; i < 144; i++) {
		_mm256_store_si256(&area[i], _mm256_setzero_si256());
		__asm__ volatile("" : : "r"(&area[i]) : "memory");
	}
}

TARGET static void run_group(const struct crypto_key *key, struct aead_packet packet[AEAD_LANES],
			     enum aead_direction direction)
{
	run_lanes(key, packet, direction);
	burn_stack();
	_mm256_zeroall();
}

static bool is_supported(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}

const struct aead_kernel aead_avx2 = {
	.name = "avx2",
	.is_supported = is_supported,
	.run_group = run_group,
	.group_cost = {.start = 520, .block = 242},
	.one_cost = {.start = 350, .block = 27},
};

#endif
