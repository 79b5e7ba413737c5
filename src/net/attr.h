/* The attributes of a netlink message, one after the other.
 *
 * libmnl's own loops are macros that convert long to int silently.  What is cut
 * off or overlong ends the list, as it does there.
 *
 *     struct attrs attrs = attrs_of_message(message, sizeof(struct rtmsg));
 *
 *     while (attrs_next(&attrs))
 *             look_at(attrs.at);
 */
#ifndef ADIT_NET_ATTR_H
#define ADIT_NET_ATTR_H

#include "base/address.h"

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>

struct attrs {
	const struct nlattr *at; /* borrowed from the message; valid after attrs_next() */
	const char *next;
	const char *end;
};

static inline struct attrs attrs_between(const char *from, const char *end)
{
	return (struct attrs){.next = from, .end = end};
}

static inline size_t attrs_align(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

/* Those behind the family's header of header_len bytes. */
static inline struct attrs attrs_of_message(const struct nlmsghdr *message, size_t header_len)
{
	const char *payload = mnl_nlmsg_get_payload(message);
	size_t len = mnl_nlmsg_get_payload_len(message);
	size_t skip = attrs_align(header_len);

	return attrs_between(payload + (skip < len ? skip : len), payload + len);
}

static inline struct attrs attrs_of_nest(const struct nlattr *nest)
{
	const char *payload = mnl_attr_get_payload(nest);

	return attrs_between(payload, payload + mnl_attr_get_payload_len(nest));
}

static inline bool attrs_next(struct attrs *attrs)
{
	size_t left = (size_t)(attrs->end - attrs->next);
	size_t len;

	attrs->at = (const struct nlattr *)(const void *)attrs->next;
	if (left < sizeof(*attrs->at) || attrs->at->nla_len < sizeof(*attrs->at) ||
	    attrs->at->nla_len > left)
		return false;
	len = attrs_align(attrs->at->nla_len);
	attrs->next += len < left ? len : left;
	return true;
}

/* An address of the family, AF_INET or AF_INET6.  False: it is not as long as one. */
static inline bool attr_address(const struct nlattr *attr, int family, struct address *ret)
{
	const void *bytes = mnl_attr_get_payload(attr);
	uint16_t len = mnl_attr_get_payload_len(attr);

	if (family == AF_INET && len == sizeof(struct in_addr))
		*ret = address_from_v4(*(const struct in_addr *)bytes);
	else if (family == AF_INET6 && len == sizeof(struct in6_addr))
		*ret = address_from_v6(bytes);
	else
		return false;
	return true;
}

/* The whole message at `at`, of `left` bytes of a datagram; NULL: there is none.
 * (libmnl's own test takes a length above INT_MAX for a small one.)
 */
static inline const struct nlmsghdr *attr_message(const char *at, size_t left)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)at;

	if (left < sizeof(*message) || message->nlmsg_len < sizeof(*message) ||
	    message->nlmsg_len > left)
		return NULL;
	return message;
}

#endif
