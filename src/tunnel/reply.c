#include "tunnel/reply.h"

#include "base/bytes.h"
#include "base/text.h"
#include "tunnel/tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where a number goes: an unsigned field of this many bytes. */
struct number {
	const char *name;
	size_t offset;
	size_t size;
	uint64_t max; /* that the field holds */
};

#define FIELD(type, field) offsetof(struct type, field), sizeof(((struct type *)0)->field)

static const struct number device_numbers[] = {
	{"listen_port", FIELD(tunnel_stats, listen_port), UINT16_MAX},
	{"adit_rx_datagrams", FIELD(tunnel_stats, rx_datagrams), UINT64_MAX},
	{"adit_rx_invalid", FIELD(tunnel_stats, rx_invalid), UINT64_MAX},
	{"adit_rx_bad_response", FIELD(tunnel_stats, rx_bad_response), UINT64_MAX},
	{"adit_rx_handshake", FIELD(tunnel_stats, rx_handshake), UINT64_MAX},
	{"adit_rx_replayed", FIELD(tunnel_stats, rx_replayed), UINT64_MAX},
	{"adit_tx_cookie", FIELD(tunnel_stats, tx_cookie), UINT64_MAX},
	{"adit_tx_errno", FIELD(tunnel_stats, tx_errno), INT32_MAX},
	{"adit_tx_errors", FIELD(tunnel_stats, tx_errors), UINT64_MAX},
	{"adit_icmp_errno", FIELD(tunnel_stats, icmp_errno), INT32_MAX},
	{"adit_icmp_type", FIELD(tunnel_stats, icmp_type), UINT8_MAX},
	{"adit_icmp_code", FIELD(tunnel_stats, icmp_code), UINT8_MAX},
	{"adit_icmp_count", FIELD(tunnel_stats, icmp_count), UINT64_MAX},
	{"adit_tun_errors", FIELD(tunnel_stats, tun_errors), UINT64_MAX},
	{"adit_mark_refused", FIELD(tunnel_stats, is_mark_refused), 1},
	{"adit_unlocked", FIELD(tunnel_stats, n_unlocked), UINT64_MAX},
	{0},
};

static const struct number peer_numbers[] = {
	{"rx_bytes", FIELD(tunnel_peer_stats, rx_bytes), UINT64_MAX},
	{"tx_bytes", FIELD(tunnel_peer_stats, tx_bytes), UINT64_MAX},
	{"adit_handshakes_sent", FIELD(tunnel_peer_stats, handshakes_sent), UINT64_MAX},
	{"adit_source_link", FIELD(tunnel_peer_stats, source_link), INT32_MAX},
	{0},
};

