#include "supervise/folder.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* ---- the folder ---- */

int folder_make(const char *path, struct error *err)
{
	struct stat info;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_errno(err, errno, "cannot make '%s'", path);
	if (lstat(path, &info) < 0)
		return error_errno(err, errno, "cannot look at '%s'", path);
	if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077) != 0)
		return error_set(err, EPERM, "'%s' is not a folder of this user's alone", path);
	return 0;
}

static bool is_own_folder(const char *path)
{
	struct stat info;

	return path && path[0] == '/' && stat(path, &info) == 0 && S_ISDIR(info.st_mode) &&
	       info.st_uid == geteuid();
}

int folder_find(char ret[FOLDER_PATH_LEN], struct error *err)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char fallback[32];
	struct text text;

	(void)snprintf(fallback, sizeof(fallback), "/run/user/%u", geteuid());
	if (!is_own_folder(runtime))
		runtime = fallback;
	text_init(&text, ret, FOLDER_PATH_LEN);
	if (geteuid() == 0)
		text_add(&text, "/run/adit");
	else if (is_own_folder(runtime))
		text_add(&text, "%s/adit", runtime);
	else
		text_add(&text, "/tmp/adit-%u", geteuid());
	if (text.is_truncated)
		return error_set(err, ENAMETOOLONG, "XDG_RUNTIME_DIR is too long for a socket");
	return 0;
}

/* ---- locks ---- */

static pid_t read_holder(const char *path)
{
	char content[16];
	uint64_t pid;

	if (fd_read_file(path, content, sizeof(content)) < 0 ||
	    !text_to_u64(content, strcspn(content, "\n"), INT32_MAX, &pid))
		return 0;
	return (pid_t)pid;
}

static int write_holder(int lock)
{
	char content[16];
	int len = snprintf(content, sizeof(content), "%d\n", getpid());

	if (ftruncate(lock, 0) < 0)
		return -errno;
	return fd_write_all(lock, content, (size_t)len);
}

/* The file at `path` is the one that is open, not a successor of it. */
static bool is_current(int fd, const char *path)
{
	struct stat opened;
	struct stat named;

	return fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* Holders unlink their lock when they are done, so a lock that was had on a file
 * without a name counts for nothing: again.
 */
int folder_lock(const char *path, pid_t *ret_holder, struct error *err)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	for (;;) {
		AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		int r;

		if (fd < 0)
			return error_errno(err, errno, "cannot open '%s'", path);
		if (fcntl(fd, F_OFD_SETLK, &whole) < 0) {
			*ret_holder = read_holder(path);
			return error_set(err, EBUSY, "process %d holds '%s'", *ret_holder, path);
		}
		if (!is_current(fd, path))
			continue;
		r = write_holder(fd);
		return r < 0 ? error_errno(err, -r, "cannot write '%s'", path) : take_fd(&fd);
	}
}

pid_t folder_lock_holder(const char *path)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	pid_t holder;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fcntl(fd, F_OFD_GETLK, &whole) < 0)
		return -errno;
	if (whole.l_type == F_UNLCK)
		return 0;
	holder = read_holder(path);
	return holder > 0 ? holder : -EBUSY;
}

/* ---- sockets ---- */

static int address(const char *path, struct sockaddr_un *ret)
{
	size_t len = strlen(path);

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret->sun_path, path, len + 1);
	return 0;
}

int folder_listen(const char *path, struct error *err)
{
	AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un at;
	int r = address(path, &at);

	if (fd < 0)
		return error_errno(err, errno, "cannot make a socket");
	if (r < 0)
		return error_errno(err, -r, "cannot listen on '%s'", path);
	(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return error_errno(err, errno, "cannot listen on '%s'", path);
	if (chmod(path, 0600) < 0 || listen(fd, 64) < 0) {
		r = error_errno(err, errno, "cannot listen on '%s'", path);
		(void)unlink(path);
		return r;
	}
	return take_fd(&fd);
}

int folder_connect(const char *path, struct error *err)
{
	AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un at;
	int r = address(path, &at);

	if (fd < 0)
		return error_errno(err, errno, "cannot make a socket");
	if (r < 0)
		return error_errno(err, -r, "cannot connect to '%s'", path);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 && errno == EACCES)
		return error_set(err, EACCES, "'%s' belongs to another user", path);
	if (getpeername(fd, (struct sockaddr *)&at, &(socklen_t){sizeof(at)}) < 0)
		return error_set(err, ENOENT, "nobody listens on '%s'", path);
	return take_fd(&fd);
}

int folder_accept(int listen)
{
	AUTO_FD int fd = accept4(listen, NULL, NULL, SOCK_CLOEXEC);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	return peer.uid == geteuid() || peer.uid == 0 ? take_fd(&fd) : -EPERM;
}
