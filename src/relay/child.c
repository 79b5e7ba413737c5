#include "relay/child.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/lockdown.h"
#include "base/log.h"
#include "base/secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FD_CHANNEL = 3,
	FD_NETNS,
	FD_USERNS,
	FD_FIRST_CLOSED,
	CONNECTOR_FILES = 480,
	SLICE_NS = 100 * 1000, /* the least that the kernel takes */
};

static_assert((int)CONNECTOR_FILES <= (int)LIMITS_FILES_LEAST, "as many as we surely may have");

/* ---- system calls ---- */

/* pump.c, stream.c, connections.c, clients.c, and the C library's allocator */
static const int pump_allowed[] = {
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(accept4),
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(splice),
	SCMP_SYS(pipe2),
	SCMP_SYS(shutdown),
	SCMP_SYS(close),
	SCMP_SYS(getsockname),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(getrandom),
	SCMP_SYS(brk),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(restart_syscall),
};

/* To whom a socket is connected, and nobody else; a socket's end; a pipe's size. */
static const struct lockdown_rule pump_rules[] = {
	{SCMP_SYS(sendto), 2, {LOCKDOWN_IS(4, 0), LOCKDOWN_IS(5, 0)}},
	{SCMP_SYS(setsockopt), 2, {LOCKDOWN_IS(1, SOL_SOCKET), LOCKDOWN_IS(2, SO_LINGER)}},
	{SCMP_SYS(fcntl), 1, {LOCKDOWN_IS(1, F_SETPIPE_SZ)}},
};

/* connector.c */
static const int connector_allowed[] = {
	SCMP_SYS(epoll_ctl),   SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait), SCMP_SYS(connect),
	SCMP_SYS(read),	       SCMP_SYS(sendmsg),
	SCMP_SYS(sendto), /* the rest of a message */
	SCMP_SYS(close),       SCMP_SYS(clock_gettime),
	SCMP_SYS(brk),	       SCMP_SYS(munmap),
	SCMP_SYS(futex),       SCMP_SYS(exit),
	SCMP_SYS(exit_group),  SCMP_SYS(restart_syscall),
};

/* The kind of a socket without its flags. */
#define KIND_MASK 0xfU

static const struct lockdown_rule connector_rules[] = {
	{SCMP_SYS(socket), 2, {LOCKDOWN_IS(0, AF_INET), {1, KIND_MASK, SOCK_STREAM}}},
	{SCMP_SYS(socket), 2, {LOCKDOWN_IS(0, AF_INET), {1, KIND_MASK, SOCK_DGRAM}}},
	{SCMP_SYS(socket), 2, {LOCKDOWN_IS(0, AF_INET6), {1, KIND_MASK, SOCK_STREAM}}},
	{SCMP_SYS(socket), 2, {LOCKDOWN_IS(0, AF_INET6), {1, KIND_MASK, SOCK_DGRAM}}},
	{SCMP_SYS(setsockopt), 2, {LOCKDOWN_IS(1, IPPROTO_TCP), LOCKDOWN_IS(2, TCP_NODELAY)}},
};

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

int child_filter_pump(void)
{
	static const struct lockdown_filter filter = {
		.who = "the relay's pump",
		.allowed = pump_allowed,
		.n_allowed = N_OF(pump_allowed),
		.rule = pump_rules,
		.n_rules = N_OF(pump_rules),
	};

	return lockdown_filter_calls(&filter, NULL);
}

int child_filter_connector(void)
{
	static const struct lockdown_filter filter = {
		.who = "the relay's connector",
		.allowed = connector_allowed,
		.n_allowed = N_OF(connector_allowed),
		.rule = connector_rules,
		.n_rules = N_OF(connector_rules),
	};

	return lockdown_filter_calls(&filter, NULL);
}

/* ---- what the child leaves behind ---- */

/* 0 to 2 are /dev/null; standard error stays when a person debugs.  A process
 * group of its own, out of a terminal's reach; not a session, which would share the
 * processor with all others as one (sched(7), autogroup).
 */
static void drop_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int last = log_get_level() == LOG_LEVEL_DEBUG ? 1 : 2;

	(void)setpgid(0, 0);
	for (int fd = 0; fd <= last; fd++)
		(void)(null < 0 ? close(fd) : dup2(null, fd));
}

/* Out of the way of the places below FD_FIRST_CLOSED, then into one of them. */
static int lift(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST_CLOSED);
}

static void place(int fd, int where)
{
	if (fd < 0)
		(void)close(where);
	else
		(void)dup3(fd, where, O_CLOEXEC);
}

static int keep_descriptors(int channel, const struct child_place *at)
{
	int lifted = lift(channel);
	int netns = lift(at->netns);
	int userns = lift(at->userns);

	if (lifted < 0 || (at->netns >= 0 && netns < 0) || (at->userns >= 0 && userns < 0))
		return -EBADF;
	place(lifted, FD_CHANNEL);
	place(netns, FD_NETNS);
	place(userns, FD_USERNS);
	return close_range(FD_FIRST_CLOSED, ~0U, 0) < 0 ? -errno : 0;
}

