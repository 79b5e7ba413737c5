/* A session bus of the namespace's own.
 *
 * Process 1 binds and listens; dbus-daemon is started, confined like the
 * command, when somebody connects first, so it costs nothing when nobody does.
 * It is handed the socket as systemd hands one over.  Source:
 * dbus-daemon(1) "--address=systemd:", sd_listen_fds(3).
 */
#ifndef ADIT_CONFINE_BUS_H
#define ADIT_CONFINE_BUS_H

#include <stdbool.h>

struct error;
struct launch;

/* dbus-daemon is installed. */
bool bus_is_available(void);

/* A socket listening at `runtime_dir`/bus, close-on-exec, or -errno. */
int bus_listen(const char *runtime_dir, struct error *err);

/* Starts the daemon; like.argv, like.as_third and the like are replaced. 0, or
 * a negative number when the bus will never be.
 */
int bus_start(const struct launch *like, int listener, struct error *err);

#endif
