#include "base/address.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool address_is_v4(const struct address *address)
{
	return IN6_IS_ADDR_V4MAPPED(&address->ip);
}

int address_family(const struct address *address)
{
	return address_is_v4(address) ? AF_INET : AF_INET6;
}

const uint8_t *address_bytes(const struct address *address, size_t *ret_len)
{
	bool is_v4 = address_is_v4(address);

	*ret_len = is_v4 ? 4 : 16;
	return address->ip.s6_addr + (is_v4 ? 12 : 0);
}

struct address address_from_v4(struct in_addr v4)
{
	struct address address = {0};

	address.ip.s6_addr[10] = 0xff;
	address.ip.s6_addr[11] = 0xff;
	memcpy(address.ip.s6_addr + 12, &v4, 4);
	return address;
}

struct address address_from_v6(const struct in6_addr *v6)
{
	return (struct address){.ip = *v6};
}

bool address_equal(const struct address *a, const struct address *b)
{
	return memcmp(&a->ip, &b->ip, sizeof(a->ip)) == 0;
}

bool address_parse(const char *text, size_t len, struct address *ret)
{
	char copy[ADDRESS_TEXT_LEN];
	struct in_addr v4;
	struct in6_addr v6;

	if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, &v4) == 1)
		*ret = address_from_v4(v4);
	else if (inet_pton(AF_INET6, copy, &v6) == 1)
		*ret = address_from_v6(&v6);
	else
		return false;
	return true;
}

char *address_print(const struct address *address, char *ret)
{
	size_t len;
	const uint8_t *bytes = address_bytes(address, &len);

	if (!inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, ret, ADDRESS_TEXT_LEN))
		ret[0] = '\0';
	return ret;
}

uint8_t prefix_full_len(const struct address *address)
{
	return address_is_v4(address) ? 32 : 128;
}

bool prefix_parse(const char *text, size_t len, struct prefix *ret)
{
	const char *slash = memchr(text, '/', len);
	size_t address_len = slash ? (size_t)(slash - text) : len;
	struct prefix prefix;
	uint64_t bits;

	if (!address_parse(text, address_len, &prefix.address))
		return false;
	prefix.len = prefix_full_len(&prefix.address);
	if (slash) {
		if (!text_to_u64(slash + 1, len - address_len - 1, prefix.len, &bits))
			return false;
		prefix.len = (uint8_t)bits;
	}
	*ret = prefix;
	return true;
}

char *prefix_print(const struct prefix *prefix, char *ret)
{
	char address[ADDRESS_TEXT_LEN];

	(void)snprintf(ret, PREFIX_TEXT_LEN, "%s/%u", address_print(&prefix->address, address),
		       prefix->len);
	return ret;
}

/* Whether the first `bits` bits are the same. */
static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int whole = bits / 8;
	unsigned int rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

bool prefix_contains(const struct prefix *prefix, const struct address *address)
{
	size_t len_a;
	size_t len_b;
	const uint8_t *a = address_bytes(&prefix->address, &len_a);
	const uint8_t *b = address_bytes(address, &len_b);

	return len_a == len_b && bits_equal(a, b, prefix->len);
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	return outer->len <= inner->len && prefix_contains(outer, &inner->address);
}

void prefix_normalize(struct prefix *prefix)
{
	bool is_v4 = address_is_v4(&prefix->address);
	uint8_t *bytes = prefix->address.ip.s6_addr + (is_v4 ? 12 : 0);

	for (unsigned int bit = prefix->len; bit < (is_v4 ? 32U : 128U); bit++)
		bytes[bit / 8] = (uint8_t)(bytes[bit / 8] & ~(0x80U >> (bit % 8)));
}

static int compare_prefixes(const void *a, const void *b)
{
	const struct prefix *left = a;
	const struct prefix *right = b;
	int order = memcmp(&left->address, &right->address, sizeof(left->address));

	return order ? order : (int)left->len - (int)right->len;
}

void prefix_list_sort(struct prefix *list, size_t n)
{
	if (n > 1)
		qsort(list, n, sizeof(*list), compare_prefixes);
}

