#include "supervise/converge.h"

#include "apply/apply.h"
#include "apply/observe.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "plan/plan.h"
#include "supervise/amend.h"
#include "supervise/maker.h"
#include "supervise/place.h"

#include <errno.h>

struct work {
	const struct converge *wanted;
	struct maker maker; /* outside, where the plan has the kernel's link */
};

static int ask_maker(void *maker, const struct step_tun *tun, struct error *err)
{
	return maker_make(maker, tun, err);
}

/* In the child, inside. */
static int work(void *context, int ret_fds[FD_PASS_MAX], size_t *ret_n_fds, struct error *err)
{
	struct work *work = context;
	const struct converge *wanted = work->wanted;
	const struct amend inside = {
		.place = wanted->place,
		.plan = wanted->plan,
		.says_changes = wanted->says_changes,
		.only_rules = wanted->only_rules,
	};
	struct host host;
	int r = host_open(&host, err);

	if (r < 0)
		return r;
	host.make_wireguard = work->maker.socket >= 0 ? ask_maker : NULL;
	host.outside = &work->maker;
	host.tun_fd = wanted->tun;
	r = amend(&inside, &host, err);
	if (r >= 0 && host.tun_fd >= 0 && host.tun_fd != wanted->tun)
		ret_fds[(*ret_n_fds)++] = take_fd(&host.tun_fd);
	return r > 0 ? 1 : r; /* what is open ends with this process */
}

static bool needs_maker(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->step[i].kind == STEP_WIREGUARD_CREATE)
			return true;
	return false;
}

int converge(const struct converge *wanted, int *ret_tun, struct error *err)
{
	struct work context = {.wanted = wanted, .maker = {.socket = -1}};
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	int r = 0;

	if (needs_maker(wanted->plan))
		r = maker_start(wanted->inside->netns, &context.maker, err);
	if (r == 0)
		r = inside_call(wanted->inside, work, &context, fds, &n_fds, err);
	maker_end(&context.maker);
	if (r < 0)
		return r;
	*ret_tun = n_fds > 0 ? fds[0] : -1;
	return r;
}

static int seal(const struct place *place, const struct inside *inside, bool only_rules,
		struct error *err)
{
	const union endpoint nowhere = {.any.sa_family = AF_UNSPEC};
	struct plan_environment environment = observe_environment(NULL, &nowhere, 0);
	struct plan plan = {0};
	struct converge wanted = {
		.place = place,
		.inside = inside,
		.plan = &plan,
		.tun = -1,
		.only_rules = only_rules,
	};
	int r = plan_seal(&environment, &plan, err);
	int tun = -1;

	if (r == 0)
		r = converge(&wanted, &tun, err);
	plan_done(&plan);
	return r;
}

int converge_seal(const struct place *place, const struct inside *inside, struct error *err)
{
	return seal(place, inside, false, err);
}

int converge_seal_rules(const struct place *place, const struct inside *inside, struct error *err)
{
	return seal(place, inside, true, err);
}
