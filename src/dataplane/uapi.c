#include "dataplane/uapi.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/secret.h"
#include "base/text.h"
#include "dataplane/health.h"
#include "dataplane/uapi_reply.h"
#include "wireguard/device.h"

#include <errno.h>
#include <string.h>

enum request { REQUEST_NONE, REQUEST_SET, REQUEST_GET, REQUEST_STATS };

/* The peer that lines of a set are about. */
struct section {
	bool is_open;	 /* a public_key has come: lines are the peer's */
	bool is_ignored; /* removed, or not there and not to be made, or ourselves */
	uint8_t public_key[32];
	struct wg_peer *peer; /* NULL: made when a line needs it */
	bool has_keepalive;   /* set at the end, when the endpoint is known */
	uint16_t keepalive_s;
	bool wants_handshake;
	struct wg_peer_past past;
};

struct uapi {
	const struct uapi_target *target;
	bool is_internal;
	enum request request;
	int failure; /* negative errno of the first line that failed; 0 */
	struct instant now;
	struct section section;
	struct uapi_reply reply;
	size_t line_len;
	char line[UAPI_LINE_MAX];
};

struct value {
	const char *text; /* not ended by NUL */
	size_t len;
};

struct key {
	const char *name;
	int (*set)(struct uapi *uapi, const struct value *value);
	bool is_internal;
};

struct uapi *uapi_new(const struct uapi_target *target, bool is_internal)
{
	struct uapi *uapi = secret_new(sizeof(*uapi));

	if (!uapi)
		return NULL;
	uapi->target = target;
	uapi->is_internal = is_internal;
	return uapi;
}

void uapi_free(struct uapi *uapi)
{
	if (!uapi)
		return;
	uapi_reply_done(&uapi->reply);
	secret_free(uapi);
}

/* ---- values ---- */

static int parse_key(const struct value *value, struct secret_key *ret)
{
	return hex_decode(value->text, value->len, ret->byte, sizeof(ret->byte)) ? 0 : -EINVAL;
}

static int parse_true(const struct value *value)
{
	return value->len == 4 && memcmp(value->text, "true", 4) == 0 ? 0 : -EINVAL;
}

static int parse_number(const struct value *value, uint64_t max, uint64_t *ret)
{
	return text_to_u64(value->text, value->len, max, ret) ? 0 : -EINVAL;
}

/* ---- the device's keys ---- */

static int set_private_key(struct uapi *uapi, const struct value *value)
{
	AUTO_WIPE struct secret_key key = {0};
	int r = parse_key(value, &key);

	if (r < 0)
		return r;
	return wg_device_set_private_key(uapi->target->device, uapi->now, key.byte);
}

static int set_listen_port(struct uapi *uapi, const struct value *value)
{
	uint64_t port;
	int r = parse_number(value, UINT16_MAX, &port);

	if (r < 0)
		return r;
	return uapi->target->set_listen_port(uapi->target->context, (uint16_t)port);
}

static int set_fwmark(struct uapi *uapi, const struct value *value)
{
	uint64_t mark;

	if (!text_to_u64_any_base(value->text, value->len, UINT32_MAX, &mark))
		return -EINVAL;
	return uapi->target->set_fwmark(uapi->target->context, (uint32_t)mark);
}

static int replace_peers(struct uapi *uapi, const struct value *value)
{
	int r = parse_true(value);

	if (r == 0)
		wg_peer_remove_all(uapi->target->device);
	return r;
}

static int set_mtu(struct uapi *uapi, const struct value *value)
{
	uint64_t mtu;
	int r = parse_number(value, UINT16_MAX, &mtu);

	if (r < 0 || mtu < UAPI_MTU_MIN)
		return -EINVAL;
	return uapi->target->set_mtu(uapi->target->context, (uint32_t)mtu);
}

