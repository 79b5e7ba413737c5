#include "apply/apply.h"
#include "apply/steps.h"
#include "net/ifaddr.h"
#include "net/link.h"

#include <errno.h>

static int find(const struct step *step, struct host *host, struct link_address *ret,
		struct error *err)
{
	struct link_info link;
	int r = link_get(host->route, step->address.link, &link, err);

	if (r == 0)
		*ret = (struct link_address){.index = link.index, .address = step->address.address};
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

static int add(const struct step *step, struct host *host, struct error *err)
{
	struct link_address ifaddr;
	int r = find(step, host, &ifaddr, err);

	if (r < 0)
		return r;
	r = ifaddr_add(host->route, &ifaddr, err);
	/* An answer that got lost says nothing about what was done; what was
	 * there before stays.
	 */
	if (r < 0 && r != -EEXIST)
		(void)undo(step, host, NULL);
	return r;
}

const struct step_ops step_address_ops = {.apply = add, .undo = undo};
