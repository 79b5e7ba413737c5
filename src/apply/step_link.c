#include "apply/apply.h"
#include "apply/steps.h"
#include "net/ifaddr.h"
#include "net/link.h"

#include <errno.h>
#include <string.h>

static int set_down(const struct step *step, struct host *host, struct error *err)
{
	static const struct link_change down = {.flags_mask = IFF_UP};
	int r = link_change(host->route, step->link.name, &down, err);

	return r == -ENODEV ? 0 : r;
}

/* The kernel gives lo its IPv4 address when it first comes up, and leaves it. */
static int forget_loopback_address(struct host *host, struct error *err)
{
	struct link_address loopback = {0};
	struct link_info lo;
	int r = link_get(host->route, "lo", &lo, err);

	if (r < 0)
		return r;
	loopback.index = lo.index;
	(void)prefix_parse("127.0.0.1/8", strlen("127.0.0.1/8"), &loopback.address);
	r = ifaddr_delete(host->route, &loopback, err);
	return r == -EADDRNOTAVAIL ? 0 : r;
}

static int undo(const struct step *step, struct host *host, struct error *err)
{
	int r = set_down(step, host, err);

	if (r == 0 && strcmp(step->link.name, "lo") == 0)
		r = forget_loopback_address(host, err);
	return r;
}

static int set_up(const struct step *step, struct host *host, struct error *err)
{
	static const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};
	int r = link_change(host->route, step->link.name, &up, err);

	/* An answer that got lost says nothing about what was done. */
	if (r < 0)
		(void)undo(step, host, NULL);
	return r;
}

const struct step_ops step_link_ops = {.apply = set_up, .undo = undo};
