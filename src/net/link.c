#include "net/link.h"

#include "base/error.h"
#include "net/attr.h"
#include "net/nlsock.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void read_text(const struct nlattr *attr, char *ret, size_t size)
{
	if (mnl_attr_validate(attr, MNL_TYPE_STRING) == 0)
		(void)snprintf(ret, size, "%.*s", (int)mnl_attr_get_payload_len(attr),
			       mnl_attr_get_str(attr));
}

static void read_kind(const struct nlattr *info, struct link_info *ret)
{
	struct attrs attrs = attrs_of_nest(info);

	while (attrs_next(&attrs))
		if (mnl_attr_get_type(attrs.at) == IFLA_INFO_KIND)
			read_text(attrs.at, ret->kind, sizeof(ret->kind));
}

static void read_attribute(const struct nlattr *attr, struct link_info *ret)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		read_text(attr, ret->name, sizeof(ret->name));
		break;
	case IFLA_MTU:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			ret->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_GSO_MAX_SEGS:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			ret->gso_max_segs = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			ret->peer_index = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK_NETNSID:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			ret->peer_nsid = (int32_t)mnl_attr_get_u32(attr);
		break;
	case IFLA_LINKINFO:
		if (mnl_attr_validate(attr, MNL_TYPE_NESTED) == 0)
			read_kind(attr, ret);
		break;
	}
}

static int parse(const struct nlmsghdr *message, struct link_info *ret)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct attrs attrs;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*header) || header->ifi_index <= 0)
		return -EBADMSG;
	memset(ret, 0, sizeof(*ret));
	ret->peer_nsid = -1;
	ret->index = (uint32_t)header->ifi_index;
	ret->flags = header->ifi_flags;
	attrs = attrs_of_message(message, sizeof(*header));
	while (attrs_next(&attrs))
		read_attribute(attrs.at, ret);
	return 0;
}

static int keep(void *context, const struct nlmsghdr *message)
{
	return parse(message, context);
}

static int get(struct nlsock *sock, struct link_info *ret, struct error *err)
{
	struct link_info found = {0};
	int r = nlsock_exchange(sock, keep, &found, err);

	if (r < 0)
		return r;
	if (found.index == 0)
		return error_set(err, EBADMSG, "the kernel's answer has no link in it");
	*ret = found;
	return 0;
}

int link_get(struct nlsock *sock, const char *name, struct link_info *ret, struct error *err)
{
	return link_get_in(sock, -1, name, ret, err);
}

