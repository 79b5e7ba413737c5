/* Packets of transport data on their way through the cryptography: what crypto.h
 * takes, in one and in many.
 */
#ifndef ADIT_WIREGUARD_CRYPTO_PACKET_H
#define ADIT_WIREGUARD_CRYPTO_PACKET_H

#include "wireguard/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crypto_key {
	uint8_t byte[WG_KEY_LEN];
};

/* What is encrypted: head, body, then n_zeroes of padding. */
struct crypto_plain {
	const uint8_t *head;
	size_t head_len;
	const uint8_t *body;
	size_t body_len;
	size_t n_zeroes; /* at most 15 */
};

/* A batch is done in slices of this many packets, which share the work best
 * when they are about as long; eight or a multiple of eight of one length is
 * fastest.  Order and lengths are free, and so is n.
 */
enum { CRYPTO_BATCH_MAX = 64 };

/* A packet to be sealed: the encrypted bytes and the tag are written to `out`,
 * their number to `len`.  No `out` overlaps what any packet reads, unless it is
 * its own body and body == out + head_len.
 */
struct crypto_sealing {
	struct crypto_plain plain;
	uint8_t *out;
	size_t len; /* written */
};

/* A packet to be opened in place: len counts the tag, and the first len - 16
 * bytes become plain text.  Not authentic, or len < 16: the bytes are undefined,
 * and other packets are not concerned.  Packets do not overlap.
 */
struct crypto_opening {
	uint64_t counter;
	uint8_t *bytes;
	size_t len;
	bool is_authentic; /* written */
};

#endif
