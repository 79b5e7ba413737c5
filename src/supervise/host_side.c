#include "supervise/host_side.h"

#include "apply/apply.h"
#include "apply/record.h"
#include "apply/survey.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "plan/plan.h"
#include "plan/print.h"
#include "plan/veth.h"
#include "supervise/ledger.h"
#include "supervise/place.h"

#include <errno.h>
#include <unistd.h>

enum { LINE_LEN = 256 };

static void say(void *context, const struct step *step)
{
	char line[LINE_LEN];
	struct text text;

	(void)context;
	text_init(&text, line, sizeof(line));
	print_step(step, &text);
	log_info("repairing: %s", line);
}

static int repair(const struct host_side *wanted, struct error *err)
{
	struct record record = {0};
	struct host host;
	int r = host_open(&host, err);

	if (r < 0)
		return r;
	(void)record_load(wanted->place->record, &record, NULL);
	host.record = &record;
	host.netns = wanted->netns;
	r = survey_repair(&host, wanted->plan, wanted->says_changes ? say : NULL, NULL, err);
	/* also after a failure, which may have loaded a table and put it back */
	(void)record_save(&record, wanted->place->record, NULL);
	record_done(&record);
	host_done(&host);
	return r;
}

int host_side_converge(const struct host_side *wanted, struct error *err)
{
	bool is_wanted = wanted->plan->n_steps > 0;
	AUTO_FD int lock = -1;
	int n_steps = 0;
	int r;

	if (!is_wanted && !ledger_exists(wanted->place))
		return 0;
	if (is_wanted && geteuid() != 0) {
		(void)error_set(err, EPERM, "LAN flows by a veth need root");
		error_hint(err, "Forward= works by the relay: leave out Path, HostAddress, "
				"NamespaceAddress and Allow");
		return -EPERM;
	}
	lock = ledger_lock(err);
	if (lock < 0)
		return lock;
	r = ledger_borrow(wanted->place, wanted->plan, err);
	if (r == 0)
		r = n_steps = repair(wanted, err);
	if (r >= 0)
		r = ledger_settle(wanted->place, is_wanted ? wanted->plan : NULL, err);
	if (r == 0 && !is_wanted)
		ledger_remove(wanted->place);
	if (r < 0) {
		(void)error_wrap(err, "on the host");
		return r;
	}
	return n_steps;
}

int host_side_remove(const struct place *place, int netns, struct error *err)
{
	struct plan nothing = {.side = SIDE_HOST};
	struct host_side wanted = {.place = place, .netns = netns, .plan = &nothing};

	(void)veth_host_link(place->name, nothing.host_link);
	(void)veth_host_table(place->name, nothing.host_table);
	return host_side_converge(&wanted, err);
}
