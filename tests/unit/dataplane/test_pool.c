/* Mirrors src/dataplane/pool.c */
#include "cmocka_all.h"

#include "dataplane/pool.h"
#include "wireguard/crypto.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { SLOTS = 3000, HELPERS = 3 };

/* What is put through a line: numbers. */
struct numbers {
	struct pool *pool;
	struct line *line;
	unsigned int number[LINE_SLOTS_MAX]; /* in the slot */
	unsigned int result[LINE_SLOTS_MAX];
	unsigned int max_wait_us; /* of the work; random up to this */
	atomic_uint n_working;
	atomic_uint n_together; /* the most that were worked on at once */
	atomic_uint n_finishing;
	unsigned int n_finished;
	unsigned int n_by_others; /* finished by another thread than the owner's */
	pthread_t owner;
};

static void wait_some(unsigned int max_us)
{
	struct timespec time = {0, (long)(max_us ? (unsigned int)rand() % max_us : 0) * 1000};

	if (max_us > 0)
		(void)nanosleep(&time, NULL);
}

static void work(void *context, unsigned int slot, struct crypto *crypto)
{
	struct numbers *numbers = context;
	unsigned int n = atomic_fetch_add(&numbers->n_working, 1) + 1;

	assert_non_null(crypto);
	if (n > atomic_load(&numbers->n_together))
		atomic_store(&numbers->n_together, n);
	wait_some(numbers->max_wait_us);
	numbers->result[slot] = numbers->number[slot] * 3;
	atomic_fetch_sub(&numbers->n_working, 1);
}

static void finish(void *context, unsigned int slot, struct crypto *crypto)
{
	struct numbers *numbers = context;

	assert_non_null(crypto);
	assert_int_equal(atomic_fetch_add(&numbers->n_finishing, 1), 0);
	assert_int_equal(numbers->number[slot], numbers->n_finished);
	assert_int_equal(numbers->result[slot], numbers->n_finished * 3);
	numbers->n_finished++;
	numbers->n_by_others += !pthread_equal(pthread_self(), numbers->owner);
	atomic_fetch_sub(&numbers->n_finishing, 1);
}

static struct pool pool;
static struct numbers all[POOL_LINES];

static void start_with(unsigned int n_helpers)
{
	pool_init(&pool);
	assert_int_equal(pool_start(&pool, n_helpers), n_helpers);
	for (unsigned int i = 0; i < POOL_LINES; i++) {
		all[i] = (struct numbers){.pool = &pool, .line = &pool.line[i]};
		all[i].owner = pthread_self();
		pool.line[i].context = &all[i];
		pool.line[i].work = work;
		pool.line[i].finish = finish;
		pool.line[i].crypto = crypto_new();
	}
}

static void end(void)
{
	for (unsigned int i = 0; i < POOL_LINES; i++)
		crypto_free(pool.line[i].crypto);
	pool_done(&pool);
}

/* `burst` slots at a time, then all is waited for. */
static void put_through(struct numbers *numbers, unsigned int n, unsigned int burst)
{
	unsigned int begin = numbers->n_finished;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int slot = line_next(numbers->line);

		numbers->number[slot] = begin + i;
		line_submit(numbers->line);
		if ((i + 1) % burst != 0)
			continue;
		line_drain(numbers->line);
		assert_int_equal(numbers->n_finished, begin + i + 1);
	}
	line_drain(numbers->line);
	assert_int_equal(numbers->n_finished, begin + n);
}

static void test_few_processors_have_no_helpers_and_many_have_four(void **state)
{
	(void)state;
	assert_int_equal(pool_helpers_for(0), 0);
	assert_int_equal(pool_helpers_for(1), 0);
	assert_int_equal(pool_helpers_for(3), 0);
	assert_int_equal(pool_helpers_for(4), 2);
	assert_int_equal(pool_helpers_for(5), 3);
	assert_int_equal(pool_helpers_for(128), POOL_HELPERS_MAX);
}

static void test_without_helpers_a_slot_is_finished_when_it_is_submitted(void **state)
{
	(void)state;
	start_with(0);
	for (unsigned int i = 0; i < 10; i++) {
		all[0].number[line_next(all[0].line)] = i;
		line_submit(all[0].line);
		assert_int_equal(all[0].n_finished, i + 1);
	}
	line_drain(all[0].line);
	assert_int_equal(all[0].n_by_others, 0);
	end();
}

static void test_work_of_any_length_is_finished_in_order(void **state)
{
	(void)state;
	start_with(HELPERS);
	all[0].max_wait_us = 100;
	put_through(&all[0], SLOTS, SLOTS);
	assert_true(all[0].n_by_others > 0);
	assert_in_range(atomic_load(&all[0].n_together), 2, HELPERS + 1);
	all[0].max_wait_us = 0;
	for (unsigned int burst = 1; burst <= 2 * LINE_SLOTS_MAX; burst++)
		put_through(&all[0], SLOTS, burst);
	end();
}

static void wait_until_all_sleep(void)
{
	unsigned int n = 0;

	while (n < pool.n_helpers) {
		wait_some(1000);
		(void)pthread_mutex_lock(&pool.lock);
		n = pool.n_sleeping;
		(void)pthread_mutex_unlock(&pool.lock);
	}
}

/* Helpers need not be there for it: they would take time to wake. */
static void test_a_lone_slot_stays_with_its_owner(void **state)
{
	(void)state;
	start_with(HELPERS);
	wait_until_all_sleep();
	put_through(&all[0], 200, 1);
	assert_int_equal(all[0].n_by_others, 0);
	end();
}

static void *own_a_line(void *numbers)
{
	((struct numbers *)numbers)->owner = pthread_self();
	put_through(numbers, SLOTS, 5);
	return NULL;
}

static void test_two_lines_share_the_helpers_and_keep_their_orders(void **state)
{
	pthread_t owner[POOL_LINES];

	(void)state;
	start_with(HELPERS);
	for (unsigned int i = 0; i < POOL_LINES; i++) {
		all[i].max_wait_us = 30;
		assert_int_equal(pthread_create(&owner[i], NULL, own_a_line, &all[i]), 0);
	}
	for (unsigned int i = 0; i < POOL_LINES; i++)
		assert_int_equal(pthread_join(owner[i], NULL), 0);
	end();
}

static void test_no_more_helpers_start_than_there_is_room_for(void **state)
{
	(void)state;
	pool_init(&pool);
	assert_int_equal(pool_start(&pool, 99), POOL_HELPERS_MAX);
	pool_done(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_processors_have_no_helpers_and_many_have_four),
		cmocka_unit_test(test_without_helpers_a_slot_is_finished_when_it_is_submitted),
		cmocka_unit_test(test_work_of_any_length_is_finished_in_order),
		cmocka_unit_test(test_a_lone_slot_stays_with_its_owner),
		cmocka_unit_test(test_two_lines_share_the_helpers_and_keep_their_orders),
		cmocka_unit_test(test_no_more_helpers_start_than_there_is_room_for),
	};

	return cmocka_run_group_tests_name("dataplane/pool", tests, NULL, NULL);
}
