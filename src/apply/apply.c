#include "apply/apply.h"

#include "apply/steps.h"
#include "base/error.h"
#include "net/nlsock.h"
#include "plan/print.h"

#include <unistd.h>

const struct step_ops *const step_ops[STEP_KINDS] = {
	[STEP_FIREWALL_LOAD] = &step_firewall_ops, [STEP_SYSCTL_SET] = &step_sysctl_ops,
	[STEP_RULE_ADD] = &step_rule_ops,	   [STEP_LINK_UP] = &step_link_ops,
	[STEP_LINK_CREATE] = &step_create_ops,	   [STEP_VETH_CREATE] = &step_veth_ops,
	[STEP_TUN_CREATE] = &step_tun_ops,	   [STEP_WIREGUARD_CREATE] = &step_wireguard_ops,
	[STEP_LINK_ALTER] = &step_alter_ops,	   [STEP_ADDRESS_ADD] = &step_address_ops,
	[STEP_ROUTE_ADD] = &step_route_ops,
};

int host_open(struct host *ret, struct error *err)
{
	struct host host = {.netns = -1, .lock = -1, .tun_node = -1, .tun_fd = -1};
	int r = nlsock_open(&host.route, err);

	if (r == 0)
		*ret = host;
	return r;
}

void host_done(struct host *host)
{
	/* Zeroed, it has no descriptor either. */
	if (host->route && host->tun_fd >= 0 && host->tun_fd != host->tun_node)
		(void)close(host->tun_fd);
	nlsock_close(host->route);
	nlsock_close(host->nftables);
	*host = (struct host){.netns = -1, .tun_node = -1, .tun_fd = -1};
}

static int carry_out(const struct step *step, struct host *host, struct error *err)
{
	const struct step_ops *ops = step_ops[step->kind];

	return step->is_removal ? ops->undo(step, host, err) : ops->apply(step, host, err);
}

static int take_back(const struct step *step, struct host *host, struct error *err)
{
	const struct step_ops *ops = step_ops[step->kind];

	return step->is_removal ? ops->apply(step, host, err) : ops->undo(step, host, err);
}

/* The first `n_steps`, last one first. */
static size_t undo_first(const struct plan *plan, size_t n_steps, struct host *host,
			 struct error_list *undo_errs)
{
	size_t n_failed = 0;

	host->plan = plan;
	while (n_steps-- > 0) {
		const struct step *step = &plan->step[n_steps];
		struct error undo_err;

		if (take_back(step, host, &undo_err) == 0)
			continue;
		(void)error_wrap(&undo_err, "undo of %s", print_kind(step));
		error_list_add(undo_errs, &undo_err);
		n_failed++;
	}
	host->plan = NULL;
	return n_failed;
}

size_t apply_undo(const struct plan *plan, struct host *host, struct error_list *undo_errs)
{
	return undo_first(plan, plan->n_steps, host, undo_errs);
}

int apply_plan(const struct plan *plan, struct host *host, struct error_list *undo_errs,
	       struct error *err)
{
	int r = 0;
	size_t i;

	host->plan = plan;
	for (i = 0; r == 0 && i < plan->n_steps; i++)
		r = carry_out(&plan->step[i], host, err);
	if (r < 0) {
		(void)error_wrap(err, "%s", print_kind(&plan->step[i - 1]));
		(void)undo_first(plan, i - 1, host, undo_errs);
	}
	host->plan = NULL;
	return r;
}
