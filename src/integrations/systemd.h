/* The service manager, as a command line: systemctl(1) of the system, or for an
 * ordinary user of their own manager.
 *
 * A program and not D-Bus: it is asked a few times in a life, speaks to managers
 * of any version, and asks for a password where that is how a machine is set up.
 *
 * Source: systemctl(1), sd_booted(3).
 */
#ifndef ADIT_INTEGRATIONS_SYSTEMD_H
#define ADIT_INTEGRATIONS_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>

struct error;

enum { SYSTEMD_WORDS_MAX = 16, SYSTEMD_VALUE_MAX = 64 * 1024 };

/* Whether there is a manager to be asked. */
bool systemd_is_running(void);

/* systemctl with these words, NULL-terminated; what it says goes to our standard
 * error.  -EIO: it ended with another status than 0.
 */
int systemd_call(const char *const *words, struct error *err);

/* A property of a unit, without the line's end: "active" of "ActiveState".  Of a unit that
 * systemd does not know there are properties too ("not-found" of "LoadState").
 */
int systemd_property(const char *unit, const char *property, char *ret, size_t size,
		     struct error *err);

/* It runs, or begins, ends or is about to be started again. */
bool systemd_is_active(const char *unit);
/* There is a file for it. */
bool systemd_is_installed(const char *unit);

#endif
