#include "config/value.h"

#include "base/bytes.h"
#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool fault_set(struct fault *fault, size_t offset, size_t len, const char *format, ...)
{
	va_list args;

	*fault = (struct fault){.offset = offset, .len = len};
	va_start(args, format);
	(void)vsnprintf(fault->what, sizeof(fault->what), format, args);
	va_end(args);
	return false;
}

bool fault_hint(struct fault *fault, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(fault->hint, sizeof(fault->hint), format, args);
	va_end(args);
	return false;
}

static bool is_all_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)text[i]))
			return false;
	return len > 0;
}

static bool is_mapped(const char *text, size_t len, const struct address *address)
{
	return address_is_v4(address) && memchr(text, ':', len);
}

bool value_address(const char *text, size_t len, struct fault *fault, struct address *ret)
{
	char plain[ADDRESS_TEXT_LEN];
	struct address address;

	if (!address_parse(text, len, &address)) {
		(void)fault_set(fault, 0, 0, "not an IP address");
		if (memchr(text, '/', len))
			return fault_hint(fault, "an address alone, without a prefix length");
		return false;
	}
	if (is_mapped(text, len, &address)) {
		(void)fault_set(fault, 0, 0, "an IPv4 address is not written as IPv6 here");
		return fault_hint(fault, "write %s", address_print(&address, plain));
	}
	*ret = address;
	return true;
}

bool value_prefix(const char *text, size_t len, struct fault *fault, struct prefix *ret)
{
	const char *slash = memchr(text, '/', len);
	size_t address_len = slash ? (size_t)(slash - text) : len;
	char plain[ADDRESS_TEXT_LEN];
	struct prefix prefix;
	uint64_t bits;

	if (!value_address(text, address_len, fault, &prefix.address))
		return false;
	prefix.len = prefix_full_len(&prefix.address);
	if (slash) {
		if (!text_to_u64(slash + 1, len - address_len - 1, prefix.len, &bits)) {
			(void)fault_set(fault,
					slash + 1 < text + len ? address_len + 1 : address_len, 0,
					"an %s prefix is 0 to %u bits",
					prefix.len == 32 ? "IPv4" : "IPv6", prefix.len);
			return is_all_digits(slash + 1, len - address_len - 1) &&
			       fault_hint(fault, "for one address write %s/%u",
					  address_print(&prefix.address, plain), prefix.len);
		}
		prefix.len = (uint8_t)bits;
	}
	*ret = prefix;
	return true;
}

bool value_host(const struct address *address, struct fault *fault)
{
	const uint8_t *byte = address->ip.s6_addr;
	bool is_v4 = address_is_v4(address);

	if (is_v4 ? byte[12] == 0 : IN6_IS_ADDR_UNSPECIFIED(&address->ip))
		return fault_set(fault, 0, 0, "a wildcard, not an address that a host can have");
	if (is_v4 ? byte[12] >= 224 : IN6_IS_ADDR_MULTICAST(&address->ip))
		return fault_set(fault, 0, 0, "a group, not an address that a host can have");
	return true;
}

bool value_key(const char *text, size_t len, struct fault *fault, uint8_t ret[32])
{
	AUTO_WIPE struct secret_key key;

	if (len != KEY_TEXT_LEN)
		return fault_set(fault, 0, 0, "a key is %d characters of base64, and this is %zu",
				 KEY_TEXT_LEN, len);
	if (!key_from_base64(text, len, key.byte))
		return fault_set(fault, 0, 0, "not a key as wg(8) writes it (32 bytes in base64)");
	memcpy(ret, key.byte, sizeof(key.byte));
	return true;
}

bool value_number(const char *text, size_t len, uint32_t min, uint32_t max, struct fault *fault,
		  uint32_t *ret)
{
	uint64_t value;

	if (!text_to_u64(text, len, max, &value) || value < min)
		return fault_set(fault, 0, 0, "a number from %u to %u is wanted", min, max);
	*ret = (uint32_t)value;
	return true;
}

bool value_fwmark(const char *text, size_t len, struct fault *fault, uint32_t *ret)
{
	uint64_t value = 0;
	bool has_capital_x = len > 1 && text[1] == 'X';

	if (!text_equal_nocase(text, len, "off") &&
	    (has_capital_x || !text_to_u64_any_base(text, len, UINT32_MAX, &value)))
		return fault_set(fault, 0, 0,
				 "a mark is 'off' or 0 to 0xffffffff, decimal or with 0x in front");
	*ret = (uint32_t)value;
	return true;
}

