/* What systemd is told, and what it keeps: the datagrams of sd_notify(3).
 *
 * A descriptor in its store survives this process and comes back to the next
 * one.  Where systemd did not start us every call does nothing.
 *
 * Source: sd_notify(3), sd_listen_fds(3), systemd.service(5).
 */
#ifndef ADIT_SUPERVISE_NOTIFY_H
#define ADIT_SUPERVISE_NOTIFY_H

#include <stdint.h>

struct notify {
	int socket;	      /* -1: systemd did not start us */
	uint64_t watchdog_ns; /* it wants to hear from us as often; 0: never */
};

/* Reads the environment, and takes it out: no child gets it. */
void notify_open(struct notify *ret);
void notify_close(struct notify *notify);

/* "READY=1", "STATUS=...": assignments, a line each. */
void notify_send(const struct notify *notify, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Replaces what is stored by that name, [a-z0-9-]+. */
void notify_store(const struct notify *notify, const char *name, int fd);
void notify_forget(const struct notify *notify, const char *name);
/* What a predecessor stored by that name, close-on-exec; -1: nothing.  Once. */
int notify_take(const char *name);

#endif
