/* Events for the supervisor: an eventfd that says "look at the counters".
 *
 * One struct for each thread that has something to tell.  What a remote party
 * can cause is told at most once in EVENTS_PERIOD_NS for each kind.
 */
#ifndef ADIT_DATAPLANE_EVENTS_H
#define ADIT_DATAPLANE_EVENTS_H

#include "base/clock.h"

#define EVENTS_PERIOD_NS (100 * NS_PER_MS)

enum event { EVENT_SEND_FAILED, EVENT_ICMP, EVENT_BAD_RESPONSE, EVENT_INITIATION, EVENTS };

struct events {
	int fd; /* borrowed; -1: nobody listens */
	struct instant told_at[EVENTS];
};

void events_tell(const struct events *events);
void events_tell_rarely(struct events *events, enum event event, struct instant now);

#endif
