#include "confine/descriptors.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "confine/options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

static const struct {
	int family;
	const char *name;
} families[] = {
	{AF_INET, "an IPv4 socket"},	  {AF_INET6, "an IPv6 socket"},
	{AF_VSOCK, "a VSOCK socket"},	  {AF_PACKET, "a PACKET socket"},
	{AF_NETLINK, "a NETLINK socket"}, {AF_UNIX, NULL},
};

/* A connected stream can be turned nowhere else; a datagram socket can send to
 * any path, and a name means that it can be listening.
 */
static const char *judge_unix(int fd)
{
	struct sockaddr_un name;
	socklen_t len = sizeof(name);
	int type = 0;
	socklen_t type_len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 ||
	    (type != SOCK_STREAM && type != SOCK_SEQPACKET))
		return "a UNIX datagram socket";
	if (getsockname(fd, (struct sockaddr *)&name, &len) < 0 || len > sizeof(sa_family_t))
		return "a UNIX socket with a name";
	len = sizeof(name);
	if (getpeername(fd, (struct sockaddr *)&name, &len) < 0)
		return "a UNIX socket that is not connected";
	return NULL;
}

static const char *judge_socket(int fd)
{
	int family = 0;
	socklen_t len = sizeof(family);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0)
		return "a socket of an unknown family";
	if (family == AF_UNIX)
		return judge_unix(fd);
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (families[i].family == family)
			return families[i].name;
	return "a socket of a rare family";
}

/* What has no file type of its own: io_uring, a namespace ("net:[4026531840]"), an
 * epoll set.  Pipes and files in memory are harmless.
 */
static const char *judge_nameless(int fd)
{
	char path[32];
	char target[PATH_MAX];
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return "of an unknown kind";
	target[len] = '\0';
	if (target[0] == '/' || strncmp(target, "pipe:[", 6) == 0)
		return NULL;
	return "an anonymous kernel object";
}

const char *descriptors_find_fault(int fd)
{
	const dev_t tun = makedev(10, 200); /* Documentation/admin-guide/devices.txt */
	struct stat status;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &status) < 0)
		return NULL;
	if (flags & O_PATH)
		return "a path without access";
	switch (status.st_mode & S_IFMT) {
	case S_IFSOCK:
		return judge_socket(fd);
	case S_IFDIR:
		return "a folder, through which sockets outside could be reached";
	case S_IFCHR:
		return status.st_rdev == tun ? "a tunnel device" : NULL;
	case S_IFREG:
	case S_IFIFO:
	case S_IFBLK:
		return judge_nameless(fd);
	default:
		return "an anonymous kernel object";
	}
}

int descriptors_check(const struct confine_options *options, struct error *err)
{
	static const char *const names[] = {"standard input", "standard output", "standard error"};

	for (int fd = 0; fd <= 2; fd++) {
		const char *fault = descriptors_find_fault(fd);

		if (!fault)
			continue;
		(void)error_set(err, EPERM, "%s is %s", names[fd], fault);
		error_hint(err, "put a pipe in between, such as `cat |` or `| cat`");
		return -EPERM;
	}
	for (size_t i = 0; i < options->n_keep_fds; i++)
		if (fcntl(options->keep_fd[i], F_GETFD) < 0)
			return error_set(err, EBADF, "--keep-fd %d: it is not open",
					 options->keep_fd[i]);
	return 0;
}

static void sort(int *fds, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		int fd = fds[i];
		size_t at = i;

		for (; at > 0 && fds[at - 1] > fd; at--)
			fds[at] = fds[at - 1];
		fds[at] = fd;
	}
}

void descriptors_close_others(int *keep, size_t n_keep)
{
	unsigned int first = 3;

	sort(keep, n_keep);
	for (size_t i = 0; i < n_keep; i++) {
		if (keep[i] < (int)first)
			continue;
		if (keep[i] > (int)first)
			(void)close_range(first, (unsigned int)keep[i] - 1, 0);
		first = (unsigned int)keep[i] + 1;
	}
	(void)close_range(first, UINT_MAX, 0);
}

int descriptors_detach_standard(void)
{
	AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	return 0;
}
