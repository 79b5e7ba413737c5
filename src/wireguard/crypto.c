/* How it works
 *
 * OpenSSL looks up an algorithm by name on every use unless it is handed one
 * fetched before, and allocates whenever a context is made.  Both cost more
 * than the work on a small packet, so crypto_new() does them once.
 *
 * Transport keys are plain bytes, not contexts: three sessions of ten thousand
 * peers would be some tens of megabytes of contexts.  Packets are aead.c's.
 *
 * What cannot fail once a context is made (MACs, a new key or nonce, packets)
 * ends the process if it fails all the same: to go on with a wrong MAC, or with
 * a packet that is not encrypted, is worse, and a dead data plane leaks
 * nothing.  The same goes for hashes, although OpenSSL 3.0 allocates a state
 * for each: a handshake that checks every step of a KDF for lack of memory is
 * harder to believe than one that does not.
 */
#include "wireguard/crypto.h"

#include "base/secret.h"
#include "wireguard/aead.h"
#include "wireguard/crypto_memory.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BLAKE2S_BLOCK_LEN = 64 };

struct crypto {
	EVP_MD *blake2s;
	EVP_MAC *blake2s_mac;
	EVP_CIPHER *cipher;
	EVP_MD_CTX *hash;
	EVP_MAC_CTX *mac;
	EVP_PKEY_CTX *x25519;
	EVP_CIPHER_CTX *message; /* emptied after every use */
	struct aead transport;
};

static void must(bool is_done)
{
	if (!is_done)
		abort();
}

/* ---- start and end ---- */

/* Neither a configuration file nor texts are to be read: the data plane has no file
 * system.  Nor are the tables of names that only functions before OpenSSL 3.0 look
 * at, and which take a third of the time that all else here does.
 */
static void start_library(void)
{
	(void)crypto_memory_begin(); /* true the first time */
	(void)OPENSSL_init_crypto(
		OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
			OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS,
		NULL);
}

static bool fetch_algorithms(struct crypto *crypto)
{
	crypto->blake2s = EVP_MD_fetch(NULL, "BLAKE2S-256", NULL);
	crypto->blake2s_mac = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
	crypto->cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	return crypto->blake2s && crypto->blake2s_mac && crypto->cipher;
}

static bool make_contexts(struct crypto *crypto)
{
	bool has_transport;

	crypto->hash = EVP_MD_CTX_new();
	crypto->message = EVP_CIPHER_CTX_new();
	crypto_memory_keep(true);
	crypto->mac = EVP_MAC_CTX_new(crypto->blake2s_mac);
	has_transport = aead_init(&crypto->transport, crypto->cipher);
	crypto_memory_keep(false);
	return crypto->hash && crypto->message && crypto->mac && has_transport;
}

static bool start_x25519(struct crypto *crypto)
{
	crypto->x25519 = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
	return crypto->x25519 && EVP_PKEY_fromdata_init(crypto->x25519) > 0;
}

static bool start_contexts(struct crypto *crypto)
{
	size_t mac_len = WG_MAC_LEN;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &mac_len),
		OSSL_PARAM_construct_end(),
	};

	return EVP_DigestInit_ex(crypto->hash, crypto->blake2s, NULL) > 0 &&
	       EVP_MAC_CTX_set_params(crypto->mac, params) > 0;
}

/* With a name: that kernel or none. */
static bool choose_kernel(struct crypto *crypto, const char *name)
{
	const struct aead_kernel *one[2] = {NULL, NULL};

	for (size_t i = 0; aead_kernels[i] && !one[0]; i++)
		if (strcmp(aead_kernels[i]->name, name) == 0)
			one[0] = aead_kernels[i];
	aead_choose(&crypto->transport, one);
	return crypto->transport.kernel || strcmp(name, CRYPTO_OPENSSL) == 0;
}

/* All but the kernel. */
static struct crypto *make(void)
{
	struct crypto *crypto = secret_new(sizeof(*crypto));

	if (!crypto)
		return NULL;
	start_library();
	if (fetch_algorithms(crypto) && make_contexts(crypto) && start_contexts(crypto) &&
	    start_x25519(crypto))
		return crypto;
	crypto_free(crypto);
	return NULL;
}

struct crypto *crypto_new_x25519(void)
{
	struct crypto *crypto = secret_new(sizeof(*crypto));

	if (!crypto)
		return NULL;
	start_library();
	if (start_x25519(crypto))
		return crypto;
	crypto_free(crypto);
	return NULL;
}

/* What was right once is right: the test takes as long as all else here.  Two
 * threads that come first at the same time both choose, and the same.
 */
