#include "base/bytes.h"

void hex_encode(const uint8_t *bytes, size_t len, char *text)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digit[bytes[i] >> 4];
		text[2 * i + 1] = digit[bytes[i] & 15];
	}
	text[2 * len] = '\0';
}

/* 0 to 15, or -1. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_decode(const char *text, size_t text_len, uint8_t *ret, size_t len)
{
	if (text_len != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = hex_value(text[2 * i]);
		int low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* All ones where first <= c <= last, else 0: no branch on the key's bits.
 * Holds for arguments below 2^31: a difference below zero sets the top bit.
 */
static unsigned int mask_between(unsigned int c, unsigned int first, unsigned int last)
{
	unsigned int is_outside = ((c - first) | (last - c)) >> 31;

	return is_outside - 1U;
}

/* 0 to 63 for a base64 digit; all ones above bit 7 otherwise. */
static unsigned int base64_value(unsigned int c)
{
	unsigned int value = 0;

	value |= mask_between(c, 'A', 'Z') & (c - 'A');
	value |= mask_between(c, 'a', 'z') & (c - 'a' + 26);
	value |= mask_between(c, '0', '9') & (c - '0' + 52);
	value |= mask_between(c, '+', '+') & 62;
	value |= mask_between(c, '/', '/') & 63;
	value |= ~(mask_between(c, 'A', 'Z') | mask_between(c, 'a', 'z') |
		   mask_between(c, '0', '9') | mask_between(c, '+', '+') |
		   mask_between(c, '/', '/')) &
		 0x100U;
	return value;
}

static char base64_digit(unsigned int value)
{
	unsigned int c = 0;

	c |= mask_between(value, 0, 25) & (value + 'A');
	c |= mask_between(value, 26, 51) & (value - 26 + 'a');
	c |= mask_between(value, 52, 61) & (value - 52 + '0');
	c |= mask_between(value, 62, 62) & '+';
	c |= mask_between(value, 63, 63) & '/';
	return (char)c;
}

void key_to_base64(const uint8_t key[32], char text[KEY_TEXT_LEN + 1])
{
	for (size_t group = 0; group < 11; group++) {
		const uint8_t *in = key + 3 * group;
		unsigned int third = group == 10 ? 0 : in[2];
		unsigned int bits = (unsigned int)in[0] << 16 | (unsigned int)in[1] << 8 | third;
		char *out = text + 4 * group;

		out[0] = base64_digit(bits >> 18 & 63);
		out[1] = base64_digit(bits >> 12 & 63);
		out[2] = base64_digit(bits >> 6 & 63);
		out[3] = base64_digit(bits & 63);
	}
	text[43] = '=';
	text[44] = '\0';
}

bool key_from_base64(const char *text, size_t text_len, uint8_t ret[32])
{
	unsigned int wrong = 0;

	if (text_len != KEY_TEXT_LEN || text[43] != '=')
		return false;
	for (size_t group = 0; group < 11; group++) {
		const unsigned char *in = (const unsigned char *)text + 4 * group;
		unsigned int last = group == 10 ? 0 : base64_value(in[3]);
		unsigned int a = base64_value(in[0]);
		unsigned int b = base64_value(in[1]);
		unsigned int c = base64_value(in[2]);
		unsigned int bits = a << 18 | b << 12 | c << 6 | last;

		wrong |= (a | b | c | last) & 0x100U;
		ret[3 * group] = (uint8_t)(bits >> 16);
		ret[3 * group + 1] = (uint8_t)(bits >> 8);
		if (group == 10)
			wrong |= bits & 0xffU; /* the two spare bits are zero in canonical text */
		else
			ret[3 * group + 2] = (uint8_t)bits;
	}
	return wrong == 0;
}
