/* This host's links, addresses and routes, as far as listeners follow them. */
#ifndef ADIT_RELAY_HOST_VIEW_H
#define ADIT_RELAY_HOST_VIEW_H

#include "net/ifaddr.h"
#include "net/link.h"
#include "net/route.h"

#include <stddef.h>

struct error;

enum { HOST_VIEW_ITEMS_MAX = 65536 };

/* Owned arrays.  Zeroed is empty. */
struct host_view {
	struct link_info *link;
	size_t n_links;
	struct link_address *address;
	size_t n_addresses;
	struct route *route; /* to a link without a gateway; read where there is a tunnel */
	size_t n_routes;
};

/* Of the caller's network namespace. */
int host_view_read(struct host_view *ret, struct error *err);
void host_view_done(struct host_view *view);

const struct link_info *host_view_find(const struct host_view *view, const char *name);
/* NULL: no link has the address. */
const struct link_address *host_view_owner(const struct host_view *view,
					   const struct address *address);

#endif
