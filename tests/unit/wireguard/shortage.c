#include "wireguard/shortage.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

static unsigned int calloc_left;
static unsigned int malloc_left;

void shortage_set_calloc(unsigned int nth)
{
	calloc_left = nth;
}

void shortage_set_malloc(unsigned int nth)
{
	malloc_left = nth;
}

static bool is_short(unsigned int *left)
{
	if (*left == 0 || --*left > 0)
		return false;
	errno = ENOMEM;
	return true;
}

/* The linker puts these before ours, in tests that ask it to. */
struct vault;
void *__wrap_secret_new(size_t size);
void *__wrap_vault_take(struct vault *vault, size_t size);
__attribute__((weak)) void *__real_secret_new(size_t size);
__attribute__((weak)) void *__real_vault_take(struct vault *vault, size_t size);

void *__wrap_secret_new(size_t size)
{
	return is_short(&calloc_left) ? NULL : __real_secret_new(size);
}

void *__wrap_vault_take(struct vault *vault, size_t size)
{
	return is_short(&calloc_left) ? NULL : __real_vault_take(vault, size);
}

#ifdef ADIT_SANITIZED

bool shortage_is_possible(void)
{
	return false;
}

#else

/* glibc's own, under the names it exports for those who replace the others */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *reallocarray(void *old, size_t n, size_t size);

bool shortage_is_possible(void)
{
	return true;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
	return is_short(&malloc_left) ? NULL : __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
	return is_short(&calloc_left) ? NULL : __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *reallocarray(void *old, size_t n, size_t size)
{
	if (is_short(&calloc_left) || (n > 0 && size > SIZE_MAX / n))
		return NULL;
	return __libc_realloc(old, n * size);
}

#endif
