#include "confine/bus.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "confine/launch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char daemon_path[] = "/usr/bin/dbus-daemon";

bool bus_is_available(void)
{
	return access(daemon_path, X_OK) == 0;
}

int bus_listen(const char *runtime_dir, struct error *err)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	AUTO_FD int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s/bus", runtime_dir);
	if (listener < 0 || bind(listener, (struct sockaddr *)&name, sizeof(name)) < 0 ||
	    listen(listener, SOMAXCONN) < 0)
		return error_errno(err, errno, "cannot listen at '%s'", name.sun_path);
	return take_fd(&listener);
}

/* The shell sets LISTEN_PID, which only the process itself knows, and is gone:
 * exec keeps the number.
 */
static char *const argv[] = {
	(char *)(uintptr_t) "/bin/sh",
	(char *)(uintptr_t) "-c",
	(char *)(uintptr_t) "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" --session --nofork --nopidfile "
			    "--address=systemd:",
	(char *)(uintptr_t)daemon_path,
	NULL,
};

int bus_start(const struct launch *like, int listener, struct error *err)
{
	struct launch launch = *like;
	AUTO_FD int status = -1;
	pid_t pid;

	launch.argv = argv;
	launch.cwd = "/";
	launch.n_keep_fds = 0;
	launch.as_third = listener;
	pid = launch_start(&launch, &status, err);
	return pid < 0 ? (int)pid : 0;
}
