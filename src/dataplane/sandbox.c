#include "dataplane/sandbox.h"

#include "base/lockdown.h"

#include <sys/resource.h>

#define WHO "the data plane"

enum { FILES_MAX = 32 };

/* Bytes of key memory that may be locked, where root starts us: ten thousand peers
 * with a session each take 20 MiB.
 */
#define LOCKED_MAX (64UL << 20)

/* ---- privileges ---- */

/* As much as we may: what cannot be locked is counted, and no error. */
static void raise_locked(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	if (limit.rlim_max < LOCKED_MAX) {
		const struct rlimit more = {LOCKED_MAX, LOCKED_MAX};

		if (setrlimit(RLIMIT_MEMLOCK, &more) == 0)
			return;
	}
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

int sandbox_drop_privileges(const struct sandbox_options *options, struct error *err)
{
	const struct lockdown lockdown = {
		.who = WHO,
		.has_ids = options->has_ids,
		.uid = options->uid,
		.gid = options->gid,
		.parent = options->parent,
		.files_max = FILES_MAX,
		.network = LANDLOCK_NO_TCP,
	};

	raise_locked();
	return lockdown_drop_privileges(&lockdown, err);
}

/* ---- system calls ---- */

/* Everything else kills the process: it would be somebody else's code running. */
static const int allowed[] = {
	/* link.c, plane.c, receiver.c, base/loop.c, base/fd.c */
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(recvmsg),
	SCMP_SYS(close),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(getrandom),
	/* tun.c */
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	/* udp.c, udp_reader.c, udp_sender.c */
	SCMP_SYS(recvmmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	/* base/secret.c, and the C library's allocator */
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	/* locks, libcrypto's too */
	SCMP_SYS(futex),
	/* the end, of a thread and of all */
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	/* a wait goes on after SIGCONT; no handler is installed, so no rt_sigreturn */
	SCMP_SYS(restart_syscall),
};

/* Refused, and not fatal: what libraries try and can do without.  What one
 * architecture calls access(2) is faccessat(2) on another.
 */
static const int refused[] = {
	SCMP_SYS(open),	      SCMP_SYS(openat),	    SCMP_SYS(access),	  SCMP_SYS(faccessat),
	SCMP_SYS(stat),	      SCMP_SYS(fstat),	    SCMP_SYS(newfstatat), SCMP_SYS(statx),
	SCMP_SYS(readlink),   SCMP_SYS(readlinkat), SCMP_SYS(socket),	  SCMP_SYS(fcntl),
	SCMP_SYS(setsockopt), SCMP_SYS(ioctl),	    SCMP_SYS(getuid),
};

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

int sandbox_filter_syscalls(struct error *err)
{
	const struct lockdown_filter filter = {
		.who = WHO,
		.allowed = allowed,
		.n_allowed = N_OF(allowed),
		.refused = refused,
		.n_refused = N_OF(refused),
	};

	return lockdown_filter_calls(&filter, err);
}
