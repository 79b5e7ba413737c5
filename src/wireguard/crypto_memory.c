#include "wireguard/crypto_memory.h"

#include "base/secret.h"
#include "base/vault.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BURNED = 4 * 1024 /* bytes; a unit test sees to it that they are enough */ };

/* Contexts, of all threads. */
static struct vault kept = VAULT_INIT;
static _Thread_local bool is_keeping;

/* ---- libcrypto's malloc(3), realloc(3) and free(3) ---- */

static void *take(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size == 0)
		return NULL;
	return is_keeping ? vault_take(&kept, size) : malloc(size);
}

static void give(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	if (!memory)
		return;
	if (vault_owns(&kept, memory)) {
		vault_give(memory);
		return;
	}
	secret_wipe(memory, malloc_usable_size(memory));
	free(memory);
}

/* Never in place: what realloc(3) moves, it does not wipe. */
static void *resize(void *memory, size_t size, const char *file, int line)
{
	void *fresh = take(size, file, line);
	size_t old_size;

	if (!memory || (!fresh && size > 0))
		return fresh;
	old_size = vault_owns(&kept, memory) ? vault_size(memory) : malloc_usable_size(memory);
	if (fresh)
		memcpy(fresh, memory, size < old_size ? size : old_size);
	give(memory, file, line);
	return fresh;
}

bool crypto_memory_begin(void)
{
	return CRYPTO_set_mem_functions(take, resize, give) == 1;
}

void crypto_memory_keep(bool is_kept)
{
	is_keeping = is_kept;
}

/* ---- the stack ---- */

__attribute__((noinline)) void crypto_burn_stack(void)
{
	uint8_t area[BURNED] __attribute__((uninitialized));

	secret_wipe(area, sizeof(area));
}
