/* Mirrors src/relay/pump.c
 *
 * The pump runs in a process of its own, without its filter; the test is the
 * supervisor, the connector, the client and the service.
 */
#include "cmocka_all.h"

#include "loopback.h"

#include "base/error.h"
#include "base/fd.h"
#include "relay/counters.h"
#include "relay/message.h"
#include "relay/pump.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { CONNECTIONS = 2, SLOT = 1, LINK = 0 };

struct bench {
	struct counters *counters;
	pid_t pump;
	int control;
	int connector;
	struct control message;
};

static int start_pump(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct pump_options options = {
		.limits = {.files = 512,
			   .listeners = 4,
			   .clients = 4,
			   .pipes = 4,
			   .connections = CONNECTIONS},
	};
	int pair[2];

	assert_non_null(bench);
	bench->counters = mmap(NULL, RELAY_FORWARDS_MAX * sizeof(struct counters),
			       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	options.control = pair[1];
	options.counters = bench->counters;
	bench->pump = fork();
	if (bench->pump == 0) {
		struct pump *pump = pump_new(&options);
		int r = pump ? 0 : -1;

		(void)close(pair[0]);
		(void)signal(SIGPIPE, SIG_IGN);
		while (r == 0)
			r = pump_turn(pump);
		pump_free(pump);
		_exit(r == -ESHUTDOWN ? 0 : 1);
	}
	(void)close(pair[1]);
	bench->control = pair[0];
	bench->connector = -1;
	*state = bench;
	return 0;
}

static void tell(struct bench *bench, int fd)
{
	assert_int_equal(fd_send(bench->control, &bench->message,
				 message_control_len(&bench->message), &fd, fd >= 0 ? 1 : 0),
			 0);
	memset(&bench->message, 0, sizeof(bench->message));
}

static void tell_source(struct bench *bench, const char *prefix)
{
	bench->message.head.kind = CONTROL_SOURCES;
	bench->message.head.link = LINK;
	bench->message.head.n_sources = 1;
	assert_true(prefix_parse(prefix, strlen(prefix), &bench->message.source[0]));
	tell(bench, -1);
}

/* A fresh one; the old one's channel is closed. */
static void tell_connector(struct bench *bench)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fd_set_nonblocking(pair[0]), 0);
	bench->message.head.kind = CONTROL_CONNECTOR;
	tell(bench, pair[0]);
	(void)close(pair[0]);
	if (bench->connector >= 0)
		(void)close(bench->connector);
	bench->connector = pair[1];
}

static union endpoint tell_listener(struct bench *bench, uint32_t place,
				    enum relay_protocol protocol)
{
	union endpoint at;
	int fd = loopback_server(protocol == RELAY_TCP ? SOCK_STREAM : SOCK_DGRAM, &at);

	assert_int_equal(fd_set_nonblocking(fd), 0);
	bench->message.head = (struct control_head){
		.kind = CONTROL_LISTEN,
		.listener = place,
		.slot = SLOT,
		.link = LINK,
		.inside_port = 80,
		.protocol = (uint8_t)protocol,
	};
	tell(bench, fd);
	(void)close(fd);
	return at;
}

static int setup(void **state)
{
	struct bench *bench;

	(void)start_pump(state);
	bench = *state;
	tell_source(bench, "127.0.0.0/8");
	tell_connector(bench);
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;
	int status;

	(void)close(bench->control);
	(void)close(bench->connector);
	if (bench->pump > 0) {
		assert_int_equal(waitpid(bench->pump, &status, 0), bench->pump);
		assert_int_equal(status, 0);
	}
	(void)munmap(bench->counters, RELAY_FORWARDS_MAX * sizeof(struct counters));
	free(bench);
	return 0;
}

/* The pump's next request. */
static struct connect_request expect_request(const struct bench *bench)
{
	struct connect_request request[CONNECT_BATCH_MAX];

	assert_true(loopback_has_come(bench->connector, 5000));
	assert_int_equal(read(bench->connector, request, sizeof(request)), sizeof(request[0]));
	return request[0];
}

static void answer(const struct bench *bench, uint32_t id, int fd)
{
	const struct connect_result result = {id, 0};

	assert_int_equal(fd_send(bench->connector, &result, sizeof(result), &fd, 1), 0);
	(void)close(fd);
}

/* The service's end of the answered connection. */
static int serve(const struct bench *bench, uint32_t id)
{
	int pair[2];

	loopback_pair(pair);
	answer(bench, id, pair[1]);
	return pair[0];
}

