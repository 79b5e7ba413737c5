/* What is there now: what a plan must know of the machine, and what a namespace has
 * counted.  Changes nothing.
 */
#ifndef ADIT_APPLY_OBSERVE_H
#define ADIT_APPLY_OBSERVE_H

#include "base/address.h"
#include "plan/plan.h"

#include <stddef.h>
#include <stdint.h>

struct error;
struct nlsock;
struct step;

/* Of the host, in its network namespace.  `endpoint` may be unset, and a way to
 * it need not exist: then the path MTU is not known.  `mark` as the tunnel's
 * packets bear it; 0: none.
 */
struct plan_environment observe_environment(struct nlsock *sock, const union endpoint *endpoint,
					    uint32_t mark);

/* A counter of the confined namespace's table. */
struct observed_counter {
	const char *name;    /* static, as in the table */
	const char *meaning; /* static: a few words for a person */
	uint64_t packets;
	uint64_t bytes; /* of IP packets */
};

enum { OBSERVE_COUNTERS_MAX = 16 };

/* In the order of plan/ruleset.h's list; a counter that is not there counts 0.
 * Returns how many.  The handle is nftables_open()'s of that namespace, and may be
 * read from anywhere.
 *
 * What comes for ::1 by the tunnel is dropped, and counted with all that has no
 * valid IPv6 header, before any rule, and told in /proc only: it is added where the
 * caller is in the namespace and names the tunnel (else `device` is NULL).
 */
int observe_counters(struct nlsock *nftables, const char *device,
		     struct observed_counter ret[OBSERVE_COUNTERS_MAX], struct error *err);

#endif
