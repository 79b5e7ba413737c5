/* NOTHING IS ENCRYPTED: a stand-in for src/wireguard/aead.c, to measure what the
 * data plane costs without its cipher.
 *
 * How it works: it is no kernel that adit could choose.  One program of the
 * benchmark, dataplane_peer_null, links this file in place of the other; the
 * build makes that program only when -Dnull_cipher=true asks for it, never in a
 * build that is for others, and never installs it.  adit itself holds no line of
 * this file in any build.
 *
 * Sealing copies and writes a fixed tag; opening looks at the tag.  Handshakes
 * are not its business: they stay what they are.
 */
#ifndef ADIT_BENCH_NULL_CIPHER
#error "the null cipher is for one program of the benchmark"
#endif

#include "wireguard/aead.h"

#include <stdlib.h>
#include <string.h>

/* Also what the tests look for in programs that must not have it. */
static const char tag[WG_TAG_LEN + 1] = "ADIT-NULL-CIPHER";

static bool is_supported(void)
{
	return true;
}

static const struct aead_kernel aead_null = {.name = "null", .is_supported = is_supported};

const struct aead_kernel *const aead_kernels[] = {&aead_null, NULL};

bool aead_init(struct aead *aead, EVP_CIPHER *cipher)
{
	(void)cipher;
	aead->kernel = &aead_null;
	return true;
}

void aead_done(struct aead *aead)
{
	*aead = (struct aead){0};
}

void aead_choose(struct aead *aead, const struct aead_kernel *const *kernels)
{
	aead->kernel = *kernels;
}

void aead_seal(struct aead *aead, const struct crypto_key *key, uint64_t counter,
	       struct crypto_sealing *packets, size_t n)
{
	(void)aead;
	(void)key;
	(void)counter;
	for (size_t i = 0; i < n; i++) {
		const struct crypto_plain *plain = &packets[i].plain;
		uint8_t *out = packets[i].out;

		if (plain->head_len > 0)
			memcpy(out, plain->head, plain->head_len);
		out += plain->head_len;
		if (plain->body_len > 0)
			memmove(out, plain->body, plain->body_len);
		out += plain->body_len;
		memset(out, 0, plain->n_zeroes);
		out += plain->n_zeroes;
		memcpy(out, tag, WG_TAG_LEN);
		packets[i].len = (size_t)(out - packets[i].out) + WG_TAG_LEN;
	}
}

void aead_open(struct aead *aead, const struct crypto_key *key, struct crypto_opening *packets,
	       size_t n)
{
	(void)aead;
	(void)key;
	for (size_t i = 0; i < n; i++)
		packets[i].is_authentic = packets[i].len >= WG_TAG_LEN &&
					  memcmp(packets[i].bytes + packets[i].len - WG_TAG_LEN,
						 tag, WG_TAG_LEN) == 0;
}

void aead_forget(struct aead *aead)
{
	(void)aead;
}
