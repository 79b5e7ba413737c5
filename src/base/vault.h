/* Cells of secret memory, for what has keys in it and comes and goes in numbers:
 * peers, sessions, a library's contexts.
 *
 * How it works: a block is secret_new() memory (locked as far as RLIMIT_MEMLOCK
 * goes, left out of core files, zeroes in a child after fork(2)), cut into cells
 * of one size.  Blocks that have free cells stand in front of those that have
 * none, so that taking a cell looks at few; a block is given back with its last
 * cell.  The first block is a page or two, later ones as large as all before
 * them together, up to 64 KiB: one peer locks little memory, ten thousand cost
 * few system calls.  A cell takes 16 bytes beside its size, as malloc(3) does.
 *
 * Any thread may take and give back.  In a child after fork(2) the parent's cells
 * are zeroes, and a vault begins anew.
 */
#ifndef ADIT_BASE_VAULT_H
#define ADIT_BASE_VAULT_H

#include "base/list.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { VAULT_BLOCK_MAX = 64 * 1024 /* bytes; a larger cell has a block of its own */ };

struct vault {
	pthread_mutex_t lock;
	struct list blocks; /* those with free cells come first */
	size_t size;	    /* bytes of all blocks */
};

#define VAULT_INIT                                                                                 \
	{                                                                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER                                                  \
	}

/* Every cell has been given back. */
void vault_done(struct vault *vault);

/* Zeroed, aligned as malloc(3) aligns; NULL: out of memory. */
void *vault_take(struct vault *vault, size_t size);
/* Wipes.  Accepts NULL, and in a child a cell of its parent. */
void vault_give(void *cell);

/* Whether `cell` is one that was taken from this vault; any pointer will do. */
bool vault_owns(struct vault *vault, const void *cell);
/* At least what was asked for. */
size_t vault_size(void *cell);

#endif
