#include "apply/apply.h"
#include "apply/record.h"
#include "apply/steps.h"
#include "base/error.h"
#include "net/link.h"
#include "net/wireguard_link.h"

#include <errno.h>

static int undo(const struct step *step, struct host *host, struct error *err)
{
	int r = link_delete(host->route, step->tun.name, err);

	return r == -ENODEV ? 0 : r;
}

/* Which link it is, whatever somebody may call it later. */
static int remember(const struct step *step, struct host *host, struct error *err)
{
	struct link_info link;
	int r;

	if (!host->record)
		return 0;
	r = link_get(host->route, step->tun.name, &link, err);
	if (r == 0)
		host->record->tunnel = link.index;
	return r;
}

static int create(const struct step *step, struct host *host, struct error *err)
{
	int r;

	if (!host->outside)
		return error_set(err, EINVAL, "the host's side of the tunnel is not at hand");
	r = wireguard_link_create(host->outside, step->tun.name, host->netns, step->tun.mtu, err);
	if (r == -EEXIST)
		return r;
	if (r == 0)
		r = remember(step, host, err);
	/* An answer that got lost says nothing about what was done. */
	if (r < 0)
		(void)undo(step, host, NULL);
	return r;
}

const struct step_ops step_wireguard_ops = {.apply = create, .undo = undo};
