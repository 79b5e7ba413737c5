#include "cmocka_all.h"

#include "wireguard/pair.h"

#include "base/bytes.h"
#include "wireguard/cookie.h"
#include "wireguard/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	V4_HEADER_LEN = 20,
	NUMBER_AT = V4_HEADER_LEN,
	FILLER_AT = NUMBER_AT + 4,
};

/* 2026-01-01, when the machine of these tests was started. */
static const struct wall_time boot_wall = {UINT64_C(1767225600) * NS_PER_S};

static const char *const endpoints[PAIR_SIDES] = {"192.0.2.1:1111", "192.0.2.2:2222"};
static const char *const inner_addresses[PAIR_SIDES] = {"10.0.0.1", "10.0.0.2"};

enum pair_name pair_other(enum pair_name name)
{
	return name == ALICE ? BOB : ALICE;
}

uint64_t pair_random(struct pair *pair)
{
	pair->random ^= pair->random << 13;
	pair->random ^= pair->random >> 7;
	pair->random ^= pair->random << 17;
	return pair->random * UINT64_C(0x2545f4914f6cdd1d);
}

void pair_fill_random(void *context, uint8_t *ret, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ret[i] = (uint8_t)(pair_random(context) >> 32);
}

struct prefix pair_prefix(const char *text)
{
	struct prefix prefix;

	assert_true(prefix_parse(text, strlen(text), &prefix));
	return prefix;
}

union endpoint pair_endpoint(const char *text)
{
	union endpoint endpoint;

	assert_true(endpoint_parse(text, strlen(text), &endpoint));
	return endpoint;
}

struct address pair_inner(enum pair_name name)
{
	struct address address;

	assert_true(address_parse(inner_addresses[name], strlen(inner_addresses[name]), &address));
	return address;
}

/* ---- inner packets ---- */

static uint8_t filler(uint32_t number, size_t at)
{
	return (uint8_t)(number * 31 + at * 7 + (number >> 8));
}

