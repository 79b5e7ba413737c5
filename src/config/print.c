#include "base/bytes.h"
#include "base/text.h"
#include "config/config.h"

#include <string.h>

/* What X25519 makes of any 32 bytes, as kernels keep and print a private key
 * (RFC 7748 section 5).
 */
static void clamp(struct secret_key *key)
{
	key->byte[0] &= 0xf8;
	key->byte[31] = (uint8_t)((key->byte[31] & 0x7f) | 0x40);
}

static void print_key(struct text *text, const char *name, const struct secret_key *key)
{
	char base64[KEY_TEXT_LEN + 1];

	key_to_base64(key->byte, base64);
	text_add(text, "%s = %s\n", name, base64);
	secret_wipe(base64, sizeof(base64));
}

static void print_interface(const struct profile *profile, struct text *text)
{
	AUTO_WIPE struct secret_key key = profile->private_key;

	text_add(text, "[Interface]\n");
	if (profile->listen_port)
		text_add(text, "ListenPort = %u\n", profile->listen_port);
	if (profile->fwmark)
		text_add(text, "FwMark = 0x%x\n", profile->fwmark);
	if (!profile->has_private_key)
		return;
	clamp(&key);
	print_key(text, "PrivateKey", &key);
}

static void print_endpoint(const struct profile_peer *peer, struct text *text)
{
	char address[ENDPOINT_TEXT_LEN];
	bool has_brackets = strchr(peer->endpoint_host, ':') != NULL;

	if (endpoint_is_set(&peer->endpoint))
		text_add(text, "Endpoint = %s\n", endpoint_print(&peer->endpoint, address));
	else if (peer->endpoint_host[0])
		text_add(text, has_brackets ? "Endpoint = [%s]:%u\n" : "Endpoint = %s:%u\n",
			 peer->endpoint_host, peer->endpoint_port);
}

static void print_peer(const struct profile_peer *peer, struct text *text)
{
	char public_key[KEY_TEXT_LEN + 1];
	char prefix[PREFIX_TEXT_LEN];

	key_to_base64(peer->public_key, public_key);
	text_add(text, "\n[Peer]\nPublicKey = %s\n", public_key);
	if (!secret_is_zero(&peer->preshared_key, sizeof(peer->preshared_key)))
		print_key(text, "PresharedKey", &peer->preshared_key);
	for (size_t i = 0; i < peer->n_allowed_ips; i++)
		text_add(text, "%s%s%s",
			 i ? ", " : "AllowedIPs = ", prefix_print(&peer->allowed_ip[i], prefix),
			 i + 1 == peer->n_allowed_ips ? "\n" : "");
	print_endpoint(peer, text);
	if (peer->keepalive_s)
		text_add(text, "PersistentKeepalive = %u\n", peer->keepalive_s);
}

void config_print_wg(const struct profile *profile, struct text *text)
{
	print_interface(profile, text);
	for (size_t i = 0; i < profile->n_peers; i++)
		print_peer(&profile->peer[i], text);
}

size_t config_wg_size(const struct profile *profile)
{
	enum { HEAD_LEN = 160, PEER_LEN = 256 + PROFILE_DOMAIN_LEN };
	size_t size = HEAD_LEN + profile->n_peers * PEER_LEN;

	for (size_t i = 0; i < profile->n_peers; i++)
		size += profile->peer[i].n_allowed_ips * (PREFIX_TEXT_LEN + 2);
	return size;
}
