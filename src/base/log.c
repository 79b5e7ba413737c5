#include "base/log.h"

#include "base/error.h"
#include "base/text.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A path of PATH_MAX, a text and a hint always fit. */
enum { LINE_LEN = PATH_MAX + 1024 };

static enum log_level sink_level = LOG_LEVEL_INFO;
static const char *sink_prefix = "adit: ";

void log_set_level(enum log_level level)
{
	sink_level = level;
}

enum log_level log_get_level(void)
{
	return sink_level;
}

void log_set_prefix(const char *prefix)
{
	sink_prefix = prefix;
}

bool log_use_color(void)
{
	return isatty(STDERR_FILENO) && !getenv("NO_COLOR");
}

/* One write(2), so that processes that share stderr do not mix lines.  Text may
 * come from a file or a remote party: what would steer the terminal is shown as
 * '?'.  Bytes from 0x80 are left alone, since they are UTF-8.
 */
static void emit(struct text *text)
{
	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->at[i];

		if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
			text->at[i] = '?';
	}
	if (text->is_truncated)
		text->at[text->len - 1] = '\n';
	if (write(STDERR_FILENO, text->at, text->len) < 0)
		return; /* nowhere left to say so */
}

__attribute__((format(printf, 2, 0))) static void put(const char *tag, const char *format,
						      va_list args)
{
	char body[LINE_LEN];
	char line[LINE_LEN];
	struct text text;

	(void)vsnprintf(body, sizeof(body), format, args);
	text_init(&text, line, sizeof(line));
	text_add(&text, "%s%s%s\n", sink_prefix, tag, body);
	emit(&text);
}

void log_error(const struct error *err)
{
	char line[LINE_LEN];
	struct text text;

	text_init(&text, line, sizeof(line));
	if (err->pos.path && err->pos.column)
		text_add(&text, "%s:%u:%u: ", err->pos.path, err->pos.line, err->pos.column);
	else if (err->pos.path)
		text_add(&text, "%s:%u: ", err->pos.path, err->pos.line);
	else
		text_add(&text, "%s", sink_prefix);
	text_add(&text, "error: %s\n", err->what);
	if (err->hint[0] != '\0')
		text_add(&text, "hint: %s\n", err->hint);
	emit(&text);
}

void log_warn(const char *format, ...)
{
	va_list args;

	if (sink_level < LOG_LEVEL_WARN)
		return;
	va_start(args, format);
	put("warning: ", format, args);
	va_end(args);
}

void log_info(const char *format, ...)
{
	va_list args;

	if (sink_level < LOG_LEVEL_INFO)
		return;
	va_start(args, format);
	put("", format, args);
	va_end(args);
}

void log_debug(const char *format, ...)
{
	va_list args;

	if (sink_level < LOG_LEVEL_DEBUG)
		return;
	va_start(args, format);
	put("debug: ", format, args);
	va_end(args);
}
