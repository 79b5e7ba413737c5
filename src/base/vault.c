#include "base/vault.h"

#include "base/secret.h"

#include <stdint.h>
#include <stdlib.h>

enum {
	CELL_HEAD = 16,			    /* struct cell, and malloc(3)'s alignment */
	BLOCK_MIN = 4096 - SECRET_HEAD_LEN, /* bytes: a page */
};

/* Stands before what a cell holds. */
struct cell {
	struct vault_block *block; /* NULL: wiped by fork(2) */
	uint32_t next_free;	   /* number, from 1; 0: the last one */
	bool is_taken;
};

struct vault_block {
	struct vault *vault;
	struct list_node node;
	size_t size;	  /* bytes of secret memory */
	size_t cell_size; /* with its head */
	uint32_t n_cells;
	uint32_t n_taken;
	uint32_t first_free; /* number, from 1; 0: none */
	uint8_t cells[] __attribute__((aligned(16)));
};

_Static_assert(sizeof(struct cell) <= CELL_HEAD, "a cell's head fits before it");
_Static_assert(offsetof(struct vault_block, cells) % 16 == 0, "cells are aligned");

static struct cell *cell_at(struct vault_block *block, uint32_t number)
{
	return (struct cell *)(void *)(block->cells + (number - 1) * block->cell_size);
}

static struct cell *head_of(void *cell)
{
	return (struct cell *)(void *)((uint8_t *)cell - CELL_HEAD);
}

static struct vault_block *block_of(struct list_node *node)
{
	return LIST_ELEMENT(node, struct vault_block, node);
}

/* A child's blocks are zeroes: what the parent had is none of its business. */
static void notice_fork(struct vault *vault)
{
	if (!vault->blocks.first || block_of(vault->blocks.first)->vault == vault)
		return;
	vault->blocks = (struct list){.first = NULL};
	vault->size = 0;
}

/* ---- blocks ---- */

static size_t choose_block_size(const struct vault *vault, size_t cell_size)
{
	size_t size = vault->size < VAULT_BLOCK_MAX ? vault->size : VAULT_BLOCK_MAX;

	if (size < BLOCK_MIN)
		size = BLOCK_MIN;
	else
		size -= SECRET_HEAD_LEN;
	if (size < sizeof(struct vault_block) + cell_size)
		size = sizeof(struct vault_block) + cell_size;
	return size;
}

static struct vault_block *add_block(struct vault *vault, size_t cell_size)
{
	size_t size = choose_block_size(vault, cell_size);
	struct vault_block *block = secret_new(size);

	if (!block)
		return NULL;
	block->vault = vault;
	block->size = size;
	block->cell_size = cell_size;
	block->n_cells = (uint32_t)((size - sizeof(*block)) / cell_size);
	for (uint32_t i = 1; i <= block->n_cells; i++) {
		struct cell *cell = cell_at(block, i);

		cell->block = block;
		cell->next_free = i < block->n_cells ? i + 1 : 0;
	}
	block->first_free = 1;
	list_put_first(&vault->blocks, &block->node);
	vault->size += size + SECRET_HEAD_LEN;
	return block;
}

static void remove_block(struct vault *vault, struct vault_block *block)
{
	list_remove(&vault->blocks, &block->node);
	vault->size -= block->size + SECRET_HEAD_LEN;
	secret_free(block);
}

static struct vault_block *find_block(struct vault *vault, size_t cell_size)
{
	struct vault_block *block = block_of(vault->blocks.first);

	for (; block && block->first_free != 0; block = block_of(block->node.next))
		if (block->cell_size == cell_size)
			return block;
	return add_block(vault, cell_size);
}

/* ---- cells ---- */

static void *take(struct vault *vault, size_t cell_size)
{
	struct vault_block *block;
	struct cell *cell;

	notice_fork(vault);
	block = find_block(vault, cell_size);
	if (!block)
		return NULL;
	cell = cell_at(block, block->first_free);
	block->first_free = cell->next_free;
	block->n_taken++;
	cell->is_taken = true;
	if (block->first_free == 0) {
		list_remove(&vault->blocks, &block->node);
		list_put_last(&vault->blocks, &block->node);
	}
	return (uint8_t *)cell + CELL_HEAD;
}

void *vault_take(struct vault *vault, size_t size)
{
	void *taken;

	if (size > UINT32_MAX)
		return NULL;
	(void)pthread_mutex_lock(&vault->lock);
	taken = take(vault, CELL_HEAD + ((size + 15) & ~(size_t)15));
	(void)pthread_mutex_unlock(&vault->lock);
	return taken;
}

static void give(struct vault *vault, struct vault_block *block, struct cell *cell)
{
	bool was_full = block->first_free == 0;

	if (!cell->is_taken)
		abort(); /* given back twice: somebody still uses it */
	cell->is_taken = false;
	cell->next_free = block->first_free;
	block->first_free =
		(uint32_t)((size_t)((uint8_t *)cell - block->cells) / block->cell_size) + 1;
	block->n_taken--;
	if (block->n_taken == 0) {
		remove_block(vault, block);
	} else if (was_full) {
		list_remove(&vault->blocks, &block->node);
		list_put_first(&vault->blocks, &block->node);
	}
}

void vault_give(void *taken)
{
	struct vault_block *block;
	struct vault *vault;

	if (!taken)
		return;
	block = head_of(taken)->block;
	if (!block) /* a child's wiped copy */
		return;
	vault = block->vault;
	secret_wipe(taken, block->cell_size - CELL_HEAD);
	(void)pthread_mutex_lock(&vault->lock);
	give(vault, block, head_of(taken));
	(void)pthread_mutex_unlock(&vault->lock);
}

bool vault_owns(struct vault *vault, const void *cell)
{
	const uint8_t *at = cell;
	bool is_found = false;

	(void)pthread_mutex_lock(&vault->lock);
	notice_fork(vault);
	for (struct vault_block *block = block_of(vault->blocks.first); block && !is_found;
	     block = block_of(block->node.next))
		is_found = at >= block->cells && at < (const uint8_t *)block + block->size;
	(void)pthread_mutex_unlock(&vault->lock);
	return is_found;
}

size_t vault_size(void *cell)
{
	return head_of(cell)->block->cell_size - CELL_HEAD;
}

void vault_done(struct vault *vault)
{
	notice_fork(vault);
	while (vault->blocks.first)
		remove_block(vault, block_of(vault->blocks.first));
	(void)pthread_mutex_destroy(&vault->lock);
}
