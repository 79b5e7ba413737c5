#include "demo/internet.h"

#include "base/address.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "demo/place.h"
#include "net/ifaddr.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/nft.h"
#include "net/nlsock.h"
#include "net/route.h"
#include "net/sysctl.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* One end of a cable and what it is called and addressed at both ends. */
struct cable {
	enum internet_node near;
	enum internet_node far;
	const char *near_name;
	const char *far_name;
	const char *near_v4;
	const char *far_v4;
	const char *near_v6; /* NULL: IPv4 only */
	const char *far_v6;
};

static const struct cable cables[] = {
	{NODE_ROUTER, NODE_YOU, "lan", DEMO_UPLINK, DEMO_ROUTER_LAN_V4, DEMO_HOST_V4,
	 DEMO_ROUTER_LAN_V6, DEMO_HOST_V6},
	{NODE_ROUTER, NODE_WEB, "web", "eth0", DEMO_ROUTER_WEB_V4, DEMO_WEB_V4, DEMO_ROUTER_WEB_V6,
	 DEMO_WEB_V6},
	{NODE_ROUTER, NODE_PROVIDER, "vpn", "eth0", DEMO_ROUTER_VPN_V4, DEMO_PROVIDER_V4, NULL,
	 NULL},
};

static const struct gateway {
	enum internet_node node;
	const char *link;
	const char *prefix; /* of the router's end */
} gateways[] = {
	{NODE_YOU, DEMO_UPLINK, DEMO_ROUTER_LAN_V4}, {NODE_YOU, DEMO_UPLINK, DEMO_ROUTER_LAN_V6},
	{NODE_WEB, "eth0", DEMO_ROUTER_WEB_V4},	     {NODE_WEB, "eth0", DEMO_ROUTER_WEB_V6},
	{NODE_PROVIDER, "eth0", DEMO_ROUTER_VPN_V4},
};

/* What comes from the LAN is seen elsewhere with the router's public address. */
static const char router_rules[] =
	"table ip nat {\n"
	"\tchain postrouting {\n"
	"\t\ttype nat hook postrouting priority srcnat\n"
	"\t\tip saddr 192.168.1.0/24 oifname { \"web\", \"vpn\" } snat to " DEMO_ROUTER_PUBLIC "\n"
	"\t}\n"
	"}\n";

/* What comes out of the tunnel is seen elsewhere with the provider's address. */
static const char provider_rules[] = "table ip nat {\n"
				     "\tchain postrouting {\n"
				     "\t\ttype nat hook postrouting priority srcnat\n"
				     "\t\tip saddr 10.64.0.0/24 oifname \"eth0\" masquerade\n"
				     "\t}\n"
				     "}\n";

static const char cut_rules[] = "table ip cut {\n"
				"\tchain forward {\n"
				"\t\ttype filter hook forward priority 0\n"
				"\t\tip daddr " DEMO_PROVIDER_IP " drop\n"
				"\t\tip saddr " DEMO_PROVIDER_IP " drop\n"
				"\t}\n"
				"}\n";

int internet_enter(const struct internet *internet, enum internet_node node, struct error *err)
{
	if (setns(internet->ns[node], CLONE_NEWNET) < 0)
		return error_errno(err, errno, "cannot enter a namespace of the demo");
	return 0;
}

/* A namespace and a handle in it; for all but NODE_YOU a new one. */
static int make_node(struct internet *internet, enum internet_node node, struct error *err)
{
	int r;

	if (node != NODE_YOU && unshare(CLONE_NEWNET) < 0)
		return error_errno(err, errno, "cannot make a network namespace");
	r = netns_open_process(0, &internet->ns[node], err);
	if (r < 0)
		return r;
	r = nlsock_open(&internet->nl[node], err);
	if (r < 0)
		return r;
	return link_change(internet->nl[node], "lo",
			   &(struct link_change){.flags = IFF_UP, .flags_mask = IFF_UP}, err);
}

static int parse_prefix(const char *text, struct prefix *ret, struct error *err)
{
	if (!prefix_parse(text, strlen(text), ret))
		return error_set(err, EINVAL, "'%s' is no prefix", text);
	return 0;
}

static int find_index(struct nlsock *nl, const char *link, uint32_t *ret, struct error *err)
{
	struct link_info info;
	int r = link_get(nl, link, &info, err);

	if (r < 0)
		return r;
	*ret = info.index;
	return 0;
}

int internet_add_route(struct nlsock *nl, const char *link, const char *to, const char *gateway,
		       struct error *err)
{
	struct route route = {.type = ROUTE_UNICAST};
	struct prefix by = {0};
	int r = find_index(nl, link, &route.oif, err);

	if (r < 0)
		return r;
	if (gateway) {
		r = parse_prefix(gateway, &by, err);
		if (r < 0)
			return r;
		route.has_gateway = true;
		route.gateway = by.address;
	}
	if (!to)
		to = gateway && !address_is_v4(&by.address) ? "::/0" : "0.0.0.0/0";
	r = parse_prefix(to, &route.to, err);
	if (r < 0)
		return r;
	prefix_normalize(&route.to);
	return route_add(nl, &route, err);
}

