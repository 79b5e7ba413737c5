#include "relay/proxy_header.h"

#include "base/bytes.h"

#include <assert.h>
#include <string.h>

static const uint8_t signature[12] = {'\r', '\n', '\r', '\n', 0,   '\r',
				      '\n', 'Q',  'U',	'I',  'T', '\n'};

enum {
	VERSION_2_PROXY = 0x21,
	TCP_OVER_IPV4 = 0x11,
	TCP_OVER_IPV6 = 0x21,
	HEAD_LEN = 16,
};

static_assert(HEAD_LEN + 2 * 16 + 2 * 2 == PROXY_HEADER_MAX, "section 2.2, IPv6");

static uint8_t *put_address(uint8_t *at, const union endpoint *endpoint)
{
	struct address address = endpoint_address(endpoint);
	size_t len;
	const uint8_t *bytes = address_bytes(&address, &len);

	memcpy(at, bytes, len);
	return at + len;
}

size_t proxy_header_write(const union endpoint *client, const union endpoint *server,
			  uint8_t ret[PROXY_HEADER_MAX])
{
	uint8_t *at = ret + HEAD_LEN;

	at = put_address(at, client);
	at = put_address(at, server);
	be16_store(at, endpoint_port(client));
	be16_store(at + 2, endpoint_port(server));
	at += 4;
	memcpy(ret, signature, sizeof(signature));
	ret[12] = VERSION_2_PROXY;
	ret[13] = client->any.sa_family == AF_INET ? TCP_OVER_IPV4 : TCP_OVER_IPV6;
	be16_store(ret + 14, (uint16_t)(at - ret - HEAD_LEN));
	return (size_t)(at - ret);
}
