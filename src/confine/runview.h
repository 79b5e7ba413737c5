/* /run inside: the host's files without its sockets, and a fresh XDG_RUNTIME_DIR
 * into which the sockets of the display and of sound are bound.
 *
 * What is reachable through the two is said by share_display_meaning and
 * share_sound_meaning.
 */
#ifndef ADIT_CONFINE_RUNVIEW_H
#define ADIT_CONFINE_RUNVIEW_H

#include <stdbool.h>

struct view_host;
struct view_plan;

/* A socket of the host at another place inside, with a file made to mount it on;
 * nothing when there is none.
 */
void runview_attach_socket(struct view_plan *plan, const char *source, const char *target);

/* PulseAudio, or PipeWire in its place, will be asked by programs inside. */
bool runview_has_pulse(const struct view_host *host);

void runview_add(const struct view_host *host, struct view_plan *plan);

#endif
