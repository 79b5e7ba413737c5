/* The process in the confined network namespace: opens connections there, at
 * the pump's request, and passes them over.
 *
 * It holds one socket, to the pump, and what it opens itself.
 */
#ifndef ADIT_RELAY_CONNECTOR_H
#define ADIT_RELAY_CONNECTOR_H

#include "base/address.h"
#include "relay/forward.h"

#include <stdbool.h>
#include <stddef.h>

struct connector_options {
	int channel;			     /* to the pump; blocks */
	const struct relay_forward *forward; /* ports that may be asked for; copied by fork(2) */
	size_t n_forwards;
	bool has_address;
	struct address address; /* else 127.0.0.1, then ::1 */
};

struct connector;

/* NULL: out of memory or descriptors. */
struct connector *connector_new(const struct connector_options *options);
void connector_free(struct connector *connector); /* accepts NULL; the channel stays open */
/* Waits for something and does it.  -ESHUTDOWN: the pump has gone. */
int connector_turn(struct connector *connector);

#endif