bool value_keepalive(const char *text, size_t len, struct fault *fault, uint16_t *ret)
{
	uint64_t value = 0;

	if (!text_equal_nocase(text, len, "off") && !text_to_u64(text, len, UINT16_MAX, &value)) {
		(void)fault_set(fault, 0, 0, "'off' or seconds from 1 to 65535 are wanted");
		return fault_hint(fault, "25 keeps most address translators' mappings alive");
	}
	*ret = (uint16_t)value;
	return true;
}

bool value_bool(const char *text, size_t len, struct fault *fault, bool *ret)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{"yes", true}, {"true", true},	 {"on", true},	 {"1", true},
		{"no", false}, {"false", false}, {"off", false}, {"0", false},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (text_equal_nocase(text, len, words[i].word)) {
			*ret = words[i].value;
			return true;
		}
	}
	return fault_set(fault, 0, 0, "'yes' or 'no' is wanted");
}

/* A copy with NUL; false when it does not fit. */
static bool copy_word(const char *text, size_t len, char *ret, size_t size)
{
	if (len == 0 || len >= size || memchr(text, '\0', len))
		return false;
	memcpy(ret, text, len);
	ret[len] = '\0';
	return true;
}

bool value_port(const char *text, size_t len, const struct value_services *services,
		const char *protocol, struct fault *fault, uint16_t *ret)
{
	char name[33];
	uint64_t port;

	if (text_to_u64(text, len, UINT16_MAX, &port) && port > 0) {
		*ret = (uint16_t)port;
		return true;
	}
	if (len == 0)
		return fault_set(fault, 0, 0, "a port is missing");
	if (is_all_digits(text, len) || !isalpha((unsigned char)text[0]))
		return fault_set(fault, 0, len, "a port is 1 to 65535");
	if (services->find && copy_word(text, len, name, sizeof(name)) &&
	    services->find(services->context, name, protocol, ret))
		return true;
	return fault_set(fault, 0, len, "neither a port from 1 to 65535 nor a %s service",
			 protocol);
}

/* Letters, digits, '-' and '_'; ret_is_number: nothing but digits. */
static bool check_label(const char *text, size_t len, bool *ret_is_number)
{
	if (len == 0 || len > 63)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_')
			return false;
	*ret_is_number = is_all_digits(text, len);
	return true;
}

bool value_domain(const char *text, size_t len, struct fault *fault)
{
	size_t end = len > 0 && text[len - 1] == '.' ? len - 1 : len;
	bool is_number = false;
	size_t at = 0;

	if (end == 0 || len >= PROFILE_DOMAIN_LEN)
		return fault_set(fault, 0, 0, "a domain name has 1 to %d characters",
				 PROFILE_DOMAIN_LEN - 1);
	while (at <= end) {
		const char *dot = memchr(text + at, '.', end - at);
		size_t label = dot ? (size_t)(dot - text) - at : end - at;

		if (!check_label(text + at, label, &is_number))
			return fault_set(fault, at, label ? label : 1,
					 "neither an IP address nor a domain name");
		at += label + 1;
	}
	if (is_number)
		return fault_set(fault, 0, 0, "not an IPv4 address: four numbers from 0 to 255");
	return true;
}

/* "fe80::1%eth0": kept as text, since only the host knows its interfaces. */
static bool read_scoped(const char *text, size_t len, struct fault *fault, char *ret)
{
	const char *percent = memchr(text, '%', len);
	size_t address_len = (size_t)(percent - text);
	struct address address = {0};

	if (!value_address(text, address_len, fault, &address))
		return false;
	if (!IN6_IS_ADDR_LINKLOCAL(&address.ip))
		return fault_set(fault, address_len, 0,
				 "only fe80::/10 has an interface behind %%");
	if (!value_interface_name(percent + 1, len - address_len - 1, fault)) {
		fault->offset += address_len + 1;
		return false;
	}
	return copy_word(text, len, ret, PROFILE_DOMAIN_LEN);
}

static bool read_host(const char *text, size_t len, struct fault *fault,
		      struct value_endpoint *endpoint)
{
	struct address address;