static void write_checksum(uint8_t *header)
{
	uint32_t sum = 0;

	be16_store(header + 10, 0);
	for (size_t i = 0; i < V4_HEADER_LEN; i += 2)
		sum += be16_load(header + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	be16_store(header + 10, (uint16_t)~sum);
}

void pair_write_packet(enum pair_name from, uint32_t number, uint8_t *ret, size_t len)
{
	const struct address source = pair_inner(from);
	const struct address destination = pair_inner(pair_other(from));
	size_t n;

	assert_true(len >= FILLER_AT);
	memset(ret, 0, V4_HEADER_LEN);
	ret[0] = 0x45;
	be16_store(ret + 2, (uint16_t)len);
	ret[8] = 64;
	ret[9] = 253; /* for experiments, RFC 3692 */
	memcpy(ret + 12, address_bytes(&source, &n), 4);
	memcpy(ret + 16, address_bytes(&destination, &n), 4);
	write_checksum(ret);
	be32_store(ret + NUMBER_AT, number);
	for (size_t i = FILLER_AT; i < len; i++)
		ret[i] = filler(number, i);
}

static void note_delivery(struct pair *pair, enum pair_name to, const struct wg_packet *packet)
{
	struct pair_side *side = &pair->side[to];
	uint8_t expected[WG_DATAGRAM_MAX];
	uint32_t number;

	assert_ptr_equal(packet->peer, side->peer);
	assert_true(packet->len >= FILLER_AT);
	number = be32_load(packet->bytes + NUMBER_AT);
	assert_true(number < pair->side[pair_other(to)].n_offered);
	pair_write_packet(pair_other(to), number, expected, packet->len);
	assert_memory_equal(packet->bytes, expected, packet->len);
	if (number / 8 >= side->n_bits) {
		size_t larger = (number / 8 + 1) * 2;

		side->is_delivered = realloc(side->is_delivered, larger);
		assert_non_null(side->is_delivered);
		memset(side->is_delivered + side->n_bits, 0, larger - side->n_bits);
		side->n_bits = larger;
	}
	assert_false(side->is_delivered[number / 8] & 1 << number % 8);
	side->is_delivered[number / 8] |= (uint8_t)(1 << number % 8);
	side->n_delivered++;
	side->last_len = packet->len;
}

/* ---- the wire ---- */

struct pair_datagram pair_datagram_copy(const struct pair_datagram *from)
{
	struct pair_datagram copy = *from;

	copy.bytes = malloc(from->len > 0 ? from->len : 1);
	assert_non_null(copy.bytes);
	memcpy(copy.bytes, from->bytes, from->len);
	return copy;
}

void pair_datagram_done(struct pair_datagram *datagram)
{
	free(datagram->bytes);
	*datagram = (struct pair_datagram){0};
}

static bool happens(struct pair *pair, unsigned int per_mille)
{
	return per_mille > 0 && pair_random(pair) % 1000 < per_mille;
}

static void put_in_flight(struct pair *pair, const struct pair_datagram *datagram)
{
	struct pair_datagram copy;

	if (happens(pair, pair->wire.loss))
		return;
	copy = pair_datagram_copy(datagram);
	copy.arrival = instant_add(pair->now, pair->wire.latency_ns);
	if (happens(pair, pair->wire.reordering))
		copy.arrival = instant_add(copy.arrival, pair_random(pair) % NS_PER_S);
	if (happens(pair, pair->wire.corruption))
		copy.bytes[pair_random(pair) % copy.len] ^= (uint8_t)(1 + pair_random(pair) % 255);
	assert_true(pair->n_in_flight < PAIR_IN_FLIGHT_MAX);
	pair->in_flight[pair->n_in_flight++] = copy;
}

/* `to` is where the sender believes the other one to be: no check. */
static void transmit(struct pair *pair, enum pair_name from, const struct pair_datagram *datagram)
{
	struct pair_side *side = &pair->side[from];
	unsigned int type = message_classify(datagram->bytes, datagram->len);

	assert_in_range(type, MESSAGE_INITIATION, MESSAGE_DATA);
	side->n_sent[type]++;
	if (type == MESSAGE_DATA && datagram->len == MESSAGE_DATA_LEN_MIN)
		side->n_keepalives++;
	pair_datagram_done(&side->last[type]);
	side->last[type] = pair_datagram_copy(datagram);
	if (pair->wire.is_cut[from])
		return;
	put_in_flight(pair, datagram);
	if (happens(pair, pair->wire.duplication))
		put_in_flight(pair, datagram);
}

void pair_pump(struct pair *pair, enum pair_name name)
{
	static uint8_t bytes[WG_DATAGRAM_MAX];
	struct wg_output output = {.bytes = bytes};

	while (wg_next_output(pair->side[name].device, pair->now, &output)) {
		const struct pair_datagram datagram = {
			.bytes = bytes,
			.len = output.len,
			.from = pair->side[name].at,
			.to = output.to,
			.tos = output.tos,
		};

		transmit(pair, name, &datagram);
	}
}

enum wg_verdict pair_receive(struct pair *pair, enum pair_name to, struct pair_datagram *what,
			     struct wg_packet *ret)
{
	const struct wg_datagram in = {
		.bytes = what->bytes,
		.len = what->len,
		.from = &what->from,
		.to = &what->to,
		.ifindex = 2,
		.tos = what->tos,
	};

	return wg_receive(pair->side[to].device, pair->now, &in, ret);
}

static enum wg_verdict hand_over(struct pair *pair, enum pair_name to,
				 struct pair_datagram *datagram)
{
	struct wg_packet packet;
	enum wg_verdict verdict = pair_receive(pair, to, datagram, &packet);

	if (verdict == WG_DELIVER)
		note_delivery(pair, to, &packet);
	pair_pump(pair, to);
	return verdict;
}

enum wg_verdict pair_inject(struct pair *pair, enum pair_name to, const struct pair_datagram *what)
{
	struct pair_datagram copy = pair_datagram_copy(what);
	enum wg_verdict verdict = hand_over(pair, to, &copy);

	pair_datagram_done(&copy);
	return verdict;
}

/* ---- time ---- */

static size_t find_next_arrival(const struct pair *pair)
{
	size_t next = 0;

	for (size_t i = 1; i < pair->n_in_flight; i++)
		if (pair->in_flight[i].arrival.ns < pair->in_flight[next].arrival.ns)
			next = i;
	return next;
}

/* Endpoints tell the sides apart: a datagram is for whoever is at `to`. */
static void arrive(struct pair *pair, size_t i)
{
	struct pair_datagram datagram = pair->in_flight[i];

	/* Datagrams sent at one time stay in order. */
	memmove(&pair->in_flight[i], &pair->in_flight[i + 1],
		(pair->n_in_flight - i - 1) * sizeof(datagram));
	pair->n_in_flight--;
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++)
		if (endpoint_equal(&pair->side[name].at, &datagram.to))
			(void)hand_over(pair, name, &datagram);
	pair_datagram_done(&datagram);
}

