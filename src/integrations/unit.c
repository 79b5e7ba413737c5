#include "integrations/unit.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "integrations/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNITS	 "/etc/systemd/system"
#define FILENAME "adit.conf"

enum { SOCKETS_LEN = 4096, STATE_LEN = 64, CAPABILITIES_LEN = 2048, HEAD_LEN = 64 };

static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 ":-_.\\@";

/* ---- the name ---- */

static const char *const container_templates[] = {"systemd-nspawn@", "container@"};

static enum dropin_kind kind_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (strcmp(dot, ".socket") == 0)
		return DROPIN_SOCKET;
	if (strcmp(dot, ".service") != 0)
		return DROPIN_KINDS;
	for (size_t i = 0; i < sizeof(container_templates) / sizeof(container_templates[0]); i++)
		if (text_starts_with(name, container_templates[i]))
			return DROPIN_CONTAINER;
	return DROPIN_SERVICE;
}

static bool has_ending(const char *word)
{
	static const char *const endings[] = {".service", ".socket", ".timer", ".target",
					      ".mount",	  ".path",   ".slice", ".scope",
					      ".swap",	  ".device"};
	const char *dot = strrchr(word, '.');

	for (size_t i = 0; dot && i < sizeof(endings) / sizeof(endings[0]); i++)
		if (strcmp(dot, endings[i]) == 0)
			return true;
	return false;
}

int unit_name(const char *word, struct unit *ret, struct error *err)
{
	struct unit unit = {0};
	size_t len = strlen(word);

	if (len == 0 || word[0] == '-' || word[0] == '.' || strspn(word, characters) != len ||
	    len + strlen(".service") >= sizeof(unit.name))
		return error_set(err, EINVAL, "'%.100s' is no name of a unit", word);
	(void)snprintf(unit.name, sizeof(unit.name), "%s%s", word,
		       has_ending(word) ? "" : ".service");
	unit.kind = kind_of(unit.name);
	if (unit.kind != DROPIN_SERVICE && unit.kind != DROPIN_CONTAINER) {
		(void)error_set(err, EINVAL, "'%s' is no service", unit.name);
		error_hint(err,
			   "name the service that it starts: its sockets are confined with it");
		return -EINVAL;
	}
	(void)snprintf(unit.path, sizeof(unit.path), UNITS "/%s.d/" FILENAME, unit.name);
	*ret = unit;
	return 0;
}

/* ---- what systemd knows ---- */

/* Of a template there is nothing to ask for but an instance. */
static void name_to_ask(const struct unit *unit, char ret[UNIT_NAME_LEN + 8])
{
	const char *at = strstr(unit->name, "@.");

	if (at)
		(void)snprintf(ret, UNIT_NAME_LEN + 8, "%.*s@adit%s", (int)(at - unit->name),
			       unit->name, at + 1);
	else
		(void)snprintf(ret, UNIT_NAME_LEN + 8, "%s", unit->name);
}

static int check_kind(const struct unit *unit, const char *asked, struct error *err)
{
	char type[STATE_LEN] = "";
	char capabilities[CAPABILITIES_LEN] = "";
	int r = systemd_property(asked, "Type", type, sizeof(type), err);

	if (r == 0)
		r = systemd_property(asked, "AmbientCapabilities", capabilities,
				     sizeof(capabilities), err);
	if (r < 0)
		return r;
	if (strcmp(type, "dbus") == 0)
		return error_set(
			err, EOPNOTSUPP,
			"'%s' is there for the system's bus (Type=dbus), over which others "
			"would act for it",
			unit->name);
	if (strstr(capabilities, "cap_net_admin") || strstr(capabilities, "cap_sys_admin") ||
	    strstr(capabilities, "cap_sys_ptrace"))
		return error_set(
			err, EOPNOTSUPP,
			"'%s' is given capabilities with which it could leave the namespace "
			"(AmbientCapabilities=)",
			unit->name);
	return 0;
}

