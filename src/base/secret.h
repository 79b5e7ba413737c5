/* Memory for keys, and the wiping of it.
 *
 * secret_new() maps pages of their own: locked (no swap), left out of core
 * files, and filled with zeroes in a child after fork(2), so that a child that
 * does not need a key has none.  secret_free() wipes.  For keys on the stack:
 * AUTO_WIPE, or secret_wipe() in the same function.
 */
#ifndef ADIT_BASE_SECRET_H
#define ADIT_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of its pages, a secret has this much less: sizes that leave it fit. */
enum { SECRET_HEAD_LEN = 64 };

/* Zeroed; NULL when memory is short.  Locking is tried, and not insisted on:
 * RLIMIT_MEMLOCK may be 0, and an unlocked key beats no tunnel.
 */
void *secret_new(size_t size);
/* Accepts NULL. */
void secret_free(void *secret);

/* Bytes of this process's secrets, whole pages, that could not be locked. */
size_t secret_unlocked(void);
/* In a child after fork(2), which has none of its parent's: counts anew. */
void secret_count_anew(void);

/* Is not optimised away. */
void secret_wipe(void *bytes, size_t len);

/* Takes the same time whatever differs. */
bool secret_equal(const void *a, const void *b, size_t len);
bool secret_is_zero(const void *bytes, size_t len);

/* Before there is a secret in this process.  The C library's reallocarray(3) finds
 * its realloc(3) at the first call only, and while it does the vector registers
 * are saved on the stack, with what was copied last.
 */
void secret_bind_early(void);

/* This process leaves no core file and cannot be traced by its own user. */
int secret_protect_process(void);

/* AUTO_WIPE struct secret_key key: wiped at the end of the scope. */
struct secret_key {
	uint8_t byte[32];
};
void secret_key_cleanup(struct secret_key *key);
#define AUTO_WIPE __attribute__((cleanup(secret_key_cleanup)))

#endif
