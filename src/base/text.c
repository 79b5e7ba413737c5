#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void text_init(struct text *text, char *buffer, size_t size)
{
	*text = (struct text){.at = buffer, .size = size};
	buffer[0] = '\0';
}

void text_add(struct text *text, const char *format, ...)
{
	size_t room = text->size - text->len;
	va_list args;
	int wanted;

	va_start(args, format);
	wanted = vsnprintf(text->at + text->len, room, format, args);
	va_end(args);
	if (wanted < 0) {
		text->is_truncated = true;
	} else if ((size_t)wanted >= room) {
		text->is_truncated = true;
		text->len = text->size - 1;
	} else {
		text->len += (size_t)wanted;
	}
}

void text_add_bits(struct text *text, const struct text_bit *table, unsigned int bits)
{
	const char *between = "";

	for (; table->name; table++) {
		if (!(bits & table->bit))
			continue;
		text_add(text, "%s%s", between, table->name);
		between = ", ";
	}
}

/* 0 to 15, or 16. */
static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned int)(c - 'A') + 10;
	return 16;
}

static bool parse(const char *text, size_t len, unsigned int base, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned int digit = digit_value(text[i]);

		if (digit >= base || value > (UINT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	if (value > max)
		return false;
	*ret = value;
	return true;
}

bool text_to_u64(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
	return parse(text, len, 10, max, ret);
}

bool text_to_u64_any_base(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
	if (len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return parse(text + 2, len - 2, 16, max, ret);
	return parse(text, len, 10, max, ret);
}

bool text_equal_nocase(const char *a, size_t a_len, const char *b)
{
	return strlen(b) == a_len && strncasecmp(a, b, a_len) == 0;
}

bool text_starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_link_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-';
}

bool text_is_link_name(const char *text, size_t len)
{
	enum { LINK_NAME_MAX = 15 }; /* IFNAMSIZ - 1 */

	if (len == 0 || len > LINK_NAME_MAX || text[0] == '-')
		return false;
	if (text[0] == '.' && (len == 1 || (len == 2 && text[1] == '.')))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_link_name_character(text[i]))
			return false;
	return true;
}

unsigned int text_distance(const char *a, size_t a_len, const char *b)
{
	uint8_t row[64];
	size_t b_len = strlen(b);

	if (a_len > 254 || b_len >= sizeof(row))
		return 255;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = (uint8_t)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned int diagonal = row[0];

		row[0] = (uint8_t)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned int replaced =
				diagonal + (strncasecmp(a + i - 1, b + j - 1, 1) != 0);
			unsigned int shorter = row[j] < row[j - 1] ? row[j] : row[j - 1];

			diagonal = row[j];
			row[j] = (uint8_t)(replaced < shorter + 1 ? replaced : shorter + 1);
		}
	}
	return row[b_len];
}