static struct instant next_event(const struct pair *pair)
{
	struct instant next = instant_first(wg_next_deadline(pair->side[ALICE].device),
					    wg_next_deadline(pair->side[BOB].device));

	if (pair->n_in_flight > 0)
		next = instant_first(next, pair->in_flight[find_next_arrival(pair)].arrival);
	return next;
}

static void run_events(struct pair *pair)
{
	while (pair->n_in_flight > 0) {
		size_t i = find_next_arrival(pair);

		if (!instant_is_due(pair->in_flight[i].arrival, pair->now))
			break;
		arrive(pair, i);
	}
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++) {
		wg_tick(pair->side[name].device, pair->now);
		pair_pump(pair, name);
	}
}

void pair_advance_ns(struct pair *pair, uint64_t ns)
{
	const struct instant end = instant_add(pair->now, ns);
	struct instant next;

	while (next = next_event(pair), instant_is_due(next, end)) {
		if (next.ns > pair->now.ns)
			pair->now = next;
		run_events(pair);
	}
	pair->now = end;
}

void pair_advance(struct pair *pair, unsigned int seconds)
{
	pair_advance_ns(pair, seconds * NS_PER_S);
}

void pair_advance_ms(struct pair *pair, unsigned int ms)
{
	pair_advance_ns(pair, ms * NS_PER_MS);
}

/* ---- traffic ---- */

static bool seal_one(struct pair *pair, enum pair_name from, const uint8_t *packet, size_t len,
		     struct pair_datagram *ret)
{
	struct pair_side *side = &pair->side[from];
	static uint8_t bytes[WG_DATAGRAM_MAX];
	struct wg_seal seal;
	int r = wg_seal_begin(side->device, pair->now, packet, len, 1, &seal);

	if (r < 0) {
		side->refusal = r;
		return false;
	}
	*ret = (struct pair_datagram){.bytes = bytes, .from = side->at, .to = seal.to};
	ret->tos = wg_outer_tos(packet, len);
	ret->len = wg_seal(&seal, bytes, packet, 20, packet + 20, len - 20, 1420);
	wg_seal_end(side->device, pair->now, &seal, 1, ret->len);
	return true;
}

void pair_send_len(struct pair *pair, enum pair_name from, size_t len)
{
	struct pair_side *side = &pair->side[from];
	struct pair_datagram datagram;
	uint8_t packet[WG_DATAGRAM_MAX];

	pair_write_packet(from, side->n_offered++, packet, len);
	if (seal_one(pair, from, packet, len, &datagram))
		transmit(pair, from, &datagram);
	else if (side->refusal == -EAGAIN)
		wg_stage(side->device, pair->now, packet, len);
	else
		side->n_refused++;
	pair_pump(pair, from);
}

void pair_send(struct pair *pair, enum pair_name from)
{
	pair_send_len(pair, from, PAIR_PACKET_LEN);
}

struct pair_datagram pair_seal(struct pair *pair, enum pair_name from, const uint8_t *packet,
			       size_t len)
{
	struct pair_datagram datagram;

	assert_true(seal_one(pair, from, packet, len, &datagram));
	return pair_datagram_copy(&datagram);
}

