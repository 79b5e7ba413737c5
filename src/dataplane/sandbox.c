#include "dataplane/sandbox.h"

#include "base/error.h"
#include "dataplane/sandbox_landlock.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

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

static int set_limit(__rlimit_resource_t resource, rlim_t value, struct error *err)
{
	const struct rlimit limit = {value, value};

	if (setrlimit(resource, &limit) < 0)
		return error_errno(err, errno, "cannot limit the data plane's resources");
	return 0;
}

static int set_limits(struct error *err)
{
	static const struct {
		__rlimit_resource_t resource;
		rlim_t value;
	} limits[] = {
		{RLIMIT_NOFILE, FILES_MAX},
		{RLIMIT_CORE, 0},
		{RLIMIT_FSIZE, 0},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(limits) / sizeof(limits[0]); i++)
		r = set_limit(limits[i].resource, limits[i].value, err);
	return r;
}

static int set_ids(const struct sandbox_options *options, struct error *err)
{
	if (!options->has_ids)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(options->gid, options->gid, options->gid) < 0 ||
	    setresuid(options->uid, options->uid, options->uid) < 0)
		return error_errno(err, errno, "cannot run the data plane as user %u",
				   options->uid);
	return 0;
}

/* The bounding set needs CAP_SETPCAP, which an ordinary user has not; without
 * new privileges it cannot matter then.
 */
static void drop_bounding_set(void)
{
	for (int capability = 0; capability <= CAP_LAST_CAP; capability++)
		(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

static int drop_capabilities(struct error *err)
{
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return error_set(err, EPERM, "cannot drop the data plane's capabilities");
	return 0;
}

int sandbox_drop_privileges(const struct sandbox_options *options, struct error *err)
{
	int r;

	raise_locked();
	r = set_limits(err);
	if (r < 0)
		return r;
	drop_bounding_set();
	r = set_ids(options, err);
	if (r == 0)
		r = drop_capabilities(err);
	if (r < 0)
		return r;
	/* after the ids: changing them clears the first and may reset the second */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_errno(err, errno, "cannot confine the data plane");
	r = sandbox_landlock(err);
	if (r < 0)
		return r;
	if (getppid() != options->parent)
		return error_set(err, ESRCH, "the supervisor has ended");
	return 0;
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
#ifdef ADIT_SANITIZED
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(getpid),
	SCMP_SYS(mmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sched_yield),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(prctl),
	SCMP_SYS(gettid),
	SCMP_SYS(readlink),
	SCMP_SYS(newfstatat),
	SCMP_SYS(tgkill),
#endif
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

static int add_calls(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n_calls)
{
	for (size_t i = 0; i < n_calls; i++) {
		int r = seccomp_rule_add(filter, action, calls[i], 0);

		/* a call that this architecture has not */
		if (r < 0 && r != -EDOM && r != -EEXIST)
			return r;
	}
	return 0;
}

/* Memory yes, code no; and what is mapped keeps its protection. */
static int add_mmap(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_code);

	return r == -EEXIST ? 0 : r;
}

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static int load_filter(scmp_filter_ctx filter)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (r == 0)
		r = add_calls(filter, SCMP_ACT_ALLOW, allowed, N_OF(allowed));
#ifndef ADIT_SANITIZED
	if (r == 0)
		r = add_calls(filter, SCMP_ACT_ERRNO(EPERM), refused, N_OF(refused));
#else
	(void)refused;
#endif
	if (r == 0)
		r = add_mmap(filter);
	return r == 0 ? seccomp_load(filter) : r;
}

int sandbox_filter_syscalls(struct error *err)
{
#ifdef ADIT_SANITIZED
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
#else
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
#endif
	int r;

	if (!filter)
		return error_set(err, ENOMEM, "out of memory for the data plane's filter");
	r = set_limit(RLIMIT_NPROC, 0, err);
	if (r < 0) {
		seccomp_release(filter);
		return r;
	}
	r = load_filter(filter);
	seccomp_release(filter);
	if (r < 0)
		return error_errno(err, -r, "cannot filter the data plane's system calls");
	return 0;
}
