#include "confine/devview.h"

#include "confine/entry.h"
#include "confine/host.h"
#include "confine/options.h"
#include "confine/view.h"

#include <string.h>
#include <sys/stat.h>

static void add_filesystem(struct view_plan *plan, const char *type, const char *target,
			   unsigned int flags, const char *options)
{
	view_add(plan, &(struct view_step){.kind = VIEW_FILESYSTEM,
					   .source = type,
					   .target = target,
					   .flags = flags,
					   .content = options});
}

static void attach(struct view_plan *plan, const char *source, const char *target)
{
	view_add(plan, &(struct view_step){.kind = VIEW_ATTACH,
					   .source = source,
					   .target = target,
					   .flags = VIEW_OPTIONAL});
}

/* As root every node of the host's /dev would be open to the command. */
static void add_minimal(struct view_plan *plan)
{
	static const char *const nodes[] = {"/dev/null",   "/dev/zero",	   "/dev/full",
					    "/dev/random", "/dev/urandom", "/dev/tty"};
	static const char *const folders[] = {"/dev/shm", "/dev/pts", "/dev/mqueue"};
	static const struct {
		const char *path;
		const char *to;
	} links[] = {
		{"/dev/ptmx", "pts/ptmx"},	    {"/dev/fd", "/proc/self/fd"},
		{"/dev/stdin", "/proc/self/fd/0"},  {"/dev/stdout", "/proc/self/fd/1"},
		{"/dev/stderr", "/proc/self/fd/2"},
	};

	add_filesystem(plan, "tmpfs", "/dev", 0, "mode=755");
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		view_add(plan,
			 &(struct view_step){.kind = VIEW_FILE, .target = nodes[i], .mode = 0666});
		attach(plan, nodes[i], nodes[i]);
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		view_add(plan, &(struct view_step){
				       .kind = VIEW_FOLDER, .target = folders[i], .mode = 0755});
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		view_add(plan, &(struct view_step){.kind = VIEW_LINK,
						   .target = links[i].path,
						   .content = links[i].to});
	view_add(plan,
		 &(struct view_step){.kind = VIEW_FILE, .target = "/dev/console", .mode = 0600});
}

/* The terminal is of the host's /dev/pts, which is not seen; under the name
 * /dev/console ttyname(3) finds it.
 */
static void add_terminal(const struct view_host *host, struct view_plan *plan)
{
	struct stat status;

	if (*host->terminal && stat("/dev/console", &status) == 0)
		attach(plan, host->terminal, "/dev/console");
}

/* Message queues are the IPC namespace's, which --share x11 leaves the host's. */
static void add_queues(const struct confine_options *options, struct view_plan *plan)
{
	if (options->shares & SHARE_X11)
		add_filesystem(plan, "tmpfs", "/dev/mqueue",
			       VIEW_NO_EXEC | VIEW_READ_ONLY | VIEW_OPTIONAL, NULL);
	else
		add_filesystem(plan, "mqueue", "/dev/mqueue", VIEW_NO_EXEC | VIEW_OPTIONAL, NULL);
}

/* Whoever may open them gets out: to links that others have made, to RDMA, which
 * no network namespace separates (udev makes it open to everybody), to the machine's
 * virtual sockets, to the keyboard of the session outside.
 */
static void hide_nodes(struct view_plan *plan)
{
	static const char *const folders[] = {"/dev/net", "/dev/infiniband"};
	static const char *const nodes[] = {"/dev/vsock", "/dev/vhost-vsock", "/dev/uinput",
					    "/dev/uhid"};
	static const char nothing[] = VIEW_PRIVATE "/no-device";

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		add_filesystem(plan, "tmpfs", folders[i],
			       VIEW_NO_EXEC | VIEW_READ_ONLY | VIEW_OPTIONAL, "mode=755");
	view_add(plan, &(struct view_step){.kind = VIEW_FILE, .target = nothing});
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
		view_add(plan, &(struct view_step){.kind = VIEW_BIND,
						   .source = nothing,
						   .target = nodes[i],
						   .flags = VIEW_READ_ONLY | VIEW_OPTIONAL});
}

void devview_add(const struct view_host *host, struct view_plan *plan)
{
	bool is_root = host->options->as_root;

	if (is_root)
		add_minimal(plan);
	add_filesystem(plan, "tmpfs", "/dev/shm", VIEW_OPTIONAL, "mode=1777");
	add_filesystem(plan, "devpts", "/dev/pts", VIEW_NO_EXEC | VIEW_DEVICES,
		       "newinstance,ptmxmode=0666,mode=620");
	add_queues(host->options, plan);
	if (!is_root)
		hide_nodes(plan);
	add_terminal(host, plan);
}

/* What uid 0 of the host could turn there. */
static void seal_proc(struct view_plan *plan)
{
	static const char *const sealed[] = {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq",
					     "/proc/bus", "/proc/fs"};

	for (size_t i = 0; i < sizeof(sealed) / sizeof(*sealed); i++)
		view_add(plan, &(struct view_step){.kind = VIEW_BIND,
						   .source = sealed[i],
						   .target = sealed[i],
						   .flags = VIEW_READ_ONLY | VIEW_OPTIONAL});
}

void devview_add_kernel(const struct view_host *host, struct view_plan *plan)
{
	add_filesystem(plan, "proc", "/proc", VIEW_NO_EXEC, NULL);
	if (host->options->as_root)
		seal_proc(plan);
	if (host->given)
		view_add(plan, &(struct view_step){.kind = VIEW_GIVEN,
						   .target = "/sys",
						   .fd = host->given[ENTRY_SYSFS]});
	else
		add_filesystem(plan, "sysfs", "/sys", VIEW_NO_EXEC | VIEW_READ_ONLY, NULL);
	view_add(plan,
		 &(struct view_step){.kind = VIEW_ATTACH,
				     .source = "/sys/fs/cgroup",
				     .target = "/sys/fs/cgroup",
				     .flags = VIEW_RECURSIVE | VIEW_READ_ONLY | VIEW_OPTIONAL});
}
