/* How it works.  The tunnel is called by its name again and gets its sizes back,
 * while what runs over it goes on.  Before Linux 6.2 a link that is up cannot be
 * renamed: then it goes down for that, loses its routes, and the next survey finds
 * what is missing.
 */
#include "apply/apply.h"
#include "apply/steps.h"
#include "net/link.h"

#include <errno.h>
#include <string.h>

static const char *name_of(const struct step_tun *tun)
{
	return tun->renamed[0] ? tun->renamed : tun->name;
}

static int rename_link(struct host *host, const char *from, const char *to, struct error *err)
{
	static const struct link_change down = {.flags_mask = IFF_UP};
	static const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};
	int r = link_rename(host->route, from, to, err);

	if (r != -EBUSY)
		return r;
	r = link_change(host->route, from, &down, err);
	if (r == 0)
		r = link_rename(host->route, from, to, err);
	if (r == 0)
		r = link_change(host->route, to, &up, err);
	return r;
}

static int become(struct host *host, const struct step_tun *from, const struct step_tun *to,
		  struct error *err)
{
	const struct link_change change = {.mtu = to->mtu, .gso_max_segs = to->gso_max_segs};
	int r = 0;

	if (strcmp(name_of(from), name_of(to)) != 0)
		r = rename_link(host, name_of(from), name_of(to), err);
	return r == 0 ? link_change(host->route, name_of(to), &change, err) : r;
}

/* Gone, or called so already: nothing is left to undo. */
static int undo(const struct step *step, struct host *host, struct error *err)
{
	const struct step_alter *alter = &step->alter;
	int r = become(host, &alter->to, &alter->from, err);

	if (r == -ENODEV || r == -EEXIST)
		return 0;
	return r;
}

static int alter(const struct step *step, struct host *host, struct error *err)
{
	int r = become(host, &step->alter.from, &step->alter.to, err);

	if (r < 0)
		(void)undo(step, host, NULL);
	return r;
}

const struct step_ops step_alter_ops = {.apply = alter, .undo = undo};
