#include "supervise/down.h"

#include "apply/observe.h"
#include "base/clock.h"
#include "base/error.h"
#include "plan/plan.h"
#include "supervise/control.h"
#include "supervise/converge.h"
#include "supervise/host_side.h"
#include "supervise/place.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define STOP_NS	 (10 * NS_PER_S)
#define PAUSE_NS (5 * NS_PER_MS)

static void pause_briefly(void)
{
	(void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

static int await_end(const struct place *place, struct error *err)
{
	struct instant deadline = instant_add(clock_now(), STOP_NS);
	pid_t holder;

	while ((holder = place_holder(place)) > 0) {
		if (instant_is_due(deadline, clock_now()))
			return error_set(err, ETIMEDOUT,
					 "the supervisor of '%s' (process %d) does not end",
					 place->name, holder);
		pause_briefly();
	}
	return 0;
}

int down_supervisor(const struct place *place, struct error *err)
{
	json_t *answer = NULL;
	int r;

	if (place_holder(place) == 0)
		return 0;
	r = control_ask(place, CONTROL_STOP, STOP_NS, &answer, err);
	json_decref(answer);
	/* it may have ended before it answered */
	if (r < 0 && r != -ECONNRESET && r != -ENOENT)
		return r;
	return await_end(place, err);
}

/* Everything that is not the seal's goes. */
static int seal_again(const struct place *place, const struct inside *inside, struct error *err)
{
	const union endpoint nowhere = {.any.sa_family = AF_UNSPEC};
	struct plan_environment environment = observe_environment(NULL, &nowhere, 0);
	struct plan plan = {0};
	struct converge wanted = {.place = place, .inside = inside, .plan = &plan, .tun = -1};
	int r = plan_seal(&environment, &plan, err);
	int tun = -1;

	if (r == 0)
		r = converge(&wanted, &tun, err);
	plan_done(&plan);
	return r;
}

int down(const struct place *place, struct down_result *ret, struct error *err)
{
	struct down_result result = {0};
	struct inside inside = {.netns = -1, .userns = -1};
	int r = down_supervisor(place, err);

	if (r < 0)
		return r;
	r = seal_open(place, &inside, NULL);
	if (r == 0) {
		result.was_there = true;
		r = seal_again(place, &inside, err);
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
	if (r == 0)
		*ret = result;
	return r;
}
