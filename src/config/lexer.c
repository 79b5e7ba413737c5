#include "config/lexer.h"

#include <string.h>
#include <strings.h>

bool lexer_is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice lexer_trim(struct slice slice)
{
	while (slice.len > 0 && lexer_is_blank(slice.at[0])) {
		slice.at++;
		slice.len--;
	}
	while (slice.len > 0 && lexer_is_blank(slice.at[slice.len - 1]))
		slice.len--;
	return slice;
}

bool lexer_equal(struct slice slice, const char *name)
{
	for (size_t i = 0; i < slice.len; i++) {
		if (lexer_is_blank(slice.at[i]))
			continue;
		/* At the name's end this compares with its NUL, which no line holds. */
		if (strncasecmp(slice.at + i, name, 1) != 0 || *name == '\0')
			return false;
		name++;
	}
	return *name == '\0';
}

void lexer_init(struct lexer *lexer, const char *text, size_t len)
{
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	*lexer = (struct lexer){.rest = {text, len}};
}

static struct slice take_line(struct lexer *lexer)
{
	const char *end = memchr(lexer->rest.at, '\n', lexer->rest.len);
	struct slice line = lexer->rest;

	if (end)
		line.len = (size_t)(end - line.at);
	lexer->rest.at += line.len + (end ? 1 : 0);
	lexer->rest.len -= line.len + (end ? 1 : 0);
	lexer->number++;
	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

static struct slice strip_comment(struct slice line)
{
	const char *comment = memchr(line.at, '#', line.len);

	if (comment)
		line.len = (size_t)(comment - line.at);
	return lexer_trim(line);
}

static void set_junk(struct lexer_line *line, struct slice part, const char *why)
{
	line->kind = LEXER_JUNK;
	line->name = part;
	line->why = why;
}

static void read_section(struct lexer_line *line, struct slice text)
{
	const char *end = memchr(text.at, ']', text.len);

	if (!end) {
		set_junk(line, text, "a section's name ends with ']'");
		return;
	}
	if (end != text.at + text.len - 1) {
		size_t used = (size_t)(end + 1 - text.at);

		set_junk(line, lexer_trim((struct slice){end + 1, text.len - used}),
			 "nothing but a comment may follow a section's name");
		return;
	}
	line->kind = LEXER_SECTION;
	line->name = lexer_trim((struct slice){text.at + 1, text.len - 2});
	if (line->name.len == 0)
		set_junk(line, text, "a section without a name");
}

static void read_pair(struct lexer_line *line, struct slice text)
{
	const char *equals = memchr(text.at, '=', text.len);
	size_t name_len = equals ? (size_t)(equals - text.at) : text.len;

	if (!equals) {
		set_junk(line, text, "neither [Section] nor Key = value");
		return;
	}
	line->kind = LEXER_PAIR;
	line->name = lexer_trim((struct slice){text.at, name_len});
	line->value = lexer_trim((struct slice){equals + 1, text.len - name_len - 1});
	if (line->name.len == 0)
		set_junk(line, text, "a value without a key");
}

static struct lexer_line read_line(struct slice whole, struct slice text, uint32_t number)
{
	struct lexer_line line = {.number = number, .whole = whole};
	const char *nul = memchr(text.at, '\0', text.len);

	if (nul)
		set_junk(&line, (struct slice){nul, 1}, "a NUL byte: this is no text");
	else if (text.at[0] == '[')
		read_section(&line, text);
	else
		read_pair(&line, text);
	return line;
}

struct lexer_line lexer_next(struct lexer *lexer)
{
	while (lexer->rest.len > 0) {
		struct slice whole = take_line(lexer);
		struct slice text = strip_comment(whole);

		if (text.len > 0)
			return read_line(whole, text, lexer->number);
	}
	return (struct lexer_line){.kind = LEXER_END, .number = lexer->number};
}

uint32_t lexer_column(const struct lexer_line *line, const char *at)
{
	return (uint32_t)(at - line->whole.at) + 1;
}
