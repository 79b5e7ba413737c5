/* How it works.  An IPv4 address is there when the kernel has answered.  An IPv6
 * address is not: packets to it are dropped until the kernel's own worker has
 * come round to it (addrconf_dad_work), also where there is no duplicate to be
 * looked for.  That takes tens of microseconds, or as long as the processors are
 * busy, and the first replies of the tunnel would be lost.  So add() asks for
 * the way to the address until that is the namespace itself.
 */
#include "apply/apply.h"
#include "apply/steps.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/ifaddr.h"
#include "net/link.h"
#include "net/route.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define WAIT_MAX_NS (5 * NS_PER_S)

static int find(const struct step *step, struct host *host, struct link_address *ret,
		struct error *err)
{
	struct link_info link;
	int r = link_get(host->route, step->address.link, &link, err);

	if (r == 0)
		*ret = (struct link_address){
			.index = link.index,
			.address = step->address.address,
			/* 127/8 is all of it this machine's. */
			.has_prefix_route = strcmp(step->address.link, "lo") == 0,
		};
	return r;
}

static int undo(const struct step *step, struct host *host, struct error *err)
{
	struct link_address ifaddr;
	int r = find(step, host, &ifaddr, err);

	if (r == 0)
		r = ifaddr_delete(host->route, &ifaddr, err);
	return r == -ENODEV || r == -EADDRNOTAVAIL ? 0 : r;
}

/* 1: packets to the address come in; 0: not yet. */
static int is_usable(const struct step *step, struct host *host, struct error *err)
{
	union endpoint own = endpoint_make(&step->address.address.address, 0);
	struct route_path path;
	int r = route_get(host->route, &own, 0, &path, err);

	if (r == -ENETUNREACH || r == -EHOSTUNREACH)
		return 0;
	return r < 0 ? r : path.is_local;
}

static int wait_until_usable(const struct step *step, struct host *host, struct error *err)
{
	static const struct timespec pause = {.tv_nsec = 50000};
	struct instant deadline = instant_add(clock_now(), WAIT_MAX_NS);

	for (;;) {
		int r = is_usable(step, host, err);

		if (r != 0)
			return r < 0 ? r : 0;
		if (clock_now().ns >= deadline.ns)
			return error_set(err, ETIMEDOUT, "the address does not come up");
		(void)nanosleep(&pause, NULL);
	}
}

static int add(const struct step *step, struct host *host, struct error *err)
{
	struct link_address address = {0};
	int r = find(step, host, &address, err);

	if (r < 0)
		return r;
	r = ifaddr_add(host->route, &address, err);
	if (r == -EEXIST && address.has_prefix_route)
		return 0; /* lo's come by themselves, with IPv6 switched on for one */
	if (r == -EEXIST) /* not ours to undo */
		return r;
	if (r == 0 && !address_is_v4(&address.address.address))
		r = wait_until_usable(step, host, err);
	/* An answer that got lost says nothing about what was done. */
	if (r < 0)
		(void)undo(step, host, NULL);
	return r;
}

const struct step_ops step_address_ops = {.apply = add, .undo = undo};