	if (memchr(text, '%', len))
		return read_scoped(text, len, fault, endpoint->host);
	if (address_parse(text, len, &address)) {
		endpoint->address = endpoint_make(&address, endpoint->port);
		return true;
	}
	if (memchr(text, ':', len))
		return fault_set(fault, 0, len, "not an IPv6 address");
	if (!value_domain(text, len, fault))
		return false;
	return copy_word(text, len, endpoint->host, sizeof(endpoint->host));
}

/* Where host and port lie in the text. */
struct endpoint_parts {
	size_t host;
	size_t host_len;
	size_t port;
};

static bool split_endpoint(const char *text, size_t len, struct fault *fault,
			   struct endpoint_parts *ret)
{
	const char *end;

	if (text[0] == '[') {
		end = memchr(text, ']', len);
		if (!end)
			return fault_set(fault, 0, 0, "the ']' behind the IPv6 address is missing");
		*ret = (struct endpoint_parts){1, (size_t)(end - text) - 1, 0};
		end++;
	} else {
		end = memrchr(text, ':', len);
		if (!end)
			end = text + len;
		*ret = (struct endpoint_parts){0, (size_t)(end - text), 0};
	}
	if (end >= text + len || *end != ':') {
		(void)fault_set(fault, (size_t)(end - text), 0, "':' and a port are missing");
		return fault_hint(fault, "WireGuard's usual port is 51820");
	}
	ret->port = (size_t)(end - text) + 1;
	return true;
}

bool value_endpoint(const char *text, size_t len, const struct value_services *services,
		    struct fault *fault, struct value_endpoint *ret)
{
	struct value_endpoint endpoint = {0};
	struct endpoint_parts parts = {0};

	if (len == 0)
		return fault_set(fault, 0, 0, "HOST:PORT is wanted");
	if (!split_endpoint(text, len, fault, &parts))
		return false;
	if (!value_port(text + parts.port, len - parts.port, services, "udp", fault,
			&endpoint.port)) {
		fault->offset += parts.port;
		return false;
	}
	if (!read_host(text + parts.host, parts.host_len, fault, &endpoint)) {
		fault->len = fault->len ? fault->len : parts.host_len - fault->offset;
		fault->offset += parts.host;
		return false;
	}
	endpoint.lacks_brackets = parts.host == 0 && memchr(text, ':', parts.host_len) != NULL;
	*ret = endpoint;
	return true;
}

static bool is_name_character(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

/* The first byte that is no letter, digit, '_', '.' or '-'; len for none. */
static size_t first_odd(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len && is_name_character(text[at]))
		at++;
	return at;
}

bool value_interface_name(const char *text, size_t len, struct fault *fault)
{
	size_t odd = first_odd(text, len);

	if (len == 0 || len >= IFNAMSIZ)
		return fault_set(fault, 0, 0, "an interface name has 1 to %d characters",
				 IFNAMSIZ - 1);
	if (odd < len)
		return fault_set(fault, odd, 1,
				 "an interface name has letters, digits, '_', '.' and '-' only");
	if (text[0] == '-')
		return fault_set(fault, 0, 1, "an interface name does not begin with '-'");
	if (text_equal_nocase(text, len, ".") || text_equal_nocase(text, len, ".."))
		return fault_set(fault, 0, 0, "no interface can be called so");
	return true;
}

bool value_profile_name(const char *text, size_t len, struct fault *fault)
{
	size_t odd = first_odd(text, len);

	if (len == 0 || len >= PROFILE_NAME_LEN)
		return fault_set(fault, 0, 0, "a name has 1 to %d characters",
				 PROFILE_NAME_LEN - 1);
	if (odd < len)
		return fault_set(fault, odd, 1,
				 "a name has letters, digits, '_', '.' and '-' only");
	if (!isalnum((unsigned char)text[0]))
		return fault_set(fault, 0, 1, "a name begins with a letter or a digit");
	return true;
}

bool value_user_name(const char *text, size_t len, struct fault *fault)
{
	size_t odd = first_odd(text, len);

	if (len == 0 || len >= PROFILE_USER_LEN)
		return fault_set(fault, 0, 0, "a user's or group's name has 1 to %d characters",
				 PROFILE_USER_LEN - 1);
	if (odd < len || text[0] == '-' || text[0] == '.')
		return fault_set(fault, odd < len ? odd : 0, 1, "not the name of a user or group");
	return true;
}
