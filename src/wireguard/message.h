/* Wire formats.  Every number is little-endian on the wire; struct le32 keeps
 * one from being used before le32_to_host().  No struct here has padding or
 * an alignment, so one may be laid over any received byte.
 *
 * Source: WireGuard whitepaper (Donenfeld, 2020), sections 5.4.2 to 5.4.7.
 */
#ifndef ADIT_WIREGUARD_MESSAGE_H
#define ADIT_WIREGUARD_MESSAGE_H

#include "base/bytes.h"

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WG_KEY_LEN = 32,
	WG_HASH_LEN = 32,
	WG_TAG_LEN = 16,
	WG_MAC_LEN = 16,
	WG_COOKIE_LEN = 16,
	WG_COOKIE_NONCE_LEN = 24,
	WG_TIMESTAMP_LEN = 12, /* TAI64N */
};

/* The first byte; three zero bytes follow, so that all four compare as le32. */
enum message_type {
	MESSAGE_INITIATION = 1,
	MESSAGE_RESPONSE = 2,
	MESSAGE_COOKIE = 3,
	MESSAGE_DATA = 4,
};

/* Ends both handshake messages. */
struct message_macs {
	uint8_t mac1[WG_MAC_LEN];
	uint8_t mac2[WG_MAC_LEN]; /* zeroes: no cookie */
};

/* Section 5.4.2, first message: initiator to responder. */
struct message_initiation {
	struct le32 type;
	struct le32 sender;
	uint8_t ephemeral[WG_KEY_LEN];
	uint8_t sealed_static[WG_KEY_LEN + WG_TAG_LEN];
	uint8_t sealed_timestamp[WG_TIMESTAMP_LEN + WG_TAG_LEN];
	struct message_macs macs;
};
static_assert(sizeof(struct message_initiation) == 148, "whitepaper section 5.4.2");

/* Section 5.4.3, second message: responder to initiator. */
struct message_response {
	struct le32 type;
	struct le32 sender;
	struct le32 receiver;
	uint8_t ephemeral[WG_KEY_LEN];
	uint8_t sealed_nothing[WG_TAG_LEN];
	struct message_macs macs;
};
static_assert(sizeof(struct message_response) == 92, "whitepaper section 5.4.3");

/* Section 5.4.7, cookie reply under load. */
struct message_cookie {
	struct le32 type;
	struct le32 receiver; /* the sender of the message it answers */
	uint8_t nonce[WG_COOKIE_NONCE_LEN];
	uint8_t sealed_cookie[WG_COOKIE_LEN + WG_TAG_LEN];
};
static_assert(sizeof(struct message_cookie) == 64, "whitepaper section 5.4.7");

/* Section 5.4.6, transport data; the sealed bytes follow, at least a tag. */
struct message_data {
	struct le32 type;
	struct le32 receiver;
	struct le64 counter;
};
static_assert(sizeof(struct message_data) == 16, "whitepaper section 5.4.6");
static_assert(alignof(struct message_initiation) == 1, "laid over received bytes");
static_assert(alignof(struct message_response) == 1, "laid over received bytes");
static_assert(alignof(struct message_cookie) == 1, "laid over received bytes");
static_assert(alignof(struct message_data) == 1, "laid over received bytes");

enum {
	MESSAGE_DATA_LEN_MIN = sizeof(struct message_data) + WG_TAG_LEN, /* a keepalive */
};

/* What a datagram of `len` bytes is by its type and length; 0: none of ours. */
static inline unsigned int message_classify(const uint8_t *bytes, size_t len)
{
	uint32_t type = len >= sizeof(struct le32) ? le32_load(bytes) : 0;

	if (type == MESSAGE_DATA && len >= MESSAGE_DATA_LEN_MIN)
		return type;
	if ((type == MESSAGE_INITIATION && len == sizeof(struct message_initiation)) ||
	    (type == MESSAGE_RESPONSE && len == sizeof(struct message_response)) ||
	    (type == MESSAGE_COOKIE && len == sizeof(struct message_cookie)))
		return type;
	return 0;
}

#endif
