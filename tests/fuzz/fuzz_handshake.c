/* Handshake messages as a stranger may change them.
 *
 * The first byte of the input says which message is taken, the rest is XORed
 * over a valid one (or, with the uppermost bit, taken as it is): so that the
 * fuzzer gets past the MACs, which it cannot guess, bit 6 makes mac1 right
 * again.  A message that authenticates where a byte was changed is a fault.
 */
#include "wireguard/cookie.h"
#include "wireguard/noise.h"

#include <stdlib.h>
#include <string.h>

enum { RAW = 0x80, SIGN = 0x40 };

static const struct instant now = {1000000000};

struct world {
	struct crypto *crypto;
	struct noise_static initiator, responder;
	struct noise_handshake waiting;	  /* initiator: has sent, awaits the response */
	struct noise_handshake answering; /* responder: idle */
	struct cookie_checker initiator_checker, responder_checker;
	struct cookie_maker initiator_maker, responder_maker;
	struct message_initiation initiation;
	struct message_response response;
	struct message_cookie cookie;
	union endpoint from;
};

static void fill(void *context, uint8_t *ret, size_t len)
{
	uint8_t *next = context;

	for (size_t i = 0; i < len; i++)
		ret[i] = (*next)++;
}

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static void set_up_keys(struct world *world, uint8_t *counter)
{
	const struct random_source random = {.fill = fill, .context = counter};
	const uint8_t one[WG_KEY_LEN] = {1}, two[WG_KEY_LEN] = {2};

	noise_static_init(&world->initiator, world->crypto, random);
	noise_static_init(&world->responder, world->crypto, random);
	must(noise_static_set_key(&world->initiator, one));
	must(noise_static_set_key(&world->responder, two));
	noise_init(&world->waiting, &world->initiator, world->responder.own.public_key);
	noise_init(&world->answering, &world->responder, world->initiator.own.public_key);
	cookie_checker_init(&world->initiator_checker, world->crypto, random);
	cookie_checker_set_key(&world->initiator_checker, world->initiator.own.public_key);
	cookie_checker_init(&world->responder_checker, world->crypto, random);
	cookie_checker_set_key(&world->responder_checker, world->responder.own.public_key);
	cookie_maker_init(&world->initiator_maker, world->crypto, world->responder.own.public_key);
	cookie_maker_init(&world->responder_maker, world->crypto, world->initiator.own.public_key);
}

/* One valid message of each kind. */
static void set_up_messages(struct world *world)
{
	struct noise_handshake answering = world->answering;
	struct noise_opening opening;

	must(noise_create_initiation(&world->waiting, &world->initiator, 0x11223344,
				     (struct wall_time){1}, &world->initiation));
	cookie_add_macs(&world->initiator_maker, world->crypto, now, (uint8_t *)&world->initiation,
			sizeof(world->initiation));
	must(noise_open_initiation(&world->responder, &world->initiation, &opening));
	must(noise_consume_initiation(&answering, &world->responder, now, &world->initiation,
				      &opening));
	must(noise_create_response(&answering, &world->responder, 0x55667788, &world->response));
	cookie_add_macs(&world->responder_maker, world->crypto, now, (uint8_t *)&world->response,
			sizeof(world->response));
	must(cookie_make_reply(&world->responder_checker, now, (uint8_t *)&world->initiation,
			       sizeof(world->initiation), &world->from, &world->cookie));
}

static const struct world *get_world(void)
{
	static struct world world;
	static uint8_t counter;

	if (world.crypto)
		return &world;
	world.crypto = crypto_new();
	must(world.crypto);
	world.from.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = 1};
	set_up_keys(&world, &counter);
	set_up_messages(&world);
	return &world;
}

/* ---- each kind; `intact` is how the valid message reads ---- */

static bool differs(const void *a, const void *b, size_t from, size_t to)
{
	return memcmp((const uint8_t *)a + from, (const uint8_t *)b + from, to - from) != 0;
}

static void hear_initiation(struct world *world, const struct message_initiation *message,
			    const struct message_initiation *intact)
{
	struct noise_opening opening;
	struct message_response response;
	struct message_cookie reply;

	if (cookie_check(&world->responder_checker, now, (const uint8_t *)message, sizeof(*message),
			 &world->from, true) == COOKIE_BAD_MAC1)
		return;
	must(cookie_make_reply(&world->responder_checker, now, (const uint8_t *)message,
			       sizeof(*message), &world->from, &reply));
	if (!noise_open_initiation(&world->responder, message, &opening) ||
	    !noise_consume_initiation(&world->answering, &world->responder, now, message, &opening))
		return;
	must(!differs(message, intact, offsetof(struct message_initiation, ephemeral),
		      offsetof(struct message_initiation, macs)));
	must(noise_create_response(&world->answering, &world->responder, 1, &response));
	must(response.receiver.byte[0] == message->sender.byte[0]);
}

static void hear_response(struct world *world, const struct message_response *message,
			  const struct message_response *intact)
{
	struct noise_session session;

	if (cookie_check(&world->initiator_checker, now, (const uint8_t *)message, sizeof(*message),
			 &world->from, true) == COOKIE_BAD_MAC1)
		return;
	if (!noise_consume_response(&world->waiting, &world->initiator, message))
		return;
	must(!differs(message, intact, offsetof(struct message_response, receiver),
		      offsetof(struct message_response, macs)));
	must(noise_begin_session(&world->waiting, &world->initiator, &session));
	must(session.remote_index == le32_to_host(message->sender));
}

static void hear_cookie(struct world *world, const struct message_cookie *message,
			const struct message_cookie *intact)
{
	if (cookie_consume_reply(&world->initiator_maker, world->crypto, now, message))
		must(!differs(message, intact, offsetof(struct message_cookie, nonce),
			      sizeof(*message)));
}

static void hear(struct world *world, const uint8_t *bytes, size_t len)
{
	switch (message_classify(bytes, len)) {
	case MESSAGE_INITIATION:
		hear_initiation(world, (const void *)bytes, &get_world()->initiation);
		break;
	case MESSAGE_RESPONSE:
		hear_response(world, (const void *)bytes, &get_world()->response);
		break;
	case MESSAGE_COOKIE:
		hear_cookie(world, (const void *)bytes, &get_world()->cookie);
		break;
	case MESSAGE_DATA:
		must(len >= MESSAGE_DATA_LEN_MIN);
		break;
	}
}

static size_t copy_valid(const struct world *world, unsigned int kind, uint8_t *ret)
{
	static const size_t lengths[] = {sizeof(world->initiation), sizeof(world->response),
					 sizeof(world->cookie)};
	const void *const messages[] = {&world->initiation, &world->response, &world->cookie};

	memcpy(ret, messages[kind], lengths[kind]);
	return lengths[kind];
}

static void sign(struct world *world, unsigned int kind, uint8_t *bytes, size_t len)
{
	struct cookie_maker maker = kind == 0 ? world->initiator_maker : world->responder_maker;

	if (kind < 2)
		cookie_add_macs(&maker, world->crypto, now, bytes, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = *get_world();
	uint8_t bytes[sizeof(struct message_initiation)];
	unsigned int kind;
	size_t len;

	if (size == 0)
		return 0;
	if (data[0] & RAW) {
		hear(&world, data + 1, size - 1);
		return 0;
	}
	kind = (data[0] & 0x3fU) % 3;
	len = copy_valid(&world, kind, bytes);
	for (size_t i = 1; i < size && i <= len; i++)
		bytes[i - 1] ^= data[i];
	if (data[0] & SIGN)
		sign(&world, kind, bytes, len);
	hear(&world, bytes, len);
	return 0;
}
