/* Mirrors src/confine/command.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "confine/command.h"
#include "folder.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct error advice;

/* Arguments in one string, separated by blanks. */
static enum command_verdict judge(const char *line)
{
	static char copy[512];
	char *argv[16] = {NULL};
	char *rest = NULL;
	size_t n = 0;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[n++] = word;
	memset(&advice, 0, sizeof(advice));
	return command_judge(argv, &advice);
}

static int setup(void **state)
{
	int r = folder_make(state);

	(void)setenv("PATH", folder, 1);
	(void)setenv("HOME", folder, 1);
	(void)unsetenv("CONTAINER_HOST");
	(void)unsetenv("APPIMAGE_EXTRACT_AND_RUN");
	return r;
}

static void test_ordinary_programs_are_fine(void **state)
{
	(void)state;
	assert_int_equal(judge("true"), COMMAND_FINE);
	assert_int_equal(judge("/usr/bin/curl https://example.org/snap/bin/"), COMMAND_FINE);
	assert_int_equal(judge("not-there at all"), COMMAND_FINE);
	assert_int_equal(judge(""), COMMAND_FINE);
}

static void test_what_asks_a_daemon_is_named_with_what_to_do(void **state)
{
	static const char *const lines[] = {"snap run x",    "flatpak run x",	 "docker run x",
					    "systemd-run x", "sudo id",		 "su -",
					    "pkexec id",     "/usr/bin/sudo id", "at now"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		assert_int_equal(judge(lines[i]), COMMAND_REFUSE);
		assert_true(strlen(advice.what) > 0 && strlen(advice.hint) > 0);
	}
	assert_int_equal(judge("sudo id"), COMMAND_REFUSE);
	assert_non_null(strstr(advice.hint, "--user"));
}

static void test_podman_is_refused_only_when_it_is_remote(void **state)
{
	(void)state;
	assert_int_equal(judge("podman run x"), COMMAND_WARN);
	assert_int_equal(judge("podman --remote run x"), COMMAND_REFUSE);
	(void)setenv("CONTAINER_HOST", "unix:///run/x", 1);
	assert_int_equal(judge("podman run x"), COMMAND_REFUSE);
}

static void test_a_name_in_front_does_not_hide_it(void **state)
{
	(void)state;
	assert_int_equal(judge("env A=b -i sudo id"), COMMAND_REFUSE);
	assert_int_equal(judge("nice nohup docker ps"), COMMAND_REFUSE);
	assert_int_equal(judge("env"), COMMAND_FINE);
	assert_int_equal(judge("env A=b"), COMMAND_FINE);
}

static void test_a_link_to_one_of_them_is_seen_through(void **state)
{
	(void)state;
	assert_true(folder_write("snap", "#!/bin/sh\n", 0755));
	assert_int_equal(symlink("snap", folder_path("editor")), 0);
	assert_int_equal(judge("editor file"), COMMAND_REFUSE);
	assert_non_null(strstr(advice.what, "snap"));
}

static void test_wrappers_of_snap_and_flatpak_are_read(void **state)
{
	(void)state;
	assert_true(folder_write("firefox", "#!/bin/sh\nexec /snap/bin/firefox \"$@\"\n", 0755));
	assert_true(
		folder_write("org.gimp.GIMP", "#!/bin/sh\nexec flatpak run org.gimp.GIMP\n", 0755));
	assert_true(folder_write("talk", "not a script, only mentions /snap/bin/\n", 0755));
	assert_int_equal(judge("firefox"), COMMAND_REFUSE);
	assert_non_null(strstr(advice.what, "snap"));
	assert_int_equal(judge("org.gimp.GIMP"), COMMAND_REFUSE);
	assert_non_null(strstr(advice.what, "flatpak"));
	assert_int_equal(judge("talk"), COMMAND_FINE);
}

static void test_an_appimage_is_known_by_its_header(void **state)
{
	(void)state;
	assert_true(folder_write("Some.AppImage", "\177ELF\2\1\1xAI\2rest", 0755));
	assert_true(folder_write("plain", "\177ELF\2\1\1xxxxrest", 0755));
	assert_int_equal(judge("Some.AppImage"), COMMAND_REFUSE);
	assert_non_null(strstr(advice.hint, "APPIMAGE_EXTRACT_AND_RUN=1"));
	assert_int_equal(judge(folder_path("Some.AppImage")), COMMAND_REFUSE);
	assert_int_equal(judge("Some.AppImage --appimage-extract-and-run"), COMMAND_FINE);
	assert_int_equal(judge("plain"), COMMAND_FINE);
	(void)setenv("APPIMAGE_EXTRACT_AND_RUN", "1", 1);
	assert_int_equal(judge("Some.AppImage"), COMMAND_FINE);
}

/* The link's text is what comes in front of the process's number, and that. */
static void link_lock(const char *name, const char *front, int pid)
{
	char to[64];

	(void)snprintf(to, sizeof(to), "%s%d", front, pid);
	(void)unlink(folder_path(name));
	assert_int_equal(symlink(to, folder_path(name)), 0);
}

static void test_a_chromium_that_runs_is_named(void **state)
{
	char line[256];

	(void)state;
	assert_true(folder_write(".config/chromium/x", "", 0644));
	assert_int_equal(judge("chromium"), COMMAND_FINE);
	link_lock(".config/chromium/SingletonLock", "host-", getpid());
	assert_int_equal(judge("chromium"), COMMAND_REFUSE);
	assert_non_null(strstr(advice.hint, "--user-data-dir="));
	(void)snprintf(line, sizeof(line), "chromium --user-data-dir=%s", folder_path("other"));
	assert_int_equal(judge(line), COMMAND_FINE);
	link_lock(".config/chromium/SingletonLock", "host-", 0x7ffffff0); /* dead */
	assert_int_equal(judge("chromium"), COMMAND_FINE);
	link_lock(".config/chromium/SingletonLock", "no number", 0);
	assert_int_equal(judge("chromium"), COMMAND_FINE);
}

static void test_a_firefox_that_runs_is_named(void **state)
{
	(void)state;
	assert_true(folder_write(".mozilla/firefox/abc.default/x", "", 0644));
	assert_int_equal(judge("firefox-esr"), COMMAND_FINE);
	link_lock(".mozilla/firefox/abc.default/lock", "127.0.1.1:+", getpid());
	assert_int_equal(judge("firefox-esr"), COMMAND_REFUSE);
	assert_non_null(strstr(advice.hint, "--profile"));
	assert_int_equal(judge("firefox-esr --profile /x"), COMMAND_FINE);
	assert_int_equal(judge("thunderbird"), COMMAND_FINE);
	(void)unsetenv("HOME");
	assert_int_equal(judge("firefox-esr"), COMMAND_FINE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ordinary_programs_are_fine),
		TEST(test_what_asks_a_daemon_is_named_with_what_to_do),
		TEST(test_podman_is_refused_only_when_it_is_remote),
		TEST(test_a_name_in_front_does_not_hide_it),
		TEST(test_a_link_to_one_of_them_is_seen_through),
		TEST(test_wrappers_of_snap_and_flatpak_are_read),
		TEST(test_an_appimage_is_known_by_its_header),
		TEST(test_a_chromium_that_runs_is_named),
		TEST(test_a_firefox_that_runs_is_named),
	};

	return cmocka_run_group_tests_name("confine/command", tests, NULL, NULL);
}
