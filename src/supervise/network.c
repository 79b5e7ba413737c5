#include "supervise/network.h"

#include "apply/apply.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "net/nlsock.h"
#include "plan/plan.h"

#include <errno.h>
#include <fcntl.h>

int network_make(void *context, int tun, int ret_fds[CONFINE_NETWORK_FDS_MAX], size_t *ret_n_fds,
		 struct error *err)
{
	const struct plan *plan = context;
	struct host host;
	int r = host_open(&host, err);
	int route;

	if (r < 0)
		return r;
	host.tun_node = tun;
	r = apply_plan(plan, &host, NULL, err);
	if (r < 0) {
		host_done(&host);
		return r;
	}
	route = fcntl(nlsock_fd(host.route), F_DUPFD_CLOEXEC, 0);
	if (route < 0) {
		r = error_errno(err, errno, "cannot keep the netlink handle");
		host_done(&host);
		return r;
	}
	ret_fds[NETWORK_FD_TUN] = take_fd(&host.tun_fd);
	ret_fds[NETWORK_FD_ROUTE] = route;
	*ret_n_fds = NETWORK_FDS;
	host_done(&host);
	return 0;
}
