/* What goes out: batches of data by wg_seal_many(), everything else by
 * wg_next_output().
 *
 * How it works: a counter is taken from its keypair before anything is
 * encrypted with it and is never given back, so that no failure of a send can
 * make one be used twice.  Packets that wait for a session leave before a batch
 * begins, so that a flow stays in order.  What waits is written in the order response,
 * initiation, packets, keepalive, one datagram a call, peers taking turns.
 */
#include "base/secret.h"
#include "wireguard/constants.h"
#include "wireguard/device_state.h"
#include "wireguard/inner.h"
#include "wireguard/peer.h"

#include <errno.h>
#include <string.h>

uint8_t wg_outer_tos(const uint8_t *inner, size_t len)
{
	return inner_ecn(inner, len);
}

/* ---- batches ---- */

/* Zeroes that bring a packet to a multiple of 16, but not past the MTU; of one
 * that is larger (it will be fragmented) the last part counts.
 */
static size_t count_padding(size_t len, size_t mtu)
{
	size_t unit = mtu > 0 && len > mtu ? len % mtu : len;
	size_t padded = (unit + WG_PADDING - 1) & ~(size_t)(WG_PADDING - 1);

	if (mtu > 0 && padded > mtu)
		padded = mtu;
	return padded - unit;
}

static void write_header(const struct wg_keypair *keypair, uint64_t counter, uint8_t *out)
{
	struct message_data *message = (void *)out;

	message->type = le32_from_host(MESSAGE_DATA);
	message->receiver = le32_from_host(keypair->remote_index);
	message->counter = le64_from_host(counter);
}

static size_t encrypt(struct crypto *crypto, const struct wg_keypair *keypair, uint64_t counter,
		      const struct crypto_plain *plain, uint8_t *out)
{
	write_header(keypair, counter, out);
	return WG_HEADER_LEN +
	       crypto_seal(crypto, &keypair->send, counter, plain, out + WG_HEADER_LEN);
}

size_t wg_sealed_len(size_t len, size_t padded_mtu)
{
	return len + count_padding(len, padded_mtu) + WG_OVERHEAD_LEN;
}

/* The peer that gets the packet, or why there is none. */
static int find_receiver(struct wg_device *device, const uint8_t *inner, size_t len,
			 struct wg_peer **ret)
{
	struct wg_peer *peer;

	if (!device->is_up)
		return -ENETDOWN;
	if (!inner_has_header(inner, len))
		return -EINVAL;
	peer = allowedips_find_destination(&device->allowedips, inner);
	if (!peer) {
		device->stats.tx_no_peer++;
		return -ENOKEY;
	}
	if (!endpoint_is_set(&peer->endpoint))
		return -EDESTADDRREQ;
	*ret = peer;
	return 0;
}

int wg_seal_begin(struct wg_device *device, struct instant now, const uint8_t *inner, size_t len,
		  unsigned int n_packets, struct wg_seal *ret)
{
	struct wg_keypair *keypair;
	struct wg_peer *peer;
	int r = find_receiver(device, inner, len, &peer);

	if (r < 0)
		return r;
	keypair = peer->keypairs.current;
	if (!keypair_can_send(keypair, now, n_packets)) {
		peer_initiate(peer, now);
		return -EAGAIN;
	}
	if (peer->stage.n > 0) {
		peer_want(peer, PEER_FLUSH);
		return -EBUSY;
	}
	keypair_ref(keypair);
	*ret = (struct wg_seal){
		.keypair = keypair,
		.crypto = device->crypto,
		.next_counter = keypair->send_counter,
		.n_left = n_packets,
		.to = peer->endpoint,
		.source = peer->source,
		.ifindex = peer->ifindex,
	};
	keypair->send_counter += n_packets;
	return 0;
}

bool wg_seal_join(struct wg_device *device, struct wg_seal *seal, struct wg_seal *next)
{
	(void)device;
	if (next->keypair != seal->keypair ||
	    next->next_counter != seal->next_counter + seal->n_left)
		return false;
	seal->n_left += next->n_left;
	peer_release(next->keypair);
	*next = (struct wg_seal){0};
	return true;
}

