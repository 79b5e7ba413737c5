#include "confine/command.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCRIPT_HEAD_LEN = 4096 };

/* The program as the table's functions look at it. */
struct subject {
	char *const *argv;
	char path[PATH_MAX]; /* found in PATH, links followed; "" when there is none */
	const char *name;    /* the last part of argv[0] */
	char head[SCRIPT_HEAD_LEN];
	size_t head_len;
};

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* As execvp(3) looks it up.  `ret` holds PATH_MAX. */
static bool find_in_path(const char *name, char *ret)
{
	const char *at = getenv("PATH");
	char tried[PATH_MAX];

	if (strchr(name, '/'))
		return realpath(name, ret) != NULL;
	for (; at && *at; at += strcspn(at, ":"), at += *at == ':') {
		int len = (int)strcspn(at, ":");

		if (snprintf(tried, sizeof(tried), "%.*s/%s", len, at, name) >=
			    (int)sizeof(tried) ||
		    access(tried, X_OK) < 0)
			continue;
		if (realpath(tried, ret))
			return true;
	}
	return false;
}

static bool has_argument(char *const *argv, const char *prefix)
{
	for (size_t i = 1; argv[i]; i++)
		if (text_starts_with(argv[i], prefix))
			return true;
	return false;
}

/* ---- programs that ask a daemon outside ---- */

enum applies { BY_NAME, REMOTE_PODMAN };

static const struct {
	const char *name;
	enum applies applies;
	enum command_verdict verdict;
	const char *what;
	const char *hint;
} daemons[] = {
	{"snap", BY_NAME, COMMAND_REFUSE, "snap has its daemon start programs outside",
	 "use the program's own package, or the archive from its makers"},
	{"flatpak", BY_NAME, COMMAND_REFUSE,
	 "flatpak has its own helper and the session bus start programs outside",
	 "use the program's own package; flatpak's sandbox cannot be put inside"},
	{"docker", BY_NAME, COMMAND_REFUSE, "docker has its daemon do everything outside",
	 "a container can be attached to a namespace; a command cannot bring one in"},
	{"docker-compose", BY_NAME, COMMAND_REFUSE, "docker has its daemon do everything outside",
	 "a container can be attached to a namespace; a command cannot bring one in"},
	{"nerdctl", BY_NAME, COMMAND_REFUSE, "nerdctl has containerd do everything outside",
	 "a container can be attached to a namespace; a command cannot bring one in"},
	{"lxc", BY_NAME, COMMAND_REFUSE, "lxc has its daemon do everything outside",
	 "a container can be attached to a namespace; a command cannot bring one in"},
	{"podman", REMOTE_PODMAN, COMMAND_REFUSE,
	 "podman --remote has a service do everything outside", "leave --remote out"},
	{"podman", BY_NAME, COMMAND_WARN,
	 "podman maps ids with the set-user-ID program newuidmap, which has no effect inside",
	 "images that need a single id only will work"},
	{"systemd-run", BY_NAME, COMMAND_REFUSE,
	 "systemd-run has the service manager start the program outside",
	 "name the program itself"},
	{"systemctl", BY_NAME, COMMAND_REFUSE, "systemctl speaks to the service manager outside",
	 "run it without adit"},
	{"run0", BY_NAME, COMMAND_REFUSE, "run0 has the service manager start the program outside",
	 "name the program itself"},
	{"machinectl", BY_NAME, COMMAND_REFUSE, "machinectl speaks to a daemon outside",
	 "run it without adit"},
	{"at", BY_NAME, COMMAND_REFUSE, "at has a daemon run the job outside later",
	 "have the job itself call adit run"},
	{"batch", BY_NAME, COMMAND_REFUSE, "batch has a daemon run the job outside later",
	 "have the job itself call adit run"},
	{"crontab", BY_NAME, COMMAND_REFUSE, "crontab has a daemon run the job outside later",
	 "have the job itself call adit run"},
	{"sudo", BY_NAME, COMMAND_REFUSE,
	 "sudo cannot become root inside: set-user-ID programs have no effect there",
	 "turn it round: sudo adit run --user NAME, or --as-root"},
	{"su", BY_NAME, COMMAND_REFUSE,
	 "su cannot change the user inside: set-user-ID programs have no effect there",
	 "turn it round: as root, adit run --user NAME"},
	{"doas", BY_NAME, COMMAND_REFUSE,
	 "doas cannot become root inside: set-user-ID programs have no effect there",
	 "turn it round: doas adit run --user NAME, or --as-root"},
	{"pkexec", BY_NAME, COMMAND_REFUSE,
	 "pkexec asks a daemon outside, and set-user-ID programs have no effect inside",
	 "turn it round: as root, adit run --user NAME, or --as-root"},
};