static void use_chosen_kernel(struct crypto *crypto)
{
	static atomic_bool is_chosen;
	static _Atomic(const struct aead_kernel *) chosen;

	if (!atomic_load(&is_chosen)) {
		aead_choose(&crypto->transport, aead_kernels);
		atomic_store(&chosen, crypto->transport.kernel);
		atomic_store(&is_chosen, true);
	}
	crypto->transport.kernel = atomic_load(&chosen);
}

struct crypto *crypto_new(void)
{
	struct crypto *crypto = make();

	if (crypto)
		use_chosen_kernel(crypto);
	return crypto;
}

struct crypto *crypto_new_with(const char *kernel)
{
	struct crypto *crypto = make();

	if (!crypto || choose_kernel(crypto, kernel))
		return crypto;
	crypto_free(crypto);
	return NULL;
}

const char *crypto_kernel(const struct crypto *crypto)
{
	return crypto->transport.kernel ? crypto->transport.kernel->name : CRYPTO_OPENSSL;
}

void crypto_free(struct crypto *crypto)
{
	if (!crypto)
		return;
	aead_done(&crypto->transport);
	EVP_CIPHER_CTX_free(crypto->message);
	EVP_PKEY_CTX_free(crypto->x25519);
	EVP_MAC_CTX_free(crypto->mac);
	EVP_MD_CTX_free(crypto->hash);
	EVP_CIPHER_free(crypto->cipher);
	EVP_MAC_free(crypto->blake2s_mac);
	EVP_MD_free(crypto->blake2s);
	secret_free(crypto);
}

/* ---- BLAKE2s ---- */

static void begin_hash(struct crypto *crypto, const void *bytes, size_t len)
{
	must(EVP_DigestInit_ex(crypto->hash, NULL, NULL) > 0);
	must(EVP_DigestUpdate(crypto->hash, bytes, len) > 0);
}

static void add_hash(struct crypto *crypto, const void *bytes, size_t len)
{
	if (len > 0)
		must(EVP_DigestUpdate(crypto->hash, bytes, len) > 0);
}

static void end_hash(struct crypto *crypto, uint8_t ret[WG_HASH_LEN])
{
	must(EVP_DigestFinal_ex(crypto->hash, ret, NULL) > 0);
}

void crypto_hash(struct crypto *crypto, uint8_t ret[WG_HASH_LEN], const void *a, size_t a_len,
		 const void *b, size_t b_len)
{
	begin_hash(crypto, a, a_len);
	add_hash(crypto, b, b_len);
	end_hash(crypto, ret);
	crypto_burn_stack();
}

void crypto_mac(struct crypto *crypto, uint8_t ret[WG_MAC_LEN], const uint8_t *key, size_t key_len,
		const void *bytes, size_t len)
{
	size_t ret_len;

	must(EVP_MAC_init(crypto->mac, key, key_len, NULL) > 0);
	must(EVP_MAC_update(crypto->mac, bytes, len) > 0);
	must(EVP_MAC_final(crypto->mac, ret, &ret_len, WG_MAC_LEN) > 0);
	must(ret_len == WG_MAC_LEN);
	crypto_burn_stack();
}

/* HMAC (RFC 2104) over the bytes and, unless it is 0, one byte more. */
static void hmac(struct crypto *crypto, uint8_t ret[WG_HASH_LEN], const struct crypto_key *key,
		 const void *bytes, size_t len, uint8_t last)
{
	uint8_t block[BLAKE2S_BLOCK_LEN];
	uint8_t inner[WG_HASH_LEN];

	memset(block, 0x36, sizeof(block));
	for (size_t i = 0; i < sizeof(key->byte); i++)
		block[i] ^= key->byte[i];
	begin_hash(crypto, block, sizeof(block));
	add_hash(crypto, bytes, len);
	add_hash(crypto, &last, last ? 1 : 0);
	end_hash(crypto, inner);

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36 ^ 0x5c;
	begin_hash(crypto, block, sizeof(block));
	add_hash(crypto, inner, sizeof(inner));
	end_hash(crypto, ret);
	secret_wipe(block, sizeof(block));
	secret_wipe(inner, sizeof(inner));
}

void crypto_hmac(struct crypto *crypto, uint8_t ret[WG_HASH_LEN], const struct crypto_key *key,
		 const void *bytes, size_t len)
{
	hmac(crypto, ret, key, bytes, len, 0);
	crypto_burn_stack();
}

void crypto_kdf(struct crypto *crypto, const struct crypto_kdf *ret, const uint8_t key[WG_HASH_LEN],
		const void *bytes, size_t len)
{
	uint8_t *const out[] = {ret->first, ret->second, ret->third};
	struct crypto_key extracted;
	struct crypto_key given;
	uint8_t last[WG_HASH_LEN];

	memcpy(given.byte, key, sizeof(given.byte));
	hmac(crypto, extracted.byte, &given, bytes, len, 0);
	for (uint8_t i = 0; i < 3 && out[i]; i++) {
		hmac(crypto, last, &extracted, last, i == 0 ? 0 : sizeof(last), (uint8_t)(i + 1));
		memcpy(out[i], last, sizeof(last));
	}
	secret_wipe(&extracted, sizeof(extracted));
	secret_wipe(&given, sizeof(given));
	secret_wipe(last, sizeof(last));
	crypto_burn_stack();
}

