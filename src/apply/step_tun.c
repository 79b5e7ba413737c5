#include "apply/apply.h"
#include "apply/record.h"
#include "apply/steps.h"
#include "net/link.h"
#include "net/tun.h"

#include <errno.h>
#include <unistd.h>

/* Also where another process holds the descriptor, or a crashed one did. */
static int undo(const struct step *step, struct host *host, struct error *err)
{
	int r;

	if (host->tun_fd >= 0 && host->tun_fd != host->tun_node)
		(void)close(host->tun_fd);
	host->tun_fd = -1;
	r = link_delete(host->route, step->tun.name, err);
	return r == -ENODEV ? 0 : r;
}

/* Not multicast, as the kernel's own WireGuard link is not: else IPv6 reports
 * its listeners (MLD, RFC 3810) into the tunnel as soon as the link is up.
 */
static int configure(const struct step *step, struct host *host, struct error *err)
{
	const struct link_change change = {
		.flags_mask = IFF_MULTICAST,
		.mtu = step->tun.mtu,
		.gso_max_segs = step->tun.gso_max_segs,
	};
	int r = link_change(host->route, step->tun.name, &change, err);

	if (r < 0)
		(void)undo(step, host, NULL);
	return r;
}

static int remember(const struct step *step, struct host *host, struct error *err)
{
	int r = host->record
			? link_index_of(host->route, step->tun.name, &host->record->tunnel, err)
			: 0;

	if (r < 0)
		(void)undo(step, host, NULL);
	return r;
}

static int create(const struct step *step, struct host *host, struct error *err)
{
	int fd = host->tun_node;
	int r = fd >= 0 ? tun_attach(fd, step->tun.name, err)
			: tun_create(step->tun.name, &fd, err);

	if (r < 0)
		return r;
	/* of one that somebody deleted */
	if (host->tun_fd >= 0 && host->tun_fd != host->tun_node)
		(void)close(host->tun_fd);
	host->tun_fd = fd;
	r = configure(step, host, err);
	return r == 0 ? remember(step, host, err) : r;
}

const struct step_ops step_tun_ops = {.apply = create, .undo = undo};
