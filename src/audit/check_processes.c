#include "audit/check_processes.h"

#include "audit/finding.h"
#include "audit/process.h"

#include <linux/capability.h>
#include <stdio.h>

enum {
	TUNNEL = 1U << PROMISE_ONLY_TUNNEL,
	HOST = 1U << PROMISE_NO_WAY_TO_HOST,
	OTHERS = 1U << PROMISE_HOST_UNTOUCHED,
};

/* In the host's user namespace nothing confines them. */
static const struct {
	int capability;
	unsigned int promises;
	const char *name;
	const char *why;
} powers[] = {
	{CAP_SYS_ADMIN, TUNNEL | HOST | OTHERS, "CAP_SYS_ADMIN", "can enter the host's network"},
	{CAP_SYS_PTRACE, TUNNEL | HOST | OTHERS, "CAP_SYS_PTRACE",
	 "can make a process of the host's do what it wants"},
	{CAP_SYS_MODULE, TUNNEL | HOST | OTHERS, "CAP_SYS_MODULE", "can load code into the kernel"},
	{CAP_NET_ADMIN, TUNNEL | HOST, "CAP_NET_ADMIN",
	 "can take away the firewall and the routes inside"},
};

static struct finding about(const struct process *process, unsigned int promises,
			    enum verdict verdict)
{
	struct finding finding = {
		.promises = promises,
		.verdict = verdict,
		.pid = process->pid,
	};

	(void)snprintf(finding.name, sizeof(finding.name), "%s", process->name);
	return finding;
}

static void judge_powers(const struct process *process, struct finding_list *findings)
{
	for (size_t i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
		struct finding finding = about(process, powers[i].promises, VERDICT_BROKEN);

		if (process->capabilities & UINT64_C(1) << powers[i].capability)
			finding_add(findings, &finding, "with the host's %s it %s", powers[i].name,
				    powers[i].why);
	}
}

static void judge_sockets(const struct process *process, struct finding_list *findings)
{
	struct finding finding = about(process, TUNNEL | HOST, VERDICT_BROKEN);

	if (!process->has_sockets) {
		finding.verdict = VERDICT_UNKNOWN;
		finding_add(findings, &finding, "its descriptors cannot be looked at");
	} else if (process->sockets.n_outside > 0) {
		finding_add(findings, &finding,
			    "holds a socket of outside (descriptor %d, %zu in all)",
			    process->sockets.outside_fd, process->sockets.n_outside);
	}
}

void check_processes(const struct process *process, size_t n_processes,
		     struct finding_list *findings)
{
	for (size_t i = 0; i < n_processes; i++) {
		if (process[i].is_adits)
			continue;
		if (process[i].is_hosts_user)
			judge_powers(&process[i], findings);
		judge_sockets(&process[i], findings);
	}
}
