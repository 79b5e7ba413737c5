/* A lasting namespace that is systemd's: adit-netns@NAME.service makes and seals
 * it, adit@NAME.service is the supervisor.  One that systemd keeps must not be
 * ended, or started anew, behind its back.
 */
#ifndef ADIT_CLI_SERVICE_H
#define ADIT_CLI_SERVICE_H

#include <stdbool.h>

struct down_result;
struct error;
struct place;

/* The units are installed, and there is a systemd. */
bool service_is_installed(const struct place *place);
/* One of both is active. */
bool service_is_active(const struct place *place);

/* The configuration's errors are printed here, not in the journal: -EBADMSG then. */
int service_start(const struct place *place, struct error *err);
int service_restart(const struct place *place, struct error *err);
/* Both, and with them whatever is bound to them. */
int service_stop(const struct place *place, struct down_result *ret, struct error *err);

#endif