int internet_add_address(struct nlsock *nl, const char *link, const char *prefix, struct error *err)
{
	struct link_address ifaddr = {0};
	int r = find_index(nl, link, &ifaddr.index, err);

	if (r == 0)
		r = parse_prefix(prefix, &ifaddr.address, err);
	if (r == 0)
		r = ifaddr_add(nl, &ifaddr, err);
	if (r == 0)
		r = link_change(nl, link,
				&(struct link_change){.flags = IFF_UP, .flags_mask = IFF_UP}, err);
	if (r < 0)
		return r;
	if (ifaddr.address.len == prefix_full_len(&ifaddr.address.address))
		return 0;
	return internet_add_route(nl, link, prefix, NULL, err);
}

static int lay_cable(const struct internet *internet, const struct cable *cable, struct error *err)
{
	struct nlsock *near = internet->nl[cable->near];
	struct nlsock *far = internet->nl[cable->far];
	struct link_new link = {.kind = "veth"};
	int r;

	(void)snprintf(link.name, sizeof(link.name), "%s", cable->near_name);
	(void)snprintf(link.peer, sizeof(link.peer), "%s", cable->far_name);
	r = link_create(near, &link, err);
	if (r == 0)
		r = link_move(near, cable->far_name, internet->ns[cable->far], err);
	if (r == 0)
		r = internet_add_address(near, cable->near_name, cable->near_v4, err);
	if (r == 0)
		r = internet_add_address(far, cable->far_name, cable->far_v4, err);
	if (r == 0 && cable->near_v6)
		r = internet_add_address(near, cable->near_name, cable->near_v6, err);
	if (r == 0 && cable->far_v6)
		r = internet_add_address(far, cable->far_name, cable->far_v6, err);
	return r;
}

static int connect_nodes(const struct internet *internet, struct error *err)
{
	for (size_t i = 0; i < sizeof(cables) / sizeof(cables[0]); i++) {
		int r = lay_cable(internet, &cables[i], err);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < sizeof(gateways) / sizeof(gateways[0]); i++) {
		int r = internet_add_route(internet->nl[gateways[i].node], gateways[i].link, NULL,
					   gateways[i].prefix, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* In the namespace where the caller stands. */
static int forward_packets(struct error *err)
{
	int r = sysctl_write("net/ipv4/conf/all/forwarding", "1", err);

	return r < 0 ? r : sysctl_write("net/ipv6/conf/all/forwarding", "1", err);
}

/* Applies rules in a node, with forwarding when asked, and comes back. */
static int set_up_router(const struct internet *internet, enum internet_node node,
			 const char *rules, bool forwards, struct error *err)
{
	int r = internet_enter(internet, node, err);
	int back;

	if (r < 0)
		return r;
	r = forwards ? forward_packets(err) : 0;
	if (r == 0)
		r = nft_apply(rules, err);
	back = internet_enter(internet, NODE_YOU, r < 0 ? NULL : err);
	return r < 0 ? r : back;
}

int internet_serve_tunnel(const struct internet *internet, struct error *err)
{
	return set_up_router(internet, NODE_PROVIDER, provider_rules, true, err);
}

int internet_cut(const struct internet *internet, bool is_cut, struct error *err)
{
	return set_up_router(internet, NODE_ROUTER, is_cut ? cut_rules : "delete table ip cut\n",
			     false, err);
}

/* So that the program may ping from "you" as it may from behind adit. */
static int allow_ping(struct error *err)
{
	char range[32];

	(void)snprintf(range, sizeof(range), "%u %u", getegid(), getegid());
	return sysctl_write("net/ipv4/ping_group_range", range, err);
}

int internet_build(struct internet *ret, struct error *err)
{
	int r = 0;

	*ret = (struct internet){0};
	for (int i = 0; i < INTERNET_NODES; i++)
		ret->ns[i] = -1;
	for (int i = 0; i < INTERNET_NODES && r == 0; i++)
		r = make_node(ret, (enum internet_node)i, err);
	if (r == 0)
		r = internet_enter(ret, NODE_YOU, err);
	if (r == 0)
		r = connect_nodes(ret, err);
	if (r == 0)
		r = set_up_router(ret, NODE_ROUTER, router_rules, true, err);
	if (r == 0)
		r = allow_ping(err);
	if (r < 0)
		internet_done(ret);
	return r;
}

void internet_done(struct internet *internet)
{
	for (int i = 0; i < INTERNET_NODES; i++) {
		nlsock_close(internet->nl[i]);
		if (internet->ns[i] >= 0)
			(void)close(internet->ns[i]);
		internet->nl[i] = NULL;
		internet->ns[i] = -1;
	}
}
