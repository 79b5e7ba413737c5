/* Mirrors src/relay/connector.c
 *
 * The test is the pump.
 */
#include "cmocka_all.h"

#include "loopback.h"

#include "base/fd.h"
#include "relay/connector.h"
#include "relay/message.h"

#include <fcntl.h>
#include <stdlib.h>

struct bench {
	struct connector *connector;
	struct relay_forward forward[2];
	int ours;
	int theirs;
	int fds[FD_PASS_MAX]; /* of the last results */
	size_t n_fds;
	struct connect_result result[CONNECT_RESULTS_MAX];
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	int pair[2];

	assert_non_null(bench);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	bench->ours = pair[0];
	bench->theirs = pair[1];
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	connector_free(bench->connector);
	for (size_t i = 0; i < bench->n_fds; i++)
		(void)close(bench->fds[i]);
	if (bench->ours >= 0)
		(void)close(bench->ours);
	(void)close(bench->theirs);
	free(bench);
	return 0;
}

static void start(struct bench *bench, uint16_t tcp, uint16_t udp)
{
	const struct connector_options options = {
		.channel = bench->theirs, .forward = bench->forward, .n_forwards = 2};

	bench->forward[0] = (struct relay_forward){.protocol = RELAY_TCP, .inside = {tcp, tcp}};
	bench->forward[1] = (struct relay_forward){.protocol = RELAY_UDP, .inside = {udp, udp}};
	bench->connector = connector_new(&options);
	assert_non_null(bench->connector);
}

static void request(struct bench *bench, const struct connect_request *requests, size_t n)
{
	assert_int_equal(write(bench->ours, requests, n * sizeof(*requests)),
			 (ssize_t)(n * sizeof(*requests)));
	assert_int_equal(connector_turn(bench->connector), 0);
}

/* How many results, in one message. */
static int results(struct bench *bench)
{
	ssize_t n;

	if (!loopback_has_come(bench->ours, 1000))
		return 0;
	n = fd_receive(bench->ours, bench->result, sizeof(bench->result), bench->fds,
		       &bench->n_fds);
	return message_count_results(bench->result, (size_t)n, bench->n_fds);
}

static void test_a_service_here_is_connected_to_in_the_same_turn(void **state)
{
	struct bench *bench = *state;
	union endpoint at;
	int server = loopback_server(SOCK_STREAM, &at);
	const struct connect_request one = {.id = 7, .port = endpoint_port(&at)};
	int service;

	start(bench, endpoint_port(&at), 1);
	request(bench, &one, 1);
	assert_int_equal(results(bench), 1);
	assert_int_equal(bench->result[0].id, 7);
	assert_int_equal(bench->result[0].error, 0);
	assert_true(fcntl(bench->fds[0], F_GETFL) & O_NONBLOCK);
	service = accept(server, NULL, NULL);
	loopback_say(bench->fds[0], "hello");
	loopback_expect(service, "hello");
	(void)close(service);
	(void)close(server);
}

static void test_results_come_in_batches_of_as_many_as_fit(void **state)
{
	struct bench *bench = *state;
	union endpoint at;
	int server = loopback_server(SOCK_STREAM, &at);
	struct connect_request many[11];
	int n_results = 0;

	start(bench, endpoint_port(&at), 1);
	for (uint32_t i = 0; i < 11; i++)
		many[i] = (struct connect_request){.id = i, .port = endpoint_port(&at)};
	request(bench, many, 11);
	assert_int_equal(results(bench), CONNECT_RESULTS_MAX);
	for (n_results = 0; n_results < CONNECT_RESULTS_MAX; n_results++)
		(void)close(bench->fds[n_results]);
	assert_int_equal(results(bench), 11 - CONNECT_RESULTS_MAX);
	(void)close(server);
}

static void test_where_nobody_listens_on_ipv4_ipv6_is_tried(void **state)
{
	struct bench *bench = *state;
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	socklen_t len = sizeof(at);
	int server = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct connect_request one = {.id = 1};
	struct sockaddr_storage peer;

	if (server < 0 || bind(server, (struct sockaddr *)&at, sizeof(at)) < 0) {
		(void)close(server);
		skip(); /* a machine without ::1 */
	}
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&at, &len), 0);
	one.port = ntohs(at.sin6_port);
	start(bench, one.port, 1);
	request(bench, &one, 1);
	assert_int_equal(results(bench), 1);
	assert_int_equal(bench->result[0].error, 0);
	len = sizeof(peer);
	assert_int_equal(getpeername(bench->fds[0], (struct sockaddr *)&peer, &len), 0);
	assert_int_equal(peer.ss_family, AF_INET6);
	(void)close(server);
}

