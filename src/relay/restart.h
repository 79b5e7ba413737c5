/* When a process that has ended is started again.
 *
 * The first time after 10 ms.  One that did not live for a second is followed
 * twice as late, up to 10 s; one that did begins anew.  Nothing here reads a
 * clock or starts a process.
 */
#ifndef ADIT_RELAY_RESTART_H
#define ADIT_RELAY_RESTART_H

#include "base/clock.h"

#define RESTART_FIRST_NS (10 * NS_PER_MS)
#define RESTART_LAST_NS	 (10 * NS_PER_S)
#define RESTART_CALM_NS	 NS_PER_S

/* Zeroed: it was never started. */
struct restart {
	struct instant started;
	struct instant due; /* 0: it runs, or has no need to */
	uint64_t delay_ns;
};

void restart_note_start(struct restart *restart, struct instant now);
/* Also of one that could not be started. */
void restart_note_end(struct restart *restart, struct instant now);

#endif
