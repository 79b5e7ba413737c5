#include "config/builder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- remarks ---- */

/* The line of that number; LEXER_END when there is none. */
static struct lexer_line find_line(const struct config_text *text, uint32_t number)
{
	struct lexer lexer;
	struct lexer_line line;

	lexer_init(&lexer, text->at, text->len);
	do
		line = lexer_next(&lexer);
	while (line.kind != LEXER_END && line.number < number);
	return line;
}

/* Bytes of the word at a column, for places that come without a width. */
static size_t word_len(const struct lexer_line *line, uint32_t column)
{
	size_t start = column > 0 ? column - 1 : 0;
	size_t at = start;

	while (at < line->whole.len && line->whole.at[at] != ',' && line->whole.at[at] != '=' &&
	       !lexer_is_blank(line->whole.at[at]))
		at++;
	return at - start;
}

void builder_remark(struct builder *builder, enum report_severity severity,
		    const struct profile_place *place, size_t width, const char *format, ...)
{
	struct report_spot spot = {.mask_from = SIZE_MAX};
	struct lexer_line line;
	char what[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	spot.pos = profile_pos(builder->profile, place);
	if (place->line > 0 && !report_is_full(builder->report)) {
		line = find_line(&builder->file[place->file].text, place->line);
		if (line.kind != LEXER_END) {
			spot.source = line.whole.at;
			spot.source_len = line.whole.len;
			spot.mask_from = builder->find_mask(&line);
			spot.width = width ? width : word_len(&line, place->column);
		}
	}
	report_add(builder->report, severity, &spot, "%s", what);
	secret_wipe(what, sizeof(what));
}

char *builder_where(const struct builder *builder, const struct profile_place *place,
		    const struct profile_place *other, char ret[BUILDER_WHERE_LEN])
{
	if (place->file == other->file)
		(void)snprintf(ret, BUILDER_WHERE_LEN, "line %u", other->line);
	else
		(void)snprintf(ret, BUILDER_WHERE_LEN, "%s:%u", builder->profile->file[other->file],
			       other->line);
	return ret;
}

/* ---- paths ---- */

/* A credential is a file of one folder, so its name has no '/'. */
static bool resolve_credential(const struct builder *builder, const struct item *item,
			       struct fault *fault, char ret[PROFILE_PATH_LEN])
{
	const char *name = item->text + 1;

	if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return fault_set(fault, 1, 0, "not the name of a systemd credential");
	if (!builder->source->credentials) {
		(void)fault_set(fault, 0, 0, "no systemd credentials here");
		return fault_hint(fault, "@NAME is for a service with LoadCredential=");
	}
	if (snprintf(ret, PROFILE_PATH_LEN, "%s/%s", builder->source->credentials, name) >=
	    PROFILE_PATH_LEN)
		return fault_set(fault, 0, 0, "the path is too long");
	return true;
}

bool builder_resolve(const struct builder *builder, const struct item *item, struct fault *fault,
		     char ret[PROFILE_PATH_LEN])
{
	const char *file = builder->profile->file[builder->file_now];
	const char *slash = strrchr(file, '/');
	int folder_len = slash ? (int)(slash - file) + 1 : 0;

	if (item->text[0] == '@')
		return resolve_credential(builder, item, fault, ret);
	if (item->text[0] == '/')
		folder_len = 0;
	if (snprintf(ret, PROFILE_PATH_LEN, "%.*s%s", folder_len, file, item->text) >=
	    PROFILE_PATH_LEN)
		return fault_set(fault, 0, 0, "the path is too long");
	return true;
}
