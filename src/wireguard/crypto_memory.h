/* What libcrypto leaves in memory, and how that is kept from staying there.  For
 * crypto.c and aead.c only.
 *
 * How it works: libcrypto takes its memory from functions of ours.  Whatever it
 * gives back is wiped, since it wipes only what it holds to be secret; and the
 * contexts that keep a key from call to call are made between
 * crypto_memory_keep(true) and (false), which puts them into a vault.  On the
 * stack it leaves copies of its input: hash functions the block that they
 * compressed last, ciphers their key.  crypto_burn_stack(), called after it from
 * the same function, overwrites them.
 *
 * Sources: CRYPTO_set_mem_functions(3), OPENSSL_secure_malloc(3).
 */
#ifndef ADIT_WIREGUARD_CRYPTO_MEMORY_H
#define ADIT_WIREGUARD_CRYPTO_MEMORY_H

#include <stdbool.h>

/* Once a process, before libcrypto's first allocation.  False: something else has
 * used it before, and all is as libcrypto does it.
 */
bool crypto_memory_begin(void);

/* Whether what this thread's calls of libcrypto allocate now holds keys for longer. */
void crypto_memory_keep(bool is_kept);

/* As deep as any call of libcrypto that is made here goes. */
void crypto_burn_stack(void);

#endif