static void expect_counter(const _Atomic uint64_t *counter, uint64_t wanted)
{
	for (int tries = 0; counters_read(counter) != wanted; tries++) {
		if (tries == 5000)
			assert_int_equal(counters_read(counter), wanted);
		(void)usleep(1000);
	}
}

static void test_a_connection_is_carried(void **state)
{
	struct bench *bench = *state;
	union endpoint at = tell_listener(bench, 0, RELAY_TCP);
	int client = loopback_client(SOCK_STREAM, &at);
	struct connect_request request = expect_request(bench);
	int service = serve(bench, request.id);

	assert_int_equal(request.port, 80);
	loopback_say(client, "question");
	loopback_expect(service, "question");
	loopback_say(service, "answer");
	loopback_expect(client, "answer");
	(void)close(client);
	loopback_expect_end(service);
	(void)close(service);
	expect_counter(&bench->counters[SLOT].open, 0);
}

static void test_a_client_from_elsewhere_is_reset(void **state)
{
	struct bench *bench = *state;
	union endpoint at = tell_listener(bench, 0, RELAY_TCP);
	int client;

	tell_source(bench, "192.0.2.0/24");
	client = loopback_client(SOCK_STREAM, &at);
	loopback_expect_reset(client);
	assert_int_equal(counters_read(&bench->counters[SLOT].refused), 1);
	assert_int_equal(counters_read(&bench->counters[SLOT].total), 0);
	(void)close(client);
}

static void test_those_beyond_the_last_place_wait_for_one(void **state)
{
	struct bench *bench = *state;
	union endpoint at = tell_listener(bench, 0, RELAY_TCP);
	int client[CONNECTIONS + 1];
	int service[CONNECTIONS + 1];

	for (int i = 0; i < CONNECTIONS; i++) {
		client[i] = loopback_client(SOCK_STREAM, &at);
		service[i] = serve(bench, expect_request(bench).id);
	}
	client[CONNECTIONS] = loopback_client(SOCK_STREAM, &at);
	loopback_say(client[CONNECTIONS], "patience");
	assert_false(loopback_has_come(bench->connector, 100));
	(void)close(client[0]);
	(void)close(service[0]);
	service[CONNECTIONS] = serve(bench, expect_request(bench).id);
	loopback_expect(service[CONNECTIONS], "patience");
	for (int i = 1; i <= CONNECTIONS; i++) {
		(void)close(client[i]);
		(void)close(service[i]);
	}
}

static void test_another_connector_finishes_what_the_last_one_did_not(void **state)
{
	struct bench *bench = *state;
	union endpoint at = tell_listener(bench, 0, RELAY_TCP);
	int client = loopback_client(SOCK_STREAM, &at);
	int service;

	(void)expect_request(bench);
	tell_connector(bench);
	service = serve(bench, expect_request(bench).id);
	loopback_say(client, "still here");
	loopback_expect(service, "still here");
	/* and what is established needs none */
	(void)close(bench->connector);
	bench->connector = -1;
	loopback_say(service, "so am I");
	loopback_expect(client, "so am I");
	(void)close(client);
	(void)close(service);
}

static void test_nonsense_from_the_connector_costs_it_its_channel(void **state)
{
	struct bench *bench = *state;
	union endpoint at = tell_listener(bench, 0, RELAY_TCP);
	const struct connect_result lie = {0, 0}; /* without a descriptor */
	int client;
	int service;

	assert_int_equal(write(bench->connector, &lie, sizeof(lie)), sizeof(lie));
	loopback_expect_end(bench->connector);
	tell_connector(bench);
	client = loopback_client(SOCK_STREAM, &at);
	service = serve(bench, expect_request(bench).id);
	loopback_say(client, "x");
	loopback_expect(service, "x");
	(void)close(client);
	(void)close(service);
}