/* At most CRYPTO_BATCH_MAX. */
static void seal_slice(struct wg_seal *seal, const struct wg_sealing *packets, unsigned int n,
		       size_t padded_mtu)
{
	struct crypto_sealing sealing[CRYPTO_BATCH_MAX];

	for (unsigned int i = 0; i < n; i++) {
		const struct wg_sealing *packet = &packets[i];

		write_header(seal->keypair, seal->next_counter + i, packet->out);
		sealing[i] = (struct crypto_sealing){
			.plain =
				{
					.head = packet->head,
					.head_len = packet->head_len,
					.body = packet->body,
					.body_len = packet->body_len,
					.n_zeroes = count_padding(
						packet->head_len + packet->body_len, padded_mtu),
				},
			.out = packet->out + WG_HEADER_LEN,
		};
	}
	crypto_seal_batch(seal->crypto, &seal->keypair->send, seal->next_counter, sealing, n);
	seal->next_counter += n;
	seal->n_left -= n;
}

void wg_seal_many(struct wg_seal *seal, const struct wg_sealing *packets, unsigned int n,
		  size_t padded_mtu)
{
	if (n > seal->n_left) /* more have no counter of their own */
		n = seal->n_left;
	while (n > 0) {
		unsigned int slice = n < CRYPTO_BATCH_MAX ? n : CRYPTO_BATCH_MAX;

		seal_slice(seal, packets, slice, padded_mtu);
		packets += slice;
		n -= slice;
	}
}

/* A batch of one. */
size_t wg_seal(struct wg_seal *seal, uint8_t *out, const uint8_t *head, size_t head_len,
	       const uint8_t *body, size_t body_len, size_t padded_mtu)
{
	const struct wg_sealing packet = {
		.head = head,
		.head_len = head_len,
		.body = body,
		.body_len = body_len,
		.out = out,
	};

	if (seal->n_left == 0)
		return 0;
	wg_seal_many(seal, &packet, 1, padded_mtu);
	return wg_sealed_len(head_len + body_len, padded_mtu);
}

static void note_sent(struct wg_peer *peer, struct instant now, unsigned int n_sent, size_t n_bytes)
{
	peer->tx_bytes += n_bytes;
	if (n_sent > 0) {
		timers_any_sent(&peer->timers, now);
		if (!timers_is_set(&peer->timers, TIMER_NEW_HANDSHAKE))
			timers_data_sent(&peer->timers, now, peer_jitter(peer));
	}
	peer_refresh_after_sending(peer, now);
	peer_reschedule(peer);
}

void wg_seal_end(struct wg_device *device, struct instant now, struct wg_seal *seal,
		 unsigned int n_sent, size_t n_bytes)
{
	struct wg_keypair *keypair = seal->keypair;

	if (device->is_up && !keypair->peer->is_removed)
		note_sent(keypair->peer, now, n_sent, n_bytes);
	peer_release(keypair);
	*seal = (struct wg_seal){0};
}

void wg_stage(struct wg_device *device, struct instant now, const uint8_t *inner, size_t len)
{
	struct wg_peer *peer;

	(void)now;
	if (find_receiver(device, inner, len, &peer) < 0)
		return;
	device->stats.tx_staged_lost += stage_push(&peer->stage, inner, len);
	peer_want(peer, PEER_FLUSH);
}

/* ---- what waits ---- */

static void address_output(const struct wg_peer *peer, struct wg_output *ret, size_t len,
			   uint8_t tos)
{
	ret->len = len;
	ret->to = peer->endpoint;
	ret->source = peer->source;
	ret->ifindex = peer->ifindex;
	ret->tos = tos;
}

static void write_handshake(struct wg_peer *peer, struct instant now, const void *message,
			    size_t len, struct wg_output *ret)
{
	memcpy(ret->bytes, message, len);
	cookie_add_macs(&peer->cookie, peer->device->crypto, now, ret->bytes, len);
	peer->tx_bytes += len;
	address_output(peer, ret, len, WG_HANDSHAKE_TOS);
}

static bool write_response(struct wg_peer *peer, struct instant now, struct wg_output *ret)
{
	struct wg_device *device = peer->device;
	struct message_response message;

	peer_unwant(peer, PEER_RESPONSE);
	index_insert(&device->indices, &peer->handshake_index);
	if (!noise_create_response(&peer->handshake, &device->noise, peer->handshake_index.index,
				   &message)) {
		index_remove(&device->indices, &peer->handshake_index);
		return false;
	}
	if (!peer_begin_session(peer, now))
		return false;
	timers_response_sent(&peer->timers, now);
	write_handshake(peer, now, &message, sizeof(message), ret);
	return true;
}

/* The time is noted even when nothing could be made, so that a peer which
 * cannot be reached does not cost a Diffie-Hellman for each packet.
 */
