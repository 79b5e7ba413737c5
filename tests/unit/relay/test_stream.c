/* Mirrors src/relay/stream.c
 *
 * `client` and `server` are the programs at both ends of a relayed connection.
 */
#include "cmocka_all.h"

#include "loopback.h"

#include "relay/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum { EDGES = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };

struct relayed {
	int client;
	int server;
	int epoll;
	struct stream stream;
	struct pipe_pool pool;
	uint64_t moved[2];
	enum stream_verdict verdict;
};

static void start(struct relayed *relayed, size_t n_pipes)
{
	int outside[2];
	int inside[2];

	memset(relayed, 0, sizeof(*relayed));
	relayed->pool.max = n_pipes;
	loopback_pair(outside);
	loopback_pair(inside);
	relayed->client = outside[0];
	relayed->server = inside[0];
	relayed->epoll = epoll_create1(EPOLL_CLOEXEC);
	stream_init(&relayed->stream, outside[1], inside[1]);
	for (unsigned int side = 0; side < 2; side++) {
		struct epoll_event event = {.events = EDGES, .data.u32 = side};

		assert_int_equal(
			epoll_ctl(relayed->epoll, EPOLL_CTL_ADD, relayed->stream.fd[side], &event),
			0);
	}
}

/* What the pump does, until nothing is left to do. */
static void settle(struct relayed *relayed)
{
	struct epoll_event event[4];
	int n;

	do {
		n = epoll_wait(relayed->epoll, event, 4, 20);
		for (int i = 0; i < n; i++)
			stream_note(&relayed->stream, (enum stream_side)event[i].data.u32,
				    event[i].events);
		do
			relayed->verdict =
				stream_move(&relayed->stream, &relayed->pool, relayed->moved);
		while (relayed->verdict == STREAM_GOES_ON);
	} while (n > 0 && relayed->verdict == STREAM_WAITS);
}

static void finish(struct relayed *relayed)
{
	if (relayed->stream.fd[0] >= 0)
		stream_done(&relayed->stream, &relayed->pool);
	pipe_pool_done(&relayed->pool);
	assert_int_equal(relayed->pool.n_pipes, 0);
	(void)close(relayed->epoll);
	(void)close(relayed->client);
	(void)close(relayed->server);
}

static void check_both_ways(size_t n_pipes)
{
	struct relayed relayed;

	start(&relayed, n_pipes);
	loopback_say(relayed.client, "question");
	settle(&relayed);
	loopback_expect(relayed.server, "question");
	loopback_say(relayed.server, "answer");
	settle(&relayed);
	loopback_expect(relayed.client, "answer");
	assert_int_equal(relayed.verdict, STREAM_WAITS);
	assert_int_equal(relayed.moved[STREAM_OUTSIDE], 8);
	assert_int_equal(relayed.moved[STREAM_INSIDE], 6);
	/* at rest it has none */
	assert_int_equal(relayed.pool.n_idle, relayed.pool.n_pipes);
	finish(&relayed);
}

static void test_bytes_go_both_ways_and_no_pipe_is_kept(void **state)
{
	(void)state;
	check_both_ways(4);
}

static void test_without_a_pipe_they_are_copied(void **state)
{
	(void)state;
	check_both_ways(0);
}

static void check_half_close(size_t n_pipes)
{
	struct relayed relayed;

	start(&relayed, n_pipes);
	loopback_say(relayed.client, "all");
	assert_int_equal(shutdown(relayed.client, SHUT_WR), 0);
	settle(&relayed);
	loopback_expect(relayed.server, "all");
	loopback_expect_end(relayed.server);
	assert_int_equal(relayed.verdict, STREAM_WAITS);
	loopback_say(relayed.server, "late answer");
	assert_int_equal(shutdown(relayed.server, SHUT_WR), 0);
	settle(&relayed);
	assert_int_equal(relayed.verdict, STREAM_ENDED);
	stream_done(&relayed.stream, &relayed.pool);
	loopback_expect(relayed.client, "late answer");
	loopback_expect_end(relayed.client);
	finish(&relayed);
}

static void test_one_direction_may_end_before_the_other(void **state)
{
	(void)state;
	check_half_close(4);
	check_half_close(0);
}

static void reset(int *fd)
{
	stream_reset(*fd);
	*fd = -1;
}

static void test_a_reset_is_passed_on_as_a_reset(void **state)
{
	struct relayed relayed;

	(void)state;
	start(&relayed, 4);
	reset(&relayed.server);
	settle(&relayed);
	assert_int_equal(relayed.verdict, STREAM_BROKEN);
	stream_done(&relayed.stream, &relayed.pool);
	loopback_expect_reset(relayed.client);
	finish(&relayed);
}

