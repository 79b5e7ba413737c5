#include "wireguard/noise.h"

#include "base/secret.h"
#include "wireguard/constants.h"

#include <string.h>

static const char prologue[] = "WireGuard v1 zx2c4 Jason@zx2c4.com"; /* whitepaper section 5.4 */

/* ---- our own key ---- */

void noise_static_init(struct noise_static *self, struct crypto *crypto,
		       struct random_source random)
{
	*self = (struct noise_static){.own.crypto = crypto, .random = random};
	ikpsk2_begin(crypto, prologue, sizeof(prologue) - 1, &self->own.start);
}

static void forget_key(struct noise_static *self)
{
	secret_wipe(self->own.private_key, sizeof(self->own.private_key));
	secret_wipe(self->own.public_key, sizeof(self->own.public_key));
	self->has_key = false;
}

bool noise_static_set_key(struct noise_static *self, const uint8_t private_key[WG_KEY_LEN])
{
	AUTO_WIPE struct secret_key clamped;
	uint8_t public_key[WG_KEY_LEN];

	if (secret_is_zero(private_key, WG_KEY_LEN)) {
		forget_key(self);
		return true;
	}
	memcpy(clamped.byte, private_key, sizeof(clamped.byte));
	crypto_x25519_clamp(clamped.byte);
	if (!crypto_x25519_public(self->own.crypto, public_key, clamped.byte))
		return false;
	memcpy(self->own.private_key, clamped.byte, sizeof(clamped.byte));
	memcpy(self->own.public_key, public_key, sizeof(public_key));
	self->has_key = true;
	return true;
}

void noise_static_done(struct noise_static *self)
{
	secret_wipe(self, sizeof(*self));
}

/* ---- a peer ---- */

void noise_init(struct noise_handshake *handshake, const struct noise_static *self,
		const uint8_t public_key[WG_KEY_LEN])
{
	*handshake = (struct noise_handshake){.last_sent = self->last_timestamp};
	memcpy(handshake->peer.public_key, public_key, WG_KEY_LEN);
	noise_set_static(handshake, self);
}

void noise_set_static(struct noise_handshake *handshake, const struct noise_static *self)
{
	struct ikpsk2_peer *peer = &handshake->peer;

	noise_clear(handshake);
	/* On failure the result is zeroes, which no handshake goes on with. */
	if (!self->has_key || !crypto_x25519(self->own.crypto, peer->static_static,
					     self->own.private_key, peer->public_key))
		secret_wipe(peer->static_static, sizeof(peer->static_static));
}

void noise_clear(struct noise_handshake *handshake)
{
	secret_wipe(&handshake->symmetric, sizeof(handshake->symmetric));
	handshake->state = NOISE_IDLE;
	handshake->local_index = 0;
	handshake->remote_index = 0;
}

void noise_done(struct noise_handshake *handshake)
{
	secret_wipe(handshake, sizeof(*handshake));
}

/* `step` has been authenticated: it is what the handshake now is. */
static void commit(struct noise_handshake *handshake, struct ikpsk2 *step, enum noise_state state)
{
	handshake->symmetric = *step;
	handshake->state = state;
	secret_wipe(step, sizeof(*step));
}

static void make_ephemeral(const struct noise_static *self, struct ikpsk2 *step)
{
	random_fill(&self->random, step->ephemeral, sizeof(step->ephemeral));
	crypto_x25519_clamp(step->ephemeral);
}

/* ---- first message ---- */

/* After what this peer has seen of us, and what it may have seen of the process
 * before us: it refuses everything else.
 */
static struct tai64n choose_timestamp(const struct noise_handshake *handshake,
				      const struct noise_static *self, struct wall_time wall)
{
	if (tai64n_is_after(&self->floor, &handshake->last_sent))
		return tai64n_next(wall, &self->floor);
	return tai64n_next(wall, &handshake->last_sent);
}

static void note_timestamp(struct noise_handshake *handshake, struct noise_static *self,
			   const struct tai64n *sent)
{
	handshake->last_sent = *sent;
	if (tai64n_is_after(sent, &self->last_timestamp))
		self->last_timestamp = *sent;
}

bool noise_create_initiation(struct noise_handshake *handshake, struct noise_static *self,
			     uint32_t sender, struct wall_time wall, struct message_initiation *ret)
{
	const struct tai64n timestamp = choose_timestamp(handshake, self, wall);
	struct message_initiation message = {
		.type = le32_from_host(MESSAGE_INITIATION),
		.sender = le32_from_host(sender),
	};
	const struct ikpsk2_parts out = {
		.ephemeral = message.ephemeral,
		.sealed_static = message.sealed_static,
		.sealed_payload = message.sealed_timestamp,
	};
	struct ikpsk2 step = {0};

	if (!self->has_key)
		return false;
	make_ephemeral(self, &step);
	if (!ikpsk2_write_first(&step, &self->own, &handshake->peer, &out, timestamp.byte,
				sizeof(timestamp.byte))) {
		secret_wipe(&step, sizeof(step));
		return false;
	}
	commit(handshake, &step, NOISE_CREATED_INITIATION);
	handshake->local_index = sender;
	note_timestamp(handshake, self, &timestamp);
	*ret = message;
	return true;
}

