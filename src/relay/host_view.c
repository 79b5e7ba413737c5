#include "relay/host_view.h"

#include "base/error.h"
#include "net/nlsock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ITEMS = 16 };

/* The array with room for one more; sizes are powers of two. */
static void *make_room(void *array, size_t n, size_t size)
{
	bool is_full = n == 0 || (n >= FIRST_ITEMS && (n & (n - 1)) == 0);
	size_t wanted = n < FIRST_ITEMS ? FIRST_ITEMS : 2 * n;

	if (n >= HOST_VIEW_ITEMS_MAX)
		return NULL;
	return is_full ? reallocarray(array, wanted, size) : array;
}

static int add_link(void *context, const struct link_info *link)
{
	struct host_view *view = context;
	void *array = make_room(view->link, view->n_links, sizeof(*link));

	if (!array)
		return -ENOMEM;
	view->link = array;
	view->link[view->n_links++] = *link;
	return 0;
}

static int add_address(void *context, const struct link_address *address)
{
	struct host_view *view = context;
	void *array = make_room(view->address, view->n_addresses, sizeof(*address));

	if (!array)
		return -ENOMEM;
	view->address = array;
	view->address[view->n_addresses++] = *address;
	return 0;
}

static int add_route(void *context, const struct route *route)
{
	struct host_view *view = context;
	void *array;

	if (route->type != ROUTE_UNICAST || route->has_gateway || route->oif == 0)
		return 0;
	if (view->n_routes == HOST_VIEW_ITEMS_MAX)
		return 0;
	array = make_room(view->route, view->n_routes, sizeof(*route));
	if (!array)
		return -ENOMEM;
	view->route = array;
	view->route[view->n_routes++] = *route;
	return 0;
}

/* Routes matter on such links only, and there may be very many. */
static bool has_tunnel(const struct host_view *view)
{
	for (size_t i = 0; i < view->n_links; i++)
		if (view->link[i].flags & IFF_POINTOPOINT)
			return true;
	return false;
}

static int read_all(struct nlsock *sock, struct host_view *view, struct error *err)
{
	int r = link_dump(sock, add_link, view, err);

	if (r == 0)
		r = ifaddr_dump(sock, add_address, view, err);
	if (r == 0 && has_tunnel(view))
		r = route_dump(sock, add_route, view, err);
	return r;
}

/* A dump that something changed under is made again, a few times. */
int host_view_read(struct host_view *ret, struct error *err)
{
	struct host_view view = {0};
	struct nlsock *sock;
	int r = nlsock_open(&sock, err);

	if (r < 0)
		return r;
	for (int tries = 0; tries < 5; tries++) {
		r = read_all(sock, &view, err);
		if (r != -EINTR)
			break;
		host_view_done(&view);
	}
	nlsock_close(sock);
	if (r < 0)
		host_view_done(&view);
	else
		*ret = view;
	return r;
}

void host_view_done(struct host_view *view)
{
	free(view->link);
	free(view->address);
	free(view->route);
	*view = (struct host_view){0};
}

const struct link_info *host_view_find(const struct host_view *view, const char *name)
{
	for (size_t i = 0; i < view->n_links; i++)
		if (strcmp(view->link[i].name, name) == 0)
			return &view->link[i];
	return NULL;
}

const struct link_address *host_view_owner(const struct host_view *view,
					   const struct address *address)
{
	for (size_t i = 0; i < view->n_addresses; i++)
		if (address_equal(&view->address[i].address.address, address))
			return &view->address[i];
	return NULL;
}