/* More than the sockets on the way hold. */
static size_t fill_up(struct relayed *relayed)
{
	static const char bytes[65536];
	size_t n_bytes = 0;

	assert_int_equal(fcntl(relayed->client, F_SETFL, O_NONBLOCK), 0);
	for (int idle = 0; idle < 3; idle++) {
		ssize_t n;

		while ((n = write(relayed->client, bytes, sizeof(bytes))) > 0) {
			n_bytes += (size_t)n;
			idle = 0;
		}
		settle(relayed);
	}
	return n_bytes;
}

static size_t read_up(struct relayed *relayed)
{
	static char bytes[65536];
	size_t n_bytes = 0;

	while (loopback_has_come(relayed->server, 50)) {
		ssize_t n = read(relayed->server, bytes, sizeof(bytes));

		if (n <= 0)
			break;
		n_bytes += (size_t)n;
		settle(relayed);
	}
	return n_bytes;
}

static void check_slow_reader(size_t n_pipes)
{
	struct relayed relayed;
	size_t n_bytes;

	start(&relayed, n_pipes);
	n_bytes = fill_up(&relayed);
	assert_int_equal(relayed.verdict, STREAM_WAITS);
	assert_true(relayed.stream.way[STREAM_OUTSIDE].held <= PIPE_POOL_LARGE_LEN);
	assert_true(relayed.moved[STREAM_OUTSIDE] < n_bytes);
	/* the other direction does not wait for it */
	loopback_say(relayed.server, "still here");
	settle(&relayed);
	loopback_expect(relayed.client, "still here");
	assert_int_equal(read_up(&relayed), n_bytes);
	finish(&relayed);
}

static void test_a_slow_reader_fills_its_senders_window_and_one_pipe(void **state)
{
	(void)state;
	check_slow_reader(4);
}

static void test_a_slow_reader_without_a_pipe_holds_nothing(void **state)
{
	(void)state;
	check_slow_reader(0);
}

static void test_a_stalled_stream_that_breaks_gives_its_pipe_back(void **state)
{
	struct relayed relayed;

	(void)state;
	start(&relayed, 4);
	(void)fill_up(&relayed);
	reset(&relayed.client);
	settle(&relayed);
	assert_int_equal(relayed.verdict, STREAM_BROKEN);
	stream_done(&relayed.stream, &relayed.pool);
	assert_int_equal(relayed.pool.n_pipes, relayed.pool.n_idle);
	finish(&relayed);
}

static void test_a_turn_is_bounded(void **state)
{
	struct relayed relayed;
	enum stream_verdict verdict = STREAM_WAITS;
	uint64_t most = 0;

	(void)state;
	start(&relayed, 4);
	(void)fill_up(&relayed);
	for (int i = 0; i < 100; i++) {
		uint64_t before = relayed.moved[STREAM_OUTSIDE];
		char bytes[32768];

		(void)recv(relayed.server, bytes, sizeof(bytes), MSG_DONTWAIT);
		stream_note(&relayed.stream, STREAM_INSIDE, EPOLLOUT);
		stream_note(&relayed.stream, STREAM_OUTSIDE, EPOLLIN);
		verdict = stream_move(&relayed.stream, &relayed.pool, relayed.moved);
		if (relayed.moved[STREAM_OUTSIDE] - before > most)
			most = relayed.moved[STREAM_OUTSIDE] - before;
	}
	assert_true(verdict == STREAM_WAITS || verdict == STREAM_GOES_ON);
	assert_true(most > 0 && most <= 3 * PIPE_POOL_LARGE_LEN);
	finish(&relayed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_go_both_ways_and_no_pipe_is_kept),
		cmocka_unit_test(test_without_a_pipe_they_are_copied),
		cmocka_unit_test(test_one_direction_may_end_before_the_other),
		cmocka_unit_test(test_a_reset_is_passed_on_as_a_reset),
		cmocka_unit_test(test_a_slow_reader_fills_its_senders_window_and_one_pipe),
		cmocka_unit_test(test_a_slow_reader_without_a_pipe_holds_nothing),
		cmocka_unit_test(test_a_stalled_stream_that_breaks_gives_its_pipe_back),
		cmocka_unit_test(test_a_turn_is_bounded),
	};

	return cmocka_run_group_tests_name("relay/stream", tests, NULL, NULL);
}
