#include "audit/view.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PATH_LEN = 64 };

int view_open(pid_t pid)
{
	char path[PATH_LEN];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/root", pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Links of its own lead where they lead for it. */
static int open_within(int root, const char *path, int flags)
{
	const struct open_how how = {
		.flags = (unsigned int)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

void view_read(int root, const char *path, char *ret, size_t size)
{
	AUTO_FD int fd = open_within(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat info;
	size_t len = 0;
	ssize_t n = 1;

	if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
		while (n > 0 && len < size - 1) {
			n = read(fd, ret + len, size - 1 - len);
			len += n > 0 ? (size_t)n : 0;
		}
	ret[len] = '\0';
}

/* systemd puts a socket of mode 0 in place of what it makes inaccessible. */
bool view_has_socket(int root, const char *path)
{
	AUTO_FD int fd = open_within(root, path, O_PATH);
	struct stat info;

	return fd >= 0 && fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode) &&
	       (info.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) != 0;
}