static int set_last_timestamp(struct uapi *uapi, const struct value *value)
{
	uint8_t timestamp[12];

	if (!hex_decode(value->text, value->len, timestamp, sizeof(timestamp)))
		return -EINVAL;
	wg_device_set_last_timestamp(uapi->target->device, timestamp);
	return 0;
}

static int set_up(struct uapi *uapi, const struct value *value)
{
	bool is_up = parse_true(value) == 0;

	if (!is_up && (value->len != 5 || memcmp(value->text, "false", 5) != 0))
		return -EINVAL;
	return uapi->target->set_up(uapi->target->context, is_up);
}

static int use_sockets(struct uapi *uapi, const struct value *value)
{
	int r = parse_true(value);

	return r < 0 ? r : uapi->target->use_sockets(uapi->target->context);
}

static int forget_sources(struct uapi *uapi, const struct value *value)
{
	int r = parse_true(value);

	if (r == 0)
		wg_device_forget_sources(uapi->target->device);
	return r;
}

static int doubt_sources(struct uapi *uapi, const struct value *value)
{
	int r = parse_true(value);

	if (r == 0)
		wg_device_doubt_sources(uapi->target->device, uapi->now);
	return r;
}

/* ---- a peer's keys ---- */

/* The peer that a line is about, made if need be; NULL: the line has no effect. */
static struct wg_peer *need_peer(struct uapi *uapi)
{
	struct section *section = &uapi->section;

	if (section->is_ignored)
		return NULL;
	if (!section->peer)
		section->peer = wg_peer_add(uapi->target->device, uapi->now, section->public_key);
	if (!section->peer)
		section->is_ignored = true;
	return section->peer;
}

/* What could only be done with all lines of the peer read. */
static void end_section(struct uapi *uapi)
{
	struct section *section = &uapi->section;
	struct wg_device *device = uapi->target->device;

	if (section->is_open && need_peer(uapi)) {
		if (section->has_keepalive)
			wg_peer_set_keepalive(device, uapi->now, section->peer,
					      section->keepalive_s);
		wg_peer_add_past(section->peer, &section->past);
		if (section->wants_handshake)
			wg_peer_start_handshake(device, uapi->now, section->peer);
	}
	*section = (struct section){.is_open = false};
}

static int begin_section(struct uapi *uapi, const struct value *value)
{
	struct section *section = &uapi->section;

	end_section(uapi);
	if (!hex_decode(value->text, value->len, section->public_key, 32))
		return -EINVAL;
	section->is_open = true;
	section->peer = wg_peer_find(uapi->target->device, section->public_key);
	return 0;
}

static int update_only(struct uapi *uapi, const struct value *value)
{
	if (parse_true(value) < 0)
		return -EINVAL;
	if (!uapi->section.peer)
		uapi->section.is_ignored = true;
	return 0;
}

static int remove_peer(struct uapi *uapi, const struct value *value)
{
	if (parse_true(value) < 0)
		return -EINVAL;
	if (uapi->section.peer)
		wg_peer_remove(uapi->target->device, uapi->section.peer);
	uapi->section.peer = NULL;
	uapi->section.is_ignored = true;
	return 0;
}

static int set_preshared_key(struct uapi *uapi, const struct value *value)
{
	AUTO_WIPE struct secret_key key = {0};
	struct wg_peer *peer;

	if (parse_key(value, &key) < 0)
		return -EINVAL;
	peer = need_peer(uapi);
	if (peer)
		wg_peer_set_preshared_key(peer, key.byte);
	return 0;
}

static int set_endpoint(struct uapi *uapi, const struct value *value)
{
	union endpoint endpoint;
	struct wg_peer *peer;

	if (!endpoint_parse(value->text, value->len, &endpoint))
		return -EINVAL;
	peer = need_peer(uapi);
	if (peer)
		wg_peer_set_endpoint(peer, &endpoint);
	return 0;
}

