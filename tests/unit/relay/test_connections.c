/* Mirrors src/relay/connections.c
 *
 * The test is the connector: it reads the requests and answers them.
 */
#include "cmocka_all.h"

#include "loopback.h"

#include "base/fd.h"
#include "relay/connections.h"
#include "relay/counters.h"
#include "relay/flow_id.h"
#include "relay/limits.h"
#include "relay/message.h"

#include <stdlib.h>
#include <sys/epoll.h>

enum { CAPACITY = 4, SLOT = 3 };

struct bench {
	struct connections *connections;
	struct counters counters[RELAY_FORWARDS_MAX];
	int epoll;
	int ours;   /* the pump's end of the channel */
	int theirs; /* the connector's */
};

static int setup(void **state)
{
	const struct limits limits = {.connections = CAPACITY, .pipes = 4};
	struct bench *bench = calloc(1, sizeof(*bench));
	int pair[2];

	assert_non_null(bench);
	bench->epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	bench->ours = pair[0];
	bench->theirs = pair[1];
	bench->connections = connections_new(&limits, bench->epoll, bench->counters);
	assert_non_null(bench->connections);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	connections_free(bench->connections);
	(void)close(bench->epoll);
	(void)close(bench->ours);
	(void)close(bench->theirs);
	free(bench);
	return 0;
}

/* A client that has been accepted; its own end. */
static int accept_client(struct bench *bench, bool has_proxy_header)
{
	struct accepted accepted = {
		.slot = SLOT,
		.inside_port = 80,
		.has_proxy_header = has_proxy_header,
		.client = loopback_at(1111),
		.server = loopback_at(2222),
	};
	int pair[2];

	loopback_pair(pair);
	accepted.fd = pair[1];
	assert_true(connections_has_room(bench->connections));
	connections_add(bench->connections, &accepted);
	return pair[0];
}

/* The number of requests in the channel's next message. */
static int read_requests(const struct bench *bench, struct connect_request *ret)
{
	ssize_t n = read(bench->theirs, ret, CONNECT_BATCH_MAX * sizeof(*ret));

	return n < 0 ? 0 : message_count_requests((size_t)n);
}

/* Answers with a service's socket; the service's own end. */
static int answer(struct bench *bench, uint32_t id)
{
	int pair[2];

	loopback_pair(pair);
	connections_answer(bench->connections, id, 0, pair[1]);
	return pair[0];
}

static void settle(struct bench *bench)
{
	struct epoll_event event[16];
	int n;

	do {
		n = epoll_wait(bench->epoll, event, 16, 20);
		for (int i = 0; i < n; i++)
			connections_note(bench->connections, flow_event_id(event[i].data.u64),
					 (enum stream_side)flow_event_side(event[i].data.u64),
					 event[i].events);
		while (connections_move(bench->connections))
			continue;
	} while (n > 0);
}

static uint64_t counted(const struct bench *bench, const _Atomic uint64_t *counter)
{
	(void)bench;
	return counters_read(counter);
}

static void test_all_that_was_accepted_is_asked_for_in_one_message(void **state)
{
	struct bench *bench = *state;
	struct connect_request request[CONNECT_BATCH_MAX];
	int client[3];

	for (int i = 0; i < 3; i++)
		client[i] = accept_client(bench, false);
	assert_false(connections_ask(bench->connections, bench->ours));
	assert_int_equal(read_requests(bench, request), 3);
	assert_int_equal(request[0].port, 80);
	assert_int_equal(request[0].protocol, RELAY_TCP);
	assert_true(request[0].id != request[1].id && request[1].id != request[2].id);
	assert_int_equal(read_requests(bench, request), 0);
	for (int i = 0; i < 3; i++)
		(void)close(client[i]);
}

