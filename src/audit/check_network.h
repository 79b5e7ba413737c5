/* Links, routes, rules, firewall and settings against the promises.  Pure. */
#ifndef ADIT_AUDIT_CHECK_NETWORK_H
#define ADIT_AUDIT_CHECK_NETWORK_H

struct finding_list;
struct plan;
struct survey;

/* All borrowed. */
struct check_network {
	const struct plan *desired; /* inside */
	const struct survey *survey;
	const struct plan *changes;	 /* plan_diff()'s of these two */
	const struct plan *host_changes; /* likewise, on the host's side */
};

void check_network(const struct check_network *seen, struct finding_list *findings);

#endif
