#include "integrations/systemd.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_LEN = 256, STATE_LEN = 64 };

bool systemd_is_running(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char path[PATH_LEN];

	if (geteuid() == 0)
		return access("/run/systemd/system", F_OK) == 0;
	return runtime &&
	       (size_t)snprintf(path, sizeof(path), "%s/systemd/private", runtime) < sizeof(path) &&
	       access(path, F_OK) == 0;
}

/* ---- the program ---- */

/* Standard output to `out`; -1: where standard error goes. */
static int start(const char *const *words, int out, pid_t *ret)
{
	char *argv[SYSTEMD_WORDS_MAX + 2] = {(char *)(uintptr_t) "systemctl"};
	posix_spawn_file_actions_t actions;
	size_t n = 1;
	int code;

	if (geteuid() != 0)
		argv[n++] = (char *)(uintptr_t) "--user";
	for (size_t i = 0; words[i] && n < SYSTEMD_WORDS_MAX + 1; i++)
		argv[n++] = (char *)(uintptr_t)words[i];
	code = posix_spawn_file_actions_init(&actions);
	if (code != 0)
		return -code;
	code = posix_spawn_file_actions_adddup2(&actions, out >= 0 ? out : STDERR_FILENO,
						STDOUT_FILENO);
	if (code == 0)
		code = posix_spawnp(ret, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -code;
}

static int await(pid_t pid, const char *verb, struct error *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_errno(err, errno, "cannot wait for systemctl");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return error_set(err, EIO, "systemctl %s has failed", verb);
}

int systemd_call(const char *const *words, struct error *err)
{
	pid_t pid;
	int r = start(words, -1, &pid);

	return r < 0 ? error_errno(err, -r, "cannot run systemctl") : await(pid, words[0], err);
}

/* ---- what it knows ---- */

/* Both ends are the caller's; an answer that is too long is none. */
static int read_answer(int from, char *ret, size_t size)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = fd_read_all(from, size - 1, FD_PLAIN, &text, &len);

	if (r < 0)
		return r;
	while (len > 0 && text[len - 1] == '\n')
		len--;
	memcpy(ret, text, len);
	ret[len] = '\0';
	return 0;
}

int systemd_property(const char *unit, const char *property, char *ret, size_t size,
		     struct error *err)
{
	const char *const words[] = {"show", "--value", "--property", property, "--", unit, NULL};
	int ends[2];
	pid_t pid;
	int done;
	int r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	r = start(words, ends[1], &pid);
	(void)close(ends[1]);
	if (r < 0) {
		(void)close(ends[0]);
		return error_errno(err, -r, "cannot run systemctl");
	}
	r = read_answer(ends[0], ret, size);
	(void)close(ends[0]);
	done = await(pid, words[0], err);
	if (done == 0 && r < 0)
		return error_errno(err, -r, "cannot read what systemctl says of '%s'", unit);
	return done;
}

static bool is_property(const char *unit, const char *property, const char *const *values)
{
	char value[STATE_LEN];

	if (!systemd_is_running() ||
	    systemd_property(unit, property, value, sizeof(value), NULL) < 0)
		return false;
	for (; *values; values++)
		if (strcmp(value, *values) == 0)
			return true;
	return false;
}

bool systemd_is_active(const char *unit)
{
	static const char *const values[] = {"active",	     "activating",  "reloading",
					     "deactivating", "maintenance", NULL};

	return is_property(unit, "ActiveState", values);
}

bool systemd_is_installed(const char *unit)
{
	static const char *const values[] = {"loaded", NULL};

	return is_property(unit, "LoadState", values);
}
