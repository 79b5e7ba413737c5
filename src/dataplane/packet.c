#include "dataplane/packet.h"

#include "base/bytes.h"
#include "dataplane/checksum.h"

#include <netinet/in.h>

static bool parse_ipv4(const uint8_t *bytes, size_t len, struct packet_layout *ret)
{
	size_t header_len = (size_t)(bytes[0] & 15) * 4;

	if (header_len < PACKET_IPV4_LEN || header_len > len)
		return false;
	*ret = (struct packet_layout){
		.version = 4,
		.protocol = bytes[9],
		.is_fragment = (be16_load(bytes + 6) & 0x3fff) != 0,
		.is_plain = header_len == PACKET_IPV4_LEN,
		.transport = (uint16_t)header_len,
	};
	return true;
}

/* Bytes of the extension header at `at`; 0: not one, so the transport begins here. */
static size_t extension_len(uint8_t type, const uint8_t *at)
{
	switch (type) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case 135: /* mobility, RFC 6275 */
		return ((size_t)at[1] + 1) * 8;
	case IPPROTO_FRAGMENT:
		return 8;
	case IPPROTO_AH: /* counted in four bytes, less two: RFC 4302 */
		return ((size_t)at[1] + 2) * 4;
	default:
		return 0;
	}
}

static bool parse_ipv6(const uint8_t *bytes, size_t len, struct packet_layout *ret)
{
	struct packet_layout layout = {.version = 6, .protocol = bytes[6], .is_plain = true};
	size_t offset = PACKET_IPV6_LEN;

	for (int n = 0; offset + 8 <= len; n++) {
		size_t step = extension_len(layout.protocol, bytes + offset);

		if (step == 0)
			break;
		if (n == PACKET_EXTENSIONS_MAX || offset + step > len)
			return false;
		layout.is_plain = false;
		if (layout.protocol == IPPROTO_FRAGMENT)
			layout.is_fragment = true;
		layout.protocol = bytes[offset];
		offset += step;
		/* behind the header of a piece that is not the first stands data */
		if (layout.is_fragment && (be16_load(bytes + offset - step + 2) & 0xfff8) != 0)
			break;
	}
	layout.transport = (uint16_t)offset;
	*ret = layout;
	return true;
}

bool packet_parse(const uint8_t *bytes, size_t len, struct packet_layout *ret)
{
	if (len >= PACKET_IPV4_LEN && bytes[0] >> 4 == 4)
		return parse_ipv4(bytes, len, ret);
	if (len >= PACKET_IPV6_LEN && bytes[0] >> 4 == 6)
		return parse_ipv6(bytes, len, ret);
	return false;
}

size_t packet_transport_len(const uint8_t *bytes, size_t len, const struct packet_layout *layout)
{
	size_t offset = layout->transport;
	size_t header_len;

	if (layout->is_fragment)
		return 0;
	if (layout->protocol == IPPROTO_UDP)
		return offset + PACKET_UDP_LEN <= len ? PACKET_UDP_LEN : 0;
	if (layout->protocol != IPPROTO_TCP || offset + PACKET_TCP_LEN > len)
		return 0;
	header_len = (size_t)(bytes[offset + 12] >> 4) * 4;
	if (header_len < PACKET_TCP_LEN || offset + header_len > len)
		return 0;
	return header_len;
}

uint8_t packet_ecn(const uint8_t *bytes)
{
	if (bytes[0] >> 4 == 6)
		return (bytes[1] >> 4) & 3;
	return bytes[1] & 3;
}

void packet_set_len(uint8_t *bytes, const struct packet_layout *layout, size_t len)
{
	if (layout->version == 4) {
		be16_store(bytes + 2, (uint16_t)len);
		checksum_store_ipv4(bytes, layout->transport);
	} else {
		be16_store(bytes + 4, (uint16_t)(len - PACKET_IPV6_LEN));
	}
}
