/* Mirrors src/base/loop.c */
#include "cmocka_all.h"

#include "base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

enum { PIPES = 3 };

/* What a handler does beyond counting. */
enum action { COUNT, REMOVE_SELF, REMOVE_OTHERS, REPLACE_OTHERS, FAIL };

/* Three pipes with a byte in each, watched by one loop. */
struct bench {
	struct loop *loop;
	int read_end[PIPES];
	int write_end[PIPES];
	enum action action;
	unsigned int n_calls;
	uint32_t events; /* of the last call */
};

static const struct instant now_or_never = {1};

static int handle(void *context, int fd, uint32_t events);

/* Closes the pipe and puts an empty one under the same number. */
static void replace(struct bench *bench, size_t i)
{
	int fresh[2];

	loop_remove(bench->loop, bench->read_end[i]);
	assert_int_equal(pipe2(fresh, O_CLOEXEC), 0);
	assert_int_equal(dup2(fresh[0], bench->read_end[i]), bench->read_end[i]);
	(void)close(fresh[0]);
	(void)close(bench->write_end[i]);
	bench->write_end[i] = fresh[1];
	assert_int_equal(loop_add(bench->loop, bench->read_end[i], EPOLLIN, handle, bench), 0);
}

static int handle(void *context, int fd, uint32_t events)
{
	struct bench *bench = context;

	bench->n_calls++;
	bench->events = events;
	for (size_t i = 0; i < PIPES; i++) {
		bool is_self = bench->read_end[i] == fd;

		if ((bench->action == REMOVE_SELF && is_self) ||
		    (bench->action == REMOVE_OTHERS && !is_self))
			loop_remove(bench->loop, bench->read_end[i]);
		if (bench->action == REPLACE_OTHERS && !is_self)
			replace(bench, i);
	}
	return bench->action == FAIL ? -ECANCELED : 0;
}

static int start(void **state)
{
	static struct bench bench;

	bench = (struct bench){.loop = loop_new()};
	assert_non_null(bench.loop);
	for (size_t i = 0; i < PIPES; i++) {
		int ends[2];

		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		bench.read_end[i] = ends[0];
		bench.write_end[i] = ends[1];
		assert_int_equal(write(ends[1], "x", 1), 1);
		assert_int_equal(loop_add(bench.loop, ends[0], EPOLLIN, handle, &bench), 0);
	}
	*state = &bench;
	return 0;
}

static int stop(void **state)
{
	struct bench *bench = *state;

	loop_free(bench->loop);
	for (size_t i = 0; i < PIPES; i++) {
		(void)close(bench->read_end[i]);
		(void)close(bench->write_end[i]);
	}
	return 0;
}

static void test_every_ready_source_is_handled_in_one_turn(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(loop_turn(bench->loop, now_or_never), 0);
	assert_int_equal(bench->n_calls, PIPES);
	assert_int_equal(bench->events, EPOLLIN);
}

static void test_handler_may_remove_itself(void **state)
{
	struct bench *bench = *state;

	bench->action = REMOVE_SELF;
	assert_int_equal(loop_turn(bench->loop, now_or_never), 0);
	assert_int_equal(loop_turn(bench->loop, now_or_never), 0);
	assert_int_equal(bench->n_calls, PIPES);
}

static void test_source_removed_by_an_earlier_handler_is_not_handled(void **state)
{
	struct bench *bench = *state;

	bench->action = REMOVE_OTHERS;
	assert_int_equal(loop_turn(bench->loop, now_or_never), 0);
	assert_int_equal(bench->n_calls, 1);
}

/* The kernel gives out the lowest free number, so this is the usual case. */
static void test_new_source_does_not_get_the_events_of_the_one_before_it(void **state)
{
	struct bench *bench = *state;

	bench->action = REPLACE_OTHERS;
	assert_int_equal(loop_turn(bench->loop, now_or_never), 0);
	assert_int_equal(bench->n_calls, 1);
}

static void test_failure_of_a_handler_ends_the_turn(void **state)
{
	struct bench *bench = *state;

	bench->action = FAIL;
	assert_int_equal(loop_turn(bench->loop, now_or_never), -ECANCELED);
	assert_int_equal(bench->n_calls, 1);
}