/* struct sched_attr of linux/sched/types.h, which the C library's headers clash with. */
struct scheduling {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime; /* ns */
	uint64_t deadline;
	uint64_t period;
};

static_assert(sizeof(struct scheduling) == 48, "SCHED_ATTR_SIZE_VER0");

/* A connection waits for the connector, which has little to do, so it should not
 * wait long for a processor: a short slice comes sooner (sched(7), Linux 6.12;
 * others ignore it).  Not for the pump: under load the switches cost it a fifth of
 * its throughput.
 */
static void prefer_latency(void)
{
	const struct scheduling wanted = {
		.size = sizeof(wanted),
		.policy = SCHED_OTHER,
		.nice = getpriority(PRIO_PROCESS, 0),
		.runtime = SLICE_NS,
	};

	(void)syscall(SYS_sched_setattr, 0, &wanted, 0);
}

static int enter(const struct child_place *at)
{
	if (at->userns >= 0 && setns(FD_USERNS, CLONE_NEWUSER) < 0)
		return -errno;
	if (at->netns >= 0 && setns(FD_NETNS, CLONE_NEWNET) < 0)
		return -errno;
	(void)close(FD_USERNS);
	(void)close(FD_NETNS);
	return 0;
}

/* What both need, before they have anything of their own. */
static int settle(const char *name, int channel, const struct child_place *at)
{
	int r;

	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	secret_count_anew();
	lockdown_reset_signals();
	drop_terminal();
	r = keep_descriptors(channel, at);
	return r < 0 ? r : enter(at);
}

static int drop(const struct lockdown *lockdown)
{
	struct error err;
	int r = lockdown_drop_privileges(lockdown, &err);

	if (r < 0)
		log_debug("relay: %s", err.what);
	return r;
}

/* ---- the pump ---- */

static int run_pump(const struct pump_options *given, const struct lockdown *lockdown)
{
	const struct child_place here = {-1, -1};
	struct pump_options options = *given;
	struct pump *pump;
	int r = settle("adit-pump", given->control, &here);

	if (r == 0)
		r = drop(lockdown);
	if (r < 0)
		return 1;
	options.control = FD_CHANNEL;
	pump = pump_new(&options);
	if (!pump || child_filter_pump() < 0)
		return 1;
	while (r == 0)
		r = pump_turn(pump);
	pump_free(pump);
	return r == -ESHUTDOWN ? 0 : 1;
}

/* ---- the connector ---- */

static int run_connector(const struct connector_options *given, const struct child_place *at,
			 const struct lockdown *lockdown)
{
	struct connector_options options = *given;
	struct connector *connector;
	int r = settle("adit-connector", given->channel, at);

	prefer_latency();
	if (r == 0)
		r = drop(lockdown);
	if (r < 0)
		return 1;
	options.channel = FD_CHANNEL;
	connector = connector_new(&options);
	if (!connector || child_filter_connector() < 0)
		return 1;
	while (r == 0)
		r = connector_turn(connector);
	connector_free(connector);
	return r == -ESHUTDOWN ? 0 : 1;
}

/* ---- their parent ---- */

/* pid: that of fork(2), in the parent. */
static int watch(pid_t pid, int code, struct child *ret)
{
	struct child child = {.pid = pid, .pidfd = -1};

	if (pid < 0)
		return -code;
	child.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (child.pidfd < 0) {
		code = errno;
		child_stop(&child);
		return -code;
	}
	*ret = child;
	return 0;
}

static struct lockdown lockdown_of(const struct child_ids *ids)
{
	return (struct lockdown){
		.has_ids = ids->has_ids,
		.uid = ids->uid,
		.gid = ids->gid,
		.parent = getpid(),
	};
}

int child_start_pump(const struct pump_options *options, const struct child_ids *ids,
		     struct child *ret)
{
	struct lockdown lockdown = lockdown_of(ids);
	pid_t pid;

	lockdown.who = "the relay's pump";
	lockdown.files_max = options->limits.files;
	lockdown.network = LANDLOCK_NO_TCP;
	pid = fork();
	if (pid == 0)
		_exit(run_pump(options, &lockdown));
	return watch(pid, errno, ret);
}

int child_start_connector(const struct connector_options *options, const struct child_place *place,
			  const struct child_ids *ids, struct child *ret)
{
	struct lockdown lockdown = lockdown_of(ids);
	pid_t pid;

	lockdown.who = "the relay's connector";
	lockdown.files_max = CONNECTOR_FILES;
	lockdown.network = LANDLOCK_TCP_CONNECT;
	pid = fork();
	if (pid == 0)
		_exit(run_connector(options, place, &lockdown));
	return watch(pid, errno, ret);
}

void child_stop(struct child *child)
{
	if (child->pid > 0) {
		(void)kill(child->pid, SIGKILL);
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	fd_cleanup(&child->pidfd);
	*child = CHILD_NONE;
}
