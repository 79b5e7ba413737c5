/* What plan_host() must know of the host: who its LAN is, and how it forwards.
 * Changes nothing.
 */
#ifndef ADIT_APPLY_OBSERVE_HOST_H
#define ADIT_APPLY_OBSERVE_HOST_H

#include "plan/plan.h"

struct error;
struct nlsock;

/* In the host's network namespace.  What there is no room for is left out: its
 * clients are refused.
 */
int observe_host(struct nlsock *sock, struct plan_host_environment *ret, struct error *err);

#endif