int link_get_in(struct nlsock *sock, int32_t nsid, const char *name, struct link_info *ret,
		struct error *err)
{
	struct nlmsghdr *request = nlsock_begin(sock, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	int r;

	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	if (nsid >= 0)
		mnl_attr_put_u32(request, IFLA_TARGET_NETNSID, (uint32_t)nsid);
	r = get(sock, ret, err);
	if (r < 0)
		(void)error_wrap(err, "cannot read link '%s'", name);
	return r;
}

int link_get_index(struct nlsock *sock, uint32_t index, struct link_info *ret, struct error *err)
{
	struct nlmsghdr *request = nlsock_begin(sock, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	struct ifinfomsg *header = mnl_nlmsg_get_payload(request);
	int r;

	header->ifi_index = (int)index;
	r = get(sock, ret, err);
	if (r < 0)
		(void)error_wrap(err, "cannot read link %u", index);
	return r;
}

/* IFLA_AF_SPEC { AF_INET6 { IFLA_INET6_ADDR_GEN_MODE } } */
static void put_addr_gen_none(struct nlmsghdr *request)
{
	struct nlattr *families = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	struct nlattr *family = mnl_attr_nest_start(request, AF_INET6);

	mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(request, family);
	mnl_attr_nest_end(request, families);
}

int link_index_of(struct nlsock *sock, const char *name, uint32_t *ret, struct error *err)
{
	struct link_info link = {0};
	int r = link_get(sock, name, &link, err);

	if (r == 0)
		*ret = link.index;
	return r;
}

int link_change(struct nlsock *sock, const char *name, const struct link_change *change,
		struct error *err)
{
	struct nlmsghdr *request = nlsock_begin(sock, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	struct ifinfomsg *header = mnl_nlmsg_get_payload(request);
	int r;

	header->ifi_flags = change->flags;
	header->ifi_change = change->flags_mask;
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	if (change->mtu)
		mnl_attr_put_u32(request, IFLA_MTU, change->mtu);
	if (change->gso_max_segs)
		mnl_attr_put_u32(request, IFLA_GSO_MAX_SEGS, change->gso_max_segs);
	if (change->is_addr_gen_none)
		put_addr_gen_none(request);
	r = nlsock_exchange(sock, NULL, NULL, err);
	if (r < 0)
		(void)error_wrap(err, "cannot change link '%s'", name);
	return r;
}

int link_rename(struct nlsock *sock, const char *name, const char *new_name, struct error *err)
{
	struct nlmsghdr *request;
	struct ifinfomsg *header;
	uint32_t index = 0;
	int r = link_index_of(sock, name, &index, err);

	if (r < 0)
		return r;
	request = nlsock_begin(sock, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	header = mnl_nlmsg_get_payload(request);
	header->ifi_index = (int)index;
	mnl_attr_put_strz(request, IFLA_IFNAME, new_name);
	r = nlsock_exchange(sock, NULL, NULL, err);
	if (r < 0)
		(void)error_wrap(err, "cannot rename link '%s'", name);
	return r;
}

/* `netns`: where it is to be; -1: here. */
static void put_peer(struct nlmsghdr *request, const char *name, int netns)
{
	struct nlattr *data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	struct nlattr *peer = mnl_attr_nest_start(request, VETH_INFO_PEER);

	(void)mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	if (netns >= 0)
		mnl_attr_put_u32(request, IFLA_NET_NS_FD, (uint32_t)netns);
	mnl_attr_nest_end(request, peer);
	mnl_attr_nest_end(request, data);
}

static int create(struct nlsock *sock, const struct link_new *link, int peer_netns,
		  struct error *err)
{
	struct nlmsghdr *request = nlsock_begin(sock, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
						sizeof(struct ifinfomsg));
	struct nlattr *info;
	int r;

	mnl_attr_put_strz(request, IFLA_IFNAME, link->name);
	if (link->mtu)
		mnl_attr_put_u32(request, IFLA_MTU, link->mtu);
	info = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, link->kind);
	if (link->peer[0])
		put_peer(request, link->peer, peer_netns);
	mnl_attr_nest_end(request, info);
	r = nlsock_exchange(sock, NULL, NULL, err);
	if (r < 0)
		(void)error_wrap(err, "cannot create link '%s'", link->name);
	return r;
}

int link_create(struct nlsock *sock, const struct link_new *link, struct error *err)
{
	return create(sock, link, -1, err);
}

int link_create_pair(struct nlsock *sock, const struct link_pair *pair, struct error *err)
{
	struct link_new link = {.kind = "veth"};

	memcpy(link.name, pair->name, sizeof(link.name));
	memcpy(link.peer, pair->peer, sizeof(link.peer));
	return create(sock, &link, pair->peer_netns, err);
}

int link_delete(struct nlsock *sock, const char *name, struct error *err)
{
	struct nlmsghdr *request = nlsock_begin(sock, RTM_DELLINK, 0, sizeof(struct ifinfomsg));
	int r;

	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	r = nlsock_exchange(sock, NULL, NULL, err);
	if (r < 0)
		(void)error_wrap(err, "cannot delete link '%s'", name);
	return r;
}

int link_move(struct nlsock *sock, const char *name, int netns, struct error *err)
{
	struct nlmsghdr *request = nlsock_begin(sock, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	int r;

	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	mnl_attr_put_u32(request, IFLA_NET_NS_FD, (uint32_t)netns);
	r = nlsock_exchange(sock, NULL, NULL, err);
	if (r < 0)
		(void)error_wrap(err, "cannot move link '%s'", name);
	return r;
}

struct dump {
	link_each each;
	void *context;
};

static int pass_on(void *context, const struct nlmsghdr *message)
{
	const struct dump *dump = context;
	struct link_info link;
	int r = parse(message, &link);

	return r < 0 ? r : dump->each(dump->context, &link);
}

int link_dump(struct nlsock *sock, link_each each, void *context, struct error *err)
{
	struct dump dump = {.each = each, .context = context};
	int r;

	(void)nlsock_begin(sock, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	r = nlsock_exchange(sock, pass_on, &dump, err);
	if (r < 0)
		(void)error_wrap(err, "cannot list the links");
	return r;
}