static bool is_daemon_row(const struct subject *subject, size_t i)
{
	bool is_named = strcmp(subject->name, daemons[i].name) == 0 ||
			strcmp(last_part(subject->path), daemons[i].name) == 0;

	if (!is_named || daemons[i].applies == BY_NAME)
		return is_named;
	return has_argument(subject->argv, "--remote") || has_argument(subject->argv, "-r") ||
	       has_argument(subject->argv, "--url") || getenv("CONTAINER_HOST") != NULL;
}

static enum command_verdict judge_daemon(const struct subject *subject, struct error *ret_advice)
{
	for (size_t i = 0; i < sizeof(daemons) / sizeof(*daemons); i++) {
		if (!is_daemon_row(subject, i))
			continue;
		(void)error_set(ret_advice, EPERM, "%s", daemons[i].what);
		error_hint(ret_advice, "%s", daemons[i].hint);
		return daemons[i].verdict;
	}
	return COMMAND_FINE;
}

/* ---- files that are not what their name says ---- */

/* A word of the script's own that starts something elsewhere: how Ubuntu's
 * /usr/bin/firefox and flatpak's exported programs look.
 */
static const struct {
	const char *text;
	const char *name;
} wrappers[] = {{"/snap/bin/", "snap"}, {"flatpak run", "flatpak"}};

static enum command_verdict judge_wrapper(const struct subject *subject, struct error *ret_advice)
{
	const char *starter = text_starts_with(subject->path, "/snap/") ? "snap" : NULL;

	for (size_t i = 0; !starter && i < sizeof(wrappers) / sizeof(*wrappers); i++)
		if (text_starts_with(subject->head, "#!") &&
		    strstr(subject->head, wrappers[i].text))
			starter = wrappers[i].name;
	if (!starter)
		return COMMAND_FINE;
	(void)error_set(ret_advice, EPERM,
			"'%s' is a wrapper that has %s start the program outside", subject->name,
			starter);
	error_hint(ret_advice, "install the program as a package of the system, or from its "
			       "makers' archive");
	return COMMAND_REFUSE;
}

/* An ELF file with "AI" and the type at bytes 8 to 10 (AppImage specification,
 * "Image format").
 */
static enum command_verdict judge_appimage(const struct subject *subject, struct error *ret_advice)
{
	bool is_appimage = subject->head_len > 11 && memcmp(subject->head, "\177ELF", 4) == 0 &&
			   memcmp(subject->head + 8, "AI", 2) == 0;

	if (!is_appimage || has_argument(subject->argv, "--appimage-extract") ||
	    getenv("APPIMAGE_EXTRACT_AND_RUN"))
		return COMMAND_FINE;
	(void)error_set(ret_advice, EPERM,
			"'%s' is an AppImage: it mounts itself with the set-user-ID program "
			"fusermount, which has no effect inside",
			subject->name);
	error_hint(ret_advice, "put APPIMAGE_EXTRACT_AND_RUN=1 into the environment");
	return COMMAND_REFUSE;
}

/* ---- browsers that run already ---- */

/* Chromium and its kin: a symbolic link "HOST-PID" in the folder of profiles. */
static const struct {
	const char *name;
	const char *folder; /* below the home folder */
} chromiums[] = {
	{"chromium", ".config/chromium"},
	{"chromium-browser", ".config/chromium"},
	{"google-chrome", ".config/google-chrome"},
	{"google-chrome-stable", ".config/google-chrome"},
	{"google-chrome-beta", ".config/google-chrome-beta"},
	{"brave-browser", ".config/BraveSoftware/Brave-Browser"},
	{"brave", ".config/BraveSoftware/Brave-Browser"},
	{"microsoft-edge", ".config/microsoft-edge"},
	{"microsoft-edge-stable", ".config/microsoft-edge"},
	{"vivaldi", ".config/vivaldi"},
	{"vivaldi-stable", ".config/vivaldi"},
	{"opera", ".config/opera"},
};

/* Mozilla's: a symbolic link "IP:+PID" called "lock" in each profile. */
static const struct {
	const char *name;
	const char *folder;
} mozillas[] = {
	{"firefox", ".mozilla/firefox"}, {"firefox-esr", ".mozilla/firefox"},
	{"thunderbird", ".thunderbird"}, {"librewolf", ".librewolf"},
	{"waterfox", ".waterfox"},	 {"torbrowser", ".torbrowser"},
	{"icecat", ".mozilla/icecat"},
};

