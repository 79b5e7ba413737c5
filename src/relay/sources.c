#include "relay/sources.h"

#include "relay/host_view.h"

#include <string.h>

/* Wider is a default route in pieces, or a mistake. */
enum { ROUTE_LEN_LEAST = 8 };

bool sources_has(const struct sources *sources, const union endpoint *from)
{
	struct address address = endpoint_address(from);

	for (uint32_t i = 0; i < sources->n; i++)
		if (prefix_contains(&sources->at[i], &address))
			return true;
	return false;
}

bool sources_equal(const struct sources *a, const struct sources *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (a->at[i].len != b->at[i].len ||
		    !address_equal(&a->at[i].address, &b->at[i].address))
			return false;
	return true;
}

static void add(struct sources *sources, const struct prefix *prefix)
{
	for (uint32_t i = 0; i < sources->n; i++)
		if (prefix_covers(&sources->at[i], prefix))
			return;
	if (sources->n < CONTROL_SOURCES_MAX)
		sources->at[sources->n++] = *prefix;
}

static bool is_tunnel(const struct host_view *host, uint32_t index)
{
	for (size_t i = 0; i < host->n_links; i++)
		if (host->link[i].index == index)
			return host->link[i].flags & IFF_POINTOPOINT;
	return false;
}

static void add_routes(const struct host_view *host, uint32_t index, struct sources *sources)
{
	for (size_t i = 0; i < host->n_routes; i++)
		if (host->route[i].oif == index && host->route[i].to.len >= ROUTE_LEN_LEAST)
			add(sources, &host->route[i].to);
}

void sources_derive(const struct host_view *host, uint32_t index, struct sources *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < host->n_addresses; i++)
		if (host->address[i].index == index)
			add(ret, &host->address[i].address);
	if (is_tunnel(host, index))
		add_routes(host, index, ret);
	for (size_t i = 0; i < host->n_addresses; i++) {
		struct prefix own = host->address[i].address;

		own.len = prefix_full_len(&own.address);
		add(ret, &own);
	}
}