static void test_an_answered_connection_carries_bytes_and_ends_in_order(void **state)
{
	struct bench *bench = *state;
	struct connect_request request[CONNECT_BATCH_MAX];
	int client = accept_client(bench, false);
	int service;

	loopback_say(client, "question");
	(void)connections_ask(bench->connections, bench->ours);
	assert_int_equal(read_requests(bench, request), 1);
	service = answer(bench, request[0].id);
	settle(bench);
	loopback_expect(service, "question");
	loopback_say(service, "answer");
	(void)close(service);
	(void)shutdown(client, SHUT_WR);
	settle(bench);
	loopback_expect(client, "answer");
	loopback_expect_end(client);
	assert_int_equal(counted(bench, &bench->counters[SLOT].open), 0);
	assert_int_equal(counted(bench, &bench->counters[SLOT].total), 1);
	assert_int_equal(counted(bench, &bench->counters[SLOT].bytes_in), 8);
	assert_int_equal(counted(bench, &bench->counters[SLOT].bytes_out), 6);
	(void)close(client);
}

static void test_the_proxy_header_comes_first(void **state)
{
	struct bench *bench = *state;
	struct connect_request request[CONNECT_BATCH_MAX];
	int client = accept_client(bench, true);
	char bytes[28 + 3];
	int service;

	loopback_say(client, "GET");
	(void)connections_ask(bench->connections, bench->ours);
	assert_int_equal(read_requests(bench, request), 1);
	service = answer(bench, request[0].id);
	settle(bench);
	assert_int_equal(fd_read_exact(service, bytes, sizeof(bytes)), 0);
	assert_memory_equal(bytes, "\r\n\r\n\0\r\nQUIT\n\x21\x11", 14);
	assert_memory_equal(bytes + 28, "GET", 3);
	(void)close(client);
	(void)close(service);
}

static void test_a_refusal_inside_is_a_reset_outside(void **state)
{
	struct bench *bench = *state;
	struct connect_request request[CONNECT_BATCH_MAX];
	int client = accept_client(bench, false);

	(void)connections_ask(bench->connections, bench->ours);
	assert_int_equal(read_requests(bench, request), 1);
	connections_answer(bench->connections, request[0].id, ECONNREFUSED, -1);
	loopback_expect_reset(client);
	assert_int_equal(counted(bench, &bench->counters[SLOT].refused), 1);
	assert_int_equal(counted(bench, &bench->counters[SLOT].open), 0);
	(void)close(client);
}

static void test_a_late_answer_reaches_nobody_else(void **state)
{
	struct bench *bench = *state;
	struct connect_request old[CONNECT_BATCH_MAX];
	struct connect_request fresh[CONNECT_BATCH_MAX];
	int client = accept_client(bench, false);
	int service;

	(void)connections_ask(bench->connections, bench->ours);
	assert_int_equal(read_requests(bench, old), 1);
	connections_answer(bench->connections, old[0].id, ECONNREFUSED, -1);
	(void)close(client);
	client = accept_client(bench, false);
	(void)connections_ask(bench->connections, bench->ours);
	assert_int_equal(read_requests(bench, fresh), 1);
	assert_int_equal(flow_place(old[0].id), flow_place(fresh[0].id));
	service = answer(bench, old[0].id);
	loopback_expect_end(service); /* the descriptor was closed */
	(void)close(service);
	connections_answer(bench->connections, UINT32_MAX, ECONNREFUSED, -1);
	connections_answer(bench->connections, 9999, ECONNREFUSED, -1);
	service = answer(bench, fresh[0].id);
	loopback_say(client, "x");
	settle(bench);
	loopback_expect(service, "x");
	/* and an answer given twice is thrown away */
	(void)close(answer(bench, fresh[0].id));
	(void)close(client);
	(void)close(service);
}

