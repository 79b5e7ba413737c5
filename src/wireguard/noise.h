/* The WireGuard handshake: messages, states, and which messages are refused.
 *
 * What a handshake holds changes only when a message has authenticated in
 * full.  Nothing here keeps a clock or a table: the caller finds the peer by
 * its public key and gives out indices (index.h).  MACs are cookie.h's: those
 * of a received message have been checked before it comes here, and those of
 * a created one are added after.
 *
 * Source: WireGuard whitepaper, sections 5.1, 5.4.1 to 5.4.5.
 */
#ifndef ADIT_WIREGUARD_NOISE_H
#define ADIT_WIREGUARD_NOISE_H

#include "base/clock.h"
#include "wireguard/ikpsk2.h"
#include "wireguard/random.h"
#include "wireguard/tai64n.h"

/* A device's own part in all its handshakes. */
struct noise_static {
	struct ikpsk2_own own;
	struct random_source random;
	bool has_key;
	struct tai64n last_timestamp; /* the latest sent to anybody */
	struct tai64n floor;	      /* what a predecessor sent: to be exceeded */
};

enum noise_state {
	NOISE_IDLE,
	NOISE_CREATED_INITIATION,
	NOISE_CONSUMED_INITIATION,
	NOISE_CREATED_RESPONSE,
	NOISE_CONSUMED_RESPONSE,
};

/* One for each peer: there is at most one handshake with it under way. */
struct noise_handshake {
	enum noise_state state;
	uint32_t local_index;  /* with every state but NOISE_IDLE and NOISE_CONSUMED_INITIATION */
	uint32_t remote_index; /* once a message of the peer was consumed */
	struct ikpsk2 symmetric;
	struct ikpsk2_peer peer;
	struct tai64n last_sent; /* timestamps, to the peer and of it */
	struct tai64n last_received;
	struct instant last_consumed; /* initiation of the peer accepted */
};

/* An initiation of which the sender is known, not more. */
struct noise_opening {
	struct ikpsk2 symmetric;
	uint8_t public_key[WG_KEY_LEN];
};

/* Keys for transport data. */
struct noise_session {
	struct crypto_key send;
	struct crypto_key receive;
	uint32_t local_index;  /* in what we receive */
	uint32_t remote_index; /* in what we send */
	bool is_initiator;
};

/* Without a key.  `crypto` is borrowed. */
void noise_static_init(struct noise_static *self, struct crypto *crypto,
		       struct random_source random);
/* Zeroes: removes the key.  False: out of memory, and nothing has changed.
 * Every peer's handshake needs noise_set_static() afterwards.
 */
bool noise_static_set_key(struct noise_static *self, const uint8_t private_key[WG_KEY_LEN]);
void noise_static_done(struct noise_static *self); /* wipes */

/* A public key of small order is accepted, and every handshake with it refused. */
void noise_init(struct noise_handshake *handshake, const struct noise_static *self,
		const uint8_t public_key[WG_KEY_LEN]);
/* After noise_static_set_key(): forgets the handshake under way. */
void noise_set_static(struct noise_handshake *handshake, const struct noise_static *self);
/* Wipes the handshake under way; keys and timestamps of the peer stay. */
void noise_clear(struct noise_handshake *handshake);
void noise_done(struct noise_handshake *handshake); /* wipes all */

/* `sender` is an index of ours, in the table already.  The MACs of *ret are
 * zero.  False: no private key, a peer of small order, or out of memory; the
 * handshake is then as before.
 */
bool noise_create_initiation(struct noise_handshake *handshake, struct noise_static *self,
			     uint32_t sender, struct wall_time wall,
			     struct message_initiation *ret);

/* Who says it is speaking?  ret->public_key is for finding the peer. */
bool noise_open_initiation(const struct noise_static *self,
			   const struct message_initiation *message, struct noise_opening *ret);
/* Whether it is that peer, now: authentic, later than its last one, and not
 * within 20 ms of it.  Wipes the opening.
 */
bool noise_consume_initiation(struct noise_handshake *handshake, const struct noise_static *self,
			      struct instant now, const struct message_initiation *message,
			      struct noise_opening *opening);

/* After noise_consume_initiation().  False: wrong state or out of memory. */
bool noise_create_response(struct noise_handshake *handshake, const struct noise_static *self,
			   uint32_t sender, struct message_response *ret);
/* `handshake` is the one with message->receiver.  False, with nothing changed:
 * there is no initiation of ours that waits, or the message does not
 * authenticate.
 */
bool noise_consume_response(struct noise_handshake *handshake, const struct noise_static *self,
			    const struct message_response *message);

/* After a response was created or consumed.  Wipes the handshake. */
bool noise_begin_session(struct noise_handshake *handshake, const struct noise_static *self,
			 struct noise_session *ret);

#endif
