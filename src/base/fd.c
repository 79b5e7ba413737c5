#include "base/fd.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Copies what is there into a buffer twice as large. */
static char *grow(char *old, size_t len, size_t size, enum fd_memory memory)
{
	char *fresh = memory == FD_SECRET ? secret_new(size) : malloc(size);

	if (fresh && old)
		memcpy(fresh, old, len);
	if (memory == FD_SECRET)
		secret_free(old);
	else
		free(old);
	return fresh;
}

static void release(char *buffer, enum fd_memory memory)
{
	if (memory == FD_SECRET)
		secret_free(buffer);
	else
		free(buffer);
}

int fd_read_all(int fd, size_t max, enum fd_memory memory, char **ret, size_t *ret_len)
{
	size_t size = 4096;
	size_t len = 0;
	char *buffer = grow(NULL, 0, size, memory);

	while (buffer) {
		ssize_t n = read(fd, buffer + len, size - len - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int code = errno;

			release(buffer, memory);
			return -code;
		}
		if (n == 0) {
			buffer[len] = '\0';
			*ret = buffer;
			*ret_len = len;
			return 0;
		}
		len += (size_t)n;
		if (len > max) {
			release(buffer, memory);
			return -EFBIG;
		}
		if (size - len < 2) {
			size *= 2;
			buffer = grow(buffer, len, size, memory);
		}
	}
	return -ENOMEM;
}

int fd_write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_read_exact(int fd, void *bytes, size_t len)
{
	char *at = bytes;

	while (len > 0) {
		ssize_t n = read(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ECONNRESET;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

pid_t fd_fork(int type, int *ret_socket, struct error *err)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, errno, "cannot make a socket pair");
	pid = fork();
	if (pid < 0) {
		int r = error_errno(err, errno, "cannot fork");

		(void)close(ends[0]);
		(void)close(ends[1]);
		return r;
	}
	(void)close(ends[pid == 0 ? 0 : 1]);
	*ret_socket = ends[pid == 0 ? 1 : 0];
	return pid;
}

int fd_write_file(const char *path, const char *text, struct error *err)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return error_errno(err, errno, "cannot open '%s' for writing", path);
	n = write(fd, text, len);
	if (n < 0)
		return error_errno(err, errno, "cannot write to '%s'", path);
	if ((size_t)n < len)
		return error_errno(err, EIO, "cannot write all of it to '%s'", path);
	return 0;
}

int fd_replace_file(const char *path, mode_t mode, fd_filler fill, const void *context,
		    struct error *err)
{
	char aside[PATH_MAX];
	AUTO_FD int fd = -1;
	int r = 0;

	if ((size_t)snprintf(aside, sizeof(aside), "%s.new", path) >= sizeof(aside))
		return error_errno(err, ENAMETOOLONG, "cannot write '%s'", path);
	fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return error_errno(err, errno, "cannot write '%s'", aside);
	r = fill(fd, context);
	if (r == 0 && (fchmod(fd, mode) < 0 || rename(aside, path) < 0))
		r = -errno;
	if (r == 0)
		return 0;
	(void)unlink(aside);
	return error_errno(err, -r, "cannot write '%s'", path);
}

int fd_read_file(const char *path, char *buffer, size_t size)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		ssize_t n = read(fd, buffer + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	buffer[len] = '\0';
	return 0;
}

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
};

/* What a stream did not take at once.  Not fd_write_all(): no SIGPIPE. */
static int send_rest(int socket, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t n = send(socket, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_send(int socket, const void *bytes, size_t len, const int *fds, size_t n_fds)
{
	union control control = {0};
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (n_fds > FD_PASS_MAX)
		return -EINVAL;
	if (n_fds > 0) {
		struct cmsghdr *header;

		message.msg_control = control.space;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * n_fds);
	}
	do
		n = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return send_rest(socket, (const char *)bytes + n, len - (size_t)n);
}

/* The kernel puts all descriptors of a message into one header. */
static void take_rights(struct msghdr *message, int *fds, size_t *n_fds)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
	     header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		*n_fds = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(header), sizeof(int) * *n_fds);
	}
}

ssize_t fd_receive(int socket, void *bytes, size_t len, int *fds, size_t *n_fds)
{
	union control control;
	struct iovec part = {.iov_base = bytes, .iov_len = len};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n;

	*n_fds = 0;
	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_rights(&message, fds, n_fds);
	if (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) {
		while (*n_fds > 0)
			(void)close(fds[--*n_fds]);
		return -EMSGSIZE;
	}
	return n;
}

int fd_fill_standard(void)
{
	int fd;

	do /* the lowest free number is taken */
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	(void)close(fd);
	return 0;
}

int fd_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int fd_set_cloexec(int fd, int is_on)
{
	return fcntl(fd, F_SETFD, is_on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}