static int set_keepalive(struct uapi *uapi, const struct value *value)
{
	uint64_t seconds;
	int r = parse_number(value, UINT16_MAX, &seconds);

	if (r < 0)
		return r;
	uapi->section.has_keepalive = true;
	uapi->section.keepalive_s = (uint16_t)seconds;
	return 0;
}

static int replace_allowed_ips(struct uapi *uapi, const struct value *value)
{
	struct wg_peer *peer;

	if (parse_true(value) < 0)
		return -EINVAL;
	peer = need_peer(uapi);
	if (peer)
		wg_peer_clear_allowed_ips(uapi->target->device, peer);
	return 0;
}

/* A "-" in front takes the prefix away. */
static int change_allowed_ip(struct uapi *uapi, const struct value *value)
{
	bool is_removal = value->len > 0 && value->text[0] == '-';
	struct prefix prefix;
	struct wg_peer *peer;

	if (!prefix_parse(value->text + is_removal, value->len - is_removal, &prefix))
		return -EINVAL;
	prefix_normalize(&prefix);
	peer = need_peer(uapi);
	if (!peer)
		return 0;
	if (!is_removal)
		return wg_peer_add_allowed_ip(uapi->target->device, peer, &prefix);
	wg_peer_remove_allowed_ip(uapi->target->device, peer, &prefix);
	return 0;
}

static int check_protocol_version(struct uapi *uapi, const struct value *value)
{
	(void)uapi;
	return value->len == 1 && value->text[0] == '1' ? 0 : -EINVAL;
}

static int start_handshake(struct uapi *uapi, const struct value *value)
{
	int r = parse_true(value);

	uapi->section.wants_handshake = r == 0;
	return r;
}

static int doubt_source(struct uapi *uapi, const struct value *value)
{
	if (parse_true(value) < 0)
		return -EINVAL;
	if (uapi->section.peer)
		wg_peer_doubt_source(uapi->target->device, uapi->now, uapi->section.peer);
	return 0;
}

static int set_past_rx(struct uapi *uapi, const struct value *value)
{
	return parse_number(value, UINT64_MAX, &uapi->section.past.rx_bytes);
}

static int set_past_tx(struct uapi *uapi, const struct value *value)
{
	return parse_number(value, UINT64_MAX, &uapi->section.past.tx_bytes);
}

static int set_past_handshake(struct uapi *uapi, const struct value *value)
{
	return parse_number(value, UINT64_MAX, &uapi->section.past.last_handshake.ns);
}

/* ---- lines ---- */

static const struct key device_keys[] = {
	{"private_key", set_private_key, false},
	{"listen_port", set_listen_port, false},
	{"fwmark", set_fwmark, false},
	{"replace_peers", replace_peers, false},
	{"public_key", begin_section, false},
	{"adit_mtu", set_mtu, true},
	{"adit_last_timestamp", set_last_timestamp, true},
	{"adit_sockets", use_sockets, true},
	{"adit_forget_sources", forget_sources, true},
	{"adit_doubt_sources", doubt_sources, true},
	{"adit_up", set_up, true},
	{0},
};

static const struct key peer_keys[] = {
	{"public_key", begin_section, false},
	{"update_only", update_only, false},
	{"remove", remove_peer, false},
	{"preshared_key", set_preshared_key, false},
	{"endpoint", set_endpoint, false},
	{"persistent_keepalive_interval", set_keepalive, false},
	{"replace_allowed_ips", replace_allowed_ips, false},
	{"allowed_ip", change_allowed_ip, false},
	{"protocol_version", check_protocol_version, false},
	{"adit_handshake", start_handshake, true},
	{"adit_doubt_source", doubt_source, true},
	{"adit_past_rx", set_past_rx, true},
	{"adit_past_tx", set_past_tx, true},
	{"adit_past_handshake", set_past_handshake, true},
	{0},
};

static const struct key *find_key(const struct uapi *uapi, const char *name, size_t len)
{
	const struct key *key = uapi->section.is_open ? peer_keys : device_keys;

	for (; key->name; key++)
		if (strlen(key->name) == len && memcmp(key->name, name, len) == 0 &&
		    (uapi->is_internal || !key->is_internal))
			return key;
	return NULL;
}

