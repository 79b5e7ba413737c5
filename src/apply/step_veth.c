#include "apply/apply.h"
#include "apply/record.h"
#include "apply/steps.h"
#include "base/error.h"
#include "net/link.h"

#include <errno.h>
#include <string.h>

static const char *name_of(const struct step_veth *veth)
{
	return veth->renamed[0] ? veth->renamed : veth->name;
}

/* The other end goes with it. */
static int undo(const struct step *step, struct host *host, struct error *err)
{
	int r = link_delete(host->route, name_of(&step->veth), err);

	if (r < 0 && r != -ENODEV)
		return r;
	if (host->record)
		host->record->veth = 0;
	return 0;
}

static int create(const struct step *step, struct host *host, struct error *err)
{
	struct link_pair pair = {.peer_netns = host->netns};
	int r;

	if (host->netns < 0)
		return error_set(err, EINVAL, "the namespace of the other end is not at hand");
	memcpy(pair.name, step->veth.name, sizeof(pair.name));
	memcpy(pair.peer, step->veth.peer, sizeof(pair.peer));
	r = link_create_pair(host->route, &pair, err);
	if (r == -EEXIST)
		return r;
	if (r == 0 && host->record)
		r = link_index_of(host->route, step->veth.name, &host->record->veth, err);
	/* An answer that got lost says nothing about what was done. */
	if (r < 0)
		(void)undo(step, host, NULL);
	return r;
}

const struct step_ops step_veth_ops = {.apply = create, .undo = undo};
