#include "supervise/repair.h"

#include "base/error.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "supervise/inside.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

static const char table_name[] = "adit";

enum { OWN_READS = 64 }; /* more than a reload of thousands of routes makes */

/* ---- the sockets ---- */

/* In the child, inside. */
static int open_inside(void *context, int ret_fds[FD_PASS_MAX], size_t *ret_n_fds,
		       struct error *err)
{
	struct drift drift;
	int r = drift_open(table_name, &drift, err);

	(void)context;
	if (r < 0)
		return r;
	ret_fds[0] = drift.route;
	ret_fds[1] = drift.nftables;
	*ret_n_fds = 2;
	return 0;
}

/* Adds to what has been seen already; who is not known twice is enough. */
static void merge(struct drift_report *seen, const struct drift_report *more)
{
	seen->changed |= more->changed;
	seen->is_overrun |= more->is_overrun;
	for (size_t i = 0; i < more->n_actors && seen->n_actors < DRIFT_ACTORS_MAX; i++)
		seen->actor[seen->n_actors++] = more->actor[i];
}

/* What waits, of which there may be no end: the loop comes back for the rest. */
static struct drift_report read_some(struct repair *repair, int n_reads)
{
	static const struct drift_own nobody;
	struct drift_report all = {0};
	struct drift_report report = {.is_cut = true};

	while (report.is_cut && n_reads-- > 0) {
		report = (struct drift_report){0};
		drift_read(&repair->drift, &nobody, &report);
		merge(&all, &report);
	}
	return all;
}

static int on_change(void *context, int fd, uint32_t events)
{
	struct repair *repair = context;
	struct drift_report report = read_some(repair, 1);
	struct instant now = clock_now();
	uint64_t since = instant_since(now, repair->last);

	(void)fd;
	(void)events;
	if (report.changed == 0 && !report.is_overrun)
		return 0;
	/* Now, while who did it may still be there; only once before each look, since it
	 * takes a walk through /proc.
	 */
	for (size_t i = 0; repair->seen.n_actors == 0 && i < report.n_actors; i++)
		(void)drift_identify(repair->inside->netns, &report.actor[i]);
	merge(&repair->seen, &report);
	repair->is_ours = false;
	repair->due = instant_first(
		repair->due,
		instant_add(now, since < REPAIR_OFTEN_NS ? REPAIR_OFTEN_NS : REPAIR_SOON_NS));
	return 0;
}

int repair_open(struct repair *repair, struct loop *loop, const struct inside *inside,
		struct error *err)
{
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	int r = inside_call(inside, open_inside, NULL, fds, &n_fds, err);

	if (r < 0)
		return r;
	*repair = (struct repair){
		.loop = loop,
		.inside = inside,
		.drift = {.route = fds[0], .nftables = fds[1], .table = table_name},
	};
	r = loop_add(loop, fds[0], EPOLLIN, on_change, repair);
	if (r == 0)
		r = loop_add(loop, fds[1], EPOLLIN, on_change, repair);
	return r < 0 ? error_errno(err, -r, "cannot watch the namespace") : 0;
}

void repair_close(struct repair *repair)
{
	if (!repair->loop)
		return;
	loop_remove(repair->loop, repair->drift.route);
	loop_remove(repair->loop, repair->drift.nftables);
	drift_close(&repair->drift);
	repair->loop = NULL;
}

/* ---- looking ---- */

void repair_note_own(struct repair *repair, struct instant now)
{
	if (!repair->loop)
		return;
	(void)read_some(repair, OWN_READS);
	repair->seen = (struct drift_report){0};
	repair->is_ours = true;
	repair->last = now;
	repair->due = instant_add(now, REPAIR_OFTEN_NS);
}

static const struct text_bit changes[] = {
	{DRIFT_LINKS, "links"},
	{DRIFT_ADDRESSES, "addresses"},
	{DRIFT_ROUTES, "routes"},
	{DRIFT_RULES, "rules"},
	{DRIFT_SETTINGS, "settings"},
	{DRIFT_FIREWALL, "the firewall"},
	{0, NULL},
};

void repair_begin(struct repair *repair, struct instant now)
{
	const struct drift_report *seen = &repair->seen;
	char buffer[128];
	struct text text;

	if (!repair->is_ours) {
		text_init(&text, buffer, sizeof(buffer));
		text_add_bits(&text, changes, seen->is_overrun ? DRIFT_EVERYTHING : seen->changed);
		for (size_t i = 0; i < seen->n_actors; i++)
			if (seen->actor[i].name[0])
				log_warn("'%s' (process %d) has changed %s inside",
					 seen->actor[i].name, seen->actor[i].pid, buffer);
		if (seen->n_actors == 0)
			log_debug("%s inside have changed", buffer);
	}
	repair->seen = (struct drift_report){0};
	repair->is_ours = true;
	repair->due = (struct instant){0};
	repair->last = now;
}
