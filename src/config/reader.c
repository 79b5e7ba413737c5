/* How it works
 *
 * Files are read one after the other into one profile: the main file, its
 * drop-ins, then the file that WireGuard= names.  Each line is looked up in the
 * table of key.h; its value is split into items where the key is a list, and
 * each item is handed to the key's set function, which stores it or says what
 * is wrong with it.  A fault never stops the reading: the report has them all,
 * up to a limit.  What concerns more than one line is checked at the end, in
 * check.c.
 */
#include "config/reader.h"

#include "base/text.h"
#include "config/builder.h"
#include "config/check.h"
#include "config/key.h"
#include "config/wgquick.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- places ---- */

static struct profile_place place_of(const struct builder *builder, const struct lexer_line *line,
				     const char *at)
{
	return (struct profile_place){
		.file = builder->file_now,
		.line = line->number,
		.column = lexer_column(line, at),
	};
}

static void remark_part(struct builder *builder, const struct lexer_line *line, struct slice part,
			const char *what)
{
	struct profile_place place = place_of(builder, line, part.at);

	builder_remark(builder, REPORT_ERROR, &place, part.len, "%s", what);
}

/* ---- what must not be shown ---- */

static bool is_unnamed(const struct lexer_line *line)
{
	return !key_find_anywhere(line->name) && wgquick_find(line->name) == WGQUICK_GROUPS;
}

enum { LONG_WORD = 24 }; /* longer than any key's name: it may be half a key of 32 bytes */

size_t reader_find_mask(const struct lexer_line *line)
{
	const struct key *key = key_find_anywhere(line->name);

	switch (line->kind) {
	case LEXER_JUNK:
		return line->name.len > LONG_WORD && !memchr(line->name.at, ' ', line->name.len)
			       ? 0
			       : SIZE_MAX;
	case LEXER_PAIR:
		if (is_unnamed(line) && line->name.len > LONG_WORD)
			return 0;
		if (is_unnamed(line) || (key && key->flags & KEY_SECRET))
			return (size_t)(line->value.at - line->whole.at);
		return SIZE_MAX;
	case LEXER_SECTION:
	case LEXER_END:
		break;
	}
	return SIZE_MAX;
}

/* ---- values ---- */

/* Where byte `offset` of an item's text stands in its line. */
static const char *find_raw(const struct item *item, size_t offset)
{
	const char *at = item->raw;
	const char *end = item->raw + item->raw_len;

	if (!(item->key->flags & KEY_SQUEEZE))
		return at + (offset < item->raw_len ? offset : item->raw_len);
	while (at < end && (offset > 0 || lexer_is_blank(*at))) {
		if (!lexer_is_blank(*at))
			offset--;
		at++;
	}
	return at;
}

static bool has_blank(const struct item *item)
{
	for (size_t i = 0; i < item->raw_len; i++)
		if (lexer_is_blank(item->raw[i]))
			return true;
	return false;
}

static void remark_fault(struct builder *builder, const struct item *item,
			 const struct fault *fault)
{
	const char *from = find_raw(item, fault->offset);
	const char *to =
		fault->len ? find_raw(item, fault->offset + fault->len) : item->raw + item->raw_len;
	struct profile_place place = place_of(builder, item->line, from);
	size_t width = to > from ? (size_t)(to - from) : 1;

	if (item->key->flags & KEY_SECRET || report_looks_secret(item->text, item->len))
		builder_remark(builder, REPORT_ERROR, &place, width, "%s: %s", item->key->name,
			       fault->what);
	else
		builder_remark(builder, REPORT_ERROR, &place, width, "%s: '%.80s%s': %s",
			       item->key->name, item->text, item->len > 80 ? "..." : "",
			       fault->what);
	if (item->key->flags & KEY_COMMAS && has_blank(item))
		report_hint(builder->report, "commas stand between the values of a list");
	else if (fault->hint[0])
		report_hint(builder->report, "%s", fault->hint);
}

