/* From a profile to the steps that make it true, in the order in which they
 * must be done.  Pure: no system calls, nothing but its arguments.
 *
 * The order is a promise: what drops everything stands before the first link
 * is made, the settings of new links before the first new one, the unreachable
 * routes before the tunnel is up.  A route needs its link up, so the tunnel's
 * come last.  Undone last one first, the drops go last.
 */
#ifndef ADIT_PLAN_PLAN_H
#define ADIT_PLAN_PLAN_H

#include "config/profile.h"
#include "plan/ruleset.h"
#include "plan/step.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

enum {
	PLAN_STEPS_MAX = 65536,
	PLAN_SUBNETS_MAX = 64,
	PLAN_RA_LINKS_MAX = 32,
};

/* An address of the host's, or a network that is reached straight by a link. */
struct plan_subnet {
	char link[IFNAMSIZ];
	struct prefix prefix; /* host bits kept */
	bool is_address;
};

/* What must be known of the host for LAN flows by a veth. */
struct plan_host_environment {
	char default_link[IFNAMSIZ]; /* of the default route; "": there is none */
	struct plan_subnet subnet[PLAN_SUBNETS_MAX];
	size_t n_subnets;
	bool has_force_forwarding; /* net/ipv6/conf/LINK/force_forwarding, Linux 6.17 */
	/* Who takes router advertisements as long as the host forwards no IPv6
	 * (accept_ra is 1), "default" among them; looked at where that has to change.
	 */
	char ra_link[PLAN_RA_LINKS_MAX][IFNAMSIZ];
	size_t n_ra_links;
};

/* What must be known of the machine. */
struct plan_environment {
	/* Bytes of the largest outer packet towards the endpoint, route_get()'s
	 * mtu on the host's side; 0: not known.
	 */
	uint32_t path_mtu;
	/* The group, as numbered inside the user namespace that owns the network
	 * namespace, whose members may ping; and the last of a range of them (0: it
	 * alone).
	 */
	gid_t ping_gid;
	gid_t ping_gid_last;
	bool has_ipv6;				  /* the kernel speaks it */
	const struct plan_host_environment *host; /* borrowed; NULL: not looked at */
};

struct plan {
	struct step *step; /* owned */
	size_t n_steps;
	/* What each side's table says, for ruleset_beginning() to stand before; owned,
	 * NULL: the plan loads none.
	 */
	char *ruleset[SIDES];
	/* Where it is carried out: inside, where some steps may be about the other side,
	 * or on the host alone.
	 */
	enum step_side side;
	char host_table[RULESET_NAME_LEN]; /* the name of SIDE_HOST's table */
	char host_link[IFNAMSIZ];	   /* of the host's end of the veth */
	uint32_t mtu;			   /* bytes of inner IP packet, as chosen; 0: no tunnel */
	bool has_ipv6;			   /* as in plan_environment */
	/* AllowedIPs left out since the profile (or the kernel) has no address of
	 * their family: worth a line of information.
	 */
	size_t n_ipv4_left_out;
	size_t n_ipv6_left_out;
};

/* The network namespace of `adit run`, which nobody has used yet, in move mode with
 * a userspace tunnel.  The profile is not kept.  -EINVAL: it cannot be done as
 * written (no address, an MTU too small for IPv6); -E2BIG: more than
 * PLAN_STEPS_MAX; -ENOMEM.
 */
int plan_run(const struct profile *profile, const struct plan_environment *environment,
	     struct plan *ret, struct error *err);

/* A namespace from which nothing goes anywhere: only lo, and drops for all else.
 * The beginning of plan_named(), which goes on from there.  -ENOMEM.
 */
int plan_seal(const struct plan_environment *environment, struct plan *ret, struct error *err);

/* The beginning of a plan_named() or plan_seal(), before there is a link but lo: in a
 * namespace that nobody has seen yet, where the table is made and replaces none.  Its
 * rules are the whole plan's, whose tunnel is not there for them.  -ENOMEM.
 */
int plan_beginning(const struct plan *whole, struct plan *ret, struct error *err);

/* A lasting namespace in move mode, with a tunnel of that backend (not
 * BACKEND_AUTO: -EINVAL).  Else as plan_run().
 */
int plan_named(const struct profile *profile, const struct plan_environment *environment,
	       enum profile_backend backend, struct plan *ret, struct error *err);

/* The host's side of its LAN flows by a veth: to be carried out on the host, after the
 * namespace was sealed and before plan_named() is.  Without such flows it has no
 * steps, and is what a former one is taken away by.  -EINVAL, -ENOSPC, -ENOMEM.
 */
int plan_host(const struct profile *profile, const struct plan_environment *environment,
	      struct plan *ret, struct error *err);

/* The name of that side's table. */
static inline const char *plan_table_name(const struct plan *plan, enum step_side side)
{
	return side == SIDE_HOST ? plan->host_table : RULESET_TABLE;
}

void plan_done(struct plan *plan); /* accepts a zeroed one; leaves it zeroed */

#endif
