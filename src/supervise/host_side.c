#include "supervise/host_side.h"

#include "apply/apply.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "plan/plan.h"
#include "plan/veth.h"
#include "supervise/amend.h"
#include "supervise/ledger.h"
#include "supervise/place.h"

#include <errno.h>
#include <unistd.h>

static int repair(const struct host_side *wanted, int lock, struct error *err)
{
	const struct amend outside = {
		.place = wanted->place,
		.plan = wanted->plan,
		.says_changes = wanted->says_changes,
	};
	struct host host;
	int r = host_open(&host, err);

	if (r < 0)
		return r;
	host.netns = wanted->netns;
	host.lock = lock;
	r = amend(&outside, &host, err);
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
		r = n_steps = repair(wanted, lock, err);
	if (r >= 0)
		r = ledger_settle(wanted->place, is_wanted ? wanted->plan : NULL, lock, err);
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
