/* mac1, mac2 and cookie replies: what makes a responder cheap to ask and
 * expensive to flood.
 *
 * A checker is a device's own: it checks what comes in and hands out cookies.
 * A maker is a peer's: it signs what goes out to that peer and keeps the
 * cookie the peer gave.
 *
 * Source: WireGuard whitepaper, sections 5.3, 5.4.4 and 5.4.7.
 */
#ifndef ADIT_WIREGUARD_COOKIE_H
#define ADIT_WIREGUARD_COOKIE_H

#include "base/address.h"
#include "base/clock.h"
#include "wireguard/crypto.h"
#include "wireguard/random.h"

struct cookie_checker {
	struct crypto *crypto; /* borrowed */
	struct random_source random;
	uint8_t mac1_key[WG_HASH_LEN];	 /* Hash("mac1----" || own public key) */
	uint8_t cookie_key[WG_HASH_LEN]; /* Hash("cookie--" || own public key) */
	uint8_t secret[WG_HASH_LEN];	 /* changed every 120 s */
	struct instant secret_made;	 /* never: none yet */
};

struct cookie_maker {
	uint8_t mac1_key[WG_HASH_LEN]; /* as above, of the peer's public key */
	uint8_t cookie_key[WG_HASH_LEN];
	uint8_t cookie[WG_COOKIE_LEN];
	struct instant cookie_got; /* never: none */
	uint8_t last_mac1[WG_MAC_LEN];
	bool awaits_reply; /* last_mac1 is of a message that no cookie reply has answered */
};

/* What a handshake message of the right length carries. */
enum cookie_verdict {
	COOKIE_BAD_MAC1,
	COOKIE_GOOD_MAC1, /* mac2 is absent, wrong, or was not asked for */
	COOKIE_GOOD_MAC2, /* both: the sender receives at its address */
};

void cookie_checker_init(struct cookie_checker *checker, struct crypto *crypto,
			 struct random_source random);
/* To be called for every change of the device's key. */
void cookie_checker_set_key(struct cookie_checker *checker, const uint8_t public_key[WG_KEY_LEN]);
void cookie_checker_done(struct cookie_checker *checker); /* wipes */

/* `message` is an initiation or a response of its proper length.  mac2 is
 * looked at only when `is_under_load`.
 */
enum cookie_verdict cookie_check(struct cookie_checker *checker, struct instant now,
				 const uint8_t *message, size_t len, const union endpoint *from,
				 bool is_under_load);
/* The answer to `message`, which came from `from` with a good mac1.  False:
 * out of memory.
 */
bool cookie_make_reply(struct cookie_checker *checker, struct instant now, const uint8_t *message,
		       size_t len, const union endpoint *from, struct message_cookie *ret);

void cookie_maker_init(struct cookie_maker *maker, struct crypto *crypto,
		       const uint8_t public_key[WG_KEY_LEN]);
void cookie_maker_done(struct cookie_maker *maker); /* wipes */

/* Fills in mac1, and mac2 when there is a cookie less than 115 s old. */
void cookie_add_macs(struct cookie_maker *maker, struct crypto *crypto, struct instant now,
		     uint8_t *message, size_t len);
/* Takes one cookie for one message sent; nothing is to be sent because of it.
 * False: nothing was sent that it could answer, or it is not authentic.
 */
bool cookie_consume_reply(struct cookie_maker *maker, struct crypto *crypto, struct instant now,
			  const struct message_cookie *reply);

#endif
