/* The data plane's process, and the text that is spoken with it: see
 * dataplane/uapi.h.
 *
 * One request at a time, each answered before the next.  The child ends when our
 * end of its socket is closed, and cannot outlive the thread that started it.
 */
#ifndef ADIT_TUNNEL_PROCESS_H
#define ADIT_TUNNEL_PROCESS_H

#include "base/fd.h"
#include "dataplane/child.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PROCESS_REPLY_MAX = 64 * 1024 * 1024 }; /* bytes: some 160,000 peers */

struct process {
	pid_t pid;
	int pidfd;  /* readable when it has died */
	int uapi;   /* our end */
	int events; /* readable when something happened: see dataplane/worker.h */
};

#define PROCESS_NONE ((struct process){.pid = -1, .pidfd = -1, .uapi = -1, .events = -1})

/* Forks.  Of the options, uapi, events and the sandbox's parent are filled in
 * here; the descriptors stay the caller's.  A request waits wait_s seconds for
 * its answer: a data plane that does not answer by then is as good as dead.
 */
int process_start(const struct child_options *options, unsigned int wait_s, struct process *ret);

/* Text in two parts, the second of which may be empty. */
struct process_request {
	const char *head;
	size_t head_len;
	const char *body;
	size_t body_len;
	const struct udp_sockets *sockets; /* go beside it; NULL: none */
	enum fd_memory memory;		   /* of the reply: FD_SECRET for one with keys */
};

struct process_reply {
	char *text; /* ends in an empty line */
	size_t len;
	enum fd_memory memory;
};

/* -ETIMEDOUT, -EPIPE, -ECONNRESET: it is dead or as good as; -ENOMEM.  What its
 * reply says is for the caller to read.
 */
int process_ask(const struct process *process, const struct process_request *request,
		struct process_reply *ret);
void process_reply_free(struct process_reply *reply); /* accepts one that is zeroed */

/* Waits for its end.  Accepts PROCESS_NONE, and leaves that. */
void process_stop(struct process *process);

#endif