static void test_closed_other_side_is_reported(void **state)
{
	struct bench *bench = *state;
	char byte;

	bench->action = REMOVE_OTHERS;
	assert_int_equal(loop_turn(bench->loop, now_or_never), 0);
	for (size_t i = 0; i < PIPES; i++) {
		assert_int_equal(read(bench->read_end[i], &byte, 1), 1);
		(void)close(bench->write_end[i]);
		bench->write_end[i] = -1;
	}
	assert_int_equal(loop_turn(bench->loop, now_or_never), 0);
	assert_int_equal(bench->events, EPOLLHUP);
}

static void test_source_is_added_once(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(loop_add(bench->loop, bench->read_end[0], EPOLLIN, handle, bench),
			 -EEXIST);
	loop_remove(bench->loop, bench->read_end[0]);
	assert_int_equal(loop_add(bench->loop, bench->read_end[0], EPOLLIN, handle, bench), 0);
}

static void test_descriptor_that_cannot_be_watched_is_an_error(void **state)
{
	struct bench *bench = *state;
	int directory = open("/", O_RDONLY | O_CLOEXEC);

	assert_int_equal(loop_add(bench->loop, -1, EPOLLIN, handle, bench), -EBADF);
	assert_int_equal(loop_add(bench->loop, 12345, EPOLLIN, handle, bench), -EBADF);
	assert_int_equal(loop_add(bench->loop, directory, EPOLLIN, handle, bench), -EPERM);
	loop_remove(bench->loop, directory);
	loop_remove(bench->loop, -1);
	(void)close(directory);
}

static void test_full_loop_says_so_and_has_room_after_a_removal(void **state)
{
	struct bench *bench = *state;
	int copy[LOOP_SOURCES_MAX];
	size_t n = 0;

	while (n + PIPES < LOOP_SOURCES_MAX) {
		copy[n] = dup(bench->read_end[0]);
		assert_int_equal(loop_add(bench->loop, copy[n], EPOLLIN, handle, bench), 0);
		n++;
	}
	copy[n] = dup(bench->read_end[0]);
	assert_int_equal(loop_add(bench->loop, copy[n], EPOLLIN, handle, bench), -ENOSPC);
	loop_remove(bench->loop, copy[0]);
	assert_int_equal(loop_add(bench->loop, copy[n], EPOLLIN, handle, bench), 0);
	for (size_t i = 0; i <= n; i++) {
		loop_remove(bench->loop, copy[i]);
		(void)close(copy[i]);
	}
}

static void test_loop_cannot_be_made_without_descriptors(void **state)
{
	struct rlimit before;
	struct rlimit lowered;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	lowered = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &lowered), 0);
	assert_null(loop_new());
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void test_turn_ends_at_its_deadline(void **state)
{
	struct loop *loop = loop_new();
	struct instant began = clock_now();
	struct instant deadline = instant_add(began, 20 * NS_PER_MS);

	(void)state;
	assert_non_null(loop);
	assert_int_equal(loop_turn(loop, deadline), 0);
	assert_true(instant_is_due(deadline, clock_now()));
	loop_free(loop);
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void test_signal_ends_a_turn_without_error(void **state)
{
	const struct itimerval soon = {.it_value.tv_usec = 20000};
	const struct sigaction action = {.sa_handler = on_alarm};
	struct sigaction before;
	struct loop *loop = loop_new();

	(void)state;
	assert_non_null(loop);
	assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(loop_turn(loop, (struct instant){0}), 0);
	assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
	loop_free(loop);
	loop_free(NULL);
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(test_every_ready_source_is_handled_in_one_turn),
		BENCH_TEST(test_handler_may_remove_itself),
		BENCH_TEST(test_source_removed_by_an_earlier_handler_is_not_handled),
		BENCH_TEST(test_new_source_does_not_get_the_events_of_the_one_before_it),
		BENCH_TEST(test_failure_of_a_handler_ends_the_turn),
		BENCH_TEST(test_closed_other_side_is_reported),
		BENCH_TEST(test_source_is_added_once),
		BENCH_TEST(test_descriptor_that_cannot_be_watched_is_an_error),
		BENCH_TEST(test_full_loop_says_so_and_has_room_after_a_removal),
		cmocka_unit_test(test_loop_cannot_be_made_without_descriptors),
		cmocka_unit_test(test_turn_ends_at_its_deadline),
		cmocka_unit_test(test_signal_ends_a_turn_without_error),
	};

	return cmocka_run_group_tests_name("base/loop", tests, NULL, NULL);
}
