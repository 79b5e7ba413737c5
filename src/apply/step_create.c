#include "apply/apply.h"
#include "apply/steps.h"
#include "net/link.h"

#include <errno.h>
#include <string.h>

static int undo(const struct step *step, struct host *host, struct error *err)
{
	int r = link_delete(host->route, step->create.name, err);

	return r == -ENODEV ? 0 : r;
}

static int create(const struct step *step, struct host *host, struct error *err)
{
	struct link_new link = {0};
	int r;

	memcpy(link.name, step->create.name, sizeof(link.name));
	memcpy(link.kind, step->create.kind, sizeof(link.kind));
	r = link_create(host->route, &link, err);
	/* An answer that got lost says nothing about what was done; what was
	 * there before stays.
	 */
	if (r < 0 && r != -EEXIST)
		(void)undo(step, host, NULL);
	return r;
}

const struct step_ops step_create_ops = {.apply = create, .undo = undo};
