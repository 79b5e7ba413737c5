#include "supervise/notify.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { FIRST_FD = 3, STORED_MAX = 64, MESSAGE_MAX = 1024 };

static int connect_to(const char *path)
{
	AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	if (fd < 0 || len < 2 || len >= sizeof(at.sun_path) || (path[0] != '/' && path[0] != '@'))
		return -1;
	memcpy(at.sun_path, path, len);
	if (path[0] == '@')
		at.sun_path[0] = '\0';
	if (connect(fd, (struct sockaddr *)&at,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return -1;
	return take_fd(&fd);
}

/* The variables are for the process that PID names, not for its children. */
static bool is_for_us(const char *variable)
{
	const char *value = getenv(variable);
	uint64_t pid;

	return !value ||
	       (text_to_u64(value, strlen(value), INT32_MAX, &pid) && (pid_t)pid == getpid());
}

void notify_open(struct notify *ret)
{
	const char *path = getenv("NOTIFY_SOCKET");
	const char *usec = getenv("WATCHDOG_USEC");
	uint64_t n;

	*ret = (struct notify){.socket = path ? connect_to(path) : -1};
	if (usec && is_for_us("WATCHDOG_PID") &&
	    text_to_u64(usec, strlen(usec), UINT64_MAX / 1000, &n))
		ret->watchdog_ns = n * 1000;
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *notify)
{
	if (notify->socket >= 0)
		(void)close(notify->socket);
	notify->socket = -1;
}

void notify_send(const struct notify *notify, const char *format, ...)
{
	char message[MESSAGE_MAX];
	va_list arguments;
	int len;

	if (notify->socket < 0)
		return;
	va_start(arguments, format);
	len = vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	if (len > 0 && (size_t)len < sizeof(message))
		(void)fd_send(notify->socket, message, (size_t)len, NULL, 0);
}

void notify_store(const struct notify *notify, const char *name, int fd)
{
	char message[128];
	int len;

	if (notify->socket < 0)
		return;
	notify_forget(notify, name);
	/* FDPOLL=0: a TUN whose link is down polls as an error, and is to be kept */
	len = snprintf(message, sizeof(message), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	(void)fd_send(notify->socket, message, (size_t)len, &fd, 1);
}

void notify_forget(const struct notify *notify, const char *name)
{
	notify_send(notify, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

/* The descriptor at `wanted` of "tun:route:tun"; its place in the list or -1. */
static int find(const char *names, const char *wanted)
{
	size_t len = strlen(wanted);

	for (int i = 0; names && i < STORED_MAX; i++) {
		size_t this = strcspn(names, ":");

		if (this == len && memcmp(names, wanted, len) == 0)
			return i;
		names = names[this] == ':' ? names + this + 1 : NULL;
	}
	return -1;
}

int notify_take(const char *name)
{
	const char *count = getenv("LISTEN_FDS");
	int at = find(getenv("LISTEN_FDNAMES"), name);
	uint64_t n;

	if (at < 0 || !count || !is_for_us("LISTEN_PID") ||
	    !text_to_u64(count, strlen(count), STORED_MAX, &n) || (uint64_t)at >= n)
		return -1;
	if (fd_set_cloexec(FIRST_FD + at, 1) < 0)
		return -1;
	return FIRST_FD + at;
}
