#include "apply/apply.h"

#include "apply/steps.h"
#include "base/error.h"
#include "net/nlsock.h"
#include "plan/print.h"

#include <unistd.h>

const struct step_ops *const step_ops[STEP_KINDS] = {
	[STEP_FIREWALL_LOAD] = &step_firewall_ops, [STEP_SYSCTL_SET] = &step_sysctl_ops,
	[STEP_LINK_UP] = &step_link_ops,	   [STEP_TUN_CREATE] = &step_tun_ops,
	[STEP_ADDRESS_ADD] = &step_address_ops,	   [STEP_ROUTE_ADD] = &step_route_ops,
};

int host_open(struct host *ret, struct error *err)
{
	struct host host = {.tun_node = -1, .tun_fd = -1};
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
	*host = (struct host){.tun_node = -1, .tun_fd = -1};
}

size_t apply_undo(const struct step *steps, size_t n_steps, struct host *host,
		  struct error_list *undo_errs)
{
	size_t n_failed = 0;

	while (n_steps-- > 0) {
		const struct step *step = &steps[n_steps];
		struct error undo_err;

		if (step_ops[step->kind]->undo(step, host, &undo_err) == 0)
			continue;
		(void)error_wrap(&undo_err, "undo of %s", print_kind(step->kind));
		error_list_add(undo_errs, &undo_err);
		n_failed++;
	}
	return n_failed;
}

int apply_plan(const struct step *steps, size_t n_steps, struct host *host,
	       struct error_list *undo_errs, struct error *err)
{
	for (size_t i = 0; i < n_steps; i++) {
		int r = step_ops[steps[i].kind]->apply(&steps[i], host, err);

		if (r < 0) {
			(void)error_wrap(err, "%s", print_kind(steps[i].kind));
			(void)apply_undo(steps, i, host, undo_errs);
			return r;
		}
	}
	return 0;
}