bool prefix_list_has(const struct prefix *sorted, size_t n, const struct prefix *prefix)
{
	return n > 0 && bsearch(prefix, sorted, n, sizeof(*sorted), compare_prefixes);
}

bool endpoint_is_set(const union endpoint *endpoint)
{
	return endpoint->any.sa_family != AF_UNSPEC;
}

bool endpoint_equal(const union endpoint *a, const union endpoint *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port &&
		       a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	if (a->any.sa_family == AF_INET6)
		return a->v6.sin6_port == b->v6.sin6_port &&
		       a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
		       memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16) == 0;
	return true;
}

socklen_t endpoint_len(const union endpoint *endpoint)
{
	return endpoint->any.sa_family == AF_INET6 ? sizeof(endpoint->v6) : sizeof(endpoint->v4);
}

union endpoint endpoint_make(const struct address *address, uint16_t port)
{
	union endpoint endpoint;

	memset(&endpoint, 0, sizeof(endpoint));
	if (address_is_v4(address)) {
		endpoint.v4.sin_family = AF_INET;
		endpoint.v4.sin_port = htons(port);
		memcpy(&endpoint.v4.sin_addr, address->ip.s6_addr + 12, 4);
	} else {
		endpoint.v6.sin6_family = AF_INET6;
		endpoint.v6.sin6_port = htons(port);
		endpoint.v6.sin6_addr = address->ip;
	}
	return endpoint;
}

struct address endpoint_address(const union endpoint *endpoint)
{
	if (endpoint->any.sa_family == AF_INET)
		return address_from_v4(endpoint->v4.sin_addr);
	if (endpoint->any.sa_family == AF_INET6)
		return address_from_v6(&endpoint->v6.sin6_addr);
	return (struct address){0};
}

uint16_t endpoint_port(const union endpoint *endpoint)
{
	return ntohs(endpoint->any.sa_family == AF_INET6 ? endpoint->v6.sin6_port
							 : endpoint->v4.sin_port);
}

char *endpoint_print(const union endpoint *endpoint, char *ret)
{
	struct address address = endpoint_address(endpoint);
	char ip[ADDRESS_TEXT_LEN];
	char scope[12] = "";

	address_print(&address, ip);
	if (endpoint->any.sa_family == AF_INET6 && endpoint->v6.sin6_scope_id != 0)
		(void)snprintf(scope, sizeof(scope), "%%%u", endpoint->v6.sin6_scope_id);
	(void)snprintf(ret, ENDPOINT_TEXT_LEN,
		       endpoint->any.sa_family == AF_INET6 ? "[%s%s]:%u" : "%s%s:%u", ip, scope,
		       endpoint_port(endpoint));
	return ret;
}

/* A scope is a number or an interface's name; 0 when it is neither. */
static uint32_t parse_scope(const char *text, size_t len)
{
	char name[IF_NAMESIZE];
	uint64_t number;

	if (text_to_u64(text, len, UINT32_MAX, &number))
		return (uint32_t)number;
	if (len == 0 || len >= sizeof(name))
		return 0;
	memcpy(name, text, len);
	name[len] = '\0';
	return if_nametoindex(name);
}

bool endpoint_parse(const char *text, size_t len, union endpoint *ret)
{
	const char *colon = memrchr(text, ':', len);
	size_t host_len = colon ? (size_t)(colon - text) : 0;
	const char *host = text;
	const char *percent = NULL;
	struct address address;
	uint32_t scope = 0;
	uint64_t port;
	bool has_brackets;

	if (!colon || !text_to_u64(colon + 1, len - host_len - 1, UINT16_MAX, &port))
		return false;
	has_brackets = host_len >= 2 && host[0] == '[' && host[host_len - 1] == ']';
	if (has_brackets) {
		host++;
		host_len -= 2;
		percent = memchr(host, '%', host_len);
	}
	if (percent) {
		size_t used = (size_t)(percent - host);

		scope = parse_scope(percent + 1, host_len - used - 1);
		if (scope == 0)
			return false;
		host_len = used;
	}
	if (!address_parse(host, host_len, &address) || address_is_v4(&address) == has_brackets)
		return false;
	*ret = endpoint_make(&address, (uint16_t)port);
	if (scope != 0)
		ret->v6.sin6_scope_id = scope;
	return true;
}
