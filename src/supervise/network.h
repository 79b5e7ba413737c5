/* The network of a run, made from inside: what process 1 of the confinement is
 * given as its confine_network.  The descriptors it hands to the supervisor
 * come in this order.
 */
#ifndef ADIT_SUPERVISE_NETWORK_H
#define ADIT_SUPERVISE_NETWORK_H

#include "confine/options.h"

#include <stddef.h>

enum network_fd {
	NETWORK_FD_TUN,	  /* the tunnel device: the supervisor's reference keeps it alive */
	NETWORK_FD_ROUTE, /* rtnetlink, for good in the confined namespace */
	NETWORK_FDS
};

/* `context` is a const struct plan *. */
int network_make(void *context, int tun, int ret_fds[CONFINE_NETWORK_FDS_MAX], size_t *ret_n_fds,
		 struct error *err);

#endif
