/* ChaCha20-Poly1305 over batches of transport packets, by whichever kernel the
 * processor runs best.  For crypto.c only: everybody else calls crypto.h.
 *
 * A kernel takes packets under one key, AEAD_LANES at a time (or one), and
 * computes what RFC 8439 section 2.8 does without associated data, the nonce
 * being four zeroes and the counter (whitepaper section 5.4.6).  OpenSSL does
 * what no kernel takes, and is what kernels are compared with.
 */
#ifndef ADIT_WIREGUARD_AEAD_H
#define ADIT_WIREGUARD_AEAD_H

#include "wireguard/crypto_packet.h"

#include <openssl/types.h>

enum { AEAD_LANES = 8 };

/* A packet on its way through a kernel.  To be sealed: head and body, filled up
 * with zeroes, become len bytes and a tag at `out`.  To be opened: head_len is
 * 0, and body is `out`.
 */
struct aead_packet {
	const uint8_t *head;
	size_t head_len;
	const uint8_t *body;
	size_t body_len;
	uint8_t *out;
	size_t len; /* without the tag; at least head_len + body_len */
	uint64_t counter;
	bool is_authentic; /* written by opening */
};

enum aead_direction { AEAD_SEAL, AEAD_OPEN };

typedef void (*aead_group_function)(const struct crypto_key *key,
				    struct aead_packet packet[AEAD_LANES],
				    enum aead_direction direction);
typedef void (*aead_one_function)(const struct crypto_key *key, struct aead_packet *packet,
				  enum aead_direction direction);

/* What a packet takes, in units of about a nanosecond: only ratios count. */
struct aead_cost {
	unsigned int start;
	unsigned int block; /* for each 64 bytes */
};

/* Kernels leave neither keys nor key stream on the stack or in registers. */
struct aead_kernel {
	const char *name;
	bool (*is_supported)(void);    /* by processor and operating system */
	aead_group_function run_group; /* NULL: packets go one by one */
	aead_one_function run_one;     /* NULL: OpenSSL is faster */
	struct aead_cost group_cost;   /* of a whole group, by its longest packet */
	struct aead_cost one_cost;     /* of one packet by run_one, or by OpenSSL */
};

/* Best first; ends with NULL.  Empty where none was compiled in. */
extern const struct aead_kernel *const aead_kernels[];
extern const struct aead_kernel aead_avx512; /* these two on x86-64 only */
extern const struct aead_kernel aead_avx2;

/* OpenSSL's context of one direction, and the key that is in it. */
struct aead_context {
	EVP_CIPHER_CTX *evp;
	struct crypto_key key; /* zeroes at first */
};

struct aead {
	struct aead_context seal;
	struct aead_context open;
	const struct aead_kernel *kernel; /* NULL: OpenSSL alone */
};

/* `aead` is zeroed.  OpenSSL alone at first.  False: no memory. */
bool aead_init(struct aead *aead, EVP_CIPHER *cipher);
void aead_done(struct aead *aead); /* also of one zeroed, or half made; wipes */

/* Uses the first kernel that this machine runs and that computes what OpenSSL
 * does, or none; `kernels` ends with NULL.
 */
void aead_choose(struct aead *aead, const struct aead_kernel *const *kernels);

/* As crypto_seal_batch() and crypto_open_batch(). */
void aead_seal(struct aead *aead, const struct crypto_key *key, uint64_t counter,
	       struct crypto_sealing *packets, size_t n);
void aead_open(struct aead *aead, const struct crypto_key *key, struct crypto_opening *packets,
	       size_t n);

/* Overwrites what OpenSSL's contexts hold of the last key used. */
void aead_forget(struct aead *aead);

#endif