bool noise_open_initiation(const struct noise_static *self,
			   const struct message_initiation *message, struct noise_opening *ret)
{
	struct noise_opening opening = {0};
	bool is_opened = self->has_key &&
			 ikpsk2_read_static(&opening.symmetric, &self->own, message->ephemeral,
					    message->sealed_static, opening.public_key);

	if (is_opened)
		*ret = opening;
	secret_wipe(&opening, sizeof(opening));
	return is_opened;
}

static bool is_too_soon(const struct noise_handshake *handshake, struct instant now)
{
	return instant_is_set(handshake->last_consumed) &&
	       instant_since(now, handshake->last_consumed) < WG_INITIATION_INTERVAL;
}

static bool read_initiation(const struct noise_handshake *handshake,
			    const struct noise_static *self,
			    const struct message_initiation *message, struct ikpsk2 *step,
			    struct tai64n *ret_timestamp)
{
	return ikpsk2_read_first(step, &self->own, &handshake->peer, message->sealed_timestamp,
				 sizeof(message->sealed_timestamp), ret_timestamp->byte) &&
	       tai64n_is_after(ret_timestamp, &handshake->last_received);
}

bool noise_consume_initiation(struct noise_handshake *handshake, const struct noise_static *self,
			      struct instant now, const struct message_initiation *message,
			      struct noise_opening *opening)
{
	struct tai64n timestamp;
	bool is_accepted =
		read_initiation(handshake, self, message, &opening->symmetric, &timestamp) &&
		!is_too_soon(handshake, now);

	if (is_accepted) {
		commit(handshake, &opening->symmetric, NOISE_CONSUMED_INITIATION);
		handshake->remote_index = le32_to_host(message->sender);
		handshake->last_received = timestamp;
		handshake->last_consumed = now;
	}
	secret_wipe(opening, sizeof(*opening));
	return is_accepted;
}

/* ---- second message ---- */

bool noise_create_response(struct noise_handshake *handshake, const struct noise_static *self,
			   uint32_t sender, struct message_response *ret)
{
	struct message_response message = {
		.type = le32_from_host(MESSAGE_RESPONSE),
		.sender = le32_from_host(sender),
		.receiver = le32_from_host(handshake->remote_index),
	};
	const struct ikpsk2_parts out = {
		.ephemeral = message.ephemeral,
		.sealed_payload = message.sealed_nothing,
	};
	struct ikpsk2 step;

	if (handshake->state != NOISE_CONSUMED_INITIATION)
		return false;
	step = handshake->symmetric;
	make_ephemeral(self, &step);
	if (!ikpsk2_write_second(&step, &self->own, &handshake->peer, &out, NULL, 0)) {
		secret_wipe(&step, sizeof(step));
		return false;
	}
	commit(handshake, &step, NOISE_CREATED_RESPONSE);
	handshake->local_index = sender;
	*ret = message;
	return true;
}

bool noise_consume_response(struct noise_handshake *handshake, const struct noise_static *self,
			    const struct message_response *message)
{
	struct message_response copy = *message;
	const struct ikpsk2_parts in = {
		.ephemeral = copy.ephemeral,
		.sealed_payload = copy.sealed_nothing,
	};
	struct ikpsk2 step;

	if (handshake->state != NOISE_CREATED_INITIATION ||
	    le32_to_host(message->receiver) != handshake->local_index)
		return false;
	step = handshake->symmetric;
	if (!ikpsk2_read_second(&step, &self->own, &handshake->peer, &in,
				sizeof(copy.sealed_nothing), NULL)) {
		secret_wipe(&step, sizeof(step));
		return false;
	}
	commit(handshake, &step, NOISE_CONSUMED_RESPONSE);
	handshake->remote_index = le32_to_host(message->sender);
	return true;
}

/* ---- keys ---- */

bool noise_begin_session(struct noise_handshake *handshake, const struct noise_static *self,
			 struct noise_session *ret)
{
	bool is_initiator = handshake->state == NOISE_CONSUMED_RESPONSE;

	if (!is_initiator && handshake->state != NOISE_CREATED_RESPONSE)
		return false;
	ret->local_index = handshake->local_index;
	ret->remote_index = handshake->remote_index;
	ret->is_initiator = is_initiator;
	ikpsk2_split(&handshake->symmetric, self->own.crypto,
		     is_initiator ? &ret->send : &ret->receive,
		     is_initiator ? &ret->receive : &ret->send);
	noise_clear(handshake);
	return true;
}
