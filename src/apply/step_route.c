#include "apply/apply.h"
#include "apply/steps.h"
#include "base/error.h"
#include "net/link.h"
#include "net/route.h"

#include <errno.h>

static const enum route_type types[WAYS] = {
	[WAY_UNREACHABLE] = ROUTE_UNREACHABLE,
	[WAY_LINK] = ROUTE_UNICAST,
	[WAY_LOCAL] = ROUTE_LOCAL,
	[WAY_BLACKHOLE] = ROUTE_BLACKHOLE,
	[WAY_PROHIBIT] = ROUTE_PROHIBIT,
	[WAY_THROW] = ROUTE_THROW,
	[WAY_SEVERAL] = ROUTE_UNICAST,
};

static int find(const struct step *step, struct host *host, struct route *ret, struct error *err)
{
	const struct step_route *said = &step->route;
	struct route route = {
		.type = types[said->way],
		.to = said->to,
		.metric = said->metric,
		.table = said->table,
		.tos = said->tos,
		.has_gateway = said->has_gateway,
		.gateway = said->gateway,
		.from = said->from,
	};
	struct link_info link;
	int r = 0;

	if (said->link[0]) {
		r = link_get(host->route, said->link, &link, err);
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

	if (r == 0 && step->route.way == WAY_SEVERAL)
		r = error_set(err, EOPNOTSUPP, "a route by several links cannot be made again");
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
