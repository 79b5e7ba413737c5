/* What can be told of a process inside from outside, as plain data, and how it is
 * found out.
 *
 * Source: proc(5), capabilities(7), openat2(2), pidfd_getfd(2), SIOCGSKNS of linux/sockios.h.
 */
#ifndef ADIT_AUDIT_PROCESS_H
#define ADIT_AUDIT_PROCESS_H

#include "audit/finding.h"
#include "audit/sockets.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

enum {
	PROCESS_FILE_MAX = 2048, /* bytes of a file that are looked at, NUL included */
	PROCESSES_MAX = 4096,
};

/* Sockets in the file system by which somebody outside looks up names. */
enum process_service {
	SERVICE_NSCD,
	SERVICE_RESOLVED,
	SERVICE_AVAHI,
	SERVICE_BUS,
	PROCESS_SERVICES
};

struct process {
	pid_t pid;
	char name[FINDING_NAME_LEN]; /* comm */
	bool is_adits;		     /* a child of the supervisor's or what holds the namespace */

	bool is_hosts_user;    /* its user namespace is the caller's */
	uint64_t capabilities; /* permitted, bits 1 << CAP_* */

	bool has_view;			    /* the files below could be looked at */
	char resolv_conf[PROCESS_FILE_MAX]; /* as its root shows it; "": none */
	char nsswitch[PROCESS_FILE_MAX];
	unsigned int services; /* bits, 1 << enum process_service: within its reach */

	bool has_sockets; /* its descriptors could be looked at */
	struct sockets sockets;
};

/* Whom not to look at: adit's own. */
struct process_own {
	pid_t supervisor; /* 0: none */
	pid_t holder;	  /* 0: none */
};

/* All that are in that network namespace, as /proc shows it.  What ends meanwhile is left
 * out.  *ret is the caller's to free.  -EACCES: /proc cannot be read; -E2BIG: more than
 * PROCESSES_MAX; -ENOMEM.
 */
int process_collect(int netns, const struct process_own *own, struct process **ret, size_t *ret_n,
		    struct error *err);

#endif
