/* What the kernels share: a packet as one row of 64-byte chunks, and its tag.
 *
 * Whatever of a packet is not whole chunks of its body (the head, and the start
 * of the body beside it) is copied to where it will be encrypted; the rest is
 * read from the body itself, so that encryption is the copy.
 */
#ifndef ADIT_WIREGUARD_AEAD_LANE_H
#define ADIT_WIREGUARD_AEAD_LANE_H

#include "wireguard/aead.h"

#include <string.h>

/* Arrays of vectors stay in registers only where every index is a constant. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
/* TARGET is the kernel's: what it is compiled for. */
#define VECTOR static inline __attribute__((always_inline)) TARGET

/* What is the same in all of WireGuard's packets.  Tests compile the kernels again
 * with other values, since published vectors have them.
 */
#ifndef LANE_NONCE_HEAD
#define LANE_NONCE_HEAD 0 /* the first word of the nonce */
#define LANE_AAD_LEN	0 /* bytes of associated data, as the block of lengths says */
#define LANE_AAD_PADDED 0 /* bytes that come of it, at the packet's beginning */
/* Poly1305's keys, r and s, of n packets: four numbers of 64 bits of each */
#define LANE_POLY_KEYS(at, n) ((void)(at))
#endif

struct lane {
	const uint8_t *body;
	uint8_t *out;
	size_t front;	 /* bytes, whole chunks, that are read from `out` */
	size_t head_len; /* the body's place in the packet */
	size_t given;	 /* head and body; zeroes follow */
	size_t len;	 /* encrypted bytes */
};

static inline void lane_begin(struct lane *lane, const struct aead_packet *packet)
{
	bool is_in_place = packet->body == packet->out + packet->head_len;

	*lane = (struct lane){
		.body = packet->body,
		.out = packet->out,
		.head_len = packet->head_len,
		.given = packet->head_len + packet->body_len,
		.len = packet->len,
	};
	if (packet->head_len > 0) {
		lane->front = (packet->head_len + 63) / 64 * 64;
		memcpy(packet->out, packet->head, packet->head_len);
	}
	if (lane->front > lane->given)
		lane->front = lane->given;
	if (is_in_place)
		lane->front = SIZE_MAX;
	else if (lane->front > packet->head_len)
		memcpy(packet->out + packet->head_len, packet->body,
		       lane->front - packet->head_len);
}

static inline const uint8_t *lane_source(const struct lane *lane, size_t offset)
{
	return offset < lane->front ? lane->out + offset : lane->body + (offset - lane->head_len);
}

/* Poly1305's input but for the block of lengths: bytes, a multiple of 16. */
static inline size_t lane_padded(const struct lane *lane)
{
	return (lane->len + 15) & ~(size_t)15;
}

/* A bit for each of the next 64 bytes, of which there are n; n is not 0. */
static inline uint64_t lane_mask(size_t n)
{
	return n < 64 ? (UINT64_C(1) << n) - 1 : ~UINT64_C(0);
}

/* The first twelve words of ChaCha20's state (RFC 8439 section 2.3). */
static inline void lane_state(const struct crypto_key *key, uint32_t ret[12])
{
	static const uint8_t constant[] = "expand 32-byte k";

	for (size_t i = 0; i < 4; i++)
		ret[i] = le32_load(constant + 4 * i);
	for (size_t i = 0; i < 8; i++)
		ret[4 + i] = le32_load(key->byte + 4 * i);
}

/* RFC 8439 section 2.8 */
static inline void lane_store_lengths(const struct lane *lane, uint8_t ret[16])
{
	le64_store(ret, LANE_AAD_LEN);
	le64_store(ret + 8, lane->len - LANE_AAD_PADDED);
}

/* What Poly1305 takes at `offset`, zeroes after it: up to 64 bytes of the sealed
 * packet, and the block of lengths.
 */