static bool write_initiation(struct wg_peer *peer, struct instant now, struct wg_output *ret)
{
	struct wg_device *device = peer->device;
	struct message_initiation message;

	peer_unwant(peer, PEER_INITIATION);
	if (!endpoint_is_set(&peer->endpoint) || !timers_may_initiate(&peer->timers, now))
		return false;
	timers_initiation_sent(&peer->timers, now, peer_jitter(peer));
	index_insert(&device->indices, &peer->handshake_index);
	if (!noise_create_initiation(&peer->handshake, &device->noise, peer->handshake_index.index,
				     device_wall(device, now), &message)) {
		index_remove(&device->indices, &peer->handshake_index);
		return false;
	}
	peer->handshakes_sent++;
	write_handshake(peer, now, &message, sizeof(message), ret);
	return true;
}

/* One packet, or a keepalive, outside a batch.  False: no session, and one is
 * asked for.
 */
static bool write_data(struct wg_peer *peer, struct instant now, const uint8_t *packet, size_t len,
		       struct wg_output *ret)
{
	struct wg_keypair *keypair = peer->keypairs.current;
	struct crypto_plain plain = {
		.body = packet,
		.body_len = len,
		.n_zeroes = count_padding(len, peer->device->mtu),
	};
	size_t written;

	if (!keypair_can_send(keypair, now, 1)) {
		peer_initiate(peer, now);
		return false;
	}
	written =
		encrypt(peer->device->crypto, keypair, keypair->send_counter++, &plain, ret->bytes);
	peer->tx_bytes += written;
	timers_any_sent(&peer->timers, now);
	if (len > 0 && !timers_is_set(&peer->timers, TIMER_NEW_HANDSHAKE))
		timers_data_sent(&peer->timers, now, peer_jitter(peer));
	peer_refresh_after_sending(peer, now);
	address_output(peer, ret, written, inner_ecn(packet, len));
	return true;
}

static bool write_staged(struct wg_peer *peer, struct instant now, struct wg_output *ret)
{
	size_t len;
	const uint8_t *packet = stage_peek(&peer->stage, &len);

	if (!packet || !write_data(peer, now, packet, len, ret)) {
		peer_unwant(peer, PEER_FLUSH);
		return false;
	}
	stage_pop(&peer->stage);
	if (peer->stage.n == 0)
		peer_unwant(peer, PEER_FLUSH);
	return true;
}

static bool write_keepalive(struct wg_peer *peer, struct instant now, struct wg_output *ret)
{
	peer_unwant(peer, PEER_KEEPALIVE);
	return endpoint_is_set(&peer->endpoint) && write_data(peer, now, NULL, 0, ret);
}

static const struct {
	enum peer_want want;
	bool (*write)(struct wg_peer *peer, struct instant now, struct wg_output *ret);
} writers[] = {
	{PEER_RESPONSE, write_response},
	{PEER_INITIATION, write_initiation},
	{PEER_FLUSH, write_staged},
	{PEER_KEEPALIVE, write_keepalive},
};

/* Once for each want, so that one which turns into another is seen to. */
static bool write_wanted(struct wg_peer *peer, struct instant now, struct wg_output *ret)
{
	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++)
		if ((peer->wants & writers[i].want) && writers[i].write(peer, now, ret))
			return true;
	return false;
}

static bool write_cookie_reply(struct cookie_replies *replies, struct wg_output *ret)
{
	struct cookie_reply *reply = &replies->reply[replies->first];

	if (replies->n == 0)
		return false;
	memcpy(ret->bytes, &reply->message, sizeof(reply->message));
	ret->len = sizeof(reply->message);
	ret->to = reply->to;
	ret->source = reply->source;
	ret->ifindex = reply->ifindex;
	ret->tos = WG_HANDSHAKE_TOS;
	replies->first = (replies->first + 1) % COOKIE_REPLIES_MAX;
	replies->n--;
	return true;
}

/* To the end of the queue, if it wants more. */
static void take_turns(struct wg_peer *peer)
{
	unsigned int wants = peer->wants;

	peer_unwant(peer, wants);
	peer_want(peer, wants);
}

bool wg_has_output(const struct wg_device *device)
{
	return device->wanting.first || device->replies.n > 0;
}

bool wg_next_output(struct wg_device *device, struct instant now, struct wg_output *ret)
{
	struct wg_peer *peer;

	if (write_cookie_reply(&device->replies, ret))
		return true;
	while ((peer = peer_of_wanting(device->wanting.first))) {
		bool is_written = write_wanted(peer, now, ret);

		take_turns(peer);
		peer_reschedule(peer);
		if (is_written)
			return true;
	}
	return false;
}
