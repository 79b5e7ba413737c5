/* wg_receive() and what the device then sends, with a session and without.
 *
 * The input is a list of records: an operation, a parameter, a length (two
 * bytes, little-endian) and so many bytes.  Randomness and time are made up, so
 * that an input always does the same.
 */
#include "base/bytes.h"
#include "wireguard/cookie.h"
#include "wireguard/device_state.h"
#include "wireguard/inner.h"
#include "wireguard/peer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { US, THEM, SIDES };
enum { RECORD_HEADER_LEN = 4 };

struct world {
	uint64_t random;
	struct instant now;
	struct wg_device *device[SIDES];
	struct wg_peer *peer[SIDES];
	uint8_t bytes[WG_DATAGRAM_MAX];
	size_t len;
	uint8_t tos;
};

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static void fill(void *context, uint8_t *ret, size_t len)
{
	struct world *world = context;

	for (size_t i = 0; i < len; i++) {
		world->random = world->random * UINT64_C(6364136223846793005) + 1;
		ret[i] = (uint8_t)(world->random >> 40);
	}
}

static union endpoint at(unsigned int side)
{
	const struct address address = address_from_v4((struct in_addr){htonl(0xc0000201 + side)});

	return endpoint_make(&address, 51820);
}

static struct prefix allowed(unsigned int side)
{
	return (struct prefix){
		.address = address_from_v4((struct in_addr){htonl(0x0a000001 + side)}),
		.len = 32,
	};
}

/* ---- from one device into the other, or nowhere ---- */

static void check_delivery(const struct world *world, const struct wg_packet *packet)
{
	const struct address source = inner_source(packet->bytes);
	const struct prefix expected = allowed(THEM);

	require(packet->bytes >= world->bytes);
	require(packet->bytes + packet->len + WG_TAG_LEN <= world->bytes + world->len);
	require(inner_length(packet->bytes, packet->len) == packet->len);
	require(packet->peer == world->peer[US]);
	require(prefix_contains(&expected, &source));
}

/* Hands world->bytes to a device. */
static void receive(struct world *world, unsigned int side)
{
	const union endpoint from = at(1 - side);
	const union endpoint to = at(side);
	const struct wg_datagram datagram = {
		.bytes = world->bytes,
		.len = world->len,
		.from = &from,
		.to = &to,
		.tos = world->tos,
	};
	struct wg_packet packet;

	if (wg_receive(world->device[side], world->now, &datagram, &packet) == WG_DELIVER &&
	    side == US)
		check_delivery(world, &packet);
}

static bool fetch(struct world *world, unsigned int side)
{
	struct wg_output output = {.bytes = world->bytes};

	if (!wg_next_output(world->device[side], world->now, &output))
		return false;
	require(output.len > 0 && output.len <= sizeof(world->bytes));
	world->len = output.len;
	return true;
}

static void connect_both(struct world *world)
{
	wg_peer_start_handshake(world->device[US], world->now, world->peer[US]);
	for (unsigned int i = 0; i < 2; i++) {
		while (fetch(world, US))
			receive(world, THEM);
		while (fetch(world, THEM))
			receive(world, US);
	}
	require(world->peer[US]->keypairs.current && world->peer[THEM]->keypairs.current);
}

/* ---- operations ---- */

static void take_raw(struct world *world, uint8_t parameter)
{
	world->tos = parameter;
	receive(world, US);
}

/* The index is right: of the session, or of the handshake under way. */
static void take_with_index(struct world *world, uint8_t parameter)
{
	const struct wg_peer *peer = world->peer[US];
	size_t at_byte = world->len > 0 && world->bytes[0] == 2 ? 8 : 4;
	uint32_t index = peer->handshake_index.index;

	if (parameter & 1 && peer->keypairs.current)
		index = peer->keypairs.current->index.index;
	if (world->len >= at_byte + 4)
		le32_store(world->bytes + at_byte, index);
	receive(world, US);
}

static void take_with_mac1(struct world *world, uint8_t parameter)
{
	(void)parameter;
	if (world->len >= sizeof(struct message_response))
		cookie_add_macs(&world->peer[THEM]->cookie, world->device[THEM]->crypto, world->now,
				world->bytes, world->len);
	receive(world, US);
}

