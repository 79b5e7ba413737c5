#include "apply/apply.h"
#include "apply/steps.h"
#include "net/link.h"
#include "net/route.h"

#include <errno.h>

static int find(const struct step *step, struct host *host, struct route *ret, struct error *err)
{
	struct route route = {
		.type = ROUTE_UNREACHABLE,
		.to = step->route.to,
		.metric = step->route.metric,
	};
	struct link_info link;
	int r = 0;

	if (step->route.link[0]) {
		r = link_get(host->route, step->route.link, &link, err);
		route.type = ROUTE_UNICAST;
		route.oif = r == 0 ? link.index : 0;
	}
	if (r == 0)
		*ret = route;
	return r;
}

/* A link that is down or gone has no routes. */
static int undo(const struct step *step, struct host *host, struct error *err)
{
	struct route route;
	int r = find(step, host, &route, err);

	if (r == 0)
		r = route_delete(host->route, &route, err);
	return r == -ENODEV || r == -ESRCH || r == -ENOENT ? 0 : r;
}

static int add(const struct step *step, struct host *host, struct error *err)
{
	struct route route;
	int r = find(step, host, &route, err);

	if (r < 0)
		return r;
	r = route_add(host->route, &route, err);
	/* An answer that got lost says nothing about what was done; what was
	 * there before stays.
	 */
	if (r < 0 && r != -EEXIST)
		(void)undo(step, host, NULL);
	return r;
}

const struct step_ops step_route_ops = {.apply = add, .undo = undo};
