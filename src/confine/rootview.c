#include "confine/rootview.h"

#include "base/error.h"
#include "confine/devview.h"
#include "confine/etcview.h"
#include "confine/filesystems.h"
#include "confine/host.h"
#include "confine/options.h"
#include "confine/runview.h"
#include "confine/share.h"
#include "confine/sockets.h"
#include "confine/tmpview.h"
#include "confine/view.h"

int rootview_build(const struct view_host *host, struct view_plan *plan, struct error *err)
{
	int r;

	view_add(plan, &(struct view_step){.kind = VIEW_FILESYSTEM,
					   .source = "tmpfs",
					   .target = VIEW_PRIVATE,
					   .content = "mode=755"});
	r = etcview_add(host, plan, err);
	if (r < 0)
		return r;
	runview_add(host, plan);
	tmpview_add(host, plan);
	devview_add(host, plan);
	r = share_add(host, plan, err);
	if (r == 0)
		r = sockets_add_covers(host, plan, err);
	if (r < 0)
		return r;
	if (host->options->is_strict)
		filesystems_add_masks(&host->mounts, plan);
	/* Overlays and binds hold on to what they use. */
	view_add(plan, &(struct view_step){.kind = VIEW_UNMOUNT, .target = VIEW_PRIVATE});
	devview_add_kernel(host, plan);
	return 0;
}
