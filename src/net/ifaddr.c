#include "net/ifaddr.h"

#include "base/error.h"
#include "net/attr.h"
#include "net/nlsock.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* The request that names one address of one link. */
static struct nlmsghdr *begin(struct nlsock *sock, uint16_t type, uint16_t flags,
			      const struct link_address *ifaddr)
{
	struct nlmsghdr *request = nlsock_begin(sock, type, flags, sizeof(struct ifaddrmsg));
	struct ifaddrmsg *header = mnl_nlmsg_get_payload(request);
	size_t len;
	const uint8_t *bytes = address_bytes(&ifaddr->address.address, &len);

	header->ifa_family = (uint8_t)address_family(&ifaddr->address.address);
	header->ifa_prefixlen = ifaddr->address.len;
	header->ifa_index = ifaddr->index;
	mnl_attr_put(request, IFA_LOCAL, len, bytes);
	return request;
}

int ifaddr_add(struct nlsock *sock, const struct link_address *ifaddr, struct error *err)
{
	struct nlmsghdr *request = begin(sock, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifaddr);
	uint32_t flags = ifaddr->has_prefix_route ? 0 : IFA_F_NOPREFIXROUTE;
	char text[PREFIX_TEXT_LEN];
	int r;

	if (!address_is_v4(&ifaddr->address.address))
		flags |= IFA_F_NODAD;
	mnl_attr_put_u32(request, IFA_FLAGS, flags);
	r = nlsock_exchange(sock, NULL, NULL, err);
	if (r < 0)
		(void)error_wrap(err, "cannot add address %s",
				 prefix_print(&ifaddr->address, text));
	return r;
}

int ifaddr_delete(struct nlsock *sock, const struct link_address *ifaddr, struct error *err)
{
	char text[PREFIX_TEXT_LEN];
	int r;

	(void)begin(sock, RTM_DELADDR, 0, ifaddr);
	r = nlsock_exchange(sock, NULL, NULL, err);
	if (r < 0)
		(void)error_wrap(err, "cannot delete address %s",
				 prefix_print(&ifaddr->address, text));
	return r;
}

/* IPv4 with a peer's address has ours in IFA_LOCAL; IPv6 without has IFA_ADDRESS only. */
static bool read_address(const struct nlmsghdr *message, struct address *ret)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	size_t len =
		header->ifa_family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	struct attrs attrs = attrs_of_message(message, sizeof(*header));
	const struct nlattr *found = NULL;

	while (attrs_next(&attrs)) {
		uint16_t type = mnl_attr_get_type(attrs.at);

		if (mnl_attr_get_payload_len(attrs.at) == len &&
		    (type == IFA_LOCAL || (type == IFA_ADDRESS && !found)))
			found = attrs.at;
	}
	if (!found)
		return false;
	if (header->ifa_family == AF_INET)
		*ret = address_from_v4(*(const struct in_addr *)mnl_attr_get_payload(found));
	else
		*ret = address_from_v6(mnl_attr_get_payload(found));
	return true;
}

struct dump {
	ifaddr_each each;
	void *context;
};

static int pass_on(void *context, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct dump *dump = context;
	struct link_address ifaddr;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return -EBADMSG;
	if (header->ifa_family != AF_INET && header->ifa_family != AF_INET6)
		return 0;
	ifaddr = (struct link_address){.index = header->ifa_index};
	ifaddr.address.len = header->ifa_prefixlen;
	if (!read_address(message, &ifaddr.address.address))
		return -EBADMSG;
	/* ::ffff:a.b.c.d on an IPv6 link: not one that we could name. */
	if (ifaddr.address.len > prefix_full_len(&ifaddr.address.address))
		return 0;
	return dump->each(dump->context, &ifaddr);
}

int ifaddr_dump(struct nlsock *sock, ifaddr_each each, void *context, struct error *err)
{
	struct dump dump = {.each = each, .context = context};
	int r;

	(void)nlsock_begin(sock, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	r = nlsock_exchange(sock, pass_on, &dump, err);
	if (r < 0)
		(void)error_wrap(err, "cannot list the addresses");
	return r;
}
