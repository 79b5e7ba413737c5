/* ChaCha20 on vectors of 32-bit words, whatever their size.
 *
 * A kernel defines, before it includes this, what it is compiled for and what is
 * done to one vector:
 *
 *     TARGET            attributes of every function
 *     vector            the type; ROW_STEP, how many columns are worked on at once
 *                       (so that what is needed fits the registers)
 *     vector_set(word), vector_zero(), vector_add(a, b), vector_xor(a, b),
 *     vector_rotate(v, bits), vector_zip_32(a, b, is_high), vector_zip_64(a, b, is_high)
 *                       the last two are unpack instructions: within 128 bits
 *
 * Everything is inlined, and arrays of vectors stay in registers only where every
 * index is a constant: hence UNROLL.
 */
#ifndef ADIT_WIREGUARD_AEAD_ROWS_H
#define ADIT_WIREGUARD_AEAD_ROWS_H

#include "wireguard/aead_lane.h"

/* Four words of the state in their columns, each of as many blocks as a vector has
 * lanes.
 */
struct row {
	vector at[4];
};

/* A block in each lane. */
struct chacha {
	uint32_t word[12]; /* of the state: constant and key */
	vector counter;	   /* of blocks */
	vector nonce[2];   /* the packet's counter: low and high half */
};

VECTOR void add_rows(struct row *a, const struct row *b, size_t first)
{
	UNROLL
	for (size_t i = first; i < first + ROW_STEP; i++)
		a->at[i] = vector_add(a->at[i], b->at[i]);
}

VECTOR void xor_rows(struct row *a, const struct row *b, size_t first)
{
	UNROLL
	for (size_t i = first; i < first + ROW_STEP; i++)
		a->at[i] = vector_xor(a->at[i], b->at[i]);
}

VECTOR void rotate_row(struct row *row, size_t first, int bits)
{
	UNROLL
	for (size_t i = first; i < first + ROW_STEP; i++)
		row->at[i] = vector_rotate(row->at[i], bits);
}

/* RFC 8439 section 2.1, on ROW_STEP columns */
VECTOR void quarter_rounds_from(struct row *a, struct row *b, struct row *c, struct row *d,
				size_t first)
{
	add_rows(a, b, first);
	xor_rows(d, a, first);
	rotate_row(d, first, 16);
	add_rows(c, d, first);
	xor_rows(b, c, first);
	rotate_row(b, first, 12);
	add_rows(a, b, first);
	xor_rows(d, a, first);
	rotate_row(d, first, 8);
	add_rows(c, d, first);
	xor_rows(b, c, first);
	rotate_row(b, first, 7);
}

VECTOR void quarter_rounds(struct row *a, struct row *b, struct row *c, struct row *d)
{
	UNROLL
	for (size_t first = 0; first < 4; first += ROW_STEP)
		quarter_rounds_from(a, b, c, d, first);
}

/* Makes columns of diagonals (and back, with 3 for 1): names move, not values. */
VECTOR struct row turn(const struct row *row, int by)
{
	return (struct row){{row->at[by % 4], row->at[(by + 1) % 4], row->at[(by + 2) % 4],
			     row->at[(by + 3) % 4]}};
}

VECTOR void double_round(struct row v[4])
{
	quarter_rounds(&v[0], &v[1], &v[2], &v[3]);
	v[1] = turn(&v[1], 1);
	v[2] = turn(&v[2], 2);
	v[3] = turn(&v[3], 3);
	quarter_rounds(&v[0], &v[1], &v[2], &v[3]);
	v[1] = turn(&v[1], 3);
	v[2] = turn(&v[2], 2);
	v[3] = turn(&v[3], 1);
}

VECTOR void begin_rounds(const struct chacha *chacha, struct row v[4])
{
	UNROLL
	for (size_t i = 0; i < 3; i++)
		UNROLL
	for (size_t k = 0; k < 4; k++)
		v[i].at[k] = vector_set(chacha->word[4 * i + k]);
	v[3] = (struct row){
		{chacha->counter, vector_set(LANE_NONCE_HEAD), chacha->nonce[0], chacha->nonce[1]}};
}

/* at[j] becomes the row's words of lanes j, 4 + j and so on. */
VECTOR void transpose_words(struct row *row)
{
	vector a = vector_zip_32(row->at[0], row->at[1], false);
	vector b = vector_zip_32(row->at[0], row->at[1], true);
	vector c = vector_zip_32(row->at[2], row->at[3], false);
	vector d = vector_zip_32(row->at[2], row->at[3], true);

	row->at[0] = vector_zip_64(a, c, false);
	row->at[1] = vector_zip_64(a, c, true);
	row->at[2] = vector_zip_64(b, d, false);
	row->at[3] = vector_zip_64(b, d, true);
}

/* The counters of n packets, round and round, as both halves of nonces. */
VECTOR void begin_nonces(struct chacha *chacha, const struct crypto_key *key,
			 const struct aead_packet *packet)
{
	enum { N_WORDS = sizeof(vector) / sizeof(uint32_t) };
	uint32_t low[N_WORDS], high[N_WORDS];

	lane_state(key, chacha->word);
	UNROLL
	for (size_t i = 0; i < N_WORDS; i++) {
		low[i] = (uint32_t)packet[i % AEAD_LANES].counter;
		high[i] = (uint32_t)(packet[i % AEAD_LANES].counter >> 32);
	}
	memcpy(&chacha->nonce[0], low, sizeof(low));
	memcpy(&chacha->nonce[1], high, sizeof(high));
}

#endif
