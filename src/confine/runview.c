#include "confine/runview.h"

#include "base/text.h"
#include "confine/host.h"
#include "confine/layer.h"
#include "confine/options.h"
#include "confine/view.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* "wayland-0", "pipewire-12": not "wayland-0.lock", and not
 * "pipewire-0-manager", which gives power over everybody's streams.
 */
static bool is_numbered(const char *name, const char *prefix)
{
	size_t at = strlen(prefix);

	if (strncmp(name, prefix, at) != 0 || !name[at])
		return false;
	while (isdigit((unsigned char)name[at]))
		at++;
	return !name[at];
}

static bool is_socket(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

void runview_attach_socket(struct view_plan *plan, const char *source, const char *target)
{
	if (!is_socket(source))
		return;
	/* a listing of the folder shows what it is mounted on */
	view_add(plan, &(struct view_step){.kind = VIEW_DEAD_SOCKET, .target = target});
	view_add(plan, &(struct view_step){.kind = VIEW_ATTACH,
					   .source = source,
					   .target = target,
					   .flags = VIEW_SHARED | VIEW_OPTIONAL});
}

static void attach_numbered(const struct view_host *host, struct view_plan *plan,
			    const char *inside, const char *prefix)
{
	DIR *dir = opendir(host->runtime_dir);
	struct dirent *found;

	if (!dir)
		return;
	while ((found = readdir(dir)))
		if (is_numbered(found->d_name, prefix))
			runview_attach_socket(
				plan, view_format(plan, "%s/%s", host->runtime_dir, found->d_name),
				view_format(plan, "%s/%s", inside, found->d_name));
	(void)closedir(dir);
}

/* A compositor's socket may have any name: WAYLAND_DISPLAY says it. */
static void attach_display(const struct view_host *host, struct view_plan *plan, const char *inside)
{
	const char *display = getenv("WAYLAND_DISPLAY");

	attach_numbered(host, plan, inside, "wayland-");
	if (!display || !*display || is_numbered(display, "wayland-"))
		return;
	if (display[0] == '/')
		runview_attach_socket(plan, display, display);
	else if (!strchr(display, '/'))
		runview_attach_socket(plan, view_format(plan, "%s/%s", host->runtime_dir, display),
				      view_format(plan, "%s/%s", inside, display));
}

static void attach_sound(const struct view_host *host, struct view_plan *plan, const char *inside)
{
	attach_numbered(host, plan, inside, "pipewire-");
	view_add(plan, &(struct view_step){.kind = VIEW_FOLDER,
					   .target = view_format(plan, "%s/pulse", inside),
					   .mode = 0700});
	runview_attach_socket(plan, view_format(plan, "%s/pulse/native", host->runtime_dir),
			      view_format(plan, "%s/pulse/native", inside));
}

bool runview_has_pulse(const struct view_host *host)
{
	char path[PATH_MAX];

	if (!host->options->has_sound || !*host->runtime_dir)
		return false;
	(void)snprintf(path, sizeof(path), "%s/pulse/native", host->runtime_dir);
	return is_socket(path);
}

void runview_add(const struct view_host *host, struct view_plan *plan)
{
	static const struct layer_extra user = {"user", NULL};
	char inside[RUNTIME_DIR_LEN];

	host_runtime_dir(host->uid, inside);
	layer_add(&(struct layer){.plan = plan,
				  .mounts = &host->mounts,
				  .path = "/run",
				  .extra = &user,
				  .n_extras = 1});
	/* a folder of its own on old systems, a link to /run elsewhere */
	layer_add(&(struct layer){.plan = plan, .mounts = &host->mounts, .path = "/var/run"});
	view_add(plan, &(struct view_step){.kind = VIEW_FILESYSTEM,
					   .source = "tmpfs",
					   .target = "/run/user",
					   .content = "mode=755"});
	view_add(plan, &(struct view_step){.kind = VIEW_FOLDER, .target = inside, .mode = 0700});
	if (!*host->runtime_dir)
		return;
	if (host->options->has_display)
		attach_display(host, plan, inside);
	if (host->options->has_sound)
		attach_sound(host, plan, inside);
}
