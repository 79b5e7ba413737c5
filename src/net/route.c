#include "net/route.h"

#include "base/error.h"
#include "net/attr.h"
#include "net/link.h"
#include "net/nlsock.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>

static void put_address(struct nlmsghdr *request, uint16_t type, const struct address *address)
{
	size_t len;
	const uint8_t *bytes = address_bytes(address, &len);

	mnl_attr_put(request, type, len, bytes);
}

static const uint8_t kernel_types[ROUTE_TYPES] = {
	[ROUTE_UNICAST] = RTN_UNICAST,	 [ROUTE_UNREACHABLE] = RTN_UNREACHABLE,
	[ROUTE_LOCAL] = RTN_LOCAL,	 [ROUTE_BLACKHOLE] = RTN_BLACKHOLE,
	[ROUTE_PROHIBIT] = RTN_PROHIBIT, [ROUTE_THROW] = RTN_THROW,
};

/* It says no, or ask elsewhere: it leads to no link. */
static bool leads_nowhere(enum route_type type)
{
	return type != ROUTE_UNICAST && type != ROUTE_LOCAL && type != ROUTE_OTHER;
}

/* IPv4: without a gateway the destination is taken to be on the link. */
static uint8_t scope_of(const struct route *route)
{
	if (route->type == ROUTE_LOCAL)
		return RT_SCOPE_HOST;
	if (leads_nowhere(route->type) || route->has_gateway)
		return RT_SCOPE_UNIVERSE;
	return RT_SCOPE_LINK;
}

static void put_route(struct nlmsghdr *request, const struct route *route)
{
	struct rtmsg *header = mnl_nlmsg_get_payload(request);
	uint32_t table = route->table ? route->table : RT_TABLE_MAIN;

	header->rtm_family = (uint8_t)address_family(&route->to.address);
	header->rtm_dst_len = route->to.len;
	header->rtm_src_len = route->from.len;
	header->rtm_tos = route->tos;
	header->rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_UNSPEC;
	header->rtm_type = kernel_types[route->type];
	header->rtm_scope = scope_of(route);
	if (route->to.len > 0)
		put_address(request, RTA_DST, &route->to.address);
	if (route->from.len > 0)
		put_address(request, RTA_SRC, &route->from.address);
	if (route->oif)
		mnl_attr_put_u32(request, RTA_OIF, route->oif);
	if (route->has_gateway)
		put_address(request, RTA_GATEWAY, &route->gateway);
	if (route->metric)
		mnl_attr_put_u32(request, RTA_PRIORITY, route->metric);
	mnl_attr_put_u32(request, RTA_TABLE, table);
}

int route_add(struct nlsock *sock, const struct route *route, struct error *err)
{
	struct nlmsghdr *request =
		nlsock_begin(sock, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct rtmsg));
	struct rtmsg *header = mnl_nlmsg_get_payload(request);
	char text[PREFIX_TEXT_LEN];
	int r;

	put_route(request, route);
	header->rtm_protocol = RTPROT_STATIC;
	r = nlsock_exchange(sock, NULL, NULL, err);
	if (r < 0)
		(void)error_wrap(err, "cannot add the route to %s", prefix_print(&route->to, text));
	return r;
}

int route_delete(struct nlsock *sock, const struct route *route, struct error *err)
{
	struct nlmsghdr *request = nlsock_begin(sock, RTM_DELROUTE, 0, sizeof(struct rtmsg));
	struct rtmsg *header = mnl_nlmsg_get_payload(request);
	char text[PREFIX_TEXT_LEN];
	int r;

	put_route(request, route);
	/* IPv4 takes this for any; several links are of no scope of their own. */
	header->rtm_scope = RT_SCOPE_NOWHERE;
	r = nlsock_exchange(sock, NULL, NULL, err);
	if (r < 0)
		(void)error_wrap(err, "cannot delete the route to %s",
				 prefix_print(&route->to, text));
	return r;
}

static enum route_type read_type(uint8_t type)
{
	for (unsigned int i = 0; i < ROUTE_OTHER; i++)
		if (kernel_types[i] == type)
			return (enum route_type)i;
	return ROUTE_OTHER;
}

/* All zeroes, of either family: what a default route goes to. */
static struct address any_address(int family)
{
	return family == AF_INET ? address_from_v4((struct in_addr){0})
				 : address_from_v6(&in6addr_any);
}

