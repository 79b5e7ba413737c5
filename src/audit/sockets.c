#include "audit/sockets.h"

#include "base/cleanup.h"
#include "net/netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PATH_LEN = 64, TARGET_LEN = 32 };

static bool leads_to_network(int socket)
{
	static const int families[] = {AF_INET, AF_INET6, AF_PACKET, AF_NETLINK, AF_XDP};
	int family;
	socklen_t len = sizeof(family);

	if (getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0)
		return false;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (family == families[i])
			return true;
	return false;
}

enum where { NO_NETWORK, INSIDE, OUTSIDE };

/* An enum where, or what kept us from seeing it.  Who may not ask for a socket's namespace
 * has no power over that, and has some over the one inside.
 */
static int look(int pidfd, int fd, int netns)
{
	AUTO_FD int socket = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	AUTO_FD int other = -1;

	if (socket < 0)
		return errno == EBADF ? NO_NETWORK : -errno;
	if (!leads_to_network(socket))
		return NO_NETWORK;
	other = ioctl(socket, SIOCGSKNS);
	if (other < 0)
		return errno == EPERM ? OUTSIDE : -errno;
	return netns_is_same(other, netns) ? INSIDE : OUTSIDE;
}

/* By its link in /proc, so that only sockets are ever taken hold of. */
static bool is_socket(int folder, const char *name)
{
	char target[TARGET_LEN];
	ssize_t n = readlinkat(folder, name, target, sizeof(target));

	return n >= (ssize_t)strlen("socket:") &&
	       strncmp(target, "socket:", strlen("socket:")) == 0;
}

static int look_at_all(DIR *folder, int pidfd, int netns, struct sockets *ret)
{
	struct dirent *entry;

	while ((entry = readdir(folder))) {
		int fd = (int)strtol(entry->d_name, NULL, 10);
		int r = is_socket(dirfd(folder), entry->d_name) ? look(pidfd, fd, netns)
								: NO_NETWORK;

		if (r < 0)
			return r;
		if (r == INSIDE) {
			ret->inside_fd = fd;
			ret->n_inside++;
		} else if (r == OUTSIDE) {
			ret->outside_fd = fd;
			ret->n_outside++;
		}
	}
	return 0;
}

int sockets_look(pid_t pid, int netns, struct sockets *ret)
{
	AUTO_FD int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct sockets sockets = {.inside_fd = -1, .outside_fd = -1};
	char path[PATH_LEN];
	DIR *folder;
	int r;

	if (pidfd < 0)
		return -errno;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	folder = opendir(path);
	if (!folder)
		return -errno;
	r = look_at_all(folder, pidfd, netns, &sockets);
	(void)closedir(folder);
	if (r == 0)
		*ret = sockets;
	return r;
}
