#include "apply/apply.h"
#include "apply/steps.h"
#include "net/sysctl.h"

#include <errno.h>

static int set(const struct step *step, struct host *host, struct error *err)
{
	(void)host;
	return sysctl_write(step->sysctl.path, step->sysctl.value, err);
}

/* A value that is not ours any more was changed by somebody since: theirs to keep. */
static int restore(const struct step *step, struct host *host, struct error *err)
{
	char now[STEP_SYSCTL_VALUE_LEN];
	int r;

	(void)host;
	if (!step->sysctl.restore[0])
		return 0;
	r = sysctl_read(step->sysctl.path, now, sizeof(now), err);
	if (r == -ENOENT) /* gone with its link */
		return 0;
	if (r < 0 || !sysctl_value_equal(now, step->sysctl.value))
		return r;
	return sysctl_write(step->sysctl.path, step->sysctl.restore, err);
}

const struct step_ops step_sysctl_ops = {.apply = set, .undo = restore};
