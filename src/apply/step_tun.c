#include "apply/apply.h"
#include "apply/steps.h"
#include "base/cleanup.h"
#include "net/link.h"
#include "net/tun.h"

#include <errno.h>

/* Not multicast, as the kernel's own WireGuard link is not: else IPv6 reports
 * its listeners (MLD, RFC 3810) into the tunnel as soon as the link is up.
 */
static int create(const struct step *step, struct host *host, struct error *err)
{
	const struct link_change change = {
		.flags_mask = IFF_MULTICAST,
		.mtu = step->tun.mtu,
		.gso_max_segs = step->tun.gso_max_segs,
	};
	AUTO_FD int fd = -1;
	int r = tun_create(step->tun.name, &fd, err);

	if (r == 0)
		r = link_change(host->route, step->tun.name, &change, err);
	/* Closed on failure, and the link is gone with it. */
	if (r == 0)
		host->tun_fd = take_fd(&fd);
	return r;
}

/* Also where another process holds the descriptor, or a crashed one did. */
static int undo(const struct step *step, struct host *host, struct error *err)
{
	int r;

	if (host->tun_fd >= 0)
		(void)close(host->tun_fd);
	host->tun_fd = -1;
	r = link_delete(host->route, step->tun.name, err);
	return r == -ENODEV ? 0 : r;
}

const struct step_ops step_tun_ops = {.apply = create, .undo = undo};