/* One line, cut at its first "=". */
struct line {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

static bool is_named(const struct line *line, const char *name)
{
	return strlen(name) == line->name_len && memcmp(name, line->name, line->name_len) == 0;
}

static void store(void *at, size_t size, uint64_t value)
{
	const uint8_t one = (uint8_t)value;
	const uint16_t two = (uint16_t)value;
	const uint32_t four = (uint32_t)value;

	if (size == sizeof(one))
		memcpy(at, &one, sizeof(one));
	else if (size == sizeof(two))
		memcpy(at, &two, sizeof(two));
	else if (size == sizeof(four))
		memcpy(at, &four, sizeof(four));
	else
		memcpy(at, &value, sizeof(value));
}

static int parse_number(const struct line *line, uint64_t max, uint64_t *ret)
{
	return text_to_u64(line->value, line->value_len, max, ret) ? 0 : -EPROTO;
}

/* 0 also for a line that is not in the table. */
static int take_number(const struct number *number, const struct line *line, void *base)
{
	uint64_t value;

	while (number->name && !is_named(line, number->name))
		number++;
	if (!number->name)
		return 0;
	if (parse_number(line, number->max, &value) < 0)
		return -EPROTO;
	store((char *)base + number->offset, number->size, value);
	return 0;
}

static int take_device_line(struct tunnel_stats *stats, const struct line *line)
{
	if (is_named(line, "adit_last_timestamp"))
		return hex_decode(line->value, line->value_len, stats->last_timestamp,
				  sizeof(stats->last_timestamp))
			       ? 0
			       : -EPROTO;
	return take_number(device_numbers, line, stats);
}

/* The seconds come first. */
static int take_handshake_time(struct tunnel_peer_stats *peer, const struct line *line)
{
	uint64_t value;

	if (is_named(line, "last_handshake_time_nsec")) {
		if (parse_number(line, NS_PER_S - 1, &value) < 0)
			return -EPROTO;
		peer->last_handshake.ns += value;
		return 0;
	}
	if (parse_number(line, UINT64_MAX / NS_PER_S - 1, &value) < 0)
		return -EPROTO;
	peer->last_handshake.ns = value * NS_PER_S;
	return 0;
}

static int take_endpoint(union endpoint *endpoint, const struct line *line)
{
	return endpoint_parse(line->value, line->value_len, endpoint) ? 0 : -EPROTO;
}

static int take_peer_line(struct tunnel_peer_stats *peer, const struct line *line)
{
	if (is_named(line, "endpoint"))
		return take_endpoint(&peer->endpoint, line);
	if (is_named(line, "adit_source"))
		return take_endpoint(&peer->source, line);
	if (is_named(line, "last_handshake_time_sec") || is_named(line, "last_handshake_time_nsec"))
		return take_handshake_time(peer, line);
	return take_number(peer_numbers, line, peer);
}

/* Grows by half as much again, so that ten thousand peers cost a few copies. */
static int add_peer(struct tunnel_stats *stats, size_t *size, const struct line *line)
{
	struct tunnel_peer_stats *peer = stats->peer;

	if (stats->n_peers == REPLY_PEERS_MAX)
		return -EPROTO;
	if (stats->n_peers == *size) {
		*size += *size / 2 + 4;
		peer = reallocarray(peer, *size, sizeof(*peer));
		if (!peer)
			return -ENOMEM;
		stats->peer = peer;
	}
	peer = &stats->peer[stats->n_peers];
	*peer = (struct tunnel_peer_stats){0};
	if (!hex_decode(line->value, line->value_len, peer->public_key, 32))
		return -EPROTO;
	stats->n_peers++;
	return 0;
}

static int take_line(struct tunnel_stats *stats, size_t *size, const struct line *line)
{
	if (is_named(line, "public_key"))
		return add_peer(stats, size, line);
	if (stats->n_peers == 0)
		return take_device_line(stats, line);
	return take_peer_line(&stats->peer[stats->n_peers - 1], line);
}

/* The next line without its end; false after the last. */
static bool next_line(const char **text, size_t *len, struct line *ret)
{
	const char *end = memchr(*text, '\n', *len);
	const char *equals;
	size_t line_len;

	if (!end)
		return false;
	line_len = (size_t)(end - *text);
	equals = memchr(*text, '=', line_len);
	*ret = (struct line){.name = *text, .name_len = line_len, .value = end};
	if (equals) {
		ret->name_len = (size_t)(equals - *text);
		ret->value = equals + 1;
		ret->value_len = line_len - ret->name_len - 1;
	}
	*text += line_len + 1;
	*len -= line_len + 1;
	return true;
}

bool reply_is_whole(const char *text, size_t len)
{
	return len >= 2 && text[len - 1] == '\n' && text[len - 2] == '\n';
}

int reply_errno(const char *text, size_t len)
{
	struct line line;
	uint64_t value;

	while (next_line(&text, &len, &line)) {
		if (!is_named(&line, "errno"))
			continue;
		if (line.value_len > 0 && line.value[0] == '-') {
			line.value++;
			line.value_len--;
		}
		return parse_number(&line, 4095, &value) < 0 ? -EPROTO : -(int)value;
	}
	return -EPROTO;
}

int reply_parse_stats(const char *text, size_t len, struct tunnel_stats *ret)
{
	struct tunnel_stats stats = {0};
	size_t size = 0;
	struct line line;
	int r = reply_errno(text, len);

	while (r == 0 && next_line(&text, &len, &line))
		r = take_line(&stats, &size, &line);
	if (r < 0) {
		tunnel_stats_done(&stats);
		return r;
	}
	*ret = stats;
	return 0;
}
