/* Mirrors src/confine/environment.c */
#include "cmocka_all.h"

#include "confine/environment.h"
#include "confine/options.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(text) ((char *)(uintptr_t)(text))

static char *const outside[] = {
	TEXT("HOME=/home/alice"),
	TEXT("DISPLAY=:0"),
	TEXT("XAUTHORITY=/x"),
	TEXT("WAYLAND_DISPLAY=wayland-1"),
	TEXT("WAYLAND_SOCKET=5"),
	TEXT("PULSE_SERVER=unix:/p"),
	TEXT("SSH_AUTH_SOCK=/tmp/agent"),
	TEXT("DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1/bus"),
	TEXT("DBUS_SYSTEM_BUS_ADDRESS=unix:path=/x"),
	TEXT("XDG_RUNTIME_DIR=/elsewhere"),
	TEXT("NOTIFY_SOCKET=/run/notify"),
	TEXT("TMUX=/tmp/tmux,1,0"),
	TEXT("MOZ_NO_REMOTE=0"),
	TEXT("DISPLAYS=kept"),
	TEXT("no equals sign"),
	NULL,
};

static const char *find(char **made, const char *name)
{
	size_t len = strlen(name);
	const char *found = NULL;

	for (; *made; made++) {
		if (strncmp(*made, name, len) != 0 || (*made)[len] != '=')
			continue;
		assert_null(found); /* once only */
		found = *made + len + 1;
	}
	return found;
}

static char **make(unsigned int shares, bool has_bus, bool has_display)
{
	const struct environment_facts facts = {
		.shares = shares,
		.runtime_dir = "/run/user/1000",
		.has_bus = has_bus,
		.has_display = has_display,
		.has_sound = has_display,
	};
	char **made = environment_make(outside, &facts);

	assert_non_null(made);
	return made;
}

static void test_what_leads_outside_is_left_out(void **state)
{
	static const char *const gone[] = {
		"DISPLAY",
		"XAUTHORITY",
		"WAYLAND_DISPLAY",
		"WAYLAND_SOCKET",
		"PULSE_SERVER",
		"SSH_AUTH_SOCK",
		"DBUS_SYSTEM_BUS_ADDRESS",
		"NOTIFY_SOCKET",
		"TMUX",
		"DBUS_SESSION_BUS_ADDRESS",
	};
	char **made = make(0, false, false);

	(void)state;
	for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++)
		assert_null(find(made, gone[i]));
	assert_string_equal(find(made, "HOME"), "/home/alice");
	assert_string_equal(find(made, "DISPLAYS"), "kept");
	free(made);
}

static void test_the_runtime_folder_and_mozillas_switch_are_set(void **state)
{
	char **made = make(0, false, true);

	(void)state;
	assert_string_equal(find(made, "XDG_RUNTIME_DIR"), "/run/user/1000");
	assert_string_equal(find(made, "MOZ_NO_REMOTE"), "1");
	assert_string_equal(find(made, "WAYLAND_DISPLAY"), "wayland-1");
	assert_string_equal(find(made, "PULSE_SERVER"), "unix:/p");
	assert_null(find(made, "WAYLAND_SOCKET"));
	free(made);
}

static void test_what_is_shared_stays(void **state)
{
	char **made = make(SHARE_X11 | SHARE_SSH_AGENT | SHARE_BUS, false, true);

	(void)state;
	assert_string_equal(find(made, "DISPLAY"), ":0");
	assert_string_equal(find(made, "XAUTHORITY"), "/x");
	assert_string_equal(find(made, "SSH_AUTH_SOCK"), "/tmp/agent");
	assert_string_equal(find(made, "DBUS_SESSION_BUS_ADDRESS"), "unix:path=/run/user/1000/bus");
	free(made);
}

static void test_the_private_bus_takes_the_place_of_the_sessions(void **state)
{
	char **made = make(0, true, true);

	(void)state;
	assert_string_equal(find(made, "DBUS_SESSION_BUS_ADDRESS"), "unix:path=/run/user/1000/bus");
	free(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_leads_outside_is_left_out),
		cmocka_unit_test(test_the_runtime_folder_and_mozillas_switch_are_set),
		cmocka_unit_test(test_what_is_shared_stays),
		cmocka_unit_test(test_the_private_bus_takes_the_place_of_the_sessions),
	};

	return cmocka_run_group_tests_name("confine/environment", tests, NULL, NULL);
}
