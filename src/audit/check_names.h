/* How names are looked up inside.  Pure. */
#ifndef ADIT_AUDIT_CHECK_NAMES_H
#define ADIT_AUDIT_CHECK_NAMES_H

#include <stddef.h>

struct finding_list;
struct process;

/* Texts, borrowed. */
struct check_names_files {
	const char *desired;	 /* resolv.conf as the configuration asks for it */
	const char *resolv_conf; /* of the place; NULL: there is none */
	const char *nsswitch;
};

void check_names(const struct check_names_files *files, const struct process *process,
		 size_t n_processes, struct finding_list *findings);

#endif
