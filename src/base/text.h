/* Text: a bounded builder, and strict numbers.
 *
 * Nothing here allocates: a builder writes into its caller's buffer and
 * remembers that something did not fit, so that one check at the end is enough.
 */
#ifndef ADIT_BASE_TEXT_H
#define ADIT_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *at;	   /* borrowed; always ends in NUL */
	size_t size;	   /* bytes in `at`, the NUL included; at least 1 */
	size_t len;	   /* bytes used, the NUL not included */
	bool is_truncated; /* something did not fit */
};

void text_init(struct text *text, char *buffer, size_t size);
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct text_bit {
	unsigned int bit;
	const char *name; /* NULL: the table's end */
};

/* The names of those that are set, in the table's order, with ", " between. */
void text_add_bits(struct text *text, const struct text_bit *table, unsigned int bits);

/* Decimal digits only, no sign, no space, at most `max`. */
bool text_to_u64(const char *text, size_t len, uint64_t max, uint64_t *ret);
/* As text_to_u64(), and 0x and hexadecimal digits. */
bool text_to_u64_any_base(const char *text, size_t len, uint64_t max, uint64_t *ret);

/* ASCII letters compare without case. */
bool text_equal_nocase(const char *a, size_t a_len, const char *b);
bool text_starts_with(const char *text, const char *prefix);

/* A name that may be a link's and may stand in any text that is made of it, nft's
 * included: [A-Za-z0-9_.-]{1,15}, not "." or "..", no leading '-'.  The kernel
 * takes more, a final '*' for one, which nft reads as a wildcard.
 */
bool text_is_link_name(const char *text, size_t len);

/* Single-character edits between two words, cut off at 255: for "did you mean". */
unsigned int text_distance(const char *a, size_t a_len, const char *b);

#endif
