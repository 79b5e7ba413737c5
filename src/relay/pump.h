/* The process in the host's network namespace: holds the outside's sockets and
 * moves bytes between them and those that the connector opened.
 */
#ifndef ADIT_RELAY_PUMP_H
#define ADIT_RELAY_PUMP_H

#include "relay/limits.h"

struct counters;
struct pump;

struct pump_options {
	int control; /* to the supervisor; does not block */
	struct limits limits;
	struct counters *counters; /* RELAY_FORWARDS_MAX of them, shared */
};

/* NULL: out of memory or descriptors.  Everything is allocated here but UDP
 * datagrams that wait.
 */
struct pump *pump_new(const struct pump_options *options);
void pump_free(struct pump *pump); /* accepts NULL; the control socket stays open */
/* Waits for something and does it.  -ESHUTDOWN: the supervisor has gone. */
int pump_turn(struct pump *pump);

#endif
