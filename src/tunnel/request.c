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
	START_LEN = 128,   /* for what is to happen, and for each handshake */
};

static size_t measure(const struct tunnel_config *config, const struct tunnel_stats *old)
{
	const struct profile *profile = config->profile;
	size_t size = DEVICE_LEN;

	for (size_t i = 0; i < profile->n_peers; i++)
		size += PEER_LEN + profile->peer[i].n_allowed_ips * ALLOWED_IP_LEN;
	if (old)
		size += old->n_peers * REMOVAL_LEN;
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

static void add_device(struct text *text, const struct tunnel_config *config, bool replaces_peers)
{
	static const uint8_t never[TUNNEL_TIMESTAMP_LEN];
	const struct profile *profile = config->profile;

	text_add(text, "set=1\n");
	if (memcmp(config->last_timestamp, never, sizeof(never)) != 0)
		add_hex(text, "adit_last_timestamp", config->last_timestamp, sizeof(never));
	text_add(text, "adit_mtu=%u\n", config->mtu);
	add_hex(text, "private_key", profile->private_key.byte, 32);
	if (replaces_peers)
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

static const union endpoint *endpoint_of(const struct tunnel_config *config, size_t i)
{
	return config->endpoint ? &config->endpoint[i] : &config->profile->peer[i].endpoint;
}

static void add_peer(struct text *text, const struct profile_peer *peer,
		     const union endpoint *endpoint)
{
	char print[ENDPOINT_TEXT_LEN];

	add_hex(text, "public_key", peer->public_key, 32);
	add_hex(text, "preshared_key", peer->preshared_key.byte, 32);
	if (endpoint_is_set(endpoint))
		text_add(text, "endpoint=%s\n", endpoint_print(endpoint, print));
	text_add(text, "persistent_keepalive_interval=%u\nreplace_allowed_ips=true\n",
		 peer->keepalive_s);
	for (size_t i = 0; i < peer->n_allowed_ips; i++)
		text_add(text, "allowed_ip=%s\n", prefix_print(&peer->allowed_ip[i], print));
}

static_assert(ENDPOINT_TEXT_LEN >= PREFIX_TEXT_LEN, "add_peer prints both into one buffer");

static void add_handshake(struct text *text, const struct profile_peer *peer)
{
	add_hex(text, "public_key", peer->public_key, 32);
	text_add(text, "update_only=true\nadit_handshake=true\n");
}

/* The text's end; the buffer goes to ret, or is wiped. */
static int finish(struct text *text, struct request *ret)
{
	text_add(text, "\n");
	if (text->is_truncated) {
		secret_free(text->at);
		return -ENOMEM;
	}
	*ret = (struct request){text->at, text->len};
	return 0;
}

int request_build(const struct tunnel_config *config, const struct tunnel_stats *old,
		  struct request *ret)
{
	const struct profile *profile = config->profile;
	size_t size = measure(config, old);
	char *buffer = secret_new(size);
	struct text text;

	if (!buffer)
		return -ENOMEM;
	text_init(&text, buffer, size);
	add_device(&text, config, !old);
	add_removals(&text, profile, old);
	for (size_t i = 0; i < profile->n_peers; i++)
		add_peer(&text, &profile->peer[i], endpoint_of(config, i));
	return finish(&text, ret);
}

int request_build_start(const struct tunnel_config *config, const struct request_start *start,
			struct request *ret)
{
	const struct profile *profile = config->profile;
	size_t size = (profile->n_peers + 1) * START_LEN;
	char *buffer = secret_new(size);
	struct text text;

	if (!buffer)
		return -ENOMEM;
	text_init(&text, buffer, size);
	text_add(&text, "set=1\n%s%s%s", start->has_sockets ? "adit_sockets=true\n" : "",
		 start->goes_up ? "adit_up=true\n" : "",
		 start->forgets_sources ? "adit_forget_sources=true\n" : "");
	for (size_t i = 0; config->starts_handshake && i < profile->n_peers; i++)
		if (endpoint_is_set(endpoint_of(config, i)))
			add_handshake(&text, &profile->peer[i]);
	return finish(&text, ret);
}

void request_free(struct request *request)
{
	secret_free(request->text);
	*request = (struct request){0};
}
