/* Lines of a configuration, with places: sections, keys and values.
 *
 * Reads the form of wg(8): "[Section]", "Key = value", '#' to the end of a
 * line, blank lines.  CRLF, a UTF-8 byte-order mark and blanks around anything
 * are passed over.  What a key means is not known here.
 *
 * Nothing is copied: slices point into the text.
 */
#ifndef ADIT_CONFIG_LEXER_H
#define ADIT_CONFIG_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
	const char *at; /* borrowed, not ended by NUL */
	size_t len;
};

enum lexer_kind {
	LEXER_END,
	LEXER_SECTION, /* name */
	LEXER_PAIR,    /* name and value; the value may be empty */
	LEXER_JUNK,    /* name is the part that is wrong, why says how */
};

struct lexer_line {
	enum lexer_kind kind;
	uint32_t number;    /* from 1 */
	struct slice whole; /* comment included, line end and byte-order mark not */
	struct slice name;
	struct slice value;
	const char *why;
};

struct lexer {
	struct slice rest;
	uint32_t number; /* of the last line read */
};

void lexer_init(struct lexer *lexer, const char *text, size_t len);
/* Passes over blank lines and comments.  After LEXER_END it stays there. */
struct lexer_line lexer_next(struct lexer *lexer);

/* The line's column, from 1, in bytes, of a pointer into it. */
uint32_t lexer_column(const struct lexer_line *line, const char *at);

/* ASCII blanks as isspace(3) has them in the C locale. */
bool lexer_is_blank(char c);
struct slice lexer_trim(struct slice slice);
/* Compares without case and without blanks, wherever they stand: wg(8) reads
 * "Listen Port" as "ListenPort".
 */
bool lexer_equal(struct slice slice, const char *name);

#endif