static void test_where_nobody_listens_at_all_it_says_so(void **state)
{
	struct bench *bench = *state;
	union endpoint at;
	int server = loopback_server(SOCK_STREAM, &at);
	const struct connect_request one = {.id = 1, .port = endpoint_port(&at)};

	(void)close(server);
	start(bench, one.port, 1);
	request(bench, &one, 1);
	assert_int_equal(results(bench), 1);
	assert_true(bench->result[0].error == ECONNREFUSED ||
		    bench->result[0].error == EADDRNOTAVAIL);
}

static void test_a_port_that_is_not_declared_is_refused(void **state)
{
	struct bench *bench = *state;
	union endpoint at;
	int server = loopback_server(SOCK_STREAM, &at);
	const struct connect_request requests[] = {
		{.id = 1, .port = endpoint_port(&at), .protocol = RELAY_UDP},
		{.id = 2, .port = 1},
		{.id = 3, .port = endpoint_port(&at), .protocol = 77},
	};

	start(bench, endpoint_port(&at), 1);
	request(bench, requests, 3);
	assert_int_equal(results(bench), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(bench->result[i].error, EACCES);
	assert_false(loopback_has_come(server, 20));
	(void)close(server);
}

static void test_udp_begins_with_the_address_of_the_attempt(void **state)
{
	struct bench *bench = *state;
	const struct connect_request requests[] = {
		{.id = 1, .port = 9, .protocol = RELAY_UDP, .attempt = 0},
		{.id = 2, .port = 9, .protocol = RELAY_UDP, .attempt = 1},
	};
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	start(bench, 1, 9);
	request(bench, requests, 2);
	assert_int_equal(results(bench), 2);
	assert_int_equal(getpeername(bench->fds[0], (struct sockaddr *)&peer, &len), 0);
	assert_int_equal(peer.ss_family, AF_INET);
	len = sizeof(peer);
	assert_int_equal(getpeername(bench->fds[1], (struct sockaddr *)&peer, &len), 0);
	assert_true(peer.ss_family == AF_INET6 || peer.ss_family == AF_INET);
}

/* A backlog that is full answers nothing. */
static void test_one_that_waits_is_answered_when_it_is_connected(void **state)
{
	struct bench *bench = *state;
	union endpoint at;
	int server = loopback_server(SOCK_STREAM, &at);
	struct connect_request many[8];
	int n_first;
	int n_all;

	assert_int_equal(listen(server, 0), 0);
	start(bench, endpoint_port(&at), 1);
	for (uint32_t i = 0; i < 8; i++)
		many[i] = (struct connect_request){.id = i, .port = endpoint_port(&at)};
	request(bench, many, 8);
	n_first = results(bench);
	assert_true(n_first > 0 && n_first < 8);
	n_all = n_first;
	for (int tries = 0; n_all < 8 && tries < 40; tries++) {
		for (size_t i = 0; i < bench->n_fds; i++)
			(void)close(bench->fds[i]);
		bench->n_fds = 0;
		while (loopback_has_come(server, 0))
			(void)close(accept(server, NULL, NULL));
		assert_int_equal(connector_turn(bench->connector), 0);
		if (loopback_has_come(bench->ours, 0))
			n_all += results(bench);
	}
	assert_int_equal(n_all, 8);
	(void)close(server);
}

static void test_nonsense_and_the_pumps_end_end_it(void **state)
{
	struct bench *bench = *state;

	start(bench, 1, 1);
	assert_int_equal(write(bench->ours, "abc", 3), 3);
	assert_int_equal(connector_turn(bench->connector), -EBADMSG);
	(void)close(bench->ours);
	bench->ours = -1;
	assert_int_equal(connector_turn(bench->connector), -ESHUTDOWN);
}

#define IN_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BENCH(test_a_service_here_is_connected_to_in_the_same_turn),
		IN_BENCH(test_results_come_in_batches_of_as_many_as_fit),
		IN_BENCH(test_where_nobody_listens_on_ipv4_ipv6_is_tried),
		IN_BENCH(test_where_nobody_listens_at_all_it_says_so),
		IN_BENCH(test_a_port_that_is_not_declared_is_refused),
		IN_BENCH(test_udp_begins_with_the_address_of_the_attempt),
		IN_BENCH(test_one_that_waits_is_answered_when_it_is_connected),
		IN_BENCH(test_nonsense_and_the_pumps_end_end_it),
	};

	return cmocka_run_group_tests_name("relay/connector", tests, NULL, NULL);
}