/* The raw text into the item's buffer; false when it does not fit. */
static bool copy_item(struct item *item, size_t size)
{
	item->len = 0;
	for (size_t i = 0; i < item->raw_len; i++) {
		if (item->key->flags & KEY_SQUEEZE && lexer_is_blank(item->raw[i]))
			continue;
		if (item->len + 1 == size)
			return false;
		item->text[item->len++] = item->raw[i];
	}
	item->text[item->len] = '\0';
	return true;
}

static void take_item(struct builder *builder, const struct key *key, const struct lexer_line *line,
		      struct slice raw)
{
	char text[PROFILE_PATH_LEN];
	struct item item = {
		.key = key,
		.text = text,
		.raw = raw.at,
		.raw_len = raw.len,
		.line = line,
		.place = place_of(builder, line, raw.at),
	};
	struct fault fault;

	if (!copy_item(&item, sizeof(text)))
		builder_remark(builder, REPORT_ERROR, &item.place, raw.len,
			       "%s: longer than %d characters", key->name, PROFILE_PATH_LEN - 1);
	else if (!key->set(builder, &item, &fault))
		remark_fault(builder, &item, &fault);
	secret_wipe(text, sizeof(text));
}

static bool is_separator(const struct key *key, char c)
{
	return c == ',' || (key->flags & KEY_WORDS && lexer_is_blank(c));
}

/* Cuts the first item off a list, with what stands behind it. */
static struct slice cut_item(const struct key *key, struct slice *rest)
{
	struct slice item = {rest->at, 0};

	while (item.len < rest->len && !is_separator(key, item.at[item.len]))
		item.len++;
	rest->at += item.len;
	rest->len -= item.len;
	return lexer_trim(item);
}

static void take_list(struct builder *builder, const struct key *key, const struct lexer_line *line)
{
	struct slice rest = line->value;

	while (true) {
		struct slice item = cut_item(key, &rest);

		if (item.len > 0)
			take_item(builder, key, line, item);
		else if (key->flags & KEY_COMMAS) {
			struct profile_place place =
				place_of(builder, line, rest.len ? rest.at : rest.at - 1);

			builder_remark(builder, REPORT_ERROR, &place, 1,
				       "%s: nothing stands beside this comma", key->name);
		}
		if (rest.len == 0)
			return;
		rest.at++;
		rest.len--;
	}
}

/* ---- keys ---- */

static void remark_unknown(struct builder *builder, const struct lexer_line *line)
{
	struct profile_place place = place_of(builder, line, line->name.at);
	const char *section = section_info[builder->section].name;
	const struct key *elsewhere = key_find_anywhere(line->name);
	const struct key *near = key_suggest(builder->section, line->name);

	if (line->name.len > LONG_WORD)
		builder_remark(builder, REPORT_ERROR, &place, line->name.len,
			       "[%s] has no such key", section);
	else
		builder_remark(builder, REPORT_ERROR, &place, line->name.len,
			       "[%s] has no key '%.*s'", section, (int)line->name.len,
			       line->name.at);
	if (elsewhere)
		report_hint(builder->report, "%s is a key of [%s]", elsewhere->name,
			    section_info[elsewhere->section].name);
	else if (near)
		report_hint(builder->report, "did you mean %s?", near->name);
	else if (memchr(line->name.at, ':', line->name.len))
		report_hint(builder->report, "'=' stands between a key and its value");
	if (near)
		builder->is_guessed[near - key_table] = true;
}

static void take_unknown(struct builder *builder, const struct lexer_line *line)
{
	enum wgquick_group group = wgquick_find(line->name);
	const struct wgquick_answer *answer;
	struct profile_place place;

	if (group == WGQUICK_GROUPS ||
	    (builder->section != SECTION_INTERFACE && builder->section != SECTION_PEER)) {
		remark_unknown(builder, line);
		return;
	}
	if (builder->said & 1U << group)
		return;
	builder->said |= 1U << group;
	answer = wgquick_answer(group);
	place = place_of(builder, line, line->name.at);
	builder_remark(builder, answer->severity, &place, line->name.len, "%.*s: %s",
		       (int)line->name.len, line->name.at, answer->what);
	if (answer->hint)
		report_hint(builder->report, "%s", answer->hint);
}

