#include "wireguard/cookie.h"

#include "base/secret.h"
#include "wireguard/constants.h"

#include <string.h>

enum { LABEL_LEN = 8 };
static const char mac1_label[LABEL_LEN + 1] = "mac1----"; /* whitepaper section 5.4 */
static const char cookie_label[LABEL_LEN + 1] = "cookie--";

static void derive_keys(struct crypto *crypto, const uint8_t public_key[WG_KEY_LEN],
			uint8_t mac1_key[WG_HASH_LEN], uint8_t cookie_key[WG_HASH_LEN])
{
	crypto_hash(crypto, mac1_key, mac1_label, LABEL_LEN, public_key, WG_KEY_LEN);
	crypto_hash(crypto, cookie_key, cookie_label, LABEL_LEN, public_key, WG_KEY_LEN);
}

/* The MACs that end a handshake message of `len` bytes, as offsets. */
static size_t mac1_at(size_t len)
{
	return len - sizeof(struct message_macs);
}

static size_t mac2_at(size_t len)
{
	return len - WG_MAC_LEN;
}

/* ---- what comes in ---- */

void cookie_checker_init(struct cookie_checker *checker, struct crypto *crypto,
			 struct random_source random)
{
	*checker = (struct cookie_checker){.crypto = crypto, .random = random};
}

void cookie_checker_set_key(struct cookie_checker *checker, const uint8_t public_key[WG_KEY_LEN])
{
	derive_keys(checker->crypto, public_key, checker->mac1_key, checker->cookie_key);
}

void cookie_checker_done(struct cookie_checker *checker)
{
	secret_wipe(checker, sizeof(*checker));
}

static void renew_secret(struct cookie_checker *checker, struct instant now)
{
	if (instant_is_set(checker->secret_made) &&
	    instant_since(now, checker->secret_made) < WG_COOKIE_SECRET_MAX_AGE)
		return;
	random_fill(&checker->random, checker->secret, sizeof(checker->secret));
	checker->secret_made = now;
}

/* Section 5.4.7: the cookie is a MAC over address and port, as on the wire. */
static void make_cookie(struct cookie_checker *checker, struct instant now,
			const union endpoint *from, uint8_t ret[WG_COOKIE_LEN])
{
	uint8_t source[16 + 2];
	const struct address address = endpoint_address(from);
	const uint8_t *bytes;
	size_t len;

	renew_secret(checker, now);
	bytes = address_bytes(&address, &len);
	memcpy(source, bytes, len);
	be16_store(source + len, endpoint_port(from));
	crypto_mac(checker->crypto, ret, checker->secret, sizeof(checker->secret), source, len + 2);
}

static bool has_mac1(struct cookie_checker *checker, const uint8_t *message, size_t len)
{
	uint8_t mac[WG_MAC_LEN];

	crypto_mac(checker->crypto, mac, checker->mac1_key, sizeof(checker->mac1_key), message,
		   mac1_at(len));
	return secret_equal(mac, message + mac1_at(len), sizeof(mac));
}

static bool has_mac2(struct cookie_checker *checker, struct instant now, const uint8_t *message,
		     size_t len, const union endpoint *from)
{
	uint8_t cookie[WG_COOKIE_LEN];
	uint8_t mac[WG_MAC_LEN];

	make_cookie(checker, now, from, cookie);
	crypto_mac(checker->crypto, mac, cookie, sizeof(cookie), message, mac2_at(len));
	secret_wipe(cookie, sizeof(cookie));
	return secret_equal(mac, message + mac2_at(len), sizeof(mac));
}

enum cookie_verdict cookie_check(struct cookie_checker *checker, struct instant now,
				 const uint8_t *message, size_t len, const union endpoint *from,
				 bool is_under_load)
{
	if (!has_mac1(checker, message, len))
		return COOKIE_BAD_MAC1;
	if (is_under_load && has_mac2(checker, now, message, len, from))
		return COOKIE_GOOD_MAC2;
	return COOKIE_GOOD_MAC1;
}

bool cookie_make_reply(struct cookie_checker *checker, struct instant now, const uint8_t *message,
		       size_t len, const union endpoint *from, struct message_cookie *ret)
{
	uint8_t cookie[WG_COOKIE_LEN];
	struct message_cookie reply = {.type = le32_from_host(MESSAGE_COOKIE)};
	const struct crypto_message sealed = {
		.key = checker->cookie_key,
		.nonce = reply.nonce,
		.nonce_len = sizeof(reply.nonce),
		.aad = message + mac1_at(len),
		.aad_len = WG_MAC_LEN,
		.bytes = cookie,
		.len = sizeof(cookie),
	};
	bool is_made;

	/* The sender's index stands at the same place in both kinds of message. */
	memcpy(&reply.receiver, message + offsetof(struct message_initiation, sender),
	       sizeof(reply.receiver));
	random_fill(&checker->random, reply.nonce, sizeof(reply.nonce));
	make_cookie(checker, now, from, cookie);
	is_made = crypto_seal_message(checker->crypto, &sealed, reply.sealed_cookie);
	secret_wipe(cookie, sizeof(cookie));
	if (is_made)
		*ret = reply;
	return is_made;
}
static_assert(offsetof(struct message_initiation, sender) ==
		      offsetof(struct message_response, sender),
	      "a cookie reply names either");

/* ---- what goes out ---- */

void cookie_maker_init(struct cookie_maker *maker, struct crypto *crypto,
		       const uint8_t public_key[WG_KEY_LEN])
{
	*maker = (struct cookie_maker){0};
	derive_keys(crypto, public_key, maker->mac1_key, maker->cookie_key);
}

void cookie_maker_done(struct cookie_maker *maker)
{
	secret_wipe(maker, sizeof(*maker));
}

static bool has_fresh_cookie(const struct cookie_maker *maker, struct instant now)
{
	return instant_is_set(maker->cookie_got) &&
	       instant_since(now, maker->cookie_got) < WG_COOKIE_MAX_AGE;
}

void cookie_add_macs(struct cookie_maker *maker, struct crypto *crypto, struct instant now,
		     uint8_t *message, size_t len)
{
	uint8_t *mac1 = message + mac1_at(len);
	uint8_t *mac2 = message + mac2_at(len);

	crypto_mac(crypto, mac1, maker->mac1_key, sizeof(maker->mac1_key), message, mac1_at(len));
	memcpy(maker->last_mac1, mac1, sizeof(maker->last_mac1));
	maker->awaits_reply = true;
	if (has_fresh_cookie(maker, now))
		crypto_mac(crypto, mac2, maker->cookie, sizeof(maker->cookie), message,
			   mac2_at(len));
	else
		memset(mac2, 0, WG_MAC_LEN);
}

bool cookie_consume_reply(struct cookie_maker *maker, struct crypto *crypto, struct instant now,
			  const struct message_cookie *reply)
{
	uint8_t cookie[WG_COOKIE_LEN];
	const struct crypto_message sealed = {
		.key = maker->cookie_key,
		.nonce = reply->nonce,
		.nonce_len = sizeof(reply->nonce),
		.aad = maker->last_mac1,
		.aad_len = sizeof(maker->last_mac1),
		.bytes = reply->sealed_cookie,
		.len = sizeof(reply->sealed_cookie),
	};

	if (!maker->awaits_reply || !crypto_open_message(crypto, &sealed, cookie))
		return false;
	memcpy(maker->cookie, cookie, sizeof(maker->cookie));
	maker->cookie_got = now;
	maker->awaits_reply = false;
	secret_wipe(cookie, sizeof(cookie));
	return true;
}
