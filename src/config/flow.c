#include "config/flow.h"

#include "base/text.h"
#include "config/lexer.h"

#include <string.h>

/* What all readers of this file need. */
struct reader {
	const struct value_services *services;
	struct fault *fault;
	const char *protocol; /* "tcp" or "udp", once read */
};

static bool read_port(struct reader *reader, const char *text, size_t len, size_t offset,
		      uint16_t *ret)
{
	if (value_port(text + offset, len, reader->services, reader->protocol, reader->fault, ret))
		return true;
	reader->fault->offset += offset;
	return false;
}

/* The dash between two ports, where a service's name may have dashes too
 * ("http-alt"): the first that has a port on its left, unless the whole is one.
 */
static size_t find_dash(struct reader *reader, const char *text, size_t len)
{
	struct fault ignored;
	uint16_t port;

	if (value_port(text, len, reader->services, reader->protocol, &ignored, &port))
		return len;
	for (size_t at = 1; at + 1 < len; at++)
		if (text[at] == '-' &&
		    value_port(text, at, reader->services, reader->protocol, &ignored, &port))
			return at;
	return len;
}

static bool read_ports(struct reader *reader, const char *text, size_t offset, size_t len,
		       struct profile_port_range *ret)
{
	size_t dash = find_dash(reader, text + offset, len);
	struct profile_port_range range;

	if (!read_port(reader, text, dash, offset, &range.first))
		return false;
	range.last = range.first;
	if (dash < len && !read_port(reader, text, len - dash - 1, offset + dash + 1, &range.last))
		return false;
	if (range.last < range.first)
		return fault_set(reader->fault, offset, len, "a port range goes upwards");
	*ret = range;
	return true;
}

/* "tcp:" at `*at`, which is moved behind it. */
static bool read_protocol(struct reader *reader, const char *text, size_t len, size_t *at,
			  enum profile_protocol *ret)
{
	const char *colon = memchr(text + *at, ':', len - *at);
	size_t end = colon ? (size_t)(colon - text) : len;

	if (text_equal_nocase(text + *at, end - *at, "tcp")) {
		*ret = PROTOCOL_TCP;
		reader->protocol = "tcp";
	} else if (text_equal_nocase(text + *at, end - *at, "udp")) {
		*ret = PROTOCOL_UDP;
		reader->protocol = "udp";
	} else {
		(void)fault_set(reader->fault, *at, end - *at,
				"'tcp:' or 'udp:' and ports are wanted");
		return fault_hint(reader->fault, "for instance tcp:8080");
	}
	if (!colon)
		return fault_set(reader->fault, *at, 0, "':' and a port are missing");
	*at = end + 1;
	return true;
}

static bool read_where(struct reader *reader, const char *text, size_t len,
		       struct profile_forward *forward)
{
	struct fault ignored;

	if (value_address(text, len, &ignored, &forward->address)) {
		forward->has_address = true;
		return true;
	}
	if (memchr(text, ':', len))
		return fault_set(reader->fault, 0, len, "not an IP address");
	if (!value_interface_name(text, len, reader->fault)) {
		reader->fault->len = reader->fault->len ? reader->fault->len : len;
		return false;
	}
	memcpy(forward->interface, text, len);
	forward->interface[len] = '\0';
	return true;
}

static size_t range_len(const struct profile_port_range *range)
{
	return (size_t)(range->last - range->first) + 1;
}

/* "PORTS", "PORTS->PORTS" or "PORT:PORT". */
static bool read_mapping(struct reader *reader, const char *text, size_t len, size_t at,
			 struct profile_forward *forward)
{
	const char *arrow = memmem(text + at, len - at, "->", 2);
	const char *colon = memchr(text + at, ':', len - at);
	const char *mark = arrow ? arrow : colon;
	size_t end = mark ? (size_t)(mark - text) : len;
	size_t inside = end + (arrow ? 2 : 1);

	if (!read_ports(reader, text, at, end - at, &forward->outside))
		return false;
	forward->inside = forward->outside;
	if (!mark)
		return true;
	if (!read_ports(reader, text, inside, len - inside, &forward->inside))
		return false;
	if (range_len(&forward->outside) != range_len(&forward->inside))
		return fault_set(reader->fault, at, 0, "%zu ports outside and %zu inside",
				 range_len(&forward->outside), range_len(&forward->inside));
	return true;
}

bool flow_forward(const char *text, size_t len, const struct value_services *services,
		  struct fault *fault, struct profile_forward *ret)
{
	struct reader reader = {services, fault, NULL};
	const char *slash = memchr(text, '/', len);
	struct profile_forward forward = {0};
	size_t at = 0;

	if (slash) {
		at = (size_t)(slash - text) + 1;
		if (!read_where(&reader, text, at - 1, &forward))
			return false;
	}
	if (!read_protocol(&reader, text, len, &at, &forward.protocol) ||
	    !read_mapping(&reader, text, len, at, &forward))
		return false;
	*ret = forward;
	return true;
}

static size_t find_blank(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len && !lexer_is_blank(text[at]))
		at++;
	return at;
}

bool flow_allow(const char *text, size_t len, const struct value_services *services,
		struct fault *fault, struct profile_allow *ret)
{
	struct reader reader = {services, fault, NULL};
	size_t prefix_len = find_blank(text, len);
	struct profile_allow allow = {0};
	size_t at = prefix_len;

	if (!value_prefix(text, prefix_len, fault, &allow.prefix)) {
		fault->len = fault->len ? fault->len : prefix_len - fault->offset;
		return false;
	}
	prefix_normalize(&allow.prefix);
	while (at < len && lexer_is_blank(text[at]))
		at++;
	if (at < len) {
		allow.has_ports = true;
		if (!read_protocol(&reader, text, len, &at, &allow.protocol) ||
		    !read_ports(&reader, text, at, len - at, &allow.ports))
			return false;
	}
	*ret = allow;
	return true;
}

bool flow_accept(const char *text, size_t len, const struct value_services *services,
		 struct fault *fault, struct profile_accept *ret)
{
	struct reader reader = {services, fault, NULL};
	struct profile_accept accept = {0};
	size_t at = 0;

	if (!read_protocol(&reader, text, len, &at, &accept.protocol) ||
	    !read_ports(&reader, text, at, len - at, &accept.ports))
		return false;
	*ret = accept;
	return true;
}

bool flow_forwards_collide(const struct profile_forward *a, const struct profile_forward *b)
{
	return a->protocol == b->protocol && a->has_address == b->has_address &&
	       (!a->has_address || address_equal(&a->address, &b->address)) &&
	       strcmp(a->interface, b->interface) == 0 && a->outside.first <= b->outside.last &&
	       b->outside.first <= a->outside.last;
}
