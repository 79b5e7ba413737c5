/* What comes in: wg_receive().
 *
 * How it works: the first bytes and the length say what a datagram is, and a
 * table says who takes it.  Nothing changes before the message is authentic;
 * data then passes, in this order, the replay window, roaming, key
 * confirmation, timers, and the check of its inner source (the kernel module's
 * order: an authentic packet with a source that is not the peer's is dropped,
 * yet tells where the peer is).
 */
#include "base/secret.h"
#include "wireguard/constants.h"
#include "wireguard/device_state.h"
#include "wireguard/inner.h"
#include "wireguard/peer.h"

static enum wg_verdict refuse(uint64_t *counter)
{
	(*counter)++;
	return WG_DROP;
}

/* ---- handshakes ---- */

static enum wg_verdict queue_cookie_reply(struct wg_device *device, struct instant now,
					  const struct wg_datagram *datagram)
{
	struct cookie_replies *replies = &device->replies;
	struct cookie_reply *reply =
		&replies->reply[(replies->first + replies->n) % COOKIE_REPLIES_MAX];

	if (replies->n == COOKIE_REPLIES_MAX ||
	    !cookie_make_reply(&device->checker, now, datagram->bytes, datagram->len,
			       datagram->from, &reply->message))
		return WG_DROP;
	reply->to = *datagram->from;
	reply->source = *datagram->to;
	reply->ifindex = datagram->ifindex;
	replies->n++;
	device->stats.tx_cookie++;
	return WG_CONTROL;
}

static struct wg_peer *find_initiator(const struct wg_device *device, uint32_t index)
{
	struct index_entry *entry = index_find(&device->indices, index);

	return entry && entry->kind == INDEX_HANDSHAKE ? entry->owner : NULL;
}

static void count_forged(struct wg_device *device, const struct wg_datagram *datagram)
{
	const struct message_response *response = (const void *)datagram->bytes;

	if (le32_to_host(response->type) == MESSAGE_RESPONSE &&
	    find_initiator(device, le32_to_host(response->receiver)))
		device->stats.rx_bad_response++;
	device->stats.rx_invalid++;
}

/* WG_DELIVER: go on with it. */
static enum wg_verdict admit_handshake(struct wg_device *device, struct instant now,
				       const struct wg_datagram *datagram)
{
	bool is_under_load = load_is_high(&device->load, now);

	switch (cookie_check(&device->checker, now, datagram->bytes, datagram->len, datagram->from,
			     is_under_load)) {
	case COOKIE_BAD_MAC1:
		count_forged(device, datagram);
		return WG_DROP;
	case COOKIE_GOOD_MAC1:
		load_count(&device->load, now);
		return is_under_load ? queue_cookie_reply(device, now, datagram) : WG_DELIVER;
	case COOKIE_GOOD_MAC2:
		load_count(&device->load, now);
		break;
	}
	return ratelimit_allow(device->ratelimit, now, datagram->from) ? WG_DELIVER : WG_DROP;
}

static enum wg_verdict take_handshake(struct wg_peer *peer, struct instant now,
				      const struct wg_datagram *datagram)
{
	peer->device->stats.rx_handshake++;
	peer->rx_bytes += datagram->len;
	timers_any_received(&peer->timers, now);
	peer_reschedule(peer);
	return WG_CONTROL;
}

static struct wg_peer *consume_initiation(struct wg_device *device, struct instant now,
					  const struct message_initiation *message)
{
	struct noise_opening opening = {0};
	struct wg_peer *peer = NULL;

	if (noise_open_initiation(&device->noise, message, &opening))
		peer = wg_peer_find(device, opening.public_key);
	if (peer &&
	    !noise_consume_initiation(&peer->handshake, &device->noise, now, message, &opening))
		peer = NULL;
	secret_wipe(&opening, sizeof(opening));
	return peer;
}

static enum wg_verdict receive_initiation(struct wg_device *device, struct instant now,
					  const struct wg_datagram *datagram, struct wg_packet *ret)
{
	enum wg_verdict verdict = admit_handshake(device, now, datagram);
	struct wg_peer *peer;

	(void)ret;
	if (verdict != WG_DELIVER)
		return verdict;
	peer = consume_initiation(device, now, (const void *)datagram->bytes);
	if (!peer)
		return refuse(&device->stats.rx_invalid);
	/* It took the place of an initiation of ours, which nobody may answer now. */
	index_remove(&device->indices, &peer->handshake_index);
	peer_roam(peer, now, datagram);
	peer_want(peer, PEER_RESPONSE);
	return take_handshake(peer, now, datagram);
}

