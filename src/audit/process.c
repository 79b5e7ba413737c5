#include "audit/process.h"

#include "audit/sockets.h"
#include "audit/view.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "net/residents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_LEN = 64, STATUS_LEN = 8192, ANCESTORS_MAX = 16 };

static const struct {
	enum process_service service;
	const char *path;
} sockets[] = {
	{SERVICE_NSCD, "/run/nscd/socket"},
	{SERVICE_NSCD, "/var/run/nscd/socket"},
	{SERVICE_RESOLVED, "/run/systemd/resolve/io.systemd.Resolve"},
	{SERVICE_AVAHI, "/run/avahi-daemon/socket"},
	{SERVICE_BUS, "/run/dbus/system_bus_socket"},
	{SERVICE_BUS, "/var/run/dbus/system_bus_socket"},
};

struct search {
	struct stat netns;
	struct stat userns; /* our own */
	int netns_fd;
	const struct process_own *own;
	struct process *process; /* owned */
	size_t n;
	size_t n_max; /* there is room for */
};

/* A file below /proc/PID. */
static int read_file(pid_t pid, const char *file, char *ret, size_t size)
{
	char path[PATH_LEN];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return fd_read_file(path, ret, size);
}

static bool is_namespace(pid_t pid, const char *kind, const struct stat *wanted)
{
	char path[PATH_LEN];
	struct stat info;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	return stat(path, &info) == 0 && info.st_dev == wanted->st_dev &&
	       info.st_ino == wanted->st_ino;
}

/* A field of /proc/PID/status; 0: there is none. */
static uint64_t read_status(const char *status, const char *field, int base)
{
	const char *at = strstr(status, field);

	return at ? strtoull(at + strlen(field), NULL, base) : 0;
}

static pid_t parent_of(pid_t pid)
{
	char status[STATUS_LEN];

	if (read_file(pid, "status", status, sizeof(status)) < 0)
		return 0;
	return (pid_t)read_status(status, "\nPPid:", 10);
}

static bool is_adits(const struct process_own *own, pid_t pid)
{
	if (own->holder > 0 && pid == own->holder)
		return true;
	for (int i = 0; own->supervisor > 0 && pid > 1 && i < ANCESTORS_MAX; i++) {
		if (pid == own->supervisor)
			return true;
		pid = parent_of(pid);
	}
	return false;
}

static void look_around(struct process *process)
{
	AUTO_FD int root = view_open(process->pid);

	process->has_view = root >= 0;
	if (root < 0)
		return;
	view_read(root, "/etc/resolv.conf", process->resolv_conf, sizeof(process->resolv_conf));
	view_read(root, "/etc/nsswitch.conf", process->nsswitch, sizeof(process->nsswitch));
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
		if (view_has_socket(root, sockets[i].path))
			process->services |= 1U << sockets[i].service;
}

/* False: it has ended, and nothing of what was read counts. */
static bool look(const struct search *search, struct process *process)
{
	char status[STATUS_LEN];

	if (read_file(process->pid, "comm", process->name, sizeof(process->name)) < 0 ||
	    read_file(process->pid, "status", status, sizeof(status)) < 0)
		return false;
	process->name[strcspn(process->name, "\n")] = '\0';
	process->is_adits = is_adits(search->own, process->pid);
	process->is_hosts_user = is_namespace(process->pid, "user", &search->userns);
	process->capabilities = read_status(status, "\nCapPrm:", 16);
	look_around(process);
	process->has_sockets = sockets_look(process->pid, search->netns_fd, &process->sockets) == 0;
	return is_namespace(process->pid, "net", &search->netns);
}

static int append(void *context, pid_t pid)
{
	struct search *search = context;

	if (search->n == search->n_max) {
		size_t n = search->n_max ? 2 * search->n_max : 16;
		struct process *grown = n <= PROCESSES_MAX
						? reallocarray(search->process, n, sizeof(*grown))
						: NULL;

		if (!grown)
			return n > PROCESSES_MAX ? -E2BIG : -ENOMEM;
		search->process = grown;
		search->n_max = n;
	}
	search->process[search->n] = (struct process){.pid = pid};
	if (look(search, &search->process[search->n]))
		search->n++;
	return 0;
}

int process_collect(int netns, const struct process_own *own, struct process **ret, size_t *ret_n,
		    struct error *err)
{
	struct search search = {.own = own, .netns_fd = netns};
	int r = 0;

	if (fstat(netns, &search.netns) < 0 || stat("/proc/self/ns/user", &search.userns) < 0)
		r = -errno;
	if (r == 0)
		r = residents_each(&search.netns, append, &search);
	if (r < 0) {
		free(search.process);
		return error_errno(err, -r, "cannot look at the processes inside");
	}
	*ret = search.process;
	*ret_n = search.n;
	return 0;
}
