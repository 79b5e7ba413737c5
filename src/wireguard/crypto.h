/* The protocol's cryptography, and (with aead.h below it) the only place that
 * knows what computes it: OpenSSL's libcrypto 3, and for packets a kernel of our
 * own where the processor has the vectors for one.
 *
 * A struct crypto holds what that library wants prepared: algorithms looked up
 * once, contexts used over and over.  It belongs to one thread.
 *
 * Packets and MACs, all that a stranger can ask for without knowing our public
 * key, allocate nothing and cannot fail.  A hash takes some 200 bytes for its
 * duration, and ends the process when there are none.  X25519 and the sealed
 * parts of handshakes return false when memory is short, as for a forgery.
 *
 * Source: RFC 7693 (BLAKE2s), RFC 7748 (X25519), RFC 8439 (ChaCha20-Poly1305),
 * draft-irtf-cfrg-xchacha-03; WireGuard whitepaper section 5.4 (HMAC, KDF).
 */
#ifndef ADIT_WIREGUARD_CRYPTO_H
#define ADIT_WIREGUARD_CRYPTO_H

#include "wireguard/crypto_packet.h"
#include "wireguard/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crypto;

/* NULL: no memory, or the library refuses.  The process's first takes about
 * 0.3 ms: the kernel is chosen, and tested against the library.
 */
struct crypto *crypto_new(void);
void crypto_free(struct crypto *crypto); /* wipes; accepts NULL */

/* For tests and measurements: with the kernel of that name ("avx512", "avx2",
 * CRYPTO_OPENSSL for the library alone).  Also NULL where it does not run.
 */
struct crypto *crypto_new_with(const char *kernel);
const char *crypto_kernel(const struct crypto *crypto); /* the name */

/* For crypto_x25519_public() and crypto_x25519() alone, in a third of the time. */
struct crypto *crypto_new_x25519(void);

#define CRYPTO_OPENSSL "openssl"

/* Overwrites what the contexts hold of the last key used: call it when a key
 * has to be gone.
 */
void crypto_forget(struct crypto *crypto);
/* The same for keys of transport data alone, and at once when there is none. */
void crypto_forget_packets(struct crypto *crypto);

/* ---- BLAKE2s ---- */

/* Hash(a || b): 32 bytes; ret may be `a`. */
void crypto_hash(struct crypto *crypto, uint8_t ret[WG_HASH_LEN], const void *a, size_t a_len,
		 const void *b, size_t b_len);
/* Keyed BLAKE2s with 16 bytes of output.  key_len: 1 to 32. */
void crypto_mac(struct crypto *crypto, uint8_t ret[WG_MAC_LEN], const uint8_t *key, size_t key_len,
		const void *bytes, size_t len);
/* HMAC-BLAKE2s under a key of 32 bytes; ret is apart from it. */
void crypto_hmac(struct crypto *crypto, uint8_t ret[WG_HASH_LEN], const struct crypto_key *key,
		 const void *bytes, size_t len);

/* The whitepaper's KDF1, KDF2, KDF3: n results of 32 bytes, of which those
 * that are NULL do not count.  A result may be the key.
 */
struct crypto_kdf {
	uint8_t *first;
	uint8_t *second; /* NULL: KDF1 */
	uint8_t *third;	 /* NULL: KDF2 */
};
void crypto_kdf(struct crypto *crypto, const struct crypto_kdf *ret, const uint8_t key[WG_HASH_LEN],
		const void *bytes, size_t len);

/* ---- X25519 ---- */

/* Sets the bits that RFC 7748 section 5 fixes in a private key. */
void crypto_x25519_clamp(uint8_t private_key[WG_KEY_LEN]);
/* Both false, with ret zeroed, when memory is short. */
bool crypto_x25519_public(struct crypto *crypto, uint8_t ret[WG_KEY_LEN],
			  const uint8_t private_key[WG_KEY_LEN]);
/* Also false when the result is all zeroes: a point of small order. */
bool crypto_x25519(struct crypto *crypto, uint8_t ret[WG_KEY_LEN],
		   const uint8_t private_key[WG_KEY_LEN], const uint8_t public_key[WG_KEY_LEN]);

/* ---- ChaCha20-Poly1305, a message at a time: handshakes and cookies ---- */

enum { CRYPTO_NONCE_LEN = 12, CRYPTO_XNONCE_LEN = 24 };

struct crypto_message {
	const uint8_t *key;   /* 32 bytes */
	const uint8_t *nonce; /* CRYPTO_NONCE_LEN bytes; CRYPTO_XNONCE_LEN: XChaCha20 */
	size_t nonce_len;
	const uint8_t *aad;
	size_t aad_len;
	const uint8_t *bytes; /* to be sealed; or sealed, the tag included */
	size_t len;
};
/* out: len + 16 bytes, apart from the message. */
bool crypto_seal_message(struct crypto *crypto, const struct crypto_message *message, uint8_t *out);
/* False: not authentic; out (len - 16 bytes) is then zeroes. */
bool crypto_open_message(struct crypto *crypto, const struct crypto_message *message, uint8_t *out);

/* HChaCha20 (draft-irtf-cfrg-xchacha-03 section 2.2). */
void crypto_hchacha20(uint8_t ret[32], const uint8_t key[32], const uint8_t nonce[16]);

/* ---- ChaCha20-Poly1305, transport data: one key, many packets ---- */

/* The i-th packet's counter is `counter` + i. */
void crypto_seal_batch(struct crypto *crypto, const struct crypto_key *key, uint64_t counter,
		       struct crypto_sealing *packets, size_t n);

void crypto_open_batch(struct crypto *crypto, const struct crypto_key *key,
		       struct crypto_opening *packets, size_t n);

/* Batches of one. */
size_t crypto_seal(struct crypto *crypto, const struct crypto_key *key, uint64_t counter,
		   const struct crypto_plain *plain, uint8_t *out);
bool crypto_open(struct crypto *crypto, const struct crypto_key *key, uint64_t counter,
		 uint8_t *bytes, size_t len);

#endif
