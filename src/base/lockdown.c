#include "base/lockdown.h"

#include "base/error.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- privileges ---- */

static int set_limit(const char *who, __rlimit_resource_t resource, rlim_t value, struct error *err)
{
	const struct rlimit limit = {value, value};

	if (setrlimit(resource, &limit) < 0)
		return error_errno(err, errno, "cannot limit the resources of %s", who);
	return 0;
}

static int set_limits(const struct lockdown *lockdown, struct error *err)
{
	const struct {
		__rlimit_resource_t resource;
		rlim_t value;
	} limits[] = {
		{RLIMIT_NOFILE, lockdown->files_max},
		{RLIMIT_CORE, 0},
		{RLIMIT_FSIZE, 0},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(limits) / sizeof(limits[0]); i++)
		r = set_limit(lockdown->who, limits[i].resource, limits[i].value, err);
	return r;
}

static int set_ids(const struct lockdown *lockdown, struct error *err)
{
	if (!lockdown->has_ids)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(lockdown->gid, lockdown->gid, lockdown->gid) < 0 ||
	    setresuid(lockdown->uid, lockdown->uid, lockdown->uid) < 0)
		return error_errno(err, errno, "cannot run %s as user %u", lockdown->who,
				   lockdown->uid);
	return 0;
}

/* The bounding set needs CAP_SETPCAP, which an ordinary user has not; without
 * new privileges it cannot matter then.
 */
static void drop_bounding_set(void)
{
	for (int capability = 0; capability <= CAP_LAST_CAP; capability++)
		(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

static int drop_capabilities(const char *who, struct error *err)
{
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return error_set(err, EPERM, "cannot drop the capabilities of %s", who);
	return 0;
}

void lockdown_reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int lockdown_drop_privileges(const struct lockdown *lockdown, struct error *err)
{
	int r = set_limits(lockdown, err);

	if (r < 0)
		return r;
	drop_bounding_set();
	r = set_ids(lockdown, err);
	if (r == 0)
		r = drop_capabilities(lockdown->who, err);
	if (r < 0)
		return r;
	/* after the ids: changing them clears the first and may reset the second */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_errno(err, errno, "cannot confine %s", lockdown->who);
	r = landlock_confine(lockdown->who, lockdown->network, err);
	if (r < 0)
		return r;
	if (getppid() != lockdown->parent)
		return error_set(err, ESRCH, "the supervisor has ended");
	return 0;
}

/* ---- system calls ---- */

static int add_calls(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n_calls)
{
	for (size_t i = 0; i < n_calls; i++) {
		int r = seccomp_rule_add(filter, action, calls[i], 0);

		/* a call that this architecture has not */
		if (r < 0 && r != -EDOM && r != -EEXIST)
			return r;
	}
	return 0;
}

static int add_rule(scmp_filter_ctx filter, const struct lockdown_rule *rule)
{
	struct scmp_arg_cmp arg[2];
	int r;

	for (unsigned int i = 0; i < rule->n_args; i++)
		arg[i] = SCMP_CMP(rule->arg[i].index, SCMP_CMP_MASKED_EQ, rule->arg[i].mask,
				  rule->arg[i].value);
	r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule->call, rule->n_args, arg);
	return r == -EDOM || r == -EEXIST ? 0 : r;
}

static int add_rules(scmp_filter_ctx filter, const struct lockdown_rule *rules, size_t n_rules)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_rules; i++)
		r = add_rule(filter, &rules[i]);
	return r;
}

/* Memory yes, code no; and what is mapped keeps its protection. */
static int add_mmap(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_code);

	return r == -EEXIST ? 0 : r;
}

#ifdef ADIT_SANITIZED
static const int of_sanitizers[] = {
	SCMP_SYS(rt_sigreturn), SCMP_SYS(getpid),      SCMP_SYS(mmap),	       SCMP_SYS(mprotect),
	SCMP_SYS(sigaltstack),	SCMP_SYS(sched_yield), SCMP_SYS(rt_sigaction), SCMP_SYS(prctl),
	SCMP_SYS(gettid),	SCMP_SYS(readlink),    SCMP_SYS(newfstatat),   SCMP_SYS(tgkill),
};
#endif

static int add_all(scmp_filter_ctx filter, const struct lockdown_filter *from)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (r == 0)
		r = add_calls(filter, SCMP_ACT_ALLOW, from->allowed, from->n_allowed);
#ifndef ADIT_SANITIZED
	if (r == 0)
		r = add_calls(filter, SCMP_ACT_ERRNO(EPERM), from->refused, from->n_refused);
#else
	if (r == 0)
		r = add_calls(filter, SCMP_ACT_ALLOW, of_sanitizers,
			      sizeof(of_sanitizers) / sizeof(of_sanitizers[0]));
#endif
	if (r == 0)
		r = add_rules(filter, from->rule, from->n_rules);
	return r == 0 ? add_mmap(filter) : r;
}

int lockdown_filter_calls(const struct lockdown_filter *from, struct error *err)
{
#ifdef ADIT_SANITIZED
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
#else
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
#endif
	int r;

	if (!filter)
		return error_set(err, ENOMEM, "out of memory for the filter of %s", from->who);
	r = set_limit(from->who, RLIMIT_NPROC, 0, err);
	if (r < 0) {
		seccomp_release(filter);
		return r;
	}
	r = add_all(filter, from);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	if (r < 0)
		return error_errno(err, -r, "cannot filter the system calls of %s", from->who);
	return 0;
}
