#include "apply/apply.h"
#include "apply/record.h"
#include "apply/steps.h"
#include "base/error.h"
#include "net/link.h"

#include <errno.h>

static int undo(const struct step *step, struct host *host, struct error *err)
{
	int r = link_delete(host->route, step->tun.name, err);

	return r == -ENODEV ? 0 : r;
}

static int create(const struct step *step, struct host *host, struct error *err)
{
	int r;

	if (!host->make_wireguard)
		return error_set(err, EINVAL, "the host's side of the tunnel is not at hand");
	r = host->make_wireguard(host->outside, &step->tun, err);
	if (r == -EEXIST)
		return r;
	if (r == 0 && host->record)
		r = link_index_of(host->route, step->tun.name, &host->record->tunnel, err);
	/* An answer that got lost says nothing about what was done. */
	if (r < 0)
		(void)undo(step, host, NULL);
	return r;
}

const struct step_ops step_wireguard_ops = {.apply = create, .undo = undo};
