#include "net/sysctl.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>

/* A part of the path is "..": that of a link may begin or end with dots. */
static bool leads_up(const char *path)
{
	while (path) {
		if (strncmp(path, "..", 2) == 0 && (path[2] == '/' || path[2] == '\0'))
			return true;
		path = strchr(path, '/');
		path = path ? path + 1 : NULL;
	}
	return false;
}

/* Opens below /proc/sys only: no "..", no absolute path. */
static int open_setting(const char *path, int flags, int *ret_fd, struct error *err)
{
	AUTO_FD int root = -1;
	int fd;

	if (path[0] == '/' || path[0] == '\0' || leads_up(path))
		return error_set(err, EINVAL, "'%s' is not the path of a kernel setting", path);
	root = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = root < 0 ? -1 : openat(root, path, flags | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_errno(err, errno, "cannot open '/proc/sys/%s'", path);
	*ret_fd = fd;
	return 0;
}

int sysctl_read(const char *path, char *ret, size_t size, struct error *err)
{
	AUTO_FD int fd = -1;
	ssize_t n;
	int r = open_setting(path, O_RDONLY, &fd, err);

	if (r < 0)
		return r;
	n = read(fd, ret, size - 1);
	if (n < 0)
		return error_errno(err, errno, "cannot read '/proc/sys/%s'", path);
	while (n > 0 && ret[n - 1] == '\n')
		n--;
	ret[n] = '\0';
	return 0;
}

int sysctl_write(const char *path, const char *value, struct error *err)
{
	AUTO_FD int fd = -1;
	int r = open_setting(path, O_WRONLY, &fd, err);

	if (r < 0)
		return r;
	/* The kernel takes a setting whole, in one write(2), or refuses it. */
	if (write(fd, value, strlen(value)) < 0)
		return error_errno(err, errno, "cannot set '/proc/sys/%s' to '%s'", path, value);
	return 0;
}

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t\n");
}

bool sysctl_value_equal(const char *a, const char *b)
{
	for (;;) {
		size_t len;

		a = skip_space(a);
		b = skip_space(b);
		len = strcspn(a, " \t\n");
		if (len != strcspn(b, " \t\n") || strncmp(a, b, len) != 0)
			return false;
		if (len == 0)
			return true;
		a += len;
		b += len;
	}
}