static int set_line(struct uapi *uapi, const char *line, size_t len)
{
	const char *equals = memchr(line, '=', len);
	const struct key *key;
	struct value value;

	if (!equals)
		return -EPROTO;
	key = find_key(uapi, line, (size_t)(equals - line));
	if (!key)
		return -EINVAL;
	value.text = equals + 1;
	value.len = len - (size_t)(equals - line) - 1;
	return key->set(uapi, &value);
}

static int begin_request(struct uapi *uapi, const char *line, size_t len)
{
	static const struct {
		const char *text;
		enum request request;
		bool is_internal;
	} starts[] = {
		{"set=1", REQUEST_SET, false},
		{"get=1", REQUEST_GET, false},
		{"adit_stats=1", REQUEST_STATS, true},
	};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strlen(starts[i].text) == len && memcmp(starts[i].text, line, len) == 0 &&
		    (uapi->is_internal || !starts[i].is_internal)) {
			uapi->request = starts[i].request;
			uapi->failure = 0;
			return 0;
		}
	return -EPROTO;
}

/* Only now has the whole request come. */
static int end_request(struct uapi *uapi)
{
	enum request request = uapi->request;

	if (request == REQUEST_SET && uapi->failure == 0)
		end_section(uapi);
	uapi->section = (struct section){.is_open = false};
	uapi->request = REQUEST_NONE;
	if (uapi->failure == 0 && request == REQUEST_GET)
		uapi_reply_add_state(&uapi->reply, uapi->target);
	if (uapi->failure == 0 && request == REQUEST_STATS)
		uapi_reply_add_stats(&uapi->reply, uapi->target);
	uapi_reply_add(&uapi->reply, "errno=%d\n\n", uapi->failure);
	return uapi->reply.has_failed ? -ENOMEM : 0;
}

static int take_line(struct uapi *uapi, const char *line, size_t len)
{
	if (uapi->request == REQUEST_NONE)
		return begin_request(uapi, line, len);
	if (len == 0)
		return end_request(uapi);
	if (uapi->failure != 0)
		return 0;
	uapi->failure = uapi->request == REQUEST_SET ? set_line(uapi, line, len) : -EPROTO;
	return 0;
}

/* A line too long for any key ends the connection: nothing after it is sure. */
static int add_to_line(struct uapi *uapi, const char *bytes, size_t len)
{
	if (len > sizeof(uapi->line) - uapi->line_len)
		return -EPROTO;
	memcpy(uapi->line + uapi->line_len, bytes, len);
	uapi->line_len += len;
	return 0;
}

int uapi_feed(struct uapi *uapi, struct instant now, const char *bytes, size_t len)
{
	uapi->now = now;
	while (len > 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t piece = end ? (size_t)(end - bytes) : len;
		int r = add_to_line(uapi, bytes, piece);

		if (r < 0)
			return r;
		if (!end)
			return 0;
		r = take_line(uapi, uapi->line, uapi->line_len);
		secret_wipe(uapi->line, uapi->line_len);
		uapi->line_len = 0;
		if (r < 0)
			return r;
		bytes += piece + 1;
		len -= piece + 1;
	}
	return 0;
}

bool uapi_is_idle(const struct uapi *uapi)
{
	return uapi->request == REQUEST_NONE && uapi->line_len == 0;
}

const char *uapi_output(const struct uapi *uapi, size_t *ret_len)
{
	*ret_len = uapi->reply.len - uapi->reply.n_gone;
	return uapi->reply.at ? uapi->reply.at + uapi->reply.n_gone : "";
}

void uapi_consume(struct uapi *uapi, size_t len)
{
	uapi->reply.n_gone += len;
	if (uapi->reply.n_gone == uapi->reply.len)
		uapi_reply_done(&uapi->reply);
}
