/* Why confinement is impossible here, told apart, and what to do about it.
 *
 * The kernel says EPERM for half a dozen reasons; which it is can be seen from
 * switches in /proc/sys and from where we run.
 */
#ifndef ADIT_CONFINE_PROBE_H
#define ADIT_CONFINE_PROBE_H

#include <stdbool.h>

struct error;

struct probe_facts {
	int code;		 /* positive errno of what failed */
	int unprivileged_userns; /* kernel.unprivileged_userns_clone (Debian); -1: no such switch */
	long max_user_namespaces; /* user.max_user_namespaces; -1: no such switch */
	int apparmor_restricts;	  /* kernel.apparmor_restrict_unprivileged_userns (Ubuntu); -1: none
				   */
	bool is_chroot;
	bool is_container;
	bool is_filtered; /* a seccomp filter stands already */
};

/* User namespaces: making one, mapping ids in it, or the first mount in it
 * failed with `code`.  Fill err and return -code.
 */
int probe_explain_namespaces(int code, struct error *err);
/* /dev/net/tun could not be opened. */
int probe_explain_tun(int code, struct error *err);

/* Adds the hint to an error that a hidden or read-only /proc/sys has caused. */
void probe_explain_sysctl(struct error *err);

/* probe_explain_namespaces() from given facts: pure. */
int probe_judge_namespaces(const struct probe_facts *facts, struct error *err);

#endif
