#include "supervise/registry.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { PATH_LEN = sizeof(((struct sockaddr_un *)0)->sun_path) };

/* A folder of this user's alone, made when it is not there. */
static int open_own_folder(const char *path, struct error *err)
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

static int find_folder(char folder[PATH_LEN], struct error *err)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char fallback[32];
	struct text text;

	(void)snprintf(fallback, sizeof(fallback), "/run/user/%u", geteuid());
	if (!is_own_folder(runtime))
		runtime = fallback;
	text_init(&text, folder, PATH_LEN);
	if (geteuid() == 0)
		text_add(&text, "/run/adit");
	else if (is_own_folder(runtime))
		text_add(&text, "%s/adit", runtime);
	else
		text_add(&text, "/tmp/adit-%u", geteuid());
	if (text.is_truncated)
		return error_set(err, ENAMETOOLONG, "XDG_RUNTIME_DIR is too long for a socket");
	return open_own_folder(folder, err);
}

static int make_paths(const uint8_t public_key[32], struct registry *registry, struct error *err)
{
	char folder[PATH_LEN];
	char name[33];
	struct text lock;
	struct text socket;
	int r = find_folder(folder, err);

	if (r < 0)
		return r;
	hex_encode(public_key, 16, name); /* half a key is unique enough, and sun_path is short */
	text_init(&lock, registry->lock_path, PATH_LEN);
	text_init(&socket, registry->socket_path, PATH_LEN);
	text_add(&lock, "%s/%s.lock", folder, name);
	text_add(&socket, "%s/%s.sock", folder, name);
	if (lock.is_truncated || socket.is_truncated)
		return error_set(err, ENAMETOOLONG, "'%s' is too long for a socket", folder);
	return 0;
}

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

static int listen_at(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	(void)unlink(path); /* a crash left it: we hold the lock, so nobody listens there */
	memcpy(at.sun_path, path, strlen(path) + 1);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || chmod(path, 0600) < 0 ||
	    listen(fd, 8) < 0)
		return -errno;
	return take_fd(&fd);
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
static int lock_file(const char *path, pid_t *ret_holder, struct error *err)
{
	for (;;) {
		AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return error_errno(err, errno, "cannot open '%s'", path);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			*ret_holder = read_holder(path);
			return error_set(err, EBUSY, "this file's key is in use by process %d",
					 *ret_holder);
		}
		if (is_current(fd, path))
			return take_fd(&fd);
	}
}

int registry_claim(const uint8_t public_key[32], struct registry *ret, pid_t *ret_holder,
		   struct error *err)
{
	struct registry registry = {.lock = -1, .listen = -1};
	int r = make_paths(public_key, &registry, err);
	AUTO_FD int lock = -1;

	if (r < 0)
		return r;
	lock = lock_file(registry.lock_path, ret_holder, err);
	if (lock < 0)
		return lock;
	r = write_holder(lock);
	if (r < 0)
		return error_errno(err, -r, "cannot write '%s'", registry.lock_path);
	registry.listen = listen_at(registry.socket_path);
	if (registry.listen < 0)
		return error_errno(err, -registry.listen, "cannot listen on '%s'",
				   registry.socket_path);
	registry.lock = take_fd(&lock);
	*ret = registry;
	return 0;
}

void registry_release(struct registry *registry)
{
	if (registry->lock < 0)
		return;
	(void)unlink(registry->socket_path);
	(void)unlink(registry->lock_path);
	(void)close(registry->listen);
	(void)close(registry->lock);
	*registry = (struct registry){.lock = -1, .listen = -1};
}

int registry_accept(const struct registry *registry)
{
	AUTO_FD int fd = accept4(registry->listen, NULL, NULL, SOCK_CLOEXEC);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (fd < 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -1;
	if (peer.uid != geteuid()) {
		errno = EPERM;
		return -1;
	}
	return take_fd(&fd);
}

int registry_connect(const uint8_t public_key[32], int *ret_socket, struct error *err)
{
	struct registry registry = {.lock = -1, .listen = -1};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int r = make_paths(public_key, &registry, err);
	AUTO_FD int fd = -1;

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, errno, "cannot make a socket");
	memcpy(at.sun_path, registry.socket_path, sizeof(at.sun_path));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return error_set(err, ENOENT, "no adit of this user's holds this key");
	*ret_socket = take_fd(&fd);
	return 0;
}
