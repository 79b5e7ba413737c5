#include "apply/observe_host.h"

#include "base/error.h"
#include "net/ifaddr.h"
#include "net/link.h"
#include "net/route.h"
#include "net/sysctl.h"

#include <dirent.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LINKS_MAX = 1024,
	/* Wider is a default route in pieces, or a mistake. */
	ROUTE_LEN_LEAST = 8,
};

struct look {
	struct plan_host_environment *host;
	struct link_info *link; /* owned */
	size_t n_links;
	struct route_default best;
};

static int keep_link(void *context, const struct link_info *link)
{
	struct look *look = context;

	if (look->n_links < LINKS_MAX)
		look->link[look->n_links++] = *link;
	return 0;
}

static const struct link_info *link_of(const struct look *look, uint32_t index)
{
	for (size_t i = 0; i < look->n_links; i++)
		if (look->link[i].index == index)
			return &look->link[i];
	return NULL;
}

static void add_subnet(struct look *look, uint32_t index, const struct prefix *prefix,
		       bool is_address)
{
	const struct link_info *link = link_of(look, index);
	struct plan_host_environment *host = look->host;
	struct plan_subnet *subnet = &host->subnet[host->n_subnets];

	if (!link || (link->flags & IFF_LOOPBACK) || host->n_subnets == PLAN_SUBNETS_MAX)
		return;
	memcpy(subnet->link, link->name, sizeof(subnet->link));
	subnet->prefix = *prefix;
	subnet->is_address = is_address;
	host->n_subnets++;
}

static int keep_address(void *context, const struct link_address *address)
{
	add_subnet(context, address->index, &address->address, true);
	return 0;
}

/* A link without neighbours of its own network is told from others by its routes. */
static bool is_tunnel(const struct look *look, uint32_t index)
{
	const struct link_info *link = link_of(look, index);

	return link && (link->flags & IFF_POINTOPOINT);
}

static int keep_route(void *context, const struct route *route)
{
	struct look *look = context;

	if (route->type != ROUTE_UNICAST || route->table != RT_TABLE_MAIN || route->oif == 0)
		return 0;
	route_consider_default(&look->best, route);
	if (!route->has_gateway && route->to.len >= ROUTE_LEN_LEAST && is_tunnel(look, route->oif))
		add_subnet(look, route->oif, &route->to, false);
	return 0;
}

static void look_at_router_advertisements(struct plan_host_environment *host, const char *link)
{
	char path[STEP_SYSCTL_PATH_LEN];
	char value[STEP_SYSCTL_VALUE_LEN];
	int n = snprintf(path, sizeof(path), "net/ipv6/conf/%s/accept_ra", link);

	if (n >= (int)sizeof(path) || strlen(link) >= IFNAMSIZ || strcmp(link, "lo") == 0 ||
	    strcmp(link, "all") == 0 || host->n_ra_links == PLAN_RA_LINKS_MAX ||
	    sysctl_read(path, value, sizeof(value), NULL) < 0)
		return;
	/* 2 is what it becomes, and stays until it is given back. */
	if (strcmp(value, "1") != 0 && strcmp(value, "2") != 0)
		return;
	(void)snprintf(host->ra_link[host->n_ra_links++], IFNAMSIZ, "%.15s", link);
}

static void look_at_ipv6(struct plan_host_environment *host)
{
	DIR *folder = opendir("/proc/sys/net/ipv6/conf");
	struct dirent *entry;

	host->has_force_forwarding =
		access("/proc/sys/net/ipv6/conf/lo/force_forwarding", F_OK) == 0;
	if (!folder)
		return;
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			look_at_router_advertisements(host, entry->d_name);
	(void)closedir(folder);
}

int observe_host(struct nlsock *sock, struct plan_host_environment *ret, struct error *err)
{
	struct look look = {.host = ret, .link = calloc(LINKS_MAX, sizeof(*look.link))};
	const struct link_info *link;
	int r = look.link ? 0 : error_errno(err, ENOMEM, "cannot look at the host's links");

	*ret = (struct plan_host_environment){0};
	if (r == 0)
		r = link_dump(sock, keep_link, &look, err);
	if (r == 0)
		r = ifaddr_dump(sock, keep_address, &look, err);
	if (r == 0)
		r = route_dump(sock, keep_route, &look, err);
	link = r == 0 ? link_of(&look, look.best.oif) : NULL;
	if (link)
		memcpy(ret->default_link, link->name, sizeof(ret->default_link));
	if (r == 0)
		look_at_ipv6(ret);
	free(look.link);
	return r;
}
