#include "supervise/converge.h"

#include "apply/apply.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "net/nlsock.h"
#include "plan/plan.h"
#include "supervise/amend.h"
#include "supervise/place.h"

#include <errno.h>

DEFINE_AUTO(nlsock, nlsock_close);

struct work {
	const struct converge *wanted;
	struct nlsock *outside; /* opened before the child entered */
};

/* In the child, inside. */
static int work(void *context, int ret_fds[FD_PASS_MAX], size_t *ret_n_fds, struct error *err)
{
	const struct work *work = context;
	const struct converge *wanted = work->wanted;
	const struct amend inside = {
		.place = wanted->place,
		.plan = wanted->plan,
		.says_changes = wanted->says_changes,
	};
	struct host host;
	int r = host_open(&host, err);

	if (r < 0)
		return r;
	host.outside = work->outside;
	host.netns = wanted->inside->netns;
	host.tun_fd = wanted->tun;
	r = amend(&inside, &host, err);
	if (r >= 0 && host.tun_fd >= 0 && host.tun_fd != wanted->tun)
		ret_fds[(*ret_n_fds)++] = take_fd(&host.tun_fd);
	return r > 0 ? 1 : r; /* what is open ends with this process */
}

/* The kernel's WireGuard link is made by who may make one outside, and nobody may who
 * has entered the namespace's user namespace.  Who may needs not enter that.
 */
static struct inside choose_inside(const struct converge *wanted)
{
	struct inside inside = *wanted->inside;

	for (size_t i = 0; i < wanted->plan->n_steps; i++)
		if (wanted->plan->step[i].kind == STEP_WIREGUARD_CREATE)
			inside.userns = -1;
	return inside;
}

int converge(const struct converge *wanted, int *ret_tun, struct error *err)
{
	const struct inside inside = choose_inside(wanted);
	AUTO(nlsock) struct nlsock *outside = NULL;
	struct work context = {.wanted = wanted};
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	int r = nlsock_open(&outside, err);

	if (r < 0)
		return r;
	context.outside = outside;
	r = inside_call(&inside, work, &context, fds, &n_fds, err);
	if (r < 0)
		return r;
	*ret_tun = n_fds > 0 ? fds[0] : -1;
	return r;
}
