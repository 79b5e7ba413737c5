#include "confine/environment.h"

#include "confine/options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum when {
	ALWAYS,
	UNLESS_X11,
	UNLESS_AGENT,
	UNLESS_DISPLAY,
	UNLESS_SOUND,
};

/* Left out, each with what would happen otherwise. */
static const struct {
	const char *name;
	enum when when;
} removed[] = {
	{"DISPLAY", UNLESS_X11},
	{"XAUTHORITY", UNLESS_X11},
	{"WAYLAND_DISPLAY", UNLESS_DISPLAY},
	{"WAYLAND_SOCKET", ALWAYS}, /* a descriptor's number, which is closed */
	{"PULSE_SERVER", UNLESS_SOUND},
	{"SSH_AUTH_SOCK", UNLESS_AGENT},
	{"SSH_AGENT_PID", ALWAYS}, /* a pid outside */
	{"GPG_AGENT_INFO", ALWAYS},
	{"GNOME_KEYRING_CONTROL", ALWAYS},
	{"SESSION_MANAGER", ALWAYS}, /* a socket of the session's */
	{"DBUS_SYSTEM_BUS_ADDRESS", ALWAYS},
	{"DBUS_STARTER_ADDRESS", ALWAYS}, /* libdbus prefers it when activated */
	{"DBUS_STARTER_BUS_TYPE", ALWAYS},
	{"DBUS_SESSION_BUS_PID", ALWAYS},
	{"AT_SPI_BUS_ADDRESS", ALWAYS},
	{"NOTIFY_SOCKET", ALWAYS}, /* of a service manager outside */
	{"WATCHDOG_PID", ALWAYS},
	{"WATCHDOG_USEC", ALWAYS},
	{"LISTEN_FDS", ALWAYS}, /* descriptors that are closed */
	{"LISTEN_PID", ALWAYS},
	{"LISTEN_FDNAMES", ALWAYS},
	{"JOURNAL_STREAM", ALWAYS}, /* the journal's socket is dead inside */
	{"TMUX", ALWAYS},	    /* servers outside that are out of reach */
	{"TMUX_PANE", ALWAYS},
	{"STY", ALWAYS},
	{"XDG_RUNTIME_DIR", ALWAYS}, /* these are set anew below */
	{"DBUS_SESSION_BUS_ADDRESS", ALWAYS},
	{"MOZ_NO_REMOTE", ALWAYS},
};
enum { REMOVED = sizeof(removed) / sizeof(*removed), ADDED_MAX = 3 };

static bool applies(enum when when, const struct environment_facts *facts)
{
	switch (when) {
	case ALWAYS:
		return true;
	case UNLESS_X11:
		return !(facts->shares & SHARE_X11);
	case UNLESS_AGENT:
		return !(facts->shares & SHARE_SSH_AGENT);
	case UNLESS_DISPLAY:
		return !facts->has_display;
	case UNLESS_SOUND:
		return !facts->has_sound;
	}
	return true;
}

static bool is_removed(const char *entry, const struct environment_facts *facts)
{
	size_t len = strcspn(entry, "=");

	for (size_t i = 0; i < REMOVED; i++)
		if (strlen(removed[i].name) == len && strncmp(entry, removed[i].name, len) == 0)
			return applies(removed[i].when, facts);
	return false;
}

/* Firefox and Thunderbird then do not look for an instance to hand over to. */
static const char moz_no_remote[] = "MOZ_NO_REMOTE=1";

char **environment_make(char *const *from, const struct environment_facts *facts)
{
	size_t dir_len = strlen(facts->runtime_dir);
	size_t n_from = 0;
	size_t n = 0;
	size_t block;
	char **made;
	char *text;

	while (from[n_from])
		n_from++;
	/* the array, then room for the three texts of ours; the rest stays where it is */
	block = sizeof(char *) * (n_from + ADDED_MAX + 1);
	made = malloc(block + 2 * dir_len + 128);
	if (!made)
		return NULL;
	text = (char *)made + block;
	for (size_t i = 0; i < n_from; i++)
		if (!is_removed(from[i], facts))
			made[n++] = from[i];
	made[n++] = text;
	text += sprintf(text, "XDG_RUNTIME_DIR=%s", facts->runtime_dir) + 1;
	if (facts->has_bus || facts->shares & SHARE_BUS) {
		made[n++] = text;
		text += sprintf(text, "DBUS_SESSION_BUS_ADDRESS=unix:path=%s/bus",
				facts->runtime_dir) +
			1;
	}
	made[n++] = text;
	memcpy(text, moz_no_remote, sizeof(moz_no_remote));
	made[n] = NULL;
	return made;
}
