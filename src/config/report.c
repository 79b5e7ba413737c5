#include "config/report.h"

#include "base/secret.h"
#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct remark {
	enum report_severity severity;
	uint32_t file;	 /* index into report.path; ignored without a path */
	uint32_t line;	 /* 0: no place */
	uint32_t column; /* 0: whole line */
	char what[240];
	char hint[160];
	char shown[REPORT_SHOWN_LEN + 8]; /* sanitised; "" for no source */
	uint32_t caret_at;		  /* offset in `shown` */
	uint32_t caret_len;		  /* bytes; 0: no caret */
};

enum {
	REPORT_PATHS_MAX = 64,
	REPORT_AROUND = 64, /* bytes looked at before and behind what is shown; more than a key */
};

struct report {
	char *path[REPORT_PATHS_MAX];
	size_t n_paths;
	struct remark remark[REPORT_MAX];
	size_t n_remarks;
	size_t count[REPORT_SEVERITIES];
	size_t n_dropped;
	bool is_last_dropped; /* a hint for it has nowhere to go */
};

static const struct {
	const char *word;
	const char *color;
} severities[REPORT_SEVERITIES] = {
	[REPORT_ERROR] = {"error", "\033[1;31m"}, [REPORT_WARNING] = {"warning", "\033[1;33m"},
	[REPORT_NOTE] = {"note", "\033[1;36m"},	  [REPORT_LATER] = {"note", ""},
	[REPORT_LASTING] = {"note", ""},
};
static const char color_bold[] = "\033[1m";
static const char color_off[] = "\033[0m";

struct report *report_new(void)
{
	return calloc(1, sizeof(struct report));
}

void report_free(struct report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->n_paths; i++)
		free(report->path[i]);
	free(report);
}

/* Length of the UTF-8 sequence that begins here; 0 when there is none, or one
 * of the C1 control characters.
 */
static size_t utf8_len(const char *text, size_t len)
{
	const uint8_t *at = (const uint8_t *)text;
	size_t wanted = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;

	if (at[0] < 0xc2 || at[0] > 0xf4 || wanted > len)
		return 0;
	if (at[0] == 0xc2 && at[1] < 0xa0)
		return 0;
	for (size_t i = 1; i < wanted; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return wanted;
}

/* What a terminal would obey, and broken UTF-8, becomes '?'. */
static void sanitise(char *text)
{
	size_t len = strlen(text);
	size_t at = 0;

	while (at < len) {
		size_t step = 1;

		if ((uint8_t)text[at] >= 0x80)
			step = utf8_len(text + at, len - at);
		else if (text[at] != '\t' && iscntrl((unsigned char)text[at]))
			step = 0;
		if (step == 0) {
			text[at] = '?';
			step = 1;
		}
		at += step;
	}
}

static bool is_base64(char c)
{
	return isalnum((unsigned char)c) || c == '+' || c == '/' || c == '=';
}

bool report_looks_secret(const char *text, size_t len)
{
	bool has_upper = false;
	bool has_lower = false;
	bool has_digit = false;

	if (len >= 44 && text[len - 1] == '=')
		return true;
	if (len < 40 || len > 48)
		return false;
	for (size_t i = 0; i < len; i++) {
		has_upper |= isupper((unsigned char)text[i]) != 0;
		has_lower |= islower((unsigned char)text[i]) != 0;
		has_digit |= isdigit((unsigned char)text[i]) != 0;
	}
	return has_upper && has_lower && has_digit;
}

/* A key pasted in the wrong place must not be shown either. */
static void mask_keys(char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t run = 0;

		while (at + run < len && is_base64(text[at + run]))
			run++;
		if (report_looks_secret(text + at, run))
			memset(text + at, '*', run);
		at += run ? run : 1;
	}
}

/* Keys are looked for in the whole sentence, before any of it is cut off. */
static void __attribute__((format(printf, 3, 0)))
write_sentence(char *ret, size_t size, const char *format, va_list args)
{
	char whole[1024];

	(void)vsnprintf(whole, sizeof(whole), format, args);
	mask_keys(whole, strlen(whole));
	(void)snprintf(ret, size, "%s", whole);
	secret_wipe(whole, sizeof(whole));
	sanitise(ret);
}