static enum wg_verdict receive_response(struct wg_device *device, struct instant now,
					const struct wg_datagram *datagram, struct wg_packet *ret)
{
	const struct message_response *message = (const void *)datagram->bytes;
	enum wg_verdict verdict = admit_handshake(device, now, datagram);
	struct wg_peer *peer;

	(void)ret;
	if (verdict != WG_DELIVER)
		return verdict;
	peer = find_initiator(device, le32_to_host(message->receiver));
	if (!peer)
		return refuse(&device->stats.rx_invalid);
	if (!noise_consume_response(&peer->handshake, &device->noise, message)) {
		device->stats.rx_bad_response++;
		return refuse(&device->stats.rx_invalid);
	}
	peer_roam(peer, now, datagram);
	if (peer_begin_session(peer, now)) {
		peer_complete_handshake(peer, now);
		/* Whatever is sent first confirms the keys to the other side. */
		peer_send_keepalive(peer);
	}
	return take_handshake(peer, now, datagram);
}

static struct wg_peer *find_peer(const struct wg_device *device, uint32_t index)
{
	struct index_entry *entry = index_find(&device->indices, index);
	struct wg_keypair *keypair;

	if (!entry || entry->kind == INDEX_HANDSHAKE)
		return entry ? entry->owner : NULL;
	keypair = entry->owner;
	return keypair->peer;
}

static enum wg_verdict receive_cookie(struct wg_device *device, struct instant now,
				      const struct wg_datagram *datagram, struct wg_packet *ret)
{
	const struct message_cookie *message = (const void *)datagram->bytes;
	struct wg_peer *peer = find_peer(device, le32_to_host(message->receiver));

	(void)ret;
	if (!peer || !cookie_consume_reply(&peer->cookie, device->crypto, now, message))
		return refuse(&device->stats.rx_invalid);
	device->stats.rx_cookie++;
	return WG_CONTROL;
}

/* ---- data ---- */

static struct wg_keypair *find_keypair(struct wg_device *device, uint32_t index)
{
	struct wg_keypair *last = device->cache.keypair;
	struct index_entry *entry;

	if (last && last->index.index == index)
		return last;
	entry = index_find(&device->indices, index);
	if (!entry || entry->kind != INDEX_KEYPAIR)
		return NULL;
	device->cache.keypair = entry->owner;
	return entry->owner;
}

static bool is_source_of(struct wg_device *device, const struct wg_peer *peer,
			 const uint8_t *packet)
{
	struct receive_cache *cache = &device->cache;
	struct address source = inner_source(packet);

	if (!cache->owner || !address_equal(&cache->source, &source)) {
		cache->owner = allowedips_find_source(&device->allowedips, packet);
		cache->source = source;
	}
	return cache->owner == peer;
}

/* What every authentic packet does, in the kernel module's order. */
static void take_data(struct wg_peer *peer, struct instant now, const struct wg_keypair *keypair,
		      const struct wg_datagram *datagram)
{
	peer_roam(peer, now, datagram);
	peer_confirm(peer, now, keypair);
	peer_refresh_after_receiving(peer, now);
	timers_any_received(&peer->timers, now);
	if (datagram->len > MESSAGE_DATA_LEN_MIN)
		timers_data_received(&peer->timers, now);
	peer_reschedule(peer);
}

static enum wg_verdict deliver(struct wg_device *device, struct wg_peer *peer,
			       const struct wg_datagram *datagram, struct wg_packet *ret)
{
	uint8_t *packet = datagram->bytes + WG_HEADER_LEN;
	size_t len = inner_length(packet, datagram->len - WG_OVERHEAD_LEN);

	if (len == 0 || !inner_decapsulate_ecn(packet, datagram->tos))
		return refuse(&device->stats.rx_invalid);
	if (!is_source_of(device, peer, packet))
		return refuse(&device->stats.rx_not_allowed);
	peer->rx_bytes += datagram->len;
	*ret = (struct wg_packet){.bytes = packet, .len = len, .peer = peer};
	return WG_DELIVER;
}

static bool may_open(const struct wg_keypair *keypair, struct instant now, uint64_t counter)
{
	return keypair && keypair_can_receive(keypair, now) && counter < WG_REJECT_AFTER_MESSAGES;
}

static bool open_one(struct wg_device *device, const struct wg_keypair *keypair, uint64_t counter,
		     const struct wg_datagram *datagram)
{
	switch (datagram->state) {
	case WG_SEALED:
		return crypto_open(device->crypto, &keypair->receive, counter,
				   datagram->bytes + WG_HEADER_LEN, datagram->len - WG_HEADER_LEN);
	case WG_OPENED:
		return datagram->keypair == keypair;
	case WG_FORGED:
		break;
	}
	return false;
}

