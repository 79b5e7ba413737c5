#include "supervise/down.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "supervise/control.h"
#include "supervise/converge.h"
#include "supervise/host_side.h"
#include "supervise/place.h"
#include "supervise/registry.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STOP_NS	 (5 * NS_PER_S)
#define PAUSE_NS (5 * NS_PER_MS)

/* ---- the supervisor ---- */

/* Its pidfd; negative: there is none, or nobody knows which it is. */
static int open_supervisor(const struct place *place)
{
	pid_t holder = place_holder(place);
	AUTO_FD int process = holder > 0 ? (int)syscall(SYS_pidfd_open, holder, 0) : -1;

	/* the number is still its own when it holds the lock still */
	return process >= 0 && place_holder(place) == holder ? take_fd(&process) : -1;
}

/* For the process to end; without one, or when it has, for a while. */
static void wait_a_while(int process, struct instant deadline)
{
	struct pollfd end = {.fd = process, .events = POLLIN};
	struct instant now = clock_now();
	uint64_t left_ns = instant_is_due(deadline, now) ? 0 : deadline.ns - now.ns;

	if (process < 0 || poll(&end, 1, 0) != 0)
		(void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	else
		(void)poll(&end, 1, (int)(left_ns / NS_PER_MS));
}

static int await_end(const struct place *place, int process, struct error *err)
{
	struct instant deadline = instant_add(clock_now(), STOP_NS);

	while (place_holder(place) != 0) {
		if (instant_is_due(deadline, clock_now()))
			return error_set(err, ETIMEDOUT, "the supervisor of '%s' does not end",
					 place->name);
		wait_a_while(process, deadline);
	}
	return 0;
}

/* It hangs, or is stopped.  What it held drops packets without it. */
static int kill_supervisor(const struct place *place, struct error *err)
{
	pid_t holder = place_holder(place);
	AUTO_FD int process = open_supervisor(place);

	if (process >= 0) {
		log_warn("the supervisor of '%s' (process %d) does not answer and is killed",
			 place->name, holder);
		if (syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) < 0)
			return error_errno(err, errno, "cannot end the supervisor of '%s'",
					   place->name);
	}
	return await_end(place, process, err);
}

/* 1: it ends, and changes nothing any more; 0: there is none, or it has ended. */
static int tell_to_end(const struct place *place, struct error *err)
{
	json_t *answer = NULL;
	pid_t holder = place_holder(place);
	int r;

	if (holder == 0)
		return 0;
	if (holder < 0 && holder != -EBUSY)
		return error_errno(err, -holder, "cannot tell whether '%s' is up", place->name);
	r = control_ask(place, CONTROL_STOP, STOP_NS, &answer, err);
	json_decref(answer);
	if (r == -ECONNRESET || r == -ENOENT) /* it may have ended before it answered */
		return 0;
	return r < 0 ? r : 1;
}

/* `told` is what tell_to_end() returned. */
static int finish_end(const struct place *place, int told, int process, struct error *err)
{
	int r = told < 0 ? told : await_end(place, process, err);

	return r == -ETIMEDOUT ? kill_supervisor(place, err) : r;
}

int down_supervisor(const struct place *place, struct error *err)
{
	AUTO_FD int process = open_supervisor(place);
	int told = tell_to_end(place, err);

	return finish_end(place, told, process, err);
}

/* ---- the namespace ---- */

/* The supervisor ends, and takes its time about it: the kernel waits for grace periods
 * of its RCU when a link goes, and when rules are replaced.  So they are meanwhile;
 * whatever has become of that, converge_seal() finds.
 */
static int end_supervisor(const struct place *place, struct error *err)
{
	struct inside inside = {.netns = -1, .userns = -1};
	AUTO_FD int process = open_supervisor(place);
	int told = tell_to_end(place, err);

	if (told > 0 && seal_open(place, &inside, NULL) == 0) {
		(void)converge_seal_rules(place, &inside, NULL);
		seal_close(&inside);
	}
	return finish_end(place, told, process, err);
}

int down(const struct place *place, struct down_result *ret, struct error *err)
{
	struct down_result result = {0};
	struct inside inside = {.netns = -1, .userns = -1};
	int r = end_supervisor(place, err);

	if (r < 0)
		return r;
	r = seal_open(place, &inside, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0) {
		result.was_there = true;
		r = converge_seal(place, &inside, err);
		if (r >= 0)
			r = host_side_remove(place, inside.netns, err);
		result.n_guests = seal_guests(&inside, result.guest, DOWN_GUESTS_MAX);
		seal_close(&inside);
		if (r < 0)
			return r;
	} else {
		r = host_side_remove(place, -1, err);
		if (r < 0)
			return r;
	}
	r = seal_remove(place, err);
	registry_sweep();
	if (r == 0)
		*ret = result;
	return r;
}
