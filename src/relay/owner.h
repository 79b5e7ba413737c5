/* Whose a port is that we wanted.
 *
 * Source: proc(5), /proc/net/tcp and its like.
 */
#ifndef ADIT_RELAY_OWNER_H
#define ADIT_RELAY_OWNER_H

#include "relay/forward.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { OWNER_NAME_LEN = 16 }; /* TASK_COMM_LEN: NUL included */

struct owner {
	pid_t pid;
	char name[OWNER_NAME_LEN];
};

/* False: nobody, or nobody whose descriptors we may see.  In the caller's network
 * namespace.
 */
bool owner_find(enum relay_protocol protocol, const union endpoint *at, struct owner *ret);

/* A line of one of the tables.  Its socket takes the address, or all of them;
 * *ret_inode names it.  With RELAY_TCP it listens.
 */
bool owner_read_line(const char *line, enum relay_protocol protocol, const union endpoint *at,
		     uint64_t *ret_inode);

#endif