/* Whether a value may be stored: not a second one of a single-valued key. */
static bool check_again(struct builder *builder, const struct key *key,
			const struct profile_place *place, size_t width)
{
	struct profile_place *seen = &builder->seen[key - key_table];
	char where[BUILDER_WHERE_LEN];
	bool is_again = seen->line > 0 && !(key->flags & (KEY_COMMAS | KEY_WORDS));

	if (is_again && key->flags & KEY_LAST)
		builder_remark(builder, REPORT_WARNING, place, width,
			       "%s: given again, and the last one counts (the first: %s)",
			       key->name, builder_where(builder, place, seen, where));
	else if (is_again) {
		builder_remark(builder, REPORT_ERROR, place, width, "%s: given already (%s)",
			       key->name, builder_where(builder, place, seen, where));
		return false;
	}
	if (seen->line == 0 && key->flags & KEY_LATER)
		builder_remark(builder, REPORT_LATER, place, width, "%s: not available yet",
			       key->name);
	if (seen->line == 0 && key->flags & KEY_LASTING)
		builder_remark(builder, REPORT_LASTING, place, width,
			       "%s: is for lasting namespaces (adit up)", key->name);
	*seen = *place;
	return true;
}

static void take_key(struct builder *builder, const struct key *key, const struct lexer_line *line)
{
	struct profile_place place = place_of(builder, line, line->name.at);
	struct builder_file *file = &builder->file[builder->file_now];

	if (key->flags & KEY_SECRET && file->secret.line == 0)
		file->secret = place;
	if (!check_again(builder, key, &place, line->name.len))
		return;
	if (line->value.len == 0)
		builder_remark(builder, REPORT_ERROR, &place, line->name.len,
			       "%s: a value is missing", key->name);
	else if (key->flags & (KEY_COMMAS | KEY_WORDS))
		take_list(builder, key, line);
	else
		take_item(builder, key, line, line->value);
}

static void take_pair(struct builder *builder, const struct lexer_line *line)
{
	const struct key *key;

	if (builder->is_section_unknown)
		return;
	if (builder->section == SECTIONS) {
		remark_part(builder, line, line->name, "a key before any section");
		report_hint(builder->report, "a WireGuard file begins with [Interface]");
		builder->is_section_unknown = true;
		return;
	}
	key = key_find(builder->section, line->name);
	if (key)
		take_key(builder, key, line);
	else
		take_unknown(builder, line);
}

/* ---- sections ---- */

static void begin_peer(struct builder *builder, const struct profile_place *place)
{
	reader_end_peer(builder);
	for (size_t i = 0; i < n_keys; i++) {
		if (key_table[i].section != SECTION_PEER)
			continue;
		builder->seen[i] = (struct profile_place){0};
		builder->is_guessed[i] = false;
	}
	builder->peer = profile_add_peer(builder->profile);
	if (builder->peer) {
		builder->peer->place = *place;
		return;
	}
	builder->is_section_unknown = true;
	if (builder->profile->n_peers == PROFILE_PEERS_MAX)
		builder_remark(builder, REPORT_ERROR, place, 0, "more than %d peers",
			       PROFILE_PEERS_MAX);
	else
		builder->is_out_of_memory = true;
}

void reader_end_peer(struct builder *builder)
{
	if (builder->peer)
		check_peer(builder, builder->peer);
	builder->peer = NULL;
}

static void remark_section(struct builder *builder, const struct lexer_line *line,
			   const struct profile_place *place)
{
	const char *near = section_suggest(line->name);

	builder_remark(builder, REPORT_ERROR, place, line->name.len, "no section is called [%.*s]",
		       (int)(line->name.len < 40 ? line->name.len : 40), line->name.at);
	if (near)
		report_hint(builder->report, "did you mean [%s]?", near);
}

