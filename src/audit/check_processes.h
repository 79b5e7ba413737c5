/* What processes inside are able to do against the promises.  Pure. */
#ifndef ADIT_AUDIT_CHECK_PROCESSES_H
#define ADIT_AUDIT_CHECK_PROCESSES_H

#include <stddef.h>

struct finding_list;
struct process;

void check_processes(const struct process *process, size_t n_processes,
		     struct finding_list *findings);

#endif
