#include "confine/etcview.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "confine/entry.h"
#include "confine/host.h"
#include "confine/layer.h"
#include "confine/resolver.h"
#include "confine/view.h"

#include <errno.h>

enum { RESOLVER_FILE_MAX = 16384 };

/* Over the files that the layer has there. */
static void cover(const struct view_host *host, struct view_plan *plan)
{
	static const struct {
		const char *path;
		enum entry_mount mount;
	} files[] = {
		{"/etc/resolv.conf", ENTRY_RESOLV_CONF},
		{"/etc/nsswitch.conf", ENTRY_NSSWITCH},
	};

	for (size_t i = 0; host->given && i < sizeof(files) / sizeof(*files); i++)
		view_add(plan, &(struct view_step){.kind = VIEW_GIVEN,
						   .target = files[i].path,
						   .fd = host->given[files[i].mount]});
}

int etcview_add(const struct view_host *host, struct view_plan *plan, struct error *err)
{
	char found[RESOLVER_FILE_MAX];
	char resolv_conf[RESOLVER_FILE_MAX];
	char nsswitch[RESOLVER_FILE_MAX + 64];
	struct text text;
	bool is_truncated;
	int r = fd_read_file("/etc/nsswitch.conf", found, sizeof(found));
	const struct layer_extra extra[] = {
		{"resolv.conf", resolv_conf},
		{"nsswitch.conf", nsswitch},
	};

	text_init(&text, resolv_conf, sizeof(resolv_conf));
	resolver_write_resolv_conf(host->options, &text);
	is_truncated = text.is_truncated;
	text_init(&text, nsswitch, sizeof(nsswitch));
	resolver_write_nsswitch(r == 0 ? found : NULL, &text);
	if (is_truncated || text.is_truncated)
		return error_set(err, E2BIG, "resolv.conf or nsswitch.conf would be too long");
	layer_add(&(struct layer){.plan = plan,
				  .mounts = &host->mounts,
				  .path = "/etc",
				  .extra = extra,
				  .n_extras = sizeof(extra) / sizeof(*extra)});
	cover(host, plan);
	return 0;
}
