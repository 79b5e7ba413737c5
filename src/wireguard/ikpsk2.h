/* The handshake Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s with any prologue and
 * payload: key agreement alone, without messages, indices, times and rules,
 * which are noise.h's.
 *
 *     <- s
 *     ...
 *     -> e, es, s, ss     first message
 *     <- e, ee, se, psk   second message
 *
 * A function that returns false has changed its state: work on a copy.
 *
 * Source: The Noise Protocol Framework, revision 34, sections 5 and 9;
 * WireGuard whitepaper sections 5.4.2 to 5.4.5.
 */
#ifndef ADIT_WIREGUARD_IKPSK2_H
#define ADIT_WIREGUARD_IKPSK2_H

#include "wireguard/crypto.h"

/* Where every handshake with one prologue begins. */
struct ikpsk2_start {
	uint8_t chaining_key[WG_HASH_LEN];
	uint8_t hash[WG_HASH_LEN];
};

/* This side of every handshake. */
struct ikpsk2_own {
	struct crypto *crypto; /* borrowed */
	struct ikpsk2_start start;
	uint8_t private_key[WG_KEY_LEN]; /* clamped */
	uint8_t public_key[WG_KEY_LEN];
};

/* The other side. */
struct ikpsk2_peer {
	uint8_t public_key[WG_KEY_LEN];
	uint8_t static_static[WG_KEY_LEN]; /* DH of both static keys; zeroes: none, and refused */
	uint8_t preshared_key[WG_KEY_LEN]; /* zeroes: none */
};

/* A handshake under way. */
struct ikpsk2 {
	uint8_t chaining_key[WG_HASH_LEN];
	uint8_t hash[WG_HASH_LEN];
	uint8_t ephemeral[WG_KEY_LEN];	      /* private, ours */
	uint8_t remote_ephemeral[WG_KEY_LEN]; /* public */
};

/* Where a message's parts are written, or read from. */
struct ikpsk2_parts {
	uint8_t *ephemeral;	 /* 32 bytes */
	uint8_t *sealed_static;	 /* 48 bytes; first message only */
	uint8_t *sealed_payload; /* payload_len + 16 bytes */
};

void ikpsk2_begin(struct crypto *crypto, const void *prologue, size_t len,
		  struct ikpsk2_start *ret);

/* Initiator.  Begins `state`, in which the caller has put a fresh private key as
 * `ephemeral`.
 */
bool ikpsk2_write_first(struct ikpsk2 *state, const struct ikpsk2_own *own,
			const struct ikpsk2_peer *peer, const struct ikpsk2_parts *out,
			const uint8_t *payload, size_t payload_len);

/* Responder: who is it?  Begins `state`. */
bool ikpsk2_read_static(struct ikpsk2 *state, const struct ikpsk2_own *own,
			const uint8_t remote_ephemeral[WG_KEY_LEN],
			const uint8_t sealed_static[WG_KEY_LEN + WG_TAG_LEN],
			uint8_t ret_static[WG_KEY_LEN]);
/* Responder: goes on with the peer that was found. */
bool ikpsk2_read_first(struct ikpsk2 *state, const struct ikpsk2_own *own,
		       const struct ikpsk2_peer *peer, const uint8_t *sealed_payload,
		       size_t sealed_len, uint8_t *ret_payload);

/* Responder.  `ephemeral` as for ikpsk2_write_first(). */
bool ikpsk2_write_second(struct ikpsk2 *state, const struct ikpsk2_own *own,
			 const struct ikpsk2_peer *peer, const struct ikpsk2_parts *out,
			 const uint8_t *payload, size_t payload_len);
/* Initiator. */
bool ikpsk2_read_second(struct ikpsk2 *state, const struct ikpsk2_own *own,
			const struct ikpsk2_peer *peer, const struct ikpsk2_parts *in,
			size_t sealed_len, uint8_t *ret_payload);

/* The keys of both directions; wipes the state. */
void ikpsk2_split(struct ikpsk2 *state, struct crypto *crypto,
		  struct crypto_key *ret_initiator_sends, struct crypto_key *ret_responder_sends);

#endif
