/* Mirrors src/relay/pipe_pool.c */
#include "cmocka_all.h"

#include "relay/pipe_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static void test_the_pipe_put_back_last_is_taken_first(void **state)
{
	struct pipe_pool pool = {.max = 4};
	struct pipe a;
	struct pipe b;
	struct pipe again;

	(void)state;
	assert_int_equal(pipe_pool_take(&pool, &a), 0);
	assert_int_equal(pipe_pool_take(&pool, &b), 0);
	pipe_pool_put(&pool, &a);
	pipe_pool_put(&pool, &b);
	assert_int_equal(pipe_pool_take(&pool, &again), 0);
	assert_int_equal(again.in, b.in);
	pipe_pool_put(&pool, &again);
	pipe_pool_done(&pool);
	assert_int_equal(pool.n_pipes, 0);
	assert_true(fcntl(a.in, F_GETFD) < 0 && fcntl(b.out, F_GETFD) < 0);
}

static void test_no_more_than_the_maximum_exist(void **state)
{
	struct pipe_pool pool = {.max = 2};
	struct pipe pipe[3];

	(void)state;
	assert_int_equal(pipe_pool_take(&pool, &pipe[0]), 0);
	assert_int_equal(pipe_pool_take(&pool, &pipe[1]), 0);
	assert_int_equal(pipe_pool_take(&pool, &pipe[2]), -EMFILE);
	pipe_pool_discard(&pool, &pipe[0]);
	assert_int_equal(pipe_pool_take(&pool, &pipe[2]), 0);
	pipe_pool_discard(&pool, &pipe[1]);
	pipe_pool_discard(&pool, &pipe[2]);
}

static void test_few_are_large_and_few_are_kept(void **state)
{
	enum { N = PIPE_POOL_LARGE_MAX + PIPE_POOL_IDLE_MAX + 5 };
	struct pipe_pool pool = {.max = N};
	struct pipe pipe[N];

	(void)state;
	for (int i = 0; i < N; i++) {
		assert_int_equal(pipe_pool_take(&pool, &pipe[i]), 0);
		if (pipe[i].is_large)
			assert_true(fcntl(pipe[i].in, F_GETPIPE_SZ) >= PIPE_POOL_LARGE_LEN);
	}
	assert_false(pipe[N - 1].is_large);
	assert_true(pool.n_large <= PIPE_POOL_LARGE_MAX);
	for (int i = 0; i < N; i++)
		pipe_pool_put(&pool, &pipe[i]);
	assert_int_equal(pool.n_idle, PIPE_POOL_IDLE_MAX);
	assert_int_equal(pool.n_pipes, PIPE_POOL_IDLE_MAX);
	pipe_pool_done(&pool);
	assert_int_equal(pool.n_large, 0);
}

static void test_a_shortage_of_descriptors_is_told(void **state)
{
	struct pipe_pool pool = {.max = 2};
	struct rlimit before;
	struct rlimit none;
	struct pipe pipe;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(pipe_pool_take(&pool, &pipe), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(pool.n_pipes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_pipe_put_back_last_is_taken_first),
		cmocka_unit_test(test_no_more_than_the_maximum_exist),
		cmocka_unit_test(test_few_are_large_and_few_are_kept),
		cmocka_unit_test(test_a_shortage_of_descriptors_is_told),
	};

	return cmocka_run_group_tests_name("relay/pipe_pool", tests, NULL, NULL);
}
