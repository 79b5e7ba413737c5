#include "dataplane/child.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/lockdown.h"
#include "base/log.h"
#include "base/secret.h"
#include "dataplane/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Where the descriptors stand once the others are closed. */
enum {
	FD_TUN = 3,
	FD_UAPI,
	FD_EVENTS,
	FD_UDP_V4,
	FD_UDP_V6,
	FD_FIRST_CLOSED,
};

/* Out of the way of 0 to FD_FIRST_CLOSED, so that no dup2(2) hits one of them. */
static int lift(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST_CLOSED);
}

static int place(int fd, int where)
{
	if (fd < 0) {
		(void)close(where);
		return -1;
	}
	return dup3(fd, where, O_CLOEXEC);
}

/* Standard error stays when a person debugs, since nothing else can tell.
 *
 * A session of its own is out of the terminal's reach, as a process group would be, and has
 * a share of the processor of its own (sched(7), autogroup): the command, in the caller's
 * session, does not starve its tunnel.
 */
static void drop_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid();
	for (int fd = 0; fd < 2; fd++)
		(void)(null < 0 ? close(fd) : dup2(null, fd));
	if (log_get_level() != LOG_LEVEL_DEBUG)
		(void)(null < 0 ? close(2) : dup2(null, 2));
}

/* Keeps only what the options name; *options then holds the new numbers. */
static int keep_descriptors(struct child_options *options)
{
	int tun = lift(options->tun);
	int uapi = lift(options->uapi);
	int events = lift(options->events);
	int v4 = lift(options->sockets.fd[UDP_V4]);
	int v6 = lift(options->sockets.fd[UDP_V6]);

	options->tun = place(tun, FD_TUN);
	options->uapi = place(uapi, FD_UAPI);
	options->events = place(events, FD_EVENTS);
	options->sockets.fd[UDP_V4] = place(v4, FD_UDP_V4);
	options->sockets.fd[UDP_V6] = place(v6, FD_UDP_V6);
	if (options->tun < 0 || options->uapi < 0)
		return -EBADF;
	return close_range(FD_FIRST_CLOSED, ~0U, 0) < 0 ? -errno : 0;
}

/* Everything that needs files, memory or privileges, before they are gone.  The
 * threads inherit what has been given up before they begin, and the filter is
 * for all of them.
 */
static int start(const struct child_options *options, struct worker **ret, struct error *err)
{
	struct worker_options with = {
		.uapi = options->uapi,
		.events = options->events,
		.sockets = options->sockets,
		.mtu = options->mtu,
		.is_down = options->is_down,
		.is_successor = options->is_successor,
	};
	struct worker *worker = NULL;
	int r = tun_init(&with.tun, options->tun, err);

	if (r == 0 && options->drops_backlog)
		tun_discard(&with.tun);
	if (r == 0)
		r = fd_set_nonblocking(options->uapi);
	if (r == 0)
		r = worker_new(&with, &worker, err);
	if (r < 0)
		return r;
	r = sandbox_drop_privileges(&options->sandbox, err);
	if (r == 0)
		r = worker_start(worker, options->n_processors);
	if (r == 0)
		r = sandbox_filter_syscalls(err);
	if (r < 0) {
		worker_free(worker);
		return r;
	}
	*ret = worker;
	return 0;
}

int child_run(const struct child_options *given)
{
	struct child_options options = *given;
	struct worker *worker = NULL;
	struct error err = {0};
	int r;

	(void)prctl(PR_SET_NAME, "adit-dataplane", 0, 0, 0);
	secret_count_anew();
	(void)mallopt(M_ARENA_MAX, 1); /* threads allocate too rarely to need their own */
	lockdown_reset_signals();
	drop_terminal();
	r = keep_descriptors(&options);
	if (r == 0)
		r = start(&options, &worker, &err);
	if (r < 0) {
		log_debug("data plane: %s", err.what);
		return 1;
	}
	while (r >= 0)
		r = worker_turn(worker);
	worker_free(worker);
	return r == -ESHUTDOWN ? 0 : 1;
}