/* "a.socket b.timer". */
static int take_sockets(struct unit *unit, char *names, struct error *err)
{
	char *rest = names;
	char *name;

	while ((name = strtok_r(rest, " ", &rest))) {
		const char *dot = strrchr(name, '.');

		if (!dot || strcmp(dot, ".socket") != 0)
			continue;
		if (unit->n_sockets == UNIT_SOCKETS_MAX || strlen(name) >= UNIT_NAME_LEN)
			return error_set(err, E2BIG, "'%s' has more than %d sockets", unit->name,
					 UNIT_SOCKETS_MAX);
		(void)snprintf(unit->socket[unit->n_sockets++], UNIT_NAME_LEN, "%s", name);
	}
	return 0;
}

/* One that is started anew for each connection is a template, and names no socket:
 * systemd.socket(5), Accept=.
 */
static int add_accepting_socket(struct unit *unit, struct error *err)
{
	const char *at = strchr(unit->name, '@');
	char socket[UNIT_NAME_LEN + 8];
	char value[STATE_LEN];
	int r;

	if (!at)
		return 0;
	(void)snprintf(socket, sizeof(socket), "%.*s.socket", (int)(at - unit->name), unit->name);
	r = systemd_property(socket, "LoadState", value, sizeof(value), err);
	if (r < 0 || strcmp(value, "loaded") != 0)
		return r;
	r = systemd_property(socket, "Accept", value, sizeof(value), err);
	return r == 0 && strcmp(value, "yes") == 0 ? take_sockets(unit, socket, err) : r;
}

int unit_look(struct unit *unit, struct error *err)
{
	char asked[UNIT_NAME_LEN + 8];
	char state[STATE_LEN];
	char sockets[SOCKETS_LEN];
	int r;

	name_to_ask(unit, asked);
	r = systemd_property(asked, "LoadState", state, sizeof(state), err);
	if (r == 0 && strcmp(state, "loaded") != 0)
		return error_set(err, ENOENT, "there is no unit '%s' (%s)", unit->name, state);
	if (r == 0)
		r = systemd_property(asked, "RestrictAddressFamilies", unit->families,
				     sizeof(unit->families), err);
	if (r == 0)
		r = systemd_property(asked, "TriggeredBy", sockets, sizeof(sockets), err);
	if (r == 0 && unit->kind == DROPIN_SERVICE)
		r = check_kind(unit, asked, err);
	if (r == 0)
		r = take_sockets(unit, sockets, err);
	return r == 0 && unit->kind == DROPIN_SERVICE ? add_accepting_socket(unit, err) : r;
}

/* ---- the file ---- */

static bool is_ours(const char *path)
{
	char head[HEAD_LEN] = "";

	return fd_read_file(path, head, sizeof(head)) >= 0 && text_starts_with(head, DROPIN_MARK);
}

static int refuse_others(const struct unit *unit, struct error *err)
{
	return error_set(err, EEXIST, "'%s' is there and was not made by adit", unit->path);
}

static void folder_of(const struct unit *unit, char ret[UNIT_PATH_LEN])
{
	(void)snprintf(ret, UNIT_PATH_LEN, UNITS "/%s.d", unit->name);
}

static int write_text(int fd, const void *context)
{
	const char *text = context;

	return fd_write_all(fd, text, strlen(text));
}

int unit_write(const struct unit *unit, const char *text, struct error *err)
{
	char folder[UNIT_PATH_LEN];

	folder_of(unit, folder);
	if (access(unit->path, F_OK) == 0 && !is_ours(unit->path))
		return refuse_others(unit, err);
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return error_errno(err, errno, "cannot make '%s'", folder);
	return fd_replace_file(unit->path, 0644, write_text, text, err);
}

int unit_remove(const struct unit *unit, bool *ret_was_there, struct error *err)
{
	char folder[UNIT_PATH_LEN];

	folder_of(unit, folder);
	*ret_was_there = access(unit->path, F_OK) == 0;
	if (*ret_was_there && !is_ours(unit->path))
		return refuse_others(unit, err);
	if (*ret_was_there && unlink(unit->path) < 0)
		return error_errno(err, errno, "cannot remove '%s'", unit->path);
	(void)rmdir(folder); /* others' drop-ins may be in it */
	return 0;
}
