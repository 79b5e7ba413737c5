#include "supervise/converge.h"

#include "apply/apply.h"
#include "apply/record.h"
#include "apply/survey.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "net/nlsock.h"
#include "plan/plan.h"
#include "plan/print.h"
#include "supervise/place.h"

#include <errno.h>

DEFINE_AUTO(nlsock, nlsock_close);

enum { LINE_LEN = 256 };

struct work {
	const struct converge *wanted;
	struct nlsock *outside; /* opened before the child entered */
};

static void say(void *context, const struct step *step)
{
	char line[LINE_LEN];
	struct text text;

	(void)context;
	text_init(&text, line, sizeof(line));
	print_step(step, &text);
	log_info("repairing: %s", line);
}

/* In the child, inside. */
static int work(void *context, int ret_fds[FD_PASS_MAX], size_t *ret_n_fds, struct error *err)
{
	const struct work *work = context;
	const struct converge *wanted = work->wanted;
	struct record record = {0};
	struct host host;
	int r = host_open(&host, err);

	if (r < 0)
		return r;
	(void)record_load(wanted->place->record, &record, NULL);
	host.record = &record;
	host.outside = work->outside;
	host.netns = wanted->inside->netns;
	host.tun_fd = wanted->tun;
	r = survey_repair(&host, wanted->plan, wanted->says_changes ? say : NULL, NULL, err);
	/* also after a failure, which may have loaded a table and put it back */
	(void)record_save(&record, wanted->place->record, NULL);
	if (r >= 0 && host.tun_fd >= 0 && host.tun_fd != wanted->tun)
		ret_fds[(*ret_n_fds)++] = take_fd(&host.tun_fd);
	record_done(&record);
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
