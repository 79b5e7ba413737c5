/* For tests only, by LD_PRELOAD into adit's data plane: system calls fail as a
 * file says, while it runs.  ADIT_FAULT_FILE holds one struct fault for each of
 * the calls below, in that order and in host byte order.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum call { SENDMMSG, RECVMMSG, READV, WRITEV, EPOLL_WAIT, CALLS };

struct fault {
	uint32_t code;	  /* positive errno */
	uint32_t every;	  /* the n-th call fails; 0: none does */
	uint32_t at_most; /* messages taken by a sendmmsg(2); 0: all */
	uint32_t n_calls;
	uint32_t n_failed;
};

static volatile struct fault *faults;

__attribute__((constructor)) static void map_file(void)
{
	const char *path = getenv("ADIT_FAULT_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, CALLS * sizeof(struct fault), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (map != MAP_FAILED)
		faults = map;
}

static int fails(enum call call)
{
	volatile struct fault *fault = faults ? &faults[call] : NULL;
	uint32_t n;

	if (!fault)
		return 0;
	n = __atomic_add_fetch(&fault->n_calls, 1, __ATOMIC_RELAXED);
	if (fault->every == 0 || n % fault->every != 0)
		return 0;
	(void)__atomic_add_fetch(&fault->n_failed, 1, __ATOMIC_RELAXED);
	errno = (int)fault->code;
	return 1;
}

#define EXPORT __attribute__((visibility("default")))

EXPORT int sendmmsg(int fd, struct mmsghdr *headers, unsigned int n, int flags)
{
	uint32_t most = faults ? faults[SENDMMSG].at_most : 0;

	if (fails(SENDMMSG))
		return -1;
	return (int)syscall(SYS_sendmmsg, fd, headers, most > 0 && n > most ? most : n, flags);
}

EXPORT int recvmmsg(int fd, struct mmsghdr *headers, unsigned int n, int flags,
		    struct timespec *timeout)
{
	return fails(RECVMMSG) ? -1 : (int)syscall(SYS_recvmmsg, fd, headers, n, flags, timeout);
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int n)
{
	return fails(READV) ? -1 : syscall(SYS_readv, fd, iov, n);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int n)
{
	return fails(WRITEV) ? -1 : syscall(SYS_writev, fd, iov, n);
}

EXPORT int epoll_wait(int epoll, struct epoll_event *events, int n, int ms)
{
	return fails(EPOLL_WAIT) ? -1 : (int)syscall(SYS_epoll_wait, epoll, events, n, ms);
}