static void test_there_is_room_again_when_one_has_ended(void **state)
{
	struct bench *bench = *state;
	struct connect_request request[CONNECT_BATCH_MAX];
	int client[CAPACITY];

	for (int i = 0; i < CAPACITY; i++)
		client[i] = accept_client(bench, false);
	assert_false(connections_has_room(bench->connections));
	(void)connections_ask(bench->connections, bench->ours);
	assert_int_equal(read_requests(bench, request), CAPACITY);
	connections_answer(bench->connections, request[2].id, ECONNREFUSED, -1);
	assert_true(connections_has_room(bench->connections));
	(void)close(accept_client(bench, false));
	assert_false(connections_has_room(bench->connections));
	for (int i = 0; i < CAPACITY; i++)
		(void)close(client[i]);
}

static void test_another_connector_is_asked_again(void **state)
{
	struct bench *bench = *state;
	struct connect_request request[CONNECT_BATCH_MAX];
	struct connect_request again[CONNECT_BATCH_MAX];
	int client[2] = {accept_client(bench, false), accept_client(bench, false)};

	(void)connections_ask(bench->connections, bench->ours);
	assert_int_equal(read_requests(bench, request), 2);
	connections_ask_again(bench->connections);
	(void)connections_ask(bench->connections, bench->ours);
	assert_int_equal(read_requests(bench, again), 2);
	assert_int_equal(request[0].id, again[0].id);
	(void)close(client[0]);
	(void)close(client[1]);
}

static void test_a_full_channel_is_told_and_nothing_is_lost(void **state)
{
	struct bench *bench = *state;
	struct connect_request request[CONNECT_BATCH_MAX];
	int client = accept_client(bench, false);

	while (write(bench->ours, request, sizeof(request[0])) > 0)
		continue;
	assert_true(connections_ask(bench->connections, bench->ours));
	while (read_requests(bench, request) > 0)
		continue;
	assert_false(connections_ask(bench->connections, bench->ours));
	assert_int_equal(read_requests(bench, request), 1);
	(void)close(client);
}

static void test_the_flows_of_a_forward_that_is_gone_are_reset(void **state)
{
	struct bench *bench = *state;
	struct connect_request request[CONNECT_BATCH_MAX];
	int open = accept_client(bench, false);
	int waiting;
	int asked;
	int service;

	(void)connections_ask(bench->connections, bench->ours);
	assert_int_equal(read_requests(bench, request), 1);
	service = answer(bench, request[0].id);
	asked = accept_client(bench, false);
	(void)connections_ask(bench->connections, bench->ours);
	waiting = accept_client(bench, false);
	connections_note(bench->connections, request[0].id, STREAM_OUTSIDE, EPOLLOUT);
	connections_end_slot(bench->connections, SLOT + 1);
	assert_int_equal(counted(bench, &bench->counters[SLOT].open), 3);
	connections_end_slot(bench->connections, SLOT);
	assert_int_equal(counted(bench, &bench->counters[SLOT].open), 0);
	loopback_expect_reset(open);
	loopback_expect_reset(asked);
	loopback_expect_reset(waiting);
	loopback_expect_reset(service);
	/* one of them was about to be moved: its place is free all the same */
	settle(bench);
	for (int i = 0; i < CAPACITY; i++)
		(void)close(accept_client(bench, false));
	(void)close(open);
	(void)close(asked);
	(void)close(waiting);
	(void)close(service);
}

#define IN_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BENCH(test_all_that_was_accepted_is_asked_for_in_one_message),
		IN_BENCH(test_an_answered_connection_carries_bytes_and_ends_in_order),
		IN_BENCH(test_the_proxy_header_comes_first),
		IN_BENCH(test_a_refusal_inside_is_a_reset_outside),
		IN_BENCH(test_a_late_answer_reaches_nobody_else),
		IN_BENCH(test_there_is_room_again_when_one_has_ended),
		IN_BENCH(test_another_connector_is_asked_again),
		IN_BENCH(test_a_full_channel_is_told_and_nothing_is_lost),
		IN_BENCH(test_the_flows_of_a_forward_that_is_gone_are_reset),
	};

	return cmocka_run_group_tests_name("relay/connections", tests, NULL, NULL);
}