/* ---- X25519 ---- */

void crypto_x25519_clamp(uint8_t private_key[WG_KEY_LEN])
{
	private_key[0] &= 248;
	private_key[31] = (uint8_t)((private_key[31] & 127) | 64);
}

/* NULL: out of memory. */
static EVP_PKEY *import_private(struct crypto *crypto, const uint8_t private_key[WG_KEY_LEN])
{
	uint8_t private_copy[WG_KEY_LEN];
	/* Agreement never looks at our own public half.  Left out, the library
	 * would compute it, which takes as long as the agreement.
	 */
	uint8_t unused[WG_KEY_LEN] = {0};
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, private_copy,
						  sizeof(private_copy)),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, unused, sizeof(unused)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = NULL;

	memcpy(private_copy, private_key, sizeof(private_copy));
	(void)EVP_PKEY_fromdata(crypto->x25519, &key, EVP_PKEY_KEYPAIR, params);
	secret_wipe(private_copy, sizeof(private_copy));
	return key;
}

static EVP_PKEY *import_public(struct crypto *crypto, const uint8_t public_key[WG_KEY_LEN])
{
	uint8_t public_copy[WG_KEY_LEN];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public_copy,
						  sizeof(public_copy)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = NULL;

	memcpy(public_copy, public_key, sizeof(public_copy));
	(void)EVP_PKEY_fromdata(crypto->x25519, &key, EVP_PKEY_PUBLIC_KEY, params);
	return key;
}

static bool agree(uint8_t ret[WG_KEY_LEN], EVP_PKEY *ours, EVP_PKEY *theirs)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, ours, NULL);
	size_t len = WG_KEY_LEN;
	bool is_done = context && EVP_PKEY_derive_init(context) > 0 &&
		       EVP_PKEY_derive_set_peer_ex(context, theirs, 0) > 0 &&
		       EVP_PKEY_derive(context, ret, &len) > 0 && len == WG_KEY_LEN;

	EVP_PKEY_CTX_free(context);
	return is_done;
}

bool crypto_x25519(struct crypto *crypto, uint8_t ret[WG_KEY_LEN],
		   const uint8_t private_key[WG_KEY_LEN], const uint8_t public_key[WG_KEY_LEN])
{
	EVP_PKEY *ours = import_private(crypto, private_key);
	EVP_PKEY *theirs = import_public(crypto, public_key);
	bool is_done = ours && theirs && agree(ret, ours, theirs);

	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	crypto_burn_stack();
	if (!is_done)
		memset(ret, 0, WG_KEY_LEN);
	return is_done && !secret_is_zero(ret, WG_KEY_LEN);
}

bool crypto_x25519_public(struct crypto *crypto, uint8_t ret[WG_KEY_LEN],
			  const uint8_t private_key[WG_KEY_LEN])
{
	static const uint8_t base_point[WG_KEY_LEN] = {9};

	return crypto_x25519(crypto, ret, private_key, base_point);
}

/* ---- HChaCha20 ---- */

static uint32_t rotate(uint32_t value, unsigned int bits)
{
	return value << bits | value >> (32 - bits);
}

/* RFC 8439 section 2.1 */
static void quarter_round(uint32_t state[16], int a, int b, int c, int d)
{
	state[a] += state[b];
	state[d] = rotate(state[d] ^ state[a], 16);
	state[c] += state[d];
	state[b] = rotate(state[b] ^ state[c], 12);
	state[a] += state[b];
	state[d] = rotate(state[d] ^ state[a], 8);
	state[c] += state[d];
	state[b] = rotate(state[b] ^ state[c], 7);
}

void crypto_hchacha20(uint8_t ret[32], const uint8_t key[32], const uint8_t nonce[16])
{
	static const uint8_t constant[] = "expand 32-byte k";
	uint32_t state[16];

	for (size_t i = 0; i < 4; i++) {
		state[i] = le32_load(constant + 4 * i);
		state[4 + i] = le32_load(key + 4 * i);
		state[8 + i] = le32_load(key + 16 + 4 * i);
		state[12 + i] = le32_load(nonce + 4 * i);
	}
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 4; i++)
			quarter_round(state, i, i + 4, i + 8, i + 12);
		for (int i = 0; i < 4; i++)
			quarter_round(state, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
	}
	for (size_t i = 0; i < 4; i++) {
		le32_store(ret + 4 * i, state[i]);
		le32_store(ret + 16 + 4 * i, state[12 + i]);
	}
	secret_wipe(state, sizeof(state));
}

