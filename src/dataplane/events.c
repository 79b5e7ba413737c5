#include "dataplane/events.h"

#include <unistd.h>

void events_tell(const struct events *events)
{
	const uint64_t one = 1;

	if (events->fd >= 0 && write(events->fd, &one, sizeof(one)) < 0)
		return; /* full: it is told already */
}

void events_tell_rarely(struct events *events, enum event event, struct instant now)
{
	if (instant_is_set(events->told_at[event]) &&
	    instant_since(now, events->told_at[event]) < EVENTS_PERIOD_NS)
		return;
	events->told_at[event] = now;
	events_tell(events);
}