/* The number behind the last '-' or '+' of the link's text is a living process. */
static bool is_held(const char *lock)
{
	char to[PATH_MAX];
	ssize_t len = readlink(lock, to, sizeof(to) - 1);
	const char *at;
	uint64_t pid;

	if (len <= 0)
		return false;
	to[len] = '\0';
	at = to + len;
	while (at > to && isdigit((unsigned char)at[-1]))
		at--;
	return text_to_u64(at, strlen(at), INT32_MAX, &pid) && pid > 1 &&
	       (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static enum command_verdict warn_of_browser(const struct subject *subject, const char *option,
					    struct error *ret_advice)
{
	(void)error_set(ret_advice, EBUSY,
			"'%s' runs outside already with this profile: two at once would damage it",
			subject->name);
	error_hint(ret_advice, "close it first, or give this one a profile of its own: %s", option);
	return COMMAND_REFUSE;
}

/* The folder given on the command line, else that of the home folder. */
static bool find_profiles(const struct subject *subject, const char *option, const char *folder,
			  char ret[PATH_MAX])
{
	const char *home = getenv("HOME");

	for (size_t i = 1; option && subject->argv[i]; i++) {
		if (!text_starts_with(subject->argv[i], option))
			continue;
		(void)snprintf(ret, PATH_MAX, "%s", subject->argv[i] + strlen(option));
		return true;
	}
	if (!home)
		return false;
	(void)snprintf(ret, PATH_MAX, "%s/%s", home, folder);
	return true;
}

static enum command_verdict judge_chromium(const struct subject *subject, struct error *ret_advice)
{
	for (size_t i = 0; i < sizeof(chromiums) / sizeof(*chromiums); i++) {
		char folder[PATH_MAX];
		char lock[PATH_MAX + 32];

		if (strcmp(subject->name, chromiums[i].name) != 0 ||
		    !find_profiles(subject, "--user-data-dir=", chromiums[i].folder, folder))
			continue;
		(void)snprintf(lock, sizeof(lock), "%s/SingletonLock", folder);
		if (is_held(lock))
			return warn_of_browser(subject, "--user-data-dir=FOLDER", ret_advice);
	}
	return COMMAND_FINE;
}

static bool is_any_profile_held(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *found;
	bool is_any = false;

	if (!dir)
		return false;
	while (!is_any && (found = readdir(dir))) {
		char lock[PATH_MAX + NAME_MAX + 8];

		(void)snprintf(lock, sizeof(lock), "%s/%s/lock", folder, found->d_name);
		is_any = found->d_name[0] != '.' && is_held(lock);
	}
	(void)closedir(dir);
	return is_any;
}

/* With a profile named on the command line the user has chosen. */
static enum command_verdict judge_mozilla(const struct subject *subject, struct error *ret_advice)
{
	static const char *const choices[] = {"--profile", "-profile",	       "-P",
					      "-p",	   "--ProfileManager", "-ProfileManager"};

	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++)
		if (has_argument(subject->argv, choices[i]))
			return COMMAND_FINE;
	for (size_t i = 0; i < sizeof(mozillas) / sizeof(*mozillas); i++) {
		char folder[PATH_MAX];

		if (strcmp(subject->name, mozillas[i].name) == 0 &&
		    find_profiles(subject, NULL, mozillas[i].folder, folder) &&
		    is_any_profile_held(folder))
			return warn_of_browser(subject, "--profile FOLDER", ret_advice);
	}
	return COMMAND_FINE;
}

/* ---- the judgement ---- */

static enum command_verdict (*const judges[])(const struct subject *subject,
					      struct error *ret_advice) = {
	judge_daemon, judge_wrapper, judge_appimage, judge_chromium, judge_mozilla,
};

static void look_at(char *const *argv, struct subject *ret)
{
	AUTO_FD int fd = -1;
	ssize_t len;

	*ret = (struct subject){.argv = argv, .name = last_part(argv[0])};
	if (!find_in_path(argv[0], ret->path)) {
		ret->path[0] = '\0';
		return;
	}
	fd = open(ret->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	len = fd < 0 ? 0 : read(fd, ret->head, sizeof(ret->head) - 1);
	ret->head_len = len > 0 ? (size_t)len : 0;
}

/* `env NAME=VALUE PROGRAM`, `nice -n5 PROGRAM` and the like start what follows. */
static bool is_prefix(const char *name)
{
	static const char *const prefixes[] = {"env", "nice", "nohup", "setsid", "time"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strcmp(name, prefixes[i]) == 0)
			return true;
	return false;
}

static char *const *skip_prefixes(char *const *argv)
{
	while (argv[1] && is_prefix(last_part(argv[0]))) {
		argv++;
		while (argv[1] && (argv[0][0] == '-' || strchr(argv[0], '=')))
			argv++;
	}
	return argv;
}

enum command_verdict command_judge(char *const *argv, struct error *ret_advice)
{
	struct subject subject;

	if (!argv[0])
		return COMMAND_FINE;
	look_at(skip_prefixes(argv), &subject);
	for (size_t i = 0; i < sizeof(judges) / sizeof(*judges); i++) {
		enum command_verdict verdict = judges[i](&subject, ret_advice);

		if (verdict != COMMAND_FINE)
			return verdict;
	}
	return COMMAND_FINE;
}
