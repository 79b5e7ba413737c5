/* Lines for a person, on stderr.
 *
 * Rooms below supervise/ and cli/ return errors instead of logging them; they
 * may use log_debug().  Keys and packet bytes are never logged.
 */
#ifndef ADIT_BASE_LOG_H
#define ADIT_BASE_LOG_H

#include <stdbool.h>

struct error;

enum log_level {
	LOG_LEVEL_ERROR, /* this namespace failed */
	LOG_LEVEL_WARN,	 /* odd, and going on */
	LOG_LEVEL_INFO,	 /* one line for one event that a user cares about */
	LOG_LEVEL_DEBUG,
};

/* Lines above `level` are dropped.  The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* Goes in front of every line: "adit run: ".  Borrowed for good. */
void log_set_prefix(const char *prefix);
/* Colour on a terminal, unless NO_COLOR is set. */
bool log_use_color(void);

/* The error's place, text and hint.
 *
 * All of these write once, and cut what is longer than a path and a few
 * sentences.  Control characters are shown as '?': text may come from a file or
 * from afar.
 */
void log_error(const struct error *err);
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