static inline void lane_copy_end(const struct lane *lane, size_t offset, uint8_t ret[64])
{
	size_t lengths = lane_padded(lane);

	memset(ret, 0, 64);
	if (offset < lane->len)
		memcpy(ret, lane->out + offset, lane->len - offset < 64 ? lane->len - offset : 64);
	if (lengths >= offset && lengths < offset + 64)
		lane_store_lengths(lane, ret + (lengths - offset));
}

/* A group walks in step, a chunk of 64 bytes of every packet at a time. */
struct lanes {
	struct lane at[AEAD_LANES];
	size_t n_chunks;    /* of the longest packet */
	size_t n_full;	    /* that all packets have whole */
	size_t n_applied;   /* encrypted or decrypted so far */
	size_t n_absorbed;  /* authenticated so far */
	size_t n_to_absorb; /* in all: the last has the longest packet's lengths */
};

static inline void lanes_begin(struct lanes *lanes, const struct aead_packet packet[AEAD_LANES])
{
	size_t shortest = SIZE_MAX, longest = 0;

	for (size_t i = 0; i < AEAD_LANES; i++) {
		struct lane *lane = &lanes->at[i];

		lane_begin(lane, &packet[i]);
		shortest = lane->given < shortest ? lane->given : shortest;
		longest = lane->len > longest ? lane->len : longest;
	}
	lanes->n_chunks = (longest + 63) / 64;
	lanes->n_full = shortest / 64;
	lanes->n_applied = 0;
	lanes->n_absorbed = 0;
	lanes->n_to_absorb = (longest + 15) / 64 + 1;
}

/* A bit for each lane that has input for Poly1305 at `offset`. */
static inline unsigned int lanes_with_block(const struct lanes *lanes, size_t offset)
{
	unsigned int ret = 0;

	for (size_t i = 0; i < AEAD_LANES; i++)
		ret |= (offset <= lane_padded(&lanes->at[i]) ? 1U : 0U) << i;
	return ret;
}

/* Poly1305's end (RFC 8439 section 2.5): the sum, limbs of 44 bits that may hold
 * some bits more, modulo 2^130 - 5, and s added modulo 2^128.
 */
static inline void lane_tag(const uint64_t limb[3], const uint64_t s[2], uint64_t ret[2])
{
	const uint64_t mask = (UINT64_C(1) << 44) - 1;
	uint64_t h0 = limb[0], h1 = limb[1], h2 = limb[2], g0, g1, g2, keep;

	/* Twice: the first carry out of the top may make another. */
	for (int i = 0; i < 2; i++) {
		h1 += h0 >> 44;
		h2 += h1 >> 44;
		h0 = (h0 & mask) + 5 * (h2 >> 42);
		h1 &= mask;
		h2 &= mask >> 2;
	}
	h1 += h0 >> 44;
	h0 &= mask;
	h2 += h1 >> 44;
	h1 &= mask;

	/* What is at or above the modulus reaches 2^130 when 5 is added. */
	g0 = h0 + 5;
	g1 = h1 + (g0 >> 44);
	g2 = h2 + (g1 >> 44);
	keep = (g2 >> 42) - 1;
	h0 = (h0 & keep) | (g0 & mask & ~keep);
	h1 = (h1 & keep) | (g1 & mask & ~keep);
	h2 = (h2 & keep) | (g2 & ~keep);

	h0 |= h1 << 44;
	h1 = h1 >> 20 | h2 << 24;
	ret[0] = h0 + s[0];
	ret[1] = h1 + s[1] + (ret[0] < h0);
}

/* Writes the tag, or compares it, in the same time whatever differs. */
static inline void lane_end(struct aead_packet *packet, const uint64_t limb[3], const uint64_t s[2],
			    enum aead_direction direction)
{
	uint8_t *at = packet->out + packet->len;
	uint64_t tag[2];

	lane_tag(limb, s, tag);
	if (direction == AEAD_SEAL) {
		le64_store(at, tag[0]);
		le64_store(at + 8, tag[1]);
	} else {
		packet->is_authentic =
			((le64_load(at) ^ tag[0]) | (le64_load(at + 8) ^ tag[1])) == 0;
	}
}

#endif
