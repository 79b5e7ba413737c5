#include "tunnel/request.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/secret.h"
#include "base/text.h"
#include "config/profile.h"
#include "tunnel/tunnel.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
	DEVICE_LEN = 512, /* bytes that are enough for the device's lines */
	PEER_LEN = 512,	  /* for a peer's, its allowed IPs excepted */
	ALLOWED_IP_LEN = PREFIX_TEXT_LEN + 16,
	REMOVAL_LEN = 128, /* for a peer that goes */
};

static size_t measure(const struct tunnel_config *config, const struct request_options *options)
{
	const struct profile *profile = config->profile;
	size_t size = DEVICE_LEN;

	for (size_t i = 0; i < profile->n_peers; i++)
		size += PEER_LEN + profile->peer[i].n_allowed_ips * ALLOWED_IP_LEN;
	if (options->old)
		size += options->old->n_peers * REMOVAL_LEN;
	return size;
}

/* Written where it stays, so that there is no copy to wipe. */
static void add_hex(struct text *text, const char *name, const uint8_t *bytes, size_t len)
{
	text_add(text, "%s=", name);
	if (text->size - text->len < 2 * len + 2) {
		text->is_truncated = true;
		return;
	}
	hex_encode(bytes, len, text->at + text->len);
	text->len += 2 * len;
	text_add(text, "\n");
}

static void add_device(struct text *text, const struct tunnel_config *config,
		       const struct request_options *options)
{
	static const uint8_t never[TUNNEL_TIMESTAMP_LEN];
	const struct profile *profile = config->profile;

	text_add(text, "set=1\n");
	if (options->has_sockets)
		text_add(text, "adit_sockets=true\n");
	if (memcmp(config->last_timestamp, never, sizeof(never)) != 0)
		add_hex(text, "adit_last_timestamp", config->last_timestamp, sizeof(never));
	text_add(text, "adit_mtu=%u\n", config->mtu);
	add_hex(text, "private_key", profile->private_key.byte, 32);
	if (!options->old)
		text_add(text, "replace_peers=true\n");
}

static bool has_peer(const struct profile *profile, const uint8_t public_key[32])
{
	for (size_t i = 0; i < profile->n_peers; i++)
		if (memcmp(profile->peer[i].public_key, public_key, 32) == 0)
			return true;
	return false;
}

static void add_removals(struct text *text, const struct profile *profile,
			 const struct tunnel_stats *old)
{
	for (size_t i = 0; old && i < old->n_peers; i++) {
		if (has_peer(profile, old->peer[i].public_key))
			continue;
		add_hex(text, "public_key", old->peer[i].public_key, 32);
		text_add(text, "remove=true\n");
	}
}

static void add_peer(struct text *text, const struct profile_peer *peer,
		     const union endpoint *endpoint, bool starts_handshake)
{
	char print[ENDPOINT_TEXT_LEN];
	bool has_endpoint = endpoint_is_set(endpoint);

	add_hex(text, "public_key", peer->public_key, 32);
	add_hex(text, "preshared_key", peer->preshared_key.byte, 32);
	if (has_endpoint)
		text_add(text, "endpoint=%s\n", endpoint_print(endpoint, print));
	text_add(text, "persistent_keepalive_interval=%u\nreplace_allowed_ips=true\n",
		 peer->keepalive_s);
	for (size_t i = 0; i < peer->n_allowed_ips; i++)
		text_add(text, "allowed_ip=%s\n", prefix_print(&peer->allowed_ip[i], print));
	if (starts_handshake && has_endpoint)
		text_add(text, "adit_handshake=true\n");
}

static_assert(ENDPOINT_TEXT_LEN >= PREFIX_TEXT_LEN, "add_peer prints both into one buffer");

int request_build(const struct tunnel_config *config, const struct request_options *options,
		  struct request *ret)
{
	const struct profile *profile = config->profile;
	size_t size = measure(config, options);
	char *buffer = secret_new(size);
	struct text text;

	if (!buffer)
		return -ENOMEM;
	text_init(&text, buffer, size);
	add_device(&text, config, options);
	add_removals(&text, profile, options->old);
	for (size_t i = 0; i < profile->n_peers; i++) {
		const union endpoint *endpoint =
			config->endpoint ? &config->endpoint[i] : &profile->peer[i].endpoint;

		add_peer(&text, &profile->peer[i], endpoint, config->starts_handshake);
	}
	text_add(&text, "\n");
	if (text.is_truncated) {
		secret_free(buffer);
		return -ENOMEM;
	}
	*ret = (struct request){buffer, text.len};
	return 0;
}

void request_free(struct request *request)
{
	secret_free(request->text);
	*request = (struct request){0};
}
