#include "device/socket.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static struct sockaddr_un address_of(const struct socket_file *file)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, file->path, sizeof(address.sun_path));
	return address;
}

/* Remembers which file it is, and watches for its removal (its link count is an
 * attribute) and for another that takes its name.
 */
static int watch(struct socket_file *file, struct error *err)
{
	struct stat info;

	if (lstat(file->path, &info) < 0)
		return error_errno(err, errno, "cannot find the socket '%s' again", file->path);
	file->device = info.st_dev;
	file->inode = info.st_ino;
	file->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (file->watch < 0 || inotify_add_watch(file->watch, file->path,
						 IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF) < 0)
		return error_errno(err, errno, "cannot watch the socket '%s'", file->path);
	return 0;
}

static int explain_file(const char *path, struct error *err)
{
	(void)error_set(err, EADDRINUSE, "'%s' is in the way: it is not a socket", path);
	error_hint(err, "remove it, or choose another name for the interface");
	return -EADDRINUSE;
}

static int explain_listen(int code, const char *path, struct error *err)
{
	(void)error_errno(err, code, "cannot listen on '%s'", path);
	if (code == EACCES || code == EPERM)
		error_hint(err, "that folder must be writable: by root it is; in namespaces of a "
				"user's own put a tmpfs on /run");
	else if (code == ENOTDIR)
		error_hint(err, "what is in the folder's place is none: remove it");
	return -code;
}

/* 0: nobody listens, and the socket is gone now. */
static int clear_place(const struct socket_file *file, struct error *err)
{
	const struct sockaddr_un address = address_of(file);
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat info;

	if (fd < 0)
		return error_errno(err, errno, "cannot open a socket");
	if (lstat(file->path, &info) == 0 && !S_ISSOCK(info.st_mode))
		return explain_file(file->path, err);
	/* EAGAIN: somebody listens, and has more to do than it can */
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN)
		return error_set(err, EADDRINUSE,
				 "the socket '%s' is in use: another program runs that "
				 "interface",
				 file->path);
	if (errno != ECONNREFUSED && errno != ENOENT)
		return error_errno(err, errno, "cannot ask who has the socket '%s'", file->path);
	if (unlink(file->path) < 0 && errno != ENOENT)
		return error_errno(err, errno, "cannot replace the socket '%s'", file->path);
	return 0;
}

static int bind_privately(const struct socket_file *file)
{
	const struct sockaddr_un address = address_of(file);
	mode_t old = umask(0177);
	int r = bind(file->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;

	(void)umask(old);
	return r;
}

static int make_directory(const char *path, struct error *err)
{
	mode_t old = umask(022);
	int r = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;

	(void)umask(old);
	if (r < 0)
		return error_errno(err, -r, "cannot make the folder '%s'", path);
	return 0;
}

static int bind_and_listen(struct socket_file *file, struct error *err)
{
	int r = bind_privately(file);

	if (r == -EADDRINUSE) {
		r = clear_place(file, err);
		if (r < 0)
			return r;
		r = bind_privately(file);
	}
	if (r == 0 && listen(file->fd, BACKLOG) < 0)
		r = -errno;
	if (r < 0)
		return explain_listen(-r, file->path, err);
	return watch(file, err);
}

int socket_file_make(const char *directory, const char *name, struct socket_file *ret,
		     struct error *err)
{
	struct socket_file file = SOCKET_FILE_NONE;
	int len = snprintf(file.path, sizeof(file.path), "%s/%s.sock", directory, name);
	int r;

	if (len < 0 || (size_t)len >= sizeof(file.path))
		return error_set(err, ENAMETOOLONG, "the socket's path would be too long");
	r = make_directory(directory, err);
	if (r < 0)
		return r;
	file.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (file.fd < 0)
		return error_errno(err, errno, "cannot open a socket");
	r = bind_and_listen(&file, err);
	if (r < 0) {
		socket_file_remove(&file);
		return r;
	}
	*ret = file;
	return 0;
}

static int is_listening(int fd)
{
	int is_on = 0;
	socklen_t len = sizeof(is_on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_on, &len) == 0 && is_on;
}

int socket_file_adopt(int fd, struct socket_file *ret, struct error *err)
{
	struct socket_file file = {.fd = fd, .watch = -1};
	struct sockaddr_un address = {0};
	socklen_t len = sizeof(address);
	int r = 0;

	if (!is_listening(fd) || getsockname(fd, (struct sockaddr *)&address, &len) < 0 ||
	    address.sun_family != AF_UNIX)
		r = error_set(err, EINVAL, "descriptor %d is not a listening UNIX socket", fd);
	if (r == 0)
		r = fd_set_nonblocking(fd);
	if (r == 0)
		r = fd_set_cloexec(fd, 1);
	/* one without a name, or with one that is no path, has no file */
	if (r == 0 && len > sizeof(address.sun_family) && address.sun_path[0] == '/') {
		memcpy(file.path, address.sun_path, sizeof(file.path));
		r = watch(&file, err);
	}
	if (r < 0) {
		socket_file_close(&file);
		return r;
	}
	*ret = file;
	return 0;
}

bool socket_file_is_gone(const struct socket_file *file)
{
	char events[4096];
	struct stat info;

	while (read(file->watch, events, sizeof(events)) > 0)
		continue;
	return lstat(file->path, &info) < 0 || info.st_dev != file->device ||
	       info.st_ino != file->inode;
}

void socket_file_remove(struct socket_file *file)
{
	if (file->watch >= 0 && !socket_file_is_gone(file))
		(void)unlink(file->path);
	socket_file_close(file);
}

void socket_file_close(struct socket_file *file)
{
	fd_cleanup(&file->fd);
	fd_cleanup(&file->watch);
	*file = SOCKET_FILE_NONE;
}