/* UINT32_MAX when there are too many paths, or no memory: shown without one. */
static uint32_t intern(struct report *report, const char *path)
{
	char *copy;

	for (size_t i = 0; path && i < report->n_paths; i++)
		if (strcmp(report->path[i], path) == 0)
			return (uint32_t)i;
	if (!path || report->n_paths == REPORT_PATHS_MAX)
		return UINT32_MAX;
	copy = strdup(path);
	if (!copy)
		return UINT32_MAX;
	sanitise(copy);
	report->path[report->n_paths++] = copy;
	return (uint32_t)report->n_paths - 1;
}

static bool is_continuation(char c)
{
	return ((uint8_t)c & 0xc0) == 0x80;
}

/* Copies source bytes [start, start + len), masked.  A key is looked for a
 * little way outside too, so that half of one is not shown.
 */
static void copy_masked(const struct report_spot *spot, size_t start, size_t len, char *ret)
{
	char around[REPORT_SHOWN_LEN + 2 * REPORT_AROUND];
	size_t before = start < REPORT_AROUND ? start : REPORT_AROUND;
	size_t after = spot->source_len - start - len;
	size_t total;

	total = before + len + (after < REPORT_AROUND ? after : REPORT_AROUND);
	for (size_t i = 0; i < total; i++) {
		size_t at = start - before + i;

		around[i] = at >= spot->mask_from ? '*' : spot->source[at];
		if (around[i] == '\0')
			around[i] = '?';
	}
	mask_keys(around, total);
	memcpy(ret, around + before, len);
	ret[len] = '\0';
	secret_wipe(around, sizeof(around));
}

/* The part of a line around the column. */
static void show_source(struct remark *remark, const struct report_spot *spot)
{
	size_t caret = spot->pos.column ? spot->pos.column - 1 : 0;
	size_t start = caret > REPORT_SHOWN_LEN - 40 ? caret - REPORT_SHOWN_LEN / 2 : 0;
	size_t width = spot->width ? spot->width : 1;
	char part[REPORT_SHOWN_LEN + 1];
	size_t len;

	if (caret > spot->source_len)
		return;
	while (start > 0 && is_continuation(spot->source[start]))
		start--;
	len = spot->source_len - start;
	if (len > REPORT_SHOWN_LEN) {
		len = REPORT_SHOWN_LEN;
		while (len > 0 && is_continuation(spot->source[start + len]))
			len--;
	}
	copy_masked(spot, start, len, part);
	(void)snprintf(remark->shown, sizeof(remark->shown), "%s%s%s", start > 0 ? "..." : "", part,
		       start + len < spot->source_len ? "..." : "");
	sanitise(remark->shown);
	if (spot->pos.column == 0)
		return;
	remark->caret_at = (uint32_t)(caret - start + (start > 0 ? 3 : 0));
	remark->caret_len = (uint32_t)width;
	if (caret + width > start + len)
		remark->caret_len = (uint32_t)(caret < start + len ? start + len - caret : 1);
}

bool report_is_full(const struct report *report)
{
	return report->n_remarks == REPORT_MAX;
}

void report_add(struct report *report, enum report_severity severity,
		const struct report_spot *spot, const char *format, ...)
{
	struct remark *remark;
	va_list args;

	report->count[severity]++;
	report->is_last_dropped = report_is_full(report);
	if (report->is_last_dropped) {
		report->n_dropped++;
		return;
	}
	remark = &report->remark[report->n_remarks++];
	*remark = (struct remark){
		.severity = severity,
		.file = intern(report, spot->pos.path),
		.line = spot->pos.line,
		.column = spot->pos.line ? spot->pos.column : 0,
	};
	va_start(args, format);
	write_sentence(remark->what, sizeof(remark->what), format, args);
	va_end(args);
	if (spot->source && spot->pos.line)
		show_source(remark, spot);
}

void report_hint(struct report *report, const char *format, ...)
{
	struct remark *remark;
	va_list args;

	if (report->n_remarks == 0 || report->is_last_dropped)
		return;
	remark = &report->remark[report->n_remarks - 1];
	va_start(args, format);
	write_sentence(remark->hint, sizeof(remark->hint), format, args);
	va_end(args);
}