/* ---- a message at a time ---- */

/* Gives the context the message's key, nonce and associated data. */
static bool begin_message(struct crypto *crypto, const struct crypto_message *message,
			  int is_sealing)
{
	uint8_t nonce[CRYPTO_NONCE_LEN] = {0};
	uint8_t key[WG_KEY_LEN];
	bool is_done;
	int len;

	if (message->nonce_len == CRYPTO_XNONCE_LEN) {
		crypto_hchacha20(key, message->key, message->nonce);
		memcpy(nonce + 4, message->nonce + 16, 8);
	} else {
		memcpy(key, message->key, sizeof(key));
		memcpy(nonce, message->nonce, sizeof(nonce));
	}
	is_done = EVP_CipherInit_ex(crypto->message, crypto->cipher, NULL, key, nonce, is_sealing) >
			  0 &&
		  (message->aad_len == 0 ||
		   EVP_CipherUpdate(crypto->message, NULL, &len, message->aad,
				    (int)message->aad_len) > 0);
	secret_wipe(key, sizeof(key));
	return is_done;
}

/* One pass over all of `len` bytes; the cipher is a stream, so none are left for the end. */
static bool run_message(struct crypto *crypto, uint8_t *out, const uint8_t *bytes, size_t len)
{
	uint8_t rest[WG_TAG_LEN];
	int n;

	return (len == 0 || EVP_CipherUpdate(crypto->message, out, &n, bytes, (int)len) > 0) &&
	       EVP_CipherFinal_ex(crypto->message, rest, &n) > 0;
}

bool crypto_seal_message(struct crypto *crypto, const struct crypto_message *message, uint8_t *out)
{
	bool is_done = begin_message(crypto, message, 1) &&
		       run_message(crypto, out, message->bytes, message->len) &&
		       EVP_CIPHER_CTX_ctrl(crypto->message, EVP_CTRL_AEAD_GET_TAG, WG_TAG_LEN,
					   out + message->len) > 0;

	(void)EVP_CIPHER_CTX_reset(crypto->message);
	crypto_burn_stack();
	return is_done;
}

bool crypto_open_message(struct crypto *crypto, const struct crypto_message *message, uint8_t *out)
{
	uint8_t tag[WG_TAG_LEN];
	size_t len;
	bool is_done;

	if (message->len < WG_TAG_LEN)
		return false;
	len = message->len - WG_TAG_LEN;
	memcpy(tag, message->bytes + len, sizeof(tag));
	is_done =
		begin_message(crypto, message, 0) &&
		EVP_CIPHER_CTX_ctrl(crypto->message, EVP_CTRL_AEAD_SET_TAG, WG_TAG_LEN, tag) > 0 &&
		run_message(crypto, out, message->bytes, len);
	(void)EVP_CIPHER_CTX_reset(crypto->message);
	crypto_burn_stack();
	if (!is_done && len > 0)
		secret_wipe(out, len);
	return is_done;
}

/* ---- transport data ---- */

void crypto_seal_batch(struct crypto *crypto, const struct crypto_key *key, uint64_t counter,
		       struct crypto_sealing *packets, size_t n)
{
	aead_seal(&crypto->transport, key, counter, packets, n);
}

void crypto_open_batch(struct crypto *crypto, const struct crypto_key *key,
		       struct crypto_opening *packets, size_t n)
{
	aead_open(&crypto->transport, key, packets, n);
}

size_t crypto_seal(struct crypto *crypto, const struct crypto_key *key, uint64_t counter,
		   const struct crypto_plain *plain, uint8_t *out)
{
	struct crypto_sealing packet = {.plain = *plain, .out = out};

	aead_seal(&crypto->transport, key, counter, &packet, 1);
	return packet.len;
}

bool crypto_open(struct crypto *crypto, const struct crypto_key *key, uint64_t counter,
		 uint8_t *bytes, size_t len)
{
	struct crypto_opening packet = {.counter = counter, .bytes = bytes, .len = len};

	aead_open(&crypto->transport, key, &packet, 1);
	return packet.is_authentic;
}

/* ---- forgetting ---- */

void crypto_forget_packets(struct crypto *crypto)
{
	const struct aead *transport = &crypto->transport;

	if (!secret_is_zero(&transport->seal.key, sizeof(transport->seal.key)) ||
	    !secret_is_zero(&transport->open.key, sizeof(transport->open.key)))
		aead_forget(&crypto->transport);
}

void crypto_forget(struct crypto *crypto)
{
	static const uint8_t zero[WG_KEY_LEN];
	uint8_t mac[WG_MAC_LEN];

	aead_forget(&crypto->transport);
	crypto_mac(crypto, mac, zero, sizeof(zero), mac, 0);
}
