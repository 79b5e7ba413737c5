#include "base/error.h"

#undef error_set
#undef error_at
#undef error_errno
#undef error_wrap

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 0))) static void fill(struct error *err, int code,
						       const char *format, va_list args)
{
	memset(err, 0, sizeof(*err));
	err->code = code;
	(void)vsnprintf(err->what, sizeof(err->what), format, args);
}

int error_set(struct error *err, int code, const char *format, ...)
{
	va_list args;

	if (!err)
		return -code;
	va_start(args, format);
	fill(err, code, format, args);
	va_end(args);
	return -code;
}

int error_at(struct error *err, const struct source_pos *pos, const char *format, ...)
{
	va_list args;

	if (!err)
		return -EINVAL;
	va_start(args, format);
	fill(err, EINVAL, format, args);
	va_end(args);
	err->pos = *pos;
	return -EINVAL;
}

int error_errno(struct error *err, int code, const char *format, ...)
{
	va_list args;
	size_t used;

	if (!err)
		return -code;
	va_start(args, format);
	fill(err, code, format, args);
	va_end(args);
	used = strlen(err->what);
	(void)snprintf(err->what + used, sizeof(err->what) - used, ": %s", strerror(code));
	return -code;
}

int error_wrap(struct error *err, const char *format, ...)
{
	char inner[sizeof(err->what)];
	va_list args;
	size_t used;

	if (!err)
		return -EINVAL;
	memcpy(inner, err->what, sizeof(inner));
	va_start(args, format);
	(void)vsnprintf(err->what, sizeof(err->what), format, args);
	va_end(args);
	used = strlen(err->what);
	(void)snprintf(err->what + used, sizeof(err->what) - used, ": %s", inner);
	return -err->code;
}

void error_hint(struct error *err, const char *format, ...)
{
	va_list args;

	if (!err)
		return;
	va_start(args, format);
	(void)vsnprintf(err->hint, sizeof(err->hint), format, args);
	va_end(args);
}

void error_list_add(struct error_list *list, const struct error *err)
{
	if (!list)
		return;
	if (list->n < ERROR_LIST_MAX)
		list->at[list->n++] = *err;
	else
		list->n_lost++;
}
