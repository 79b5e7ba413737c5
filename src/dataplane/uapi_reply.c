#include "dataplane/uapi_reply.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/secret.h"
#include "dataplane/health.h"
#include "dataplane/uapi_target.h"
#include "wireguard/device.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PIECE_MAX = 512 };

void uapi_reply_done(struct uapi_reply *reply)
{
	secret_free(reply->at);
	*reply = (struct uapi_reply){0};
}

/* Room for one more piece; false when memory is out. */
static bool reserve(struct uapi_reply *reply)
{
	size_t size = reply->size > 0 ? reply->size * 2 : 4000;
	char *fresh;

	if (reply->has_failed || reply->size - reply->len >= PIECE_MAX)
		return !reply->has_failed;
	fresh = secret_new(size);
	if (!fresh) {
		reply->has_failed = true;
		return false;
	}
	if (reply->at)
		memcpy(fresh, reply->at, reply->len);
	secret_free(reply->at);
	reply->at = fresh;
	reply->size = size;
	return true;
}

void uapi_reply_add(struct uapi_reply *reply, const char *format, ...)
{
	va_list arguments;
	int n;

	if (!reserve(reply))
		return;
	va_start(arguments, format);
	n = vsnprintf(reply->at + reply->len, PIECE_MAX, format, arguments);
	va_end(arguments);
	if (n > 0 && n < PIECE_MAX)
		reply->len += (size_t)n;
	else
		reply->has_failed = true;
}

/* NAME=HEX and a line's end, written where they stay: no copy of a key. */
static void add_hex(struct uapi_reply *reply, const char *name, const uint8_t *bytes, size_t len)
{
	uapi_reply_add(reply, "%s=", name);
	if (!reserve(reply))
		return;
	hex_encode(bytes, len, reply->at + reply->len);
	reply->len += 2 * len;
	reply->at[reply->len++] = '\n';
}

static void add_allowed_ip(void *context, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LEN];

	uapi_reply_add(context, "allowed_ip=%s\n", prefix_print(prefix, text));
}

static void add_endpoint(struct uapi_reply *reply, const char *name, const union endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_LEN];

	if (endpoint_is_set(endpoint))
		uapi_reply_add(reply, "%s=%s\n", name, endpoint_print(endpoint, text));
}

static void add_counters(struct uapi_reply *reply, const struct wg_peer_stats *stats)
{
	add_endpoint(reply, "endpoint", &stats->endpoint);
	uapi_reply_add(reply,
		       "last_handshake_time_sec=%" PRIu64 "\nlast_handshake_time_nsec=%" PRIu64
		       "\ntx_bytes=%" PRIu64 "\nrx_bytes=%" PRIu64
		       "\npersistent_keepalive_interval=%u\n",
		       stats->last_handshake.ns / NS_PER_S, stats->last_handshake.ns % NS_PER_S,
		       stats->tx_bytes, stats->rx_bytes, stats->keepalive_s);
}

static void add_peer(struct uapi_reply *reply, const struct wg_device *device,
		     const struct wg_peer *peer)
{
	AUTO_WIPE struct secret_key preshared = {0};
	struct wg_peer_stats stats;

	wg_peer_read_stats(peer, &stats);
	wg_peer_get_preshared_key(peer, preshared.byte);
	add_hex(reply, "public_key", stats.public_key, 32);
	add_hex(reply, "preshared_key", preshared.byte, 32);
	uapi_reply_add(reply, "protocol_version=1\n");
	add_counters(reply, &stats);
	wg_peer_each_allowed_ip(device, peer, add_allowed_ip, reply);
}

static void add_private_key(struct uapi_reply *reply, const struct wg_device *device)
{
	AUTO_WIPE struct secret_key key = {0};

	if (wg_device_get_private_key(device, key.byte))
		add_hex(reply, "private_key", key.byte, 32);
}

static void add_port_and_mark(struct uapi_reply *reply, const struct uapi_facts *facts)
{
	uapi_reply_add(reply, "listen_port=%u\n", facts->listen_port);
	if (facts->fwmark != 0)
		uapi_reply_add(reply, "fwmark=%" PRIu32 "\n", facts->fwmark);
}

void uapi_reply_add_state(struct uapi_reply *reply, const struct uapi_target *target)
{
	const struct wg_device *device = target->device;
	struct uapi_facts facts;

	target->read_facts(target->context, &facts);
	add_private_key(reply, device);
	add_port_and_mark(reply, &facts);
	for (struct wg_peer *peer = wg_peer_next(device, NULL); peer;
	     peer = wg_peer_next(device, peer))
		add_peer(reply, device, peer);
}

static void add_health(struct uapi_reply *reply, const struct health *health)
{
	uapi_reply_add(reply, "adit_tx_errno=%d\nadit_tx_errors=%" PRIu64 "\n", health->tx_errno,
		       health->tx_errors);
	uapi_reply_add(reply,
		       "adit_icmp_errno=%d\nadit_icmp_type=%u\nadit_icmp_code=%u\n"
		       "adit_icmp_version=%d\nadit_icmp_count=%" PRIu64 "\n",
		       health->icmp_errno, health->icmp_type, health->icmp_code,
		       health->icmp_is_v6 ? 6 : 4, health->icmp_count);
	uapi_reply_add(reply,
		       "adit_rx_datagrams=%" PRIu64 "\nadit_tun_errors=%" PRIu64
		       "\nadit_tun_refused=%" PRIu64 "\nadit_mark_refused=%d\nadit_unlocked=%zu\n",
		       health->rx_datagrams, health->tun_errors, health->tun_refused,
		       health->is_mark_refused, secret_unlocked());
}

static void add_device_counters(struct uapi_reply *reply, const struct wg_device *device)
{
	struct wg_device_stats stats;
	uint8_t timestamp[12];

	wg_device_read_stats(device, &stats);
	wg_device_get_last_timestamp(device, timestamp);
	add_hex(reply, "adit_last_timestamp", timestamp, sizeof(timestamp));
	uapi_reply_add(reply,
		       "adit_rx_invalid=%" PRIu64 "\nadit_rx_bad_response=%" PRIu64
		       "\nadit_rx_handshake=%" PRIu64 "\nadit_rx_replayed=%" PRIu64
		       "\nadit_tx_cookie=%" PRIu64 "\n",
		       stats.rx_invalid, stats.rx_bad_response, stats.rx_handshake,
		       stats.rx_replayed, stats.tx_cookie);
}

void uapi_reply_add_stats(struct uapi_reply *reply, const struct uapi_target *target)
{
	const struct wg_device *device = target->device;
	struct uapi_facts facts;

	target->read_facts(target->context, &facts);
	add_port_and_mark(reply, &facts);
	uapi_reply_add(reply, "adit_mtu=%" PRIu32 "\n", facts.mtu);
	add_device_counters(reply, device);
	add_health(reply, facts.health);
	for (struct wg_peer *peer = wg_peer_next(device, NULL); peer;
	     peer = wg_peer_next(device, peer)) {
		struct wg_peer_stats stats;

		wg_peer_read_stats(peer, &stats);
		add_hex(reply, "public_key", stats.public_key, 32);
		add_counters(reply, &stats);
		uapi_reply_add(reply, "adit_handshakes_sent=%" PRIu64 "\n", stats.handshakes_sent);
		add_endpoint(reply, "adit_source", &stats.source);
		if (stats.ifindex != 0)
			uapi_reply_add(reply, "adit_source_link=%" PRIu32 "\n", stats.ifindex);
	}
}
