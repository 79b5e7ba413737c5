#include "device/syntax.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/secret.h"
#include "base/text.h"
#include "dataplane/uapi.h"

#include <errno.h>
#include <string.h>

enum { START_LEN = 6 }; /* bytes of "set=1\n" and of "get=1\n" */

/* ---- where it ends ---- */

enum syntax_kind syntax_find(const char *text, size_t len, size_t *seen, size_t *ret_len)
{
	const char *end;
	size_t from;

	if (len < START_LEN)
		return memchr(text, '\n', len) ? SYNTAX_GARBAGE : SYNTAX_PARTIAL;
	if (memcmp(text, "get=1\n", START_LEN) == 0) {
		if (len == START_LEN)
			return SYNTAX_PARTIAL;
		*ret_len = START_LEN + 1;
		return text[START_LEN] == '\n' ? SYNTAX_GET : SYNTAX_BAD_GET;
	}
	if (memcmp(text, "set=1\n", START_LEN) != 0)
		return SYNTAX_GARBAGE;
	/* the end of the first line may be the first of the two */
	from = *seen > START_LEN ? *seen - 1 : START_LEN - 1;
	end = memmem(text + from, len - from, "\n\n", 2);
	if (!end) {
		*seen = len;
		return SYNTAX_PARTIAL;
	}
	*ret_len = (size_t)(end - text) + 2;
	return SYNTAX_SET;
}

/* ---- values ---- */

struct value {
	const char *text; /* not ended by NUL */
	size_t len;
};

static bool is_key(const struct value *value)
{
	uint8_t key[32];
	bool is_hex = hex_decode(value->text, value->len, key, sizeof(key));

	secret_wipe(key, sizeof(key));
	return is_hex;
}

static bool is_true(const struct value *value)
{
	return value->len == 4 && memcmp(value->text, "true", 4) == 0;
}

static bool is_one(const struct value *value)
{
	return value->len == 1 && value->text[0] == '1';
}

static bool is_seconds(const struct value *value)
{
	uint64_t number;

	return text_to_u64(value->text, value->len, UINT16_MAX, &number);
}

/* The length is always said, as wg(8) does; a "-" in front takes it away. */
static bool is_allowed_ip(const struct value *value)
{
	bool is_removal = value->len > 0 && value->text[0] == '-';
	struct prefix prefix;

	return memchr(value->text, '/', value->len) &&
	       prefix_parse(value->text + is_removal, value->len - is_removal, &prefix);
}

static bool is_endpoint(const struct value *value)
{
	union endpoint endpoint;

	return endpoint_parse(value->text, value->len, &endpoint);
}

static bool is_port(const struct value *value, struct syntax_set *set)
{
	uint64_t port;

	if (!text_to_u64(value->text, value->len, UINT16_MAX, &port))
		return false;
	set->has_port = true;
	set->port = (uint16_t)port;
	return true;
}

static bool is_mark(const struct value *value, struct syntax_set *set)
{
	uint64_t mark;

	if (!text_to_u64_any_base(value->text, value->len, UINT32_MAX, &mark))
		return false;
	set->has_mark = true;
	set->mark = (uint32_t)mark;
	return true;
}

/* ---- keys ---- */

struct key {
	const char *name;
	bool (*is_right)(const struct value *value);
	bool (*take)(const struct value *value,
		     struct syntax_set *set); /* instead; not passed on */
	bool has_scope;			      /* an interface's name may stand in the value */
	bool begins_peer;		      /* what follows is about a peer */
};

static const struct key device_keys[] = {
	{.name = "private_key", .is_right = is_key},
	{.name = "listen_port", .take = is_port},
	{.name = "fwmark", .take = is_mark},
	{.name = "replace_peers", .is_right = is_true},
	{.name = "public_key", .is_right = is_key, .begins_peer = true},
	{0},
};

static const struct key peer_keys[] = {
	{.name = "public_key", .is_right = is_key, .begins_peer = true},
	{.name = "update_only", .is_right = is_true},
	{.name = "remove", .is_right = is_true},
	{.name = "preshared_key", .is_right = is_key},
	{.name = "endpoint", .is_right = is_endpoint, .has_scope = true},
	{.name = "persistent_keepalive_interval", .is_right = is_seconds},
	{.name = "replace_allowed_ips", .is_right = is_true},
	{.name = "allowed_ip", .is_right = is_allowed_ip},
	{.name = "protocol_version", .is_right = is_one},
	{0},
};

static const struct key *find(const struct key *keys, const char *name, size_t len)
{
	for (; keys->name; keys++)
		if (strlen(keys->name) == len && memcmp(keys->name, name, len) == 0)
			return keys;
	return NULL;
}

/* ---- lines ---- */

struct reader {
	const struct key *keys;
	struct syntax_set set;
};

static void add(struct syntax_set *set, const char *text, size_t len)
{
	memcpy(set->text + set->len, text, len);
	set->len += len;
}

/* The data plane has no way to look an interface up. */
static void add_endpoint(struct syntax_set *set, const struct value *value)
{
	char print[ENDPOINT_TEXT_LEN];
	union endpoint endpoint;

	if (!endpoint_parse(value->text, value->len, &endpoint))
		return; /* it was one a moment ago: that interface is gone */
	endpoint_print(&endpoint, print);
	add(set, "endpoint=", 9);
	add(set, print, strlen(print));
	add(set, "\n", 1);
}

static int read_line(struct reader *reader, const char *line, size_t len)
{
	const char *equals = memchr(line, '=', len);
	const struct key *key;
	struct value value;

	if (!equals)
		return -EPROTO;
	key = find(reader->keys, line, (size_t)(equals - line));
	if (!key || len >= UAPI_LINE_MAX) /* zeroes in front of a number, say */
		return -EINVAL;
	value = (struct value){equals + 1, len - (size_t)(equals - line) - 1};
	if (key->take)
		return key->take(&value, &reader->set) ? 0 : -EINVAL;
	if (!key->is_right(&value))
		return -EINVAL;
	if (key->begins_peer)
		reader->keys = peer_keys;
	if (key->has_scope && memchr(value.text, '%', value.len))
		add_endpoint(&reader->set, &value);
	else
		add(&reader->set, line, len + 1);
	return 0;
}

static size_t count_scopes(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '%';
	return n;
}

int syntax_read_set(const char *text, size_t len, struct syntax_set *ret)
{
	struct reader reader = {.keys = device_keys};
	const char *end = text + len;
	int r = 0;

	reader.set.text = secret_new(len + count_scopes(text, len) * ENDPOINT_TEXT_LEN);
	if (!reader.set.text)
		return -ENOMEM;
	for (const char *line = text + START_LEN; r == 0 && *line != '\n';) {
		const char *line_end = memchr(line, '\n', (size_t)(end - line));

		r = read_line(&reader, line, (size_t)(line_end - line));
		line = line_end + 1;
	}
	if (r < 0) {
		syntax_set_done(&reader.set);
		return r;
	}
	add(&reader.set, "\n", 1);
	*ret = reader.set;
	return 0;
}

void syntax_set_done(struct syntax_set *set)
{
	secret_free(set->text);
	*set = (struct syntax_set){0};
}
