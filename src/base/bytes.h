/* Numbers in byte strings, and byte strings as text (hexadecimal, base64).
 *
 * le32/le64/be16/be32 are structs so that a wire number is not used before it
 * is converted.
 */
#ifndef ADIT_BASE_BYTES_H
#define ADIT_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct le32 {
	uint8_t byte[4];
};
struct le64 {
	uint8_t byte[8];
};

static inline uint16_t be16_load(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}
static inline void be16_store(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}
static inline uint32_t be32_load(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}
static inline void be32_store(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}
static inline uint32_t le32_load(const uint8_t *at)
{
	return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}
static inline void le32_store(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
	at[2] = (uint8_t)(value >> 16);
	at[3] = (uint8_t)(value >> 24);
}
static inline uint64_t le64_load(const uint8_t *at)
{
	return (uint64_t)le32_load(at + 4) << 32 | le32_load(at);
}
static inline void le64_store(uint8_t *at, uint64_t value)
{
	le32_store(at, (uint32_t)value);
	le32_store(at + 4, (uint32_t)(value >> 32));
}

static inline uint32_t le32_to_host(struct le32 value)
{
	return le32_load(value.byte);
}
static inline struct le32 le32_from_host(uint32_t value)
{
	struct le32 wire;

	le32_store(wire.byte, value);
	return wire;
}
static inline uint64_t le64_to_host(struct le64 value)
{
	return le64_load(value.byte);
}
static inline struct le64 le64_from_host(uint64_t value)
{
	struct le64 wire;

	le64_store(wire.byte, value);
	return wire;
}

/* Lower-case hexadecimal and a final NUL: `text` holds 2 * len + 1. */
void hex_encode(const uint8_t *bytes, size_t len, char *text);
/* Exactly 2 * len digits of either case.  False, with `ret` undefined, otherwise. */
bool hex_decode(const char *text, size_t text_len, uint8_t *ret, size_t len);

/* A 32-byte key as wg(8) writes it: 44 characters of base64, then NUL.
 * Both directions take the same time for every key.
 */
enum { KEY_TEXT_LEN = 44 };
void key_to_base64(const uint8_t key[32], char text[KEY_TEXT_LEN + 1]);
/* False unless text_len is 44 and the text is canonical. */
bool key_from_base64(const char *text, size_t text_len, uint8_t ret[32]);

#endif
