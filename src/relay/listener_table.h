/* The listening sockets that there are, by the numbers that the pump knows them by.
 *
 * A change is prepared in full before anything is given up, so that one that
 * fails leaves all as it was, and a socket that stays is never closed.
 */
#ifndef ADIT_RELAY_LISTENER_TABLE_H
#define ADIT_RELAY_LISTENER_TABLE_H

#include "relay/listener.h"

#include <stddef.h>

struct bindings;
struct error;

struct bound {
	int fd; /* -1: free place */
	struct listener_spec spec;
};

struct listener_table {
	struct bound *at; /* owned */
	size_t max;
};

struct listener_change;

enum listener_scope {
	LISTENER_ALL,  /* one that cannot be opened is a failure */
	LISTENER_MOST, /* is left out; err has the first one's reason, if code is not 0 */
};

int listener_table_init(struct listener_table *table, size_t max); /* -ENOMEM */
void listener_table_done(struct listener_table *table);

int listener_table_prepare(const struct listener_table *table, const struct bindings *bindings,
			   enum listener_scope scope, struct listener_change **ret,
			   struct error *err);
void listener_change_free(struct listener_change *change); /* accepts NULL */

/* is_open: the place is new or means something else now; else it is closed. */
typedef void (*listener_changed)(void *context, uint32_t place, bool is_open);
/* Frees the change.  The closed ones come first. */
void listener_table_commit(struct listener_table *table, struct listener_change *change,
			   listener_changed changed, void *context);

#endif