/* The bytes are the inner packet, authentic. */
static void take_authentic(struct world *world, uint8_t parameter)
{
	struct wg_keypair *keypair = world->peer[THEM]->keypairs.current;
	struct message_data *message = (void *)world->bytes;
	static uint8_t inner[WG_DATAGRAM_MAX];
	const struct crypto_plain plain = {.body = inner, .body_len = world->len};

	if (!keypair || world->len + WG_OVERHEAD_LEN > sizeof(world->bytes))
		return;
	memcpy(inner, world->bytes, world->len);
	message->type = le32_from_host(MESSAGE_DATA);
	message->receiver = le32_from_host(keypair->remote_index);
	message->counter = le64_from_host(keypair->send_counter);
	world->len = WG_HEADER_LEN + crypto_seal(world->device[THEM]->crypto, &keypair->send,
						 keypair->send_counter++, &plain,
						 world->bytes + WG_HEADER_LEN);
	world->tos = parameter;
	receive(world, US);
}

static void send_inner(struct world *world, uint8_t parameter)
{
	static uint8_t inner[WG_DATAGRAM_MAX];
	size_t len = world->len;
	struct wg_seal seal;

	memcpy(inner, world->bytes, len);
	if (len + WG_OVERHEAD_LEN + 15 <= sizeof(world->bytes) &&
	    wg_seal_begin(world->device[US], world->now, inner, len, 1, &seal) == 0) {
		size_t n = wg_seal(&seal, world->bytes, inner, 0, inner, len, parameter);

		require(n >= len + WG_OVERHEAD_LEN && n <= sizeof(world->bytes));
		wg_seal_end(world->device[US], world->now, &seal, 1, n);
		return;
	}
	wg_stage(world->device[US], world->now, inner, len);
}

static void wait_some(struct world *world, uint8_t parameter)
{
	world->now = instant_add(world->now, parameter * NS_PER_S);
	wg_tick(world->device[US], world->now);
}

static void connect_anew(struct world *world, uint8_t parameter)
{
	world->now = instant_add(world->now, (6 + (uint64_t)parameter) * NS_PER_S);
	wg_peer_start_handshake(world->device[US], world->now, world->peer[US]);
	while (fetch(world, US))
		receive(world, THEM);
	while (fetch(world, THEM))
		receive(world, US);
}

static void (*const operations[])(struct world *world, uint8_t parameter) = {
	take_raw,   take_with_index, take_with_mac1, take_authentic,
	send_inner, wait_some,	     connect_anew,
};

/* ---- one run ---- */

static void make_world(struct world *world)
{
	uint8_t keys[SIDES][32];

	for (unsigned int side = 0; side < SIDES; side++) {
		fill(world, keys[side], sizeof(keys[side]));
		world->device[side] =
			wg_device_new(fill, world, (struct wall_time){1000 * NS_PER_S});
		require(world->device[side] != NULL);
		require(wg_device_set_private_key(world->device[side], world->now, keys[side]) ==
			0);
	}
	for (unsigned int side = 0; side < SIDES; side++) {
		const union endpoint endpoint = at(1 - side);
		const struct prefix prefix = allowed(1 - side);

		world->peer[side] = wg_peer_add(world->device[side], world->now,
						world->device[1 - side]->noise.own.public_key);
		require(world->peer[side] != NULL);
		wg_peer_set_endpoint(world->peer[side], &endpoint);
		require(wg_peer_add_allowed_ip(world->device[side], world->peer[side], &prefix) ==
			0);
		wg_device_up(world->device[side], world->now);
	}
}

static size_t run_record(struct world *world, const uint8_t *data, size_t size)
{
	size_t len = (size_t)data[2] | (size_t)data[3] << 8;

	if (len > size - RECORD_HEADER_LEN)
		len = size - RECORD_HEADER_LEN;
	memcpy(world->bytes, data + RECORD_HEADER_LEN, len);
	world->len = len;
	world->tos = 0;
	operations[(data[0] & 0x7f) % (sizeof(operations) / sizeof(operations[0]))](world, data[1]);
	while (fetch(world, US))
		continue;
	return RECORD_HEADER_LEN + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;

	world = (struct world){.random = 1, .now = {100 * NS_PER_S}};
	make_world(&world);
	if (size > 0 && data[0] & 0x80)
		connect_both(&world);
	while (size >= RECORD_HEADER_LEN) {
		size_t n = run_record(&world, data, size);

		data += n;
		size -= n;
	}
	for (unsigned int side = 0; side < SIDES; side++)
		wg_device_free(world.device[side]);
	return 0;
}