static void take_section(struct builder *builder, const struct lexer_line *line)
{
	struct profile_place place = place_of(builder, line, line->name.at);
	enum section section = section_find(line->name);
	bool is_plain = builder->file[builder->file_now].is_plain;

	builder->section = section;
	builder->is_section_unknown = section == SECTIONS;
	builder->has_unknown_section |= section == SECTIONS;
	if (section == SECTIONS) {
		remark_section(builder, line, &place);
		return;
	}
	if (is_plain && section != SECTION_INTERFACE && section != SECTION_PEER) {
		builder_remark(builder, REPORT_ERROR, &place, line->name.len,
			       "[%s]: a file named by WireGuard= has [Interface] and [Peer] only",
			       section_info[section].name);
		builder->is_section_unknown = true;
		return;
	}
	if (builder->section_place[section].line == 0) {
		builder->section_place[section] = place;
		if (section_info[section].flags & KEY_LATER)
			builder_remark(builder, REPORT_LATER, &place, line->name.len,
				       "[%s] is not available yet", section_info[section].name);
		if (section_info[section].flags & KEY_LASTING)
			builder_remark(builder, REPORT_LASTING, &place, line->name.len,
				       "[%s] is for lasting namespaces (adit up)",
				       section_info[section].name);
	}
	if (section == SECTION_PEER)
		begin_peer(builder, &place);
}

/* ---- files ---- */

static void take_junk(struct builder *builder, const struct lexer_line *line)
{
	remark_part(builder, line, line->name, line->why);
	if (line->name.at[0] == ';' || line->name.at[0] == '/')
		report_hint(builder->report, "a comment begins with '#'");
	/* What follows belongs to a section, and nobody knows which. */
	if (*lexer_trim(line->whole).at == '[') {
		builder->is_section_unknown = true;
		builder->has_unknown_section = true;
	}
}

static void take_lines(struct builder *builder, const struct config_text *text)
{
	struct lexer lexer;

	lexer_init(&lexer, text->at, text->len);
	builder->section = SECTIONS;
	builder->is_section_unknown = false;
	while (true) {
		struct lexer_line line = lexer_next(&lexer);

		switch (line.kind) {
		case LEXER_END:
			return;
		case LEXER_SECTION:
			take_section(builder, &line);
			break;
		case LEXER_PAIR:
			take_pair(builder, &line);
			break;
		case LEXER_JUNK:
			take_junk(builder, &line);
			break;
		}
	}
}

static void check_mode(struct builder *builder, const struct builder_file *file)
{
	const char *path = builder->profile->file[builder->file_now];

	if (!file->text.is_open || file->secret.line == 0)
		return;
	builder_remark(builder, file->text.is_system ? REPORT_ERROR : REPORT_WARNING, &file->secret,
		       0, "others can read this file, and it holds a key (mode %04o)",
		       file->text.mode);
	report_hint(builder->report, "chmod 600 %s", path);
}

/* Windows' Notepad writes UTF-16 when asked for "Unicode". */
static bool is_utf16(const struct config_text *text)
{
	return text->len >= 2 &&
	       (memcmp(text->at, "\xff\xfe", 2) == 0 || memcmp(text->at, "\xfe\xff", 2) == 0);
}

int reader_add_file(struct builder *builder, const char *path, bool is_plain, struct error *err)
{
	struct profile *profile = builder->profile;
	uint32_t number = (uint32_t)profile->n_files;
	struct builder_file *file = &builder->file[number];
	int r;

	if (number == PROFILE_FILES_MAX)
		return error_set(err, E2BIG, "'%s': more than %d files", path, PROFILE_FILES_MAX);
	profile->file[number] = strdup(path);
	if (!profile->file[number])
		return error_set(err, ENOMEM, "'%s': out of memory", path);
	profile->n_files++;
	r = builder->source->read(builder->source->context, path, CONFIG_TEXT_MAX, &file->text,
				  err);
	if (r < 0)
		return r;
	file->is_plain = is_plain;
	builder->file_now = number;
	if (is_utf16(&file->text)) {
		struct profile_place place = {.file = number, .line = 0};

		builder_remark(builder, REPORT_ERROR, &place, 0, "the file is UTF-16, not UTF-8");
		report_hint(builder->report, "iconv -f UTF-16 -t UTF-8");
		builder->has_unknown_section = true;
		return 0;
	}
	take_lines(builder, &file->text);
	reader_end_peer(builder);
	check_mode(builder, file);
	return 0;
}
