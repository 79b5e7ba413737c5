/* Descriptors: whole reads and writes, passing them over a UNIX socket. */
#ifndef ADIT_BASE_FD_H
#define ADIT_BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

struct error;

/* Reads until end of file into a fresh buffer, NUL added.  -EFBIG past `max`
 * bytes.  With is_secret the buffer is secret_new()'s, to be released with
 * secret_free(), else free().
 */
enum fd_memory { FD_PLAIN, FD_SECRET };
int fd_read_all(int fd, size_t max, enum fd_memory memory, char **ret, size_t *ret_len);

/* Both go on after EINTR and short counts; 0 or -errno.  fd_read_exact()
 * returns -ECONNRESET when the other side ends early.
 */
int fd_write_all(int fd, const void *bytes, size_t len);
int fd_read_exact(int fd, void *bytes, size_t len);

/* Forks a child with a socket of that type between us.  0 in the child, with its end; its
 * process id, with ours; -errno, with neither.
 */
pid_t fd_fork(int type, int *ret_socket, struct error *err);

/* Writes a whole short file such as /proc/self/uid_map in one write(2). */
int fd_write_file(const char *path, const char *text, struct error *err);
/* A file of that mode, in place of what is at `path`: the old one is there until the new one is
 * whole.  `fill` writes it: 0 or -errno.
 */
typedef int (*fd_filler)(int fd, const void *context);
int fd_replace_file(const char *path, mode_t mode, fd_filler fill, const void *context,
		    struct error *err);
/* Reads a short file, at most size - 1 bytes, and ends it with NUL. */
int fd_read_file(const char *path, char *buffer, size_t size);

/* One message of bytes with up to FD_PASS_MAX descriptors beside it, on a
 * SOCK_SEQPACKET or SOCK_STREAM socket.  Received descriptors are close-on-exec.
 * fd_receive() returns the bytes read (0: the other side has ended) and sets
 * *n_fds to how many descriptors came; the caller owns them.  -EMSGSIZE: a
 * message of more bytes or descriptors than there is room for; none is kept.
 */
enum { FD_PASS_MAX = 8 };
int fd_send(int socket, const void *bytes, size_t len, const int *fds, size_t n_fds);
ssize_t fd_receive(int socket, void *bytes, size_t len, int *fds, size_t *n_fds);

/* Opens /dev/null at each of 0 to 2 that is closed, so that nothing else ever
 * gets one of these numbers.  To be called before anything is opened.
 */
int fd_fill_standard(void);

int fd_set_nonblocking(int fd);
int fd_set_cloexec(int fd, int is_on);

#endif