void pair_connect(struct pair *pair)
{
	pair_send(pair, ALICE);
	pair_advance_ms(pair, 100);
	pair_send(pair, BOB);
	pair_advance_ms(pair, 100);
	assert_int_equal(pair->side[ALICE].n_delivered, 1);
	assert_int_equal(pair->side[BOB].n_delivered, 1);
}

struct pair_datagram pair_forge_initiation(struct pair *pair, enum pair_name to,
					   const union endpoint *from)
{
	struct message_initiation message;
	struct cookie_maker maker;
	struct crypto *crypto = crypto_new();
	const struct pair_datagram datagram = {
		.bytes = (uint8_t *)&message,
		.len = sizeof(message),
		.from = *from,
		.to = pair->side[to].at,
	};

	assert_non_null(crypto);
	pair_fill_random(pair, (uint8_t *)&message, sizeof(message));
	message.type = le32_from_host(MESSAGE_INITIATION);
	cookie_maker_init(&maker, crypto, pair->side[to].public_key);
	cookie_add_macs(&maker, crypto, pair->now, (uint8_t *)&message, sizeof(message));
	crypto_free(crypto);
	return pair_datagram_copy(&datagram);
}

/* ---- life ---- */

static void make_keys(struct pair *pair)
{
	struct crypto *crypto = crypto_new();

	assert_non_null(crypto);
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++) {
		struct pair_side *side = &pair->side[name];

		pair_fill_random(pair, side->private_key, sizeof(side->private_key));
		crypto_x25519_clamp(side->private_key);
		assert_true(crypto_x25519_public(crypto, side->public_key, side->private_key));
	}
	crypto_free(crypto);
}

static void make_device(struct pair *pair, enum pair_name name)
{
	struct pair_side *side = &pair->side[name];
	const struct prefix allowed = {.address = pair_inner(pair_other(name)), .len = 32};

	side->device = wg_device_new(pair_fill_random, pair, side->boot_wall);
	assert_non_null(side->device);
	assert_int_equal(wg_device_set_private_key(side->device, pair->now, side->private_key), 0);
	side->peer = wg_peer_add(side->device, pair->now, pair->side[pair_other(name)].public_key);
	assert_non_null(side->peer);
	assert_int_equal(wg_peer_add_allowed_ip(side->device, side->peer, &allowed), 0);
	if (name == ALICE)
		wg_peer_set_endpoint(side->peer, &pair->side[BOB].at);
	wg_device_set_mtu(side->device, 1420);
	wg_device_up(side->device, pair->now);
}

int pair_start(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		return -1;
	pair->random = UINT64_C(0x9e3779b97f4a7c15);
	pair->now = (struct instant){1000 * NS_PER_S};
	pair->wire.latency_ns = 5 * NS_PER_MS;
	make_keys(pair);
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++) {
		pair->side[name].at = pair_endpoint(endpoints[name]);
		pair->side[name].boot_wall = boot_wall;
	}
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++)
		make_device(pair, name);
	*state = pair;
	return 0;
}

void pair_restart(struct pair *pair, enum pair_name name)
{
	wg_device_free(pair->side[name].device);
	make_device(pair, name);
}

int pair_stop(void **state)
{
	struct pair *pair = *state;

	for (size_t i = 0; i < pair->n_in_flight; i++)
		pair_datagram_done(&pair->in_flight[i]);
	for (enum pair_name name = ALICE; name < PAIR_SIDES; name++) {
		struct pair_side *side = &pair->side[name];

		wg_device_free(side->device);
		free(side->is_delivered);
		for (unsigned int type = 0; type < PAIR_TYPES; type++)
			pair_datagram_done(&side->last[type]);
	}
	free(pair);
	return 0;
}

struct wg_peer_stats pair_peer_stats(const struct pair *pair, enum pair_name of)
{
	struct wg_peer_stats stats;

	wg_peer_read_stats(pair->side[of].peer, &stats);
	return stats;
}

struct wg_device_stats pair_stats(const struct pair *pair, enum pair_name of)
{
	struct wg_device_stats stats;

	wg_device_read_stats(pair->side[of].device, &stats);
	return stats;
}
