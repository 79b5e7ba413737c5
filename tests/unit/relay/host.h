/* A made-up host, for tests of what follows from addresses. */
#ifndef ADIT_TESTS_UNIT_RELAY_HOST_H
#define ADIT_TESTS_UNIT_RELAY_HOST_H

#include "cmocka_all.h"

#include "relay/host_view.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

enum { HOST_LO = 1, HOST_LAN = 2, HOST_OTHER = 3, HOST_TUNNEL = 4, HOST_ITEMS = 16 };

struct host {
	struct host_view view;
	struct link_info link[HOST_ITEMS];
	struct link_address address[HOST_ITEMS];
	struct route route[HOST_ITEMS];
};

static inline struct prefix host_prefix(const char *text)
{
	struct prefix prefix;

	assert_true(prefix_parse(text, strlen(text), &prefix));
	return prefix;
}

static inline void host_add_link(struct host *host, uint32_t index, const char *name,
				 uint32_t flags)
{
	struct link_info *link = &host->link[host->view.n_links++];

	*link = (struct link_info){.index = index, .flags = flags};
	(void)snprintf(link->name, sizeof(link->name), "%s", name);
}

static inline void host_add_address(struct host *host, uint32_t index, const char *text)
{
	host->address[host->view.n_addresses++] =
		(struct link_address){.index = index, .address = host_prefix(text)};
}

static inline void host_add_route(struct host *host, uint32_t index, const char *to)
{
	host->route[host->view.n_routes++] = (struct route){.to = host_prefix(to), .oif = index};
}

/* lo, a LAN, another uplink, and a tunnel with routes. */
static inline void host_make(struct host *host)
{
	memset(host, 0, sizeof(*host));
	host->view.link = host->link;
	host->view.address = host->address;
	host->view.route = host->route;
	host_add_link(host, HOST_LO, "lo", IFF_LOOPBACK);
	host_add_link(host, HOST_LAN, "lan0", IFF_BROADCAST);
	host_add_link(host, HOST_OTHER, "wan0", IFF_BROADCAST);
	host_add_link(host, HOST_TUNNEL, "tun0", IFF_POINTOPOINT);
	host_add_address(host, HOST_LO, "127.0.0.1/8");
	host_add_address(host, HOST_LO, "::1/128");
	host_add_address(host, HOST_LAN, "192.168.7.2/24");
	host_add_address(host, HOST_LAN, "2001:db8:7::2/64");
	host_add_address(host, HOST_LAN, "fe80::2/64");
	host_add_address(host, HOST_OTHER, "198.51.100.9/24");
	host_add_address(host, HOST_TUNNEL, "100.64.0.1/32");
	host_add_route(host, HOST_TUNNEL, "100.64.0.0/10");
	host_add_route(host, HOST_TUNNEL, "0.0.0.0/1");
	host_add_route(host, HOST_LAN, "10.0.0.0/8");
}

#endif
