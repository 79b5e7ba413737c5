#include "confine/share.h"

#include "base/error.h"
#include "base/text.h"
#include "confine/host.h"
#include "confine/mounts.h"
#include "confine/options.h"
#include "confine/runview.h"
#include "confine/view.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char share_display_meaning[] =
	"a program can show windows; on compositors that give virtual keyboards or screen "
	"copies to everybody (wlroots, for one) it can also type and look outside";
const char share_sound_meaning[] =
	"the sound server is reachable: a program can play and record, and have PulseAudio "
	"connect elsewhere over the host's network";
const char share_path_meaning[] =
	"sockets in it are alive: a program can ask whoever listens there";

static int add_x11(const struct view_host *host, struct view_plan *plan, struct error *err);
static int add_bus(const struct view_host *host, struct view_plan *plan, struct error *err);
static int add_agent(const struct view_host *host, struct view_plan *plan, struct error *err);

static const struct {
	unsigned int share;
	const char *name;
	const char *meaning;
	int (*add)(const struct view_host *host, struct view_plan *plan, struct error *err);
} rows[] = {
	{SHARE_X11, "x11",
	 "any program can read and type into every other window, a terminal outside included",
	 add_x11},
	{SHARE_BUS, "bus",
	 "any program can start programs outside and have them use the network (systemd, "
	 "portals, already running browsers)",
	 add_bus},
	{SHARE_SSH_AGENT, "ssh-agent",
	 "any program can log in wherever your keys are accepted, as long as it runs", add_agent},
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };

int share_parse(const char *word, unsigned int *ret_share, struct error *err)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (strcmp(word, rows[i].name) == 0) {
			*ret_share = rows[i].share;
			return 0;
		}
	}
	if (strchr(word, '/')) {
		*ret_share = 0;
		return 0;
	}
	(void)error_set(err, EINVAL, "--share '%s': expected x11, bus, ssh-agent or a path", word);
	error_hint(err, "a file or folder of this name: --share ./%s", word);
	return -EINVAL;
}

const char *share_name(size_t i, const char **ret_meaning)
{
	if (i >= ROWS)
		return NULL;
	*ret_meaning = rows[i].meaning;
	return rows[i].name;
}

const char *share_meaning(unsigned int share)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].share == share)
			return rows[i].meaning;
	return NULL;
}

/* The folders between the fresh runtime folder and `path`, which has nothing of
 * the host's in it.
 */
static void add_parents(const struct view_host *host, struct view_plan *plan, const char *path)
{
	char inside[RUNTIME_DIR_LEN];

	host_runtime_dir(host->uid, inside);
	if (!mounts_is_below(path, inside))
		return;
	for (const char *at = strchr(path + strlen(inside) + 1, '/'); at; at = strchr(at + 1, '/'))
		view_add(plan, &(struct view_step){
				       .kind = VIEW_FOLDER,
				       .target = view_format(plan, "%.*s", (int)(at - path), path),
				       .mode = 0700});
}

/* The host's `source` as it is, at the same place inside. */
static void add_path(const struct view_host *host, struct view_plan *plan, const char *source,
		     const struct stat *status)
{
	bool is_folder = S_ISDIR(status->st_mode);

	add_parents(host, plan, source);
	if (is_folder)
		view_add(plan,
			 &(struct view_step){.kind = VIEW_FOLDER, .target = source, .mode = 0700});
	else
		view_add(plan,
			 &(struct view_step){.kind = VIEW_FILE, .target = source, .mode = 0600});
	view_add(plan,
		 &(struct view_step){.kind = VIEW_ATTACH,
				     .source = source,
				     .target = source,
				     .flags = VIEW_SHARED | (is_folder ? VIEW_RECURSIVE : 0)});
}

static int share_path(const struct view_host *host, struct view_plan *plan, const char *word,
		      struct error *err)
{
	char path[PATH_MAX];
	struct stat status;

	if (!realpath(word, path) || stat(path, &status) < 0)
		return error_errno(err, errno, "cannot share '%s'", word);
	add_path(host, plan, path, &status);
	return 0;
}

/* ":0", ":0.1", "unix:0": the server's socket; anything else is over TCP. */
static int find_x11_socket(char ret[PATH_MAX], struct error *err)
{
	const char *display = getenv("DISPLAY");
	const char *number;
	size_t len = 0;

	if (!display || !*display)
		return error_set(err, ENOENT, "--share x11: DISPLAY is not set");
	number = text_starts_with(display, "unix:") ? display + 5 : display + 1;
	if (display[0] != ':' && number == display + 1)
		return error_set(err, EINVAL,
				 "--share x11: DISPLAY '%s' is reached over TCP, which leads "
				 "into the tunnel inside",
				 display);
	while (isdigit((unsigned char)number[len]))
		len++;
	(void)snprintf(ret, PATH_MAX, "/tmp/.X11-unix/X%.*s", (int)len, number);
	return 0;
}

static int add_x11(const struct view_host *host, struct view_plan *plan, struct error *err)
{
	const char *authority = getenv("XAUTHORITY");
	char path[PATH_MAX];
	struct stat status;
	int r = find_x11_socket(path, err);

	if (r == 0)
		r = share_path(host, plan, path, err);
	if (r < 0)
		return r;
	/* elsewhere than in the runtime folder it is readable as it is */
	if (authority && *host->runtime_dir && realpath(authority, path) &&
	    mounts_is_below(path, host->runtime_dir) && stat(path, &status) == 0)
		add_path(host, plan, path, &status);
	return 0;
}

/* "unix:path=/run/user/1000/bus,guid=..." */
static int add_bus(const struct view_host *host, struct view_plan *plan, struct error *err)
{
	static const char by_path[] = "unix:path=";
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
	char inside[RUNTIME_DIR_LEN];
	char path[PATH_MAX];
	struct stat status;

	if (address && text_starts_with(address, by_path))
		(void)snprintf(path, sizeof(path), "%.*s",
			       (int)strcspn(address + strlen(by_path), ",;"),
			       address + strlen(by_path));
	else if (!address || !*address)
		(void)snprintf(path, sizeof(path), "%s/bus", host->runtime_dir);
	else
		return error_set(err, EINVAL,
				 "--share bus: the session bus '%s' has no path and cannot be "
				 "reached from another network namespace",
				 address);
	if (stat(path, &status) < 0 || !S_ISSOCK(status.st_mode))
		return error_set(err, ENOENT, "--share bus: there is no session bus at '%s'", path);
	host_runtime_dir(host->uid, inside);
	runview_attach_socket(plan, path, view_format(plan, "%s/bus", inside));
	return 0;
}

static int add_agent(const struct view_host *host, struct view_plan *plan, struct error *err)
{
	const char *path = getenv("SSH_AUTH_SOCK");

	if (!path || !*path)
		return error_set(err, ENOENT, "--share ssh-agent: SSH_AUTH_SOCK is not set");
	return share_path(host, plan, path, err);
}

int share_add(const struct view_host *host, struct view_plan *plan, struct error *err)
{
	const struct confine_options *options = host->options;

	for (size_t i = 0; i < ROWS; i++) {
		int r = options->shares & rows[i].share ? rows[i].add(host, plan, err) : 0;

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < options->n_share_paths; i++) {
		int r = share_path(host, plan, options->share_path[i], err);

		if (r < 0)
			return error_wrap(err, "--share");
	}
	return 0;
}