static void test_a_closed_listener_accepts_nobody_and_its_flows_stay(void **state)
{
	struct bench *bench = *state;
	union endpoint at = tell_listener(bench, 2, RELAY_TCP);
	int client = loopback_client(SOCK_STREAM, &at);
	int service = serve(bench, expect_request(bench).id);
	int late = socket(AF_INET, SOCK_STREAM, 0);
	int r;

	bench->message.head.kind = CONTROL_CLOSE;
	bench->message.head.listener = 2;
	tell(bench, -1);
	do {
		(void)close(late);
		late = socket(AF_INET, SOCK_STREAM, 0);
		r = connect(late, &at.any, endpoint_len(&at));
	} while (r == 0);
	/* reset: it was in the queue when that went */
	assert_true(errno == ECONNREFUSED || errno == ECONNRESET);
	loopback_say(client, "here");
	loopback_expect(service, "here");
	bench->message.head.kind = CONTROL_END;
	bench->message.head.slot = SLOT;
	tell(bench, -1);
	loopback_expect_reset(client);
	loopback_expect_reset(service);
	(void)close(late);
	(void)close(client);
	(void)close(service);
}

/* A UDP socket on the listener's port for that client, as the supervisor makes it. */
static int client_socket(const union endpoint *at, const union endpoint *from)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int on = 1;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	if (bind(fd, &at->any, endpoint_len(at)) < 0)
		(void)fd; /* the listener of this test does not share: any port will do */
	assert_int_equal(connect(fd, &from->any, endpoint_len(from)), 0);
	return fd;
}

static void test_a_udp_client_gets_a_socket_of_its_own(void **state)
{
	struct bench *bench = *state;
	union endpoint at = tell_listener(bench, 1, RELAY_UDP);
	union endpoint inner;
	int client = loopback_client(SOCK_DGRAM, &at);
	int service = loopback_server(SOCK_DGRAM, &inner);
	struct client_request outside;
	struct connect_request inside;
	union endpoint from;
	socklen_t len = sizeof(from);
	int own;

	assert_int_equal(getsockname(client, &from.any, &len), 0);
	loopback_say(client, "question");
	assert_true(loopback_has_come(bench->control, 5000));
	assert_int_equal(read(bench->control, &outside, sizeof(outside)), sizeof(outside));
	inside = expect_request(bench);
	assert_int_equal(outside.client, inside.id);
	assert_int_equal(outside.listener, 1);
	assert_int_equal(inside.protocol, RELAY_UDP);
	assert_true(endpoint_equal(&outside.from, &from));
	own = client_socket(&at, &from);
	bench->message.head.kind = CONTROL_CLIENT;
	bench->message.head.client = outside.client;
	tell(bench, own);
	(void)close(own);
	answer(bench, inside.id, loopback_client(SOCK_DGRAM, &inner));
	loopback_expect(service, "question");
	(void)close(client);
	(void)close(service);
}

static void test_a_datagram_from_elsewhere_is_dropped(void **state)
{
	struct bench *bench = *state;
	union endpoint at = tell_listener(bench, 1, RELAY_UDP);
	int client = loopback_client(SOCK_DGRAM, &at);

	tell_source(bench, "192.0.2.0/24");
	loopback_say(client, "question");
	expect_counter(&bench->counters[SLOT].refused, 1);
	assert_false(loopback_has_come(bench->control, 0));
	(void)close(client);
}

static void expect_failure(struct bench *bench)
{
	int status;

	assert_int_equal(waitpid(bench->pump, &status, 0), bench->pump);
	assert_int_equal(WEXITSTATUS(status), 1);
	bench->pump = -1;
}

static void test_what_is_out_of_range_ends_it(void **state)
{
	struct bench *bench = *state;

	bench->message.head.kind = CONTROL_CLOSE;
	bench->message.head.listener = 4;
	tell(bench, -1);
	expect_failure(bench);
}

static void test_a_listener_without_a_socket_ends_it(void **state)
{
	struct bench *bench = *state;

	bench->message.head.kind = CONTROL_LISTEN;
	tell(bench, -1);
	expect_failure(bench);
}

#define IN_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BENCH(test_a_connection_is_carried),
		IN_BENCH(test_a_client_from_elsewhere_is_reset),
		IN_BENCH(test_those_beyond_the_last_place_wait_for_one),
		IN_BENCH(test_another_connector_finishes_what_the_last_one_did_not),
		IN_BENCH(test_nonsense_from_the_connector_costs_it_its_channel),
		IN_BENCH(test_a_closed_listener_accepts_nobody_and_its_flows_stay),
		IN_BENCH(test_a_udp_client_gets_a_socket_of_its_own),
		IN_BENCH(test_a_datagram_from_elsewhere_is_dropped),
		IN_BENCH(test_what_is_out_of_range_ends_it),
		IN_BENCH(test_a_listener_without_a_socket_ends_it),
	};

	return cmocka_run_group_tests_name("relay/pump", tests, NULL, NULL);
}