/* At most CRYPTO_BATCH_MAX. */
static void open_slice(const struct wg_open *open, struct wg_datagram *const *datagrams, size_t n)
{
	struct crypto_opening opening[CRYPTO_BATCH_MAX];

	for (size_t i = 0; i < n; i++) {
		const struct message_data *message = (const void *)datagrams[i]->bytes;

		opening[i] = (struct crypto_opening){
			.counter = le64_to_host(message->counter),
			.bytes = datagrams[i]->bytes + WG_HEADER_LEN,
			.len = datagrams[i]->len - WG_HEADER_LEN,
		};
	}
	crypto_open_batch(open->crypto, &open->keypair->receive, opening, n);
	for (size_t i = 0; i < n; i++) {
		datagrams[i]->state = opening[i].is_authentic ? WG_OPENED : WG_FORGED;
		datagrams[i]->keypair = open->keypair;
	}
}

static bool is_data(const struct wg_datagram *datagram)
{
	return message_classify(datagram->bytes, datagram->len) == MESSAGE_DATA;
}

static bool is_known(const struct wg_open *opens, unsigned int n, uint32_t receiver)
{
	for (unsigned int i = n; i > 0; i--)
		if (opens[i - 1].receiver == receiver)
			return true;
	return false;
}

unsigned int wg_open_begin(struct wg_device *device, struct instant now,
			   const struct wg_datagram *datagrams, size_t n, struct wg_open *ret,
			   unsigned int n_max)
{
	unsigned int n_opens = 0;

	for (size_t i = 0; i < n && n_opens < n_max && device->is_up; i++) {
		const struct message_data *message = (const void *)datagrams[i].bytes;
		struct wg_keypair *keypair;
		uint32_t receiver;

		if (!is_data(&datagrams[i]))
			continue;
		receiver = le32_to_host(message->receiver);
		if (is_known(ret, n_opens, receiver))
			continue;
		keypair = find_keypair(device, receiver);
		if (!keypair || !keypair_can_receive(keypair, now))
			continue;
		keypair_ref(keypair);
		ret[n_opens++] = (struct wg_open){
			.keypair = keypair, .crypto = device->crypto, .receiver = receiver};
	}
	return n_opens;
}

void wg_open_many(const struct wg_open *open, struct wg_datagram *datagrams, size_t n)
{
	struct wg_datagram *chosen[CRYPTO_BATCH_MAX];
	size_t n_chosen = 0;

	for (size_t i = 0; i < n; i++) {
		const struct message_data *message = (const void *)datagrams[i].bytes;

		if (!is_data(&datagrams[i]) || le32_to_host(message->receiver) != open->receiver ||
		    le64_to_host(message->counter) >= WG_REJECT_AFTER_MESSAGES)
			continue;
		chosen[n_chosen++] = &datagrams[i];
		if (n_chosen == CRYPTO_BATCH_MAX) {
			open_slice(open, chosen, n_chosen);
			n_chosen = 0;
		}
	}
	if (n_chosen > 0)
		open_slice(open, chosen, n_chosen);
}

void wg_open_end(struct wg_device *device, struct wg_open *open)
{
	(void)device;
	peer_release(open->keypair);
	*open = (struct wg_open){0};
}

static enum wg_verdict receive_data(struct wg_device *device, struct instant now,
				    const struct wg_datagram *datagram, struct wg_packet *ret)
{
	const struct message_data *message = (const void *)datagram->bytes;
	uint64_t counter = le64_to_host(message->counter);
	struct wg_keypair *keypair = find_keypair(device, le32_to_host(message->receiver));
	struct wg_peer *peer;

	if (!may_open(keypair, now, counter) || !open_one(device, keypair, counter, datagram))
		return refuse(&device->stats.rx_invalid);
	if (!replay_accept(&keypair->replay, counter))
		return refuse(&device->stats.rx_replayed);
	peer = keypair->peer;
	take_data(peer, now, keypair, datagram);
	if (datagram->len > MESSAGE_DATA_LEN_MIN)
		return deliver(device, peer, datagram, ret);
	peer->rx_bytes += datagram->len;
	return WG_CONTROL;
}

typedef enum wg_verdict (*receiver)(struct wg_device *device, struct instant now,
				    const struct wg_datagram *datagram, struct wg_packet *ret);

static const receiver receivers[] = {
	[MESSAGE_INITIATION] = receive_initiation,
	[MESSAGE_RESPONSE] = receive_response,
	[MESSAGE_COOKIE] = receive_cookie,
	[MESSAGE_DATA] = receive_data,
};

enum wg_verdict wg_receive(struct wg_device *device, struct instant now,
			   const struct wg_datagram *datagram, struct wg_packet *ret)
{
	unsigned int type = message_classify(datagram->bytes, datagram->len);

	if (!device->is_up)
		return WG_DROP;
	if (type == 0)
		return refuse(&device->stats.rx_invalid);
	return receivers[type](device, now, datagram, ret);
}
