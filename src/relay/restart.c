#include "relay/restart.h"

void restart_note_start(struct restart *restart, struct instant now)
{
	restart->started = now;
	restart->due = (struct instant){0};
}

void restart_note_end(struct restart *restart, struct instant now)
{
	if (restart->delay_ns == 0 || instant_since(now, restart->started) >= RESTART_CALM_NS)
		restart->delay_ns = RESTART_FIRST_NS;
	else if (restart->delay_ns < RESTART_LAST_NS / 2)
		restart->delay_ns *= 2;
	else
		restart->delay_ns = RESTART_LAST_NS;
	restart->due = instant_add(now, restart->delay_ns);
}