/* Of RTA_NH_ID and RTA_MULTIPATH: the links stand elsewhere, or there too. */
static bool has_links_elsewhere(const struct nlattr *attr)
{
	return mnl_attr_get_type(attr) == RTA_NH_ID || mnl_attr_get_type(attr) == RTA_MULTIPATH;
}

static int read_attribute(const struct nlattr *attr, int family, struct route *ret)
{
	switch (mnl_attr_get_type(attr)) {
	case RTA_DST:
		return attr_address(attr, family, &ret->to.address) ? 0 : -EBADMSG;
	case RTA_SRC:
		return attr_address(attr, family, &ret->from.address) ? 0 : -EBADMSG;
	case RTA_GATEWAY:
		ret->has_gateway = attr_address(attr, family, &ret->gateway);
		return ret->has_gateway ? 0 : -EBADMSG;
	case RTA_OIF:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
			return -EBADMSG;
		ret->oif = mnl_attr_get_u32(attr);
		return 0;
	case RTA_PRIORITY:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
			return -EBADMSG;
		ret->metric = mnl_attr_get_u32(attr);
		return 0;
	case RTA_TABLE:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
			return -EBADMSG;
		ret->table = mnl_attr_get_u32(attr);
		return 0;
	}
	return 0;
}

/* 1: a route; 0: one of a family that is not ours. */
static int parse(const struct nlmsghdr *message, struct route *ret)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	bool is_by_several = false;
	struct attrs attrs;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return -EBADMSG;
	if (header->rtm_family != AF_INET && header->rtm_family != AF_INET6)
		return 0;
	*ret = (struct route){
		.type = read_type(header->rtm_type),
		.table = header->rtm_table,
		.tos = header->rtm_tos,
		.is_kernels = header->rtm_protocol == RTPROT_KERNEL,
		.to = {any_address(header->rtm_family), header->rtm_dst_len},
		.from = {any_address(header->rtm_family), header->rtm_src_len},
	};
	attrs = attrs_of_message(message, sizeof(*header));
	while (attrs_next(&attrs)) {
		int r = read_attribute(attrs.at, header->rtm_family, ret);

		if (r < 0)
			return r;
		is_by_several = is_by_several || has_links_elsewhere(attrs.at);
	}
	if (is_by_several) {
		ret->oif = 0;
		ret->has_gateway = false;
	}
	/* IPv6 names lo as the link of its unreachable routes. */
	if (leads_nowhere(ret->type))
		ret->oif = 0;
	/* ::ffff:a.b.c.d of IPv6: not one that we could name. */
	if (header->rtm_family == AF_INET6 &&
	    (address_is_v4(&ret->to.address) || address_is_v4(&ret->from.address)))
		return 0;
	return ret->to.len <= prefix_full_len(&ret->to.address) &&
			       ret->from.len <= prefix_full_len(&ret->from.address)
		       ? 1
		       : -EBADMSG;
}

struct dump {
	route_each each;
	void *context;
};

static int pass_on(void *context, const struct nlmsghdr *message)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct dump *dump = context;
	struct route route;
	int r = parse(message, &route);

	/* What was learned about single destinations is no route of anybody's. */
	if (r <= 0 || (header->rtm_flags & RTM_F_CLONED))
		return r;
	return dump->each(dump->context, &route);
}

int route_dump(struct nlsock *sock, route_each each, void *context, struct error *err)
{
	struct dump dump = {.each = each, .context = context};
	int r;

	(void)nlsock_begin(sock, RTM_GETROUTE, NLM_F_DUMP, sizeof(struct rtmsg));
	r = nlsock_exchange(sock, pass_on, &dump, err);
	if (r < 0)
		(void)error_wrap(err, "cannot list the routes");
	return r;
}

void route_consider_default(struct route_default *best, const struct route *route)
{
	bool is_v4 = address_is_v4(&route->to.address);

	if (route->type != ROUTE_UNICAST || route->table != RT_TABLE_MAIN || route->oif == 0 ||
	    route->to.len != 0)
		return;
	if (best->oif != 0 &&
	    (is_v4 < best->is_v4 || (is_v4 == best->is_v4 && route->metric >= best->metric)))
		return;
	*best = (struct route_default){route->oif, route->metric, is_v4};
}