static bool is_before(const struct remark *a, const struct remark *b)
{
	if (a->file != b->file)
		return a->file < b->file;
	if (a->line != b->line)
		return a->line < b->line;
	return a->column < b->column;
}

/* By insertion: it is stable, and the remarks come nearly sorted. */
void report_sort(struct report *report)
{
	for (size_t i = 1; i < report->n_remarks; i++) {
		struct remark moved = report->remark[i];
		size_t at = i;

		while (at > 0 && is_before(&moved, &report->remark[at - 1])) {
			report->remark[at] = report->remark[at - 1];
			at--;
		}
		report->remark[at] = moved;
	}
}

size_t report_promote(struct report *report, enum report_severity severity)
{
	size_t n_promoted = report->count[severity];

	for (size_t i = 0; i < report->n_remarks; i++)
		if (report->remark[i].severity == severity)
			report->remark[i].severity = REPORT_ERROR;
	report->count[REPORT_ERROR] += n_promoted;
	report->count[severity] = 0;
	return n_promoted;
}

size_t report_count(const struct report *report, enum report_severity severity)
{
	return report->count[severity];
}

size_t report_length(const struct report *report)
{
	return report->n_remarks;
}

enum report_severity report_severity_at(const struct report *report, size_t index)
{
	return report->remark[index].severity;
}

const char *report_what_at(const struct report *report, size_t index)
{
	return report->remark[index].what;
}

const char *report_hint_at(const struct report *report, size_t index)
{
	return report->remark[index].hint;
}

struct source_pos report_pos_at(const struct report *report, size_t index)
{
	const struct remark *remark = &report->remark[index];

	return (struct source_pos){
		.path = remark->file < report->n_paths ? report->path[remark->file] : NULL,
		.line = remark->line,
		.column = remark->column,
	};
}

static void write_place(const struct source_pos *pos, struct text *text)
{
	if (!pos->path)
		return;
	text_add(text, "%s:", pos->path);
	if (pos->line)
		text_add(text, "%u:", pos->line);
	if (pos->column)
		text_add(text, "%u:", pos->column);
	text_add(text, " ");
}

/* A caret under its byte whatever stands before it: tabs stay tabs, and a
 * character of several bytes is taken for one column.
 */
static void write_caret(const struct remark *remark, const char *color, struct text *text)
{
	size_t len = strlen(remark->shown);

	text_add(text, "      | ");
	for (size_t i = 0; i < remark->caret_at && i < len; i++)
		if (!is_continuation(remark->shown[i]))
			text_add(text, "%c", remark->shown[i] == '\t' ? '\t' : ' ');
	text_add(text, "%s^", color);
	for (size_t i = remark->caret_at + 1; i < remark->caret_at + remark->caret_len; i++)
		if (i < len && !is_continuation(remark->shown[i]))
			text_add(text, "~");
	text_add(text, "%s\n", *color ? color_off : "");
}

void report_write_one(const struct report *report, size_t index, bool has_color, struct text *text)
{
	const struct remark *remark = &report->remark[index];
	const char *color = has_color ? severities[remark->severity].color : "";
	const char *off = has_color ? color_off : "";
	struct source_pos pos = report_pos_at(report, index);

	if (remark->severity == REPORT_LATER || remark->severity == REPORT_LASTING)
		return;
	text_add(text, "%s", has_color ? color_bold : "");
	write_place(&pos, text);
	text_add(text, "%s%s%s:%s %s\n", off, color, severities[remark->severity].word, off,
		 remark->what);
	if (remark->shown[0])
		text_add(text, "%5u | %s\n", remark->line, remark->shown);
	if (remark->shown[0] && remark->caret_len)
		write_caret(remark, color, text);
	if (remark->hint[0])
		text_add(text, "hint: %s\n", remark->hint);
}

void report_print(const struct report *report, FILE *file, bool has_color)
{
	char buffer[REPORT_ONE_TEXT_LEN];
	struct text text;

	for (size_t i = 0; i < report->n_remarks; i++) {
		text_init(&text, buffer, sizeof(buffer));
		report_write_one(report, i, has_color, &text);
		(void)fputs(buffer, file);
	}
	if (report->n_dropped)
		(void)fprintf(file, "and %zu more\n", report->n_dropped);
}
