/* Published vectors that are too large, or not ours, to be kept here.
 *
 * Read from the folder in ADIT_VECTORS, or from shared/vectors beside the source
 * tree; a test that finds none is skipped and says so.  The files are those of
 * C2SP/wycheproof (testvectors_v1) and of cacophony (Noise), under their own
 * names.
 */
#ifndef ADIT_TESTS_UNIT_WIREGUARD_VECTORS_H
#define ADIT_TESTS_UNIT_WIREGUARD_VECTORS_H

#include "cmocka_all.h"

#include "base/bytes.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The caller releases it with json_decref(). */
static inline json_t *vectors_load(const char *name)
{
	const char *folder = getenv("ADIT_VECTORS");
	const char *root = getenv("ADIT_SOURCE_ROOT");
	char path[4096];
	json_t *json;

	if (folder)
		(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	else
		(void)snprintf(path, sizeof(path), "%s/../shared/vectors/%s", root ? root : ".",
			       name);
	json = json_load_file(path, 0, NULL);
	if (!json) {
		print_message("SKIP: no vectors at %s (ADIT_VECTORS names their folder)\n", path);
		skip();
	}
	return json;
}

/* Decodes a hexadecimal member into `ret` of `size` bytes; returns the length. */
static inline size_t vectors_bytes(const json_t *object, const char *key, uint8_t *ret, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));
	size_t len;

	assert_non_null(text);
	len = strlen(text) / 2;
	assert_true(len <= size);
	assert_true(hex_decode(text, 2 * len, ret, len));
	return len;
}

/* As text in a test: at most 4096 bytes. */
static inline size_t vectors_hex(const char *text, uint8_t *ret)
{
	size_t len = strlen(text) / 2;

	assert_true(hex_decode(text, 2 * len, ret, len));
	return len;
}

#endif
