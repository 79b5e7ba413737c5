/* Mirrors src/base/vault.c */
#include "cmocka_all.h"

#include "emulated.h"

#include "base/vault.h"

#include "base/secret.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int start(void **state)
{
	static const struct vault empty = VAULT_INIT;
	struct vault *vault = malloc(sizeof(*vault));

	if (!vault)
		return -1;
	*vault = empty;
	*state = vault;
	return 0;
}

static int stop(void **state)
{
	vault_done(*state);
	free(*state);
	return 0;
}

static void test_a_cell_is_zeroed_aligned_and_its_owners_alone(void **state)
{
	static const size_t sizes[] = {1, 16, 17, 700, 1160, 4000, 65536, 100000};
	enum { N = sizeof(sizes) / sizeof(sizes[0]) };
	uint8_t *cell[N][3];

	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < 3; k++) {
			cell[i][k] = vault_take(*state, sizes[i]);
			assert_non_null(cell[i][k]);
			assert_int_equal((uintptr_t)cell[i][k] % 16, 0);
			assert_true(secret_is_zero(cell[i][k], sizes[i]));
			memset(cell[i][k], (int)(1 + 3 * i + k), sizes[i]);
		}
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < 3; k++) {
			for (size_t at = 0; at < sizes[i]; at++)
				assert_int_equal(cell[i][k][at], 1 + 3 * i + k);
			vault_give(cell[i][k]);
		}
	vault_give(NULL);
}

static void test_what_was_given_back_is_zeroes_when_it_is_taken_again(void **state)
{
	uint8_t *kept = vault_take(*state, 32);
	uint8_t *cell = vault_take(*state, 32);

	memset(cell, 0xff, 32);
	vault_give(cell);
	assert_true(secret_is_zero(cell, 32)); /* the block is still there: it is `kept`'s too */
	assert_ptr_equal(vault_take(*state, 32), cell);
	assert_true(secret_is_zero(cell, 32));
	vault_give(cell);
	vault_give(kept);
}

static void test_a_block_goes_with_its_last_cell(void **state)
{
	struct vault *vault = *state;
	enum { N = 1000 };
	void *cell[N];
	size_t full;

	assert_int_equal(vault->size, 0);
	for (size_t i = 0; i < N; i++)
		cell[i] = vault_take(vault, 700);
	full = vault->size;
	for (size_t i = 0; i < N; i += 2)
		vault_give(cell[i]);
	assert_int_equal(vault->size, full);
	for (size_t i = 0; i < N; i += 2)
		cell[i] = vault_take(vault, 700);
	assert_int_equal(vault->size, full);
	for (size_t i = 0; i < N; i++)
		vault_give(cell[i]);
	assert_int_equal(vault->size, 0);
}

static void test_one_cell_takes_a_page_and_many_hardly_more_than_their_size(void **state)
{
	struct vault *vault = *state;
	enum { N = 10000, SIZE = 728 };
	static void *cell[N];

	cell[0] = vault_take(vault, SIZE);
	assert_int_equal(vault->size, 4096);
	for (size_t i = 1; i < N; i++)
		cell[i] = vault_take(vault, SIZE);
	assert_in_range(vault->size, N * SIZE, N * (SIZE + 42));
	for (size_t i = 0; i < N; i++)
		vault_give(cell[i]);
}

static void test_cells_are_known_by_their_vault(void **state)
{
	struct vault other = VAULT_INIT;
	uint8_t *cell = vault_take(*state, 100);
	uint8_t *foreign = vault_take(&other, 100);

	assert_true(vault_owns(*state, cell));
	assert_in_range(vault_size(cell), 100, 112);
	assert_false(vault_owns(*state, foreign));
	assert_false(vault_owns(*state, &other));
	assert_false(vault_owns(*state, NULL));
	vault_give(cell);
	assert_false(vault_owns(*state, cell));
	vault_give(foreign);
	vault_done(&other);
}

static void test_no_block_is_lost_when_the_last_one_has_gone(void **state)
{
	/* so large that each has a block of its own, which is full at once */
	enum { LARGE = 100000 };
	void *first = vault_take(*state, LARGE);
	void *last = vault_take(*state, LARGE);
	void *next;

	vault_give(last);
	next = vault_take(*state, LARGE);
	assert_true(vault_owns(*state, first));
	assert_true(vault_owns(*state, next));
	vault_give(first);
	vault_give(next);
}

static void test_absurd_sizes_are_refused(void **state)
{
	assert_null(vault_take(*state, SIZE_MAX));
	assert_null(vault_take(*state, SIZE_MAX / 2));
}

static bool begins_anew(struct vault *vault, uint8_t *parents)
{
	uint8_t *own;

	if (!secret_is_zero(parents, 32) || vault_owns(vault, parents))
		return false;
	vault_give(parents); /* nothing happens */
	own = vault_take(vault, 32);
	if (!own || own == parents || !vault_owns(vault, own))
		return false;
	memset(own, 1, 32);
	vault_give(own);
	return vault->size == 0;
}

static void test_child_has_none_of_its_parents_cells_and_may_use_the_vault(void **state)
{
	uint8_t *cell = vault_take(*state, 32);
	int status;
	pid_t child;

	skip_if_emulated("MADV_WIPEONFORK");
	memset(cell, 7, 32);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(begins_anew(*state, cell) ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(cell[i], 7);
	vault_give(cell);
}

static void gives_twice(struct vault *vault)
{
	void *kept = vault_take(vault, 32);
	void *cell = vault_take(vault, 32);

	vault_give(cell);
	vault_give(cell);
	vault_give(kept);
}

static void test_a_cell_given_back_twice_ends_the_process(void **state)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		gives_twice(*state);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void *take_and_give(void *context)
{
	struct vault *vault = context;
	uint8_t *cell[64];

	for (unsigned int round = 0; round < 200; round++) {
		for (size_t i = 0; i < 64; i++) {
			cell[i] = vault_take(vault, 300 + i % 2 * 500);
			if (!cell[i] || !secret_is_zero(cell[i], 300))
				return NULL;
			memset(cell[i], 0xee, 300);
		}
		for (size_t i = 0; i < 64; i++)
			vault_give(cell[i]);
	}
	return vault;
}

static void test_threads_share_a_vault(void **state)
{
	pthread_t thread[3];
	struct vault *vault = *state;
	void *ended;

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, take_and_give, vault), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(thread[i], &ended), 0);
		assert_ptr_equal(ended, vault);
	}
	assert_int_equal(vault->size, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_cell_is_zeroed_aligned_and_its_owners_alone),
		TEST(test_what_was_given_back_is_zeroes_when_it_is_taken_again),
		TEST(test_a_block_goes_with_its_last_cell),
		TEST(test_one_cell_takes_a_page_and_many_hardly_more_than_their_size),
		TEST(test_cells_are_known_by_their_vault),
		TEST(test_no_block_is_lost_when_the_last_one_has_gone),
		TEST(test_absurd_sizes_are_refused),
		TEST(test_child_has_none_of_its_parents_cells_and_may_use_the_vault),
		TEST(test_a_cell_given_back_twice_ends_the_process),
		TEST(test_threads_share_a_vault),
	};

	return cmocka_run_group_tests_name("base/vault", tests, NULL, NULL);
}
