#include "wireguard/ikpsk2.h"

#include "base/secret.h"

#include <string.h>

/* Noise section 8; longer than a hash, so it is hashed (section 5.2). */
static const char protocol_name[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";

void ikpsk2_begin(struct crypto *crypto, const void *prologue, size_t len, struct ikpsk2_start *ret)
{
	crypto_hash(crypto, ret->chaining_key, protocol_name, sizeof(protocol_name) - 1, NULL, 0);
	crypto_hash(crypto, ret->hash, ret->chaining_key, sizeof(ret->chaining_key), prologue, len);
}

/* ---- Noise section 5.2, the symmetric state ---- */

static void mix_hash(struct ikpsk2 *state, struct crypto *crypto, const void *bytes, size_t len)
{
	crypto_hash(crypto, state->hash, state->hash, sizeof(state->hash), bytes, len);
}

/* A key that nothing is sealed with is not computed: ret_key may be NULL. */
static void mix_key(struct ikpsk2 *state, struct crypto *crypto, const uint8_t bytes[WG_KEY_LEN],
		    uint8_t *ret_key)
{
	const struct crypto_kdf ret = {.first = state->chaining_key, .second = ret_key};

	crypto_kdf(crypto, &ret, state->chaining_key, bytes, WG_KEY_LEN);
}

static bool mix_dh(struct ikpsk2 *state, struct crypto *crypto,
		   const uint8_t private_key[WG_KEY_LEN], const uint8_t public_key[WG_KEY_LEN],
		   uint8_t *ret_key)
{
	AUTO_WIPE struct secret_key shared;

	if (!crypto_x25519(crypto, shared.byte, private_key, public_key))
		return false;
	mix_key(state, crypto, shared.byte, ret_key);
	return true;
}

static bool mix_static_static(struct ikpsk2 *state, struct crypto *crypto,
			      const struct ikpsk2_peer *peer, uint8_t *ret_key)
{
	if (secret_is_zero(peer->static_static, sizeof(peer->static_static)))
		return false;
	mix_key(state, crypto, peer->static_static, ret_key);
	return true;
}

/* "e", with the second effect that it has beside a preshared key (section 9.2). */
static void mix_ephemeral(struct ikpsk2 *state, struct crypto *crypto,
			  const uint8_t public_key[WG_KEY_LEN])
{
	mix_hash(state, crypto, public_key, WG_KEY_LEN);
	mix_key(state, crypto, public_key, NULL);
}

static void mix_preshared_key(struct ikpsk2 *state, struct crypto *crypto,
			      const struct ikpsk2_peer *peer, uint8_t *ret_key)
{
	AUTO_WIPE struct secret_key mixed;
	const struct crypto_kdf ret = {
		.first = state->chaining_key,
		.second = mixed.byte,
		.third = ret_key,
	};

	crypto_kdf(crypto, &ret, state->chaining_key, peer->preshared_key,
		   sizeof(peer->preshared_key));
	mix_hash(state, crypto, mixed.byte, sizeof(mixed.byte));
}

/* Every key here is used once, so every nonce is 0. */
static const uint8_t zero_nonce[CRYPTO_NONCE_LEN];

static struct crypto_message frame(const struct ikpsk2 *state, const struct secret_key *key,
				   const uint8_t *bytes, size_t len)
{
	return (struct crypto_message){
		.key = key->byte,
		.nonce = zero_nonce,
		.nonce_len = sizeof(zero_nonce),
		.aad = state->hash,
		.aad_len = sizeof(state->hash),
		.bytes = bytes,
		.len = len,
	};
}

static bool seal(struct ikpsk2 *state, struct crypto *crypto, const struct secret_key *key,
		 const uint8_t *plain, size_t len, uint8_t *out)
{
	struct crypto_message message = frame(state, key, plain, len);

	if (!crypto_seal_message(crypto, &message, out))
		return false;
	mix_hash(state, crypto, out, len + WG_TAG_LEN);
	return true;
}

static bool unseal(struct ikpsk2 *state, struct crypto *crypto, const struct secret_key *key,
		   const uint8_t *sealed, size_t len, uint8_t *out)
{
	struct crypto_message message = frame(state, key, sealed, len);

	if (!crypto_open_message(crypto, &message, out))
		return false;
	mix_hash(state, crypto, sealed, len);
	return true;
}

/* ---- the two messages ---- */

/* `responder`: the static public key that both know beforehand ("<- s"). */
static void begin(struct ikpsk2 *state, const struct ikpsk2_own *own,
		  const uint8_t responder[WG_KEY_LEN])
{
	memcpy(state->chaining_key, own->start.chaining_key, sizeof(state->chaining_key));
	memcpy(state->hash, own->start.hash, sizeof(state->hash));
	mix_hash(state, own->crypto, responder, WG_KEY_LEN);
}

bool ikpsk2_write_first(struct ikpsk2 *state, const struct ikpsk2_own *own,
			const struct ikpsk2_peer *peer, const struct ikpsk2_parts *out,
			const uint8_t *payload, size_t payload_len)
{
	struct crypto *crypto = own->crypto;
	AUTO_WIPE struct secret_key key;

	if (!crypto_x25519_public(crypto, out->ephemeral, state->ephemeral))
		return false;
	begin(state, own, peer->public_key);
	mix_ephemeral(state, crypto, out->ephemeral);
	return mix_dh(state, crypto, state->ephemeral, peer->public_key, key.byte) &&
	       seal(state, crypto, &key, own->public_key, sizeof(own->public_key),
		    out->sealed_static) &&
	       mix_static_static(state, crypto, peer, key.byte) &&
	       seal(state, crypto, &key, payload, payload_len, out->sealed_payload);
}

bool ikpsk2_read_static(struct ikpsk2 *state, const struct ikpsk2_own *own,
			const uint8_t remote_ephemeral[WG_KEY_LEN],
			const uint8_t sealed_static[WG_KEY_LEN + WG_TAG_LEN],
			uint8_t ret_static[WG_KEY_LEN])
{
	struct crypto *crypto = own->crypto;
	AUTO_WIPE struct secret_key key;

	memcpy(state->remote_ephemeral, remote_ephemeral, sizeof(state->remote_ephemeral));
	begin(state, own, own->public_key);
	mix_ephemeral(state, crypto, remote_ephemeral);
	return mix_dh(state, crypto, own->private_key, remote_ephemeral, key.byte) &&
	       unseal(state, crypto, &key, sealed_static, WG_KEY_LEN + WG_TAG_LEN, ret_static);
}

bool ikpsk2_read_first(struct ikpsk2 *state, const struct ikpsk2_own *own,
		       const struct ikpsk2_peer *peer, const uint8_t *sealed_payload,
		       size_t sealed_len, uint8_t *ret_payload)
{
	AUTO_WIPE struct secret_key key;

	return mix_static_static(state, own->crypto, peer, key.byte) &&
	       unseal(state, own->crypto, &key, sealed_payload, sealed_len, ret_payload);
}

bool ikpsk2_write_second(struct ikpsk2 *state, const struct ikpsk2_own *own,
			 const struct ikpsk2_peer *peer, const struct ikpsk2_parts *out,
			 const uint8_t *payload, size_t payload_len)
{
	struct crypto *crypto = own->crypto;
	AUTO_WIPE struct secret_key key;

	if (!crypto_x25519_public(crypto, out->ephemeral, state->ephemeral))
		return false;
	mix_ephemeral(state, crypto, out->ephemeral);
	if (!mix_dh(state, crypto, state->ephemeral, state->remote_ephemeral, NULL) ||
	    !mix_dh(state, crypto, state->ephemeral, peer->public_key, NULL))
		return false;
	mix_preshared_key(state, crypto, peer, key.byte);
	return seal(state, crypto, &key, payload, payload_len, out->sealed_payload);
}

bool ikpsk2_read_second(struct ikpsk2 *state, const struct ikpsk2_own *own,
			const struct ikpsk2_peer *peer, const struct ikpsk2_parts *in,
			size_t sealed_len, uint8_t *ret_payload)
{
	struct crypto *crypto = own->crypto;
	AUTO_WIPE struct secret_key key;

	memcpy(state->remote_ephemeral, in->ephemeral, sizeof(state->remote_ephemeral));
	mix_ephemeral(state, crypto, in->ephemeral);
	if (!mix_dh(state, crypto, state->ephemeral, in->ephemeral, NULL) ||
	    !mix_dh(state, crypto, own->private_key, in->ephemeral, NULL))
		return false;
	mix_preshared_key(state, crypto, peer, key.byte);
	return unseal(state, crypto, &key, in->sealed_payload, sealed_len, ret_payload);
}

void ikpsk2_split(struct ikpsk2 *state, struct crypto *crypto,
		  struct crypto_key *ret_initiator_sends, struct crypto_key *ret_responder_sends)
{
	const struct crypto_kdf ret = {
		.first = ret_initiator_sends->byte,
		.second = ret_responder_sends->byte,
	};

	crypto_kdf(crypto, &ret, state->chaining_key, NULL, 0);
	secret_wipe(state, sizeof(*state));
}