static void read_mtu(const struct nlattr *metrics, struct route_path *ret)
{
	struct attrs attrs = attrs_of_nest(metrics);

	while (attrs_next(&attrs))
		if (mnl_attr_get_type(attrs.at) == RTAX_MTU &&
		    mnl_attr_validate(attrs.at, MNL_TYPE_U32) == 0)
			ret->mtu = mnl_attr_get_u32(attrs.at);
}

static int keep_path(void *context, const struct nlmsghdr *message)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	struct route_path *path = context;
	struct attrs attrs;
	struct route route;
	int r = parse(message, &route);

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	*path = (struct route_path){
		.oif = route.oif,
		.is_local = header->rtm_type == RTN_LOCAL,
		.has_gateway = route.has_gateway,
		.gateway = route.gateway,
	};
	attrs = attrs_of_message(message, sizeof(*header));
	while (attrs_next(&attrs)) {
		if (mnl_attr_get_type(attrs.at) == RTA_METRICS &&
		    mnl_attr_validate(attrs.at, MNL_TYPE_NESTED) == 0)
			read_mtu(attrs.at, path);
		else if (mnl_attr_get_type(attrs.at) == RTA_PREFSRC)
			path->has_source =
				attr_address(attrs.at, header->rtm_family, &path->source);
	}
	return 0;
}

static void put_destination(struct nlmsghdr *request, const union endpoint *to, uint32_t mark)
{
	struct rtmsg *header = mnl_nlmsg_get_payload(request);
	struct address address = endpoint_address(to);

	header->rtm_family = (uint8_t)address_family(&address);
	header->rtm_dst_len = prefix_full_len(&address);
	put_address(request, RTA_DST, &address);
	if (to->any.sa_family == AF_INET6 && to->v6.sin6_scope_id)
		mnl_attr_put_u32(request, RTA_OIF, to->v6.sin6_scope_id);
	if (mark)
		mnl_attr_put_u32(request, RTA_MARK, mark);
}

static int ask_path(struct nlsock *sock, struct route_path *ret, struct error *err)
{
	int r = nlsock_exchange(sock, keep_path, ret, err);

	if (r == 0 && ret->oif == 0)
		r = error_set(err, ENETUNREACH, "the route leads to no link");
	return r;
}

/* A route has an MTU of its own where one was learned or set; the link's
 * otherwise, and never more than that.
 */
static int bound_mtu(struct nlsock *sock, struct route_path *path, struct error *err)
{
	struct link_info link;
	int r = link_get_index(sock, path->oif, &link, err);

	if (r == 0 && (path->mtu == 0 || path->mtu > link.mtu))
		path->mtu = link.mtu;
	return r;
}

int route_get(struct nlsock *sock, const union endpoint *to, uint32_t mark, struct route_path *ret,
	      struct error *err)
{
	struct nlmsghdr *request = nlsock_begin(sock, RTM_GETROUTE, 0, sizeof(struct rtmsg));
	struct address address = endpoint_address(to);
	struct route_path path = {0};
	char text[ADDRESS_TEXT_LEN];
	int r;

	put_destination(request, to, mark);
	r = ask_path(sock, &path, err);
	if (r == 0)
		r = bound_mtu(sock, &path, err);
	if (r < 0) {
		(void)error_wrap(err, "no route to %s", address_print(&address, text));
		return r;
	}
	*ret = path;
	return 0;
}

/* What the kernel says of a source that is not ours depends on family and version. */
static int check_source(struct nlsock *sock, const union endpoint *from)
{
	struct nlmsghdr *request = nlsock_begin(sock, RTM_GETROUTE, 0, sizeof(struct rtmsg));
	struct route_path path = {0};
	int r;

	put_destination(request, from, 0);
	r = ask_path(sock, &path, NULL);
	return r == 0 && path.is_local ? 0 : -EINVAL;
}

int route_find_link(struct nlsock *sock, const struct route_flow *flow, uint32_t *ret)
{
	struct address source = endpoint_address(flow->from);
	struct route_path path = {0};
	struct nlmsghdr *request;
	struct rtmsg *header;
	int r = check_source(sock, flow->from);

	if (r < 0)
		return r;
	request = nlsock_begin(sock, RTM_GETROUTE, 0, sizeof(struct rtmsg));
	put_destination(request, flow->to, flow->mark);
	header = mnl_nlmsg_get_payload(request);
	header->rtm_src_len = prefix_full_len(&source);
	put_address(request, RTA_SRC, &source);
	r = ask_path(sock, &path, NULL);
	if (r == 0)
		*ret = path.oif;
	return r;
}
