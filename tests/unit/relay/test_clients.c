/* Mirrors src/relay/clients.c
 *
 * The test is the supervisor and the connector, and time is made up.
 */
#include "cmocka_all.h"

#include "loopback.h"

#include "relay/clients.h"
#include "relay/counters.h"
#include "relay/flow_id.h"
#include "relay/message.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum { MAX = 3, SLOT = 2, LISTENER = 9 };

struct bench {
	struct clients *clients;
	struct counters counters[RELAY_FORWARDS_MAX];
	int epoll;
	int control[2];	  /* [0]: the pump's end */
	int connector[2]; /* likewise */
	struct instant now;
};

/* One UDP client, as far as it has come. */
struct peer {
	int outside; /* its own socket */
	int inside;  /* the service's socket for it */
	union endpoint from;
	uint32_t id;
};

static const struct client_place place = {.listener = LISTENER, .slot = SLOT, .inside_port = 53};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct clients_options options = {.max = MAX, .seed = 1};

	assert_non_null(bench);
	bench->epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, bench->control), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, bench->connector),
			 0);
	options.epoll = bench->epoll;
	options.control = bench->control[0];
	options.counters = bench->counters;
	bench->clients = clients_new(&options);
	assert_non_null(bench->clients);
	bench->now.ns = 1000 * NS_PER_S;
	clients_set_time(bench->clients, bench->now);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	clients_free(bench->clients);
	(void)close(bench->epoll);
	for (int i = 0; i < 2; i++) {
		(void)close(bench->control[i]);
		(void)close(bench->connector[i]);
	}
	free(bench);
	return 0;
}

static void receive(struct bench *bench, uint16_t port, const char *text)
{
	const struct datagram datagram = {(const uint8_t *)text, strlen(text)};
	const union endpoint from = loopback_at(port);

	clients_receive(bench->clients, &place, &from, &datagram, bench->connector[0]);
}

/* The questions that a new client makes; its number. */
static uint32_t expect_questions(const struct bench *bench, uint16_t port,
				 struct connect_request *ret_inside)
{
	struct client_request outside;
	union endpoint from = loopback_at(port);

	assert_int_equal(read(bench->control[1], &outside, sizeof(outside)), sizeof(outside));
	assert_int_equal(read(bench->connector[1], ret_inside, sizeof(*ret_inside)),
			 sizeof(*ret_inside));
	assert_int_equal(outside.client, ret_inside->id);
	assert_int_equal(outside.listener, LISTENER);
	assert_true(endpoint_equal(&outside.from, &from));
	assert_int_equal(ret_inside->port, 53);
	assert_int_equal(ret_inside->protocol, RELAY_UDP);
	return outside.client;
}

static bool has_questions(const struct bench *bench)
{
	return loopback_has_come(bench->control[1], 0) || loopback_has_come(bench->connector[1], 0);
}

/* Two UDP sockets that are connected to each other. */
static void udp_pair(int ret[2])
{
	union endpoint at[2];

	for (int i = 0; i < 2; i++)
		ret[i] = loopback_server(SOCK_DGRAM, &at[i]);
	for (int i = 0; i < 2; i++)
		assert_int_equal(connect(ret[i], &at[!i].any, endpoint_len(&at[!i])), 0);
}

static struct peer begin(struct bench *bench, uint16_t port, const char *text)
{
	struct peer peer = {.from = loopback_at(port), .outside = -1, .inside = -1};
	struct connect_request inside;

	receive(bench, port, text);
	peer.id = expect_questions(bench, port, &inside);
	return peer;
}

static void give_outside(struct bench *bench, struct peer *peer)
{
	int pair[2];

	udp_pair(pair);
	peer->outside = pair[0];
	clients_outside(bench->clients, peer->id, 0, pair[1]);
}

static void give_inside(struct bench *bench, struct peer *peer)
{
	int pair[2];

	udp_pair(pair);
	peer->inside = pair[0];
	clients_inside(bench->clients, peer->id, 0, pair[1]);
}

static struct peer open_client(struct bench *bench, uint16_t port)
{
	struct peer peer = begin(bench, port, "first");

	give_outside(bench, &peer);
	give_inside(bench, &peer);
	loopback_expect(peer.inside, "first");
	return peer;
}

static void drop(struct peer *peer)
{
	if (peer->outside >= 0)
		(void)close(peer->outside);
	if (peer->inside >= 0)
		(void)close(peer->inside);
}

static void settle(struct bench *bench)
{
	struct epoll_event event[8];
	int n = epoll_wait(bench->epoll, event, 8, 1000);

	for (int i = 0; i < n; i++)
		clients_note(bench->clients, flow_event_id(event[i].data.u64),
			     flow_event_side(event[i].data.u64), bench->connector[0]);
}

static void pass_time(struct bench *bench, uint64_t seconds)
{
	bench->now = instant_add(bench->now, seconds * NS_PER_S);
	clients_set_time(bench->clients, bench->now);
}

static uint64_t n_open(const struct bench *bench)
{
	return counters_read(&bench->counters[SLOT].open);
}

static void test_datagrams_wait_until_both_sockets_have_come(void **state)
{
	struct bench *bench = *state;
	struct peer peer = begin(bench, 1000, "one");

	receive(bench, 1000, "two");
	assert_false(has_questions(bench)); /* it is one client */
	give_inside(bench, &peer);
	assert_false(loopback_has_come(peer.inside, 20));
	give_outside(bench, &peer);
	loopback_expect(peer.inside, "one");
	loopback_expect(peer.inside, "two");
	drop(&peer);
}

static void test_an_answer_goes_to_the_client_and_is_counted(void **state)
{
	struct bench *bench = *state;
	struct peer peer = open_client(bench, 1000);

	loopback_say(peer.inside, "answer");
	settle(bench);
	loopback_expect(peer.outside, "answer");
	assert_int_equal(counters_read(&bench->counters[SLOT].bytes_in), 5);
	assert_int_equal(counters_read(&bench->counters[SLOT].bytes_out), 6);
	assert_int_equal(counters_read(&bench->counters[SLOT].total), 1);
	drop(&peer);
}

static void test_an_empty_datagram_is_one_too(void **state)
{
	struct bench *bench = *state;
	struct peer peer = open_client(bench, 1000);
	char byte;

	assert_int_equal(send(peer.inside, "", 0, 0), 0);
	settle(bench);
	assert_true(loopback_has_come(peer.outside, 1000));
	assert_int_equal(recv(peer.outside, &byte, 1, 0), 0);
	drop(&peer);
}

/* What the kernel may give to a socket that is bound and not yet connected. */
static void test_another_clients_datagram_goes_its_own_way(void **state)
{
	struct bench *bench = *state;
	union endpoint at;
	int port = loopback_server(SOCK_DGRAM, &at);
	int stranger = loopback_client(SOCK_DGRAM, &at);
	union endpoint from;
	socklen_t len = sizeof(from);
	struct peer peer = begin(bench, 1000, "one");
	struct client_request request;

	assert_int_equal(getsockname(stranger, &from.any, &len), 0);
	clients_outside(bench->clients, peer.id, 0, port);
	give_inside(bench, &peer);
	loopback_expect(peer.inside, "one");
	loopback_say(stranger, "not from 1000");
	settle(bench);
	assert_false(loopback_has_come(peer.inside, 20));
	assert_int_equal(read(bench->control[1], &request, sizeof(request)), sizeof(request));
	assert_true(endpoint_equal(&request.from, &from));
	(void)close(stranger);
	drop(&peer);
}

static void test_where_nobody_listens_the_other_address_is_tried_next(void **state)
{
	struct bench *bench = *state;
	struct peer peer = open_client(bench, 1000);
	struct connect_request request;

	(void)close(peer.inside);
	peer.inside = -1;
	receive(bench, 1000, "anybody?"); /* the kernel answers with an ICMP error */
	settle(bench);
	assert_int_equal(n_open(bench), 0);
	receive(bench, 1000, "again");
	(void)expect_questions(bench, 1000, &request);
	assert_int_equal(request.attempt, 1);
	assert_int_equal(counters_read(&bench->counters[SLOT].refused), 1);
	drop(&peer);
}

static void test_a_client_that_has_gone_is_forgotten(void **state)
{
	struct bench *bench = *state;
	struct peer peer = open_client(bench, 1000);

	(void)close(peer.outside);
	peer.outside = -1;
	loopback_say(peer.inside, "late");
	settle(bench);
	settle(bench);
	assert_int_equal(n_open(bench), 0);
	assert_int_equal(counters_read(&bench->counters[SLOT].refused), 0);
	drop(&peer);
}

static void test_one_that_is_never_answered_expires_after_thirty_seconds(void **state)
{
	struct bench *bench = *state;
	struct peer silent = open_client(bench, 1000);
	struct peer answered = open_client(bench, 1001);
	struct instant due;

	loopback_say(answered.inside, "answer");
	settle(bench);
	pass_time(bench, 29);
	due = clients_expire(bench->clients);
	assert_int_equal(due.ns, bench->now.ns + NS_PER_S);
	assert_int_equal(n_open(bench), 2);
	pass_time(bench, 1);
	due = clients_expire(bench->clients);
	assert_int_equal(n_open(bench), 1);
	assert_int_equal(due.ns, bench->now.ns + 90 * NS_PER_S);
	pass_time(bench, 90);
	due = clients_expire(bench->clients);
	assert_int_equal(due.ns, 0);
	assert_int_equal(n_open(bench), 0);
	drop(&silent);
	drop(&answered);
}

static void test_use_puts_the_end_off(void **state)
{
	struct bench *bench = *state;
	struct peer peer = open_client(bench, 1000);

	for (int i = 0; i < 5; i++) {
		pass_time(bench, 25);
		receive(bench, 1000, "still here");
		(void)clients_expire(bench->clients);
		assert_int_equal(n_open(bench), 1);
	}
	drop(&peer);
}

static void test_a_full_table_loses_the_oldest_that_was_never_answered(void **state)
{
	struct bench *bench = *state;
	struct peer peer[MAX];
	struct peer last;

	for (int i = 0; i < MAX; i++) {
		peer[i] = open_client(bench, (uint16_t)(1000 + i));
		if (i == 0) {
			loopback_say(peer[i].inside, "answer");
			settle(bench);
		}
	}
	last = open_client(bench, 2000);
	assert_int_equal(n_open(bench), MAX);
	receive(bench, 1000, "known");
	receive(bench, 1002, "known");
	assert_false(has_questions(bench));
	loopback_expect(peer[0].inside, "known");
	receive(bench, 1001, "it was this one");
	assert_true(has_questions(bench));
	for (int i = 0; i < MAX; i++)
		drop(&peer[i]);
	drop(&last);
}

static void test_a_full_table_of_answered_ones_refuses(void **state)
{
	struct bench *bench = *state;
	struct peer peer[MAX];

	for (int i = 0; i < MAX; i++) {
		peer[i] = open_client(bench, (uint16_t)(1000 + i));
		loopback_say(peer[i].inside, "answer");
		settle(bench);
	}
	receive(bench, 2000, "no room");
	assert_false(has_questions(bench));
	assert_int_equal(counters_read(&bench->counters[SLOT].refused), 1);
	for (int i = 0; i < MAX; i++)
		drop(&peer[i]);
}

static void test_few_datagrams_wait_and_no_more(void **state)
{
	struct bench *bench = *state;
	struct peer peer = begin(bench, 1000, "0");

	for (int i = 0; i < 2 * CLIENTS_WAITING_MAX; i++)
		receive(bench, 1000, "x");
	give_outside(bench, &peer);
	give_inside(bench, &peer);
	loopback_expect(peer.inside, "0xxxxxxx");
	assert_false(loopback_has_come(peer.inside, 20));
	drop(&peer);
}

static void test_an_error_or_a_late_answer_harms_nobody(void **state)
{
	struct bench *bench = *state;
	struct peer peer = begin(bench, 1000, "one");
	int spare[2];

	udp_pair(spare);
	clients_outside(bench->clients, peer.id, EACCES, -1);
	assert_int_equal(n_open(bench), 0);
	assert_int_equal(counters_read(&bench->counters[SLOT].refused), 1);
	clients_inside(bench->clients, peer.id, 0, spare[0]);
	assert_true(fcntl(spare[0], F_GETFD) < 0);
	clients_inside(bench->clients, UINT32_MAX, ECONNREFUSED, -1);
	clients_note(bench->clients, peer.id, 0, -1);
	(void)close(spare[1]);
}

static void test_without_a_connector_nobody_waits(void **state)
{
	struct bench *bench = *state;
	const struct datagram datagram = {(const uint8_t *)"x", 1};
	const union endpoint from = loopback_at(1000);
	struct peer peer = begin(bench, 1001, "one");

	clients_receive(bench->clients, &place, &from, &datagram, -1);
	assert_int_equal(n_open(bench), 1);
	clients_forget_asked(bench->clients);
	assert_int_equal(n_open(bench), 0);
	drop(&peer);
}

static void test_the_clients_of_a_forward_that_is_gone_end(void **state)
{
	struct bench *bench = *state;
	struct peer peer = open_client(bench, 1000);

	clients_end_slot(bench->clients, SLOT + 1);
	assert_int_equal(n_open(bench), 1);
	clients_end_slot(bench->clients, SLOT);
	assert_int_equal(n_open(bench), 0);
	drop(&peer);
}

#define IN_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BENCH(test_datagrams_wait_until_both_sockets_have_come),
		IN_BENCH(test_an_answer_goes_to_the_client_and_is_counted),
		IN_BENCH(test_an_empty_datagram_is_one_too),
		IN_BENCH(test_another_clients_datagram_goes_its_own_way),
		IN_BENCH(test_where_nobody_listens_the_other_address_is_tried_next),
		IN_BENCH(test_a_client_that_has_gone_is_forgotten),
		IN_BENCH(test_one_that_is_never_answered_expires_after_thirty_seconds),
		IN_BENCH(test_use_puts_the_end_off),
		IN_BENCH(test_a_full_table_loses_the_oldest_that_was_never_answered),
		IN_BENCH(test_a_full_table_of_answered_ones_refuses),
		IN_BENCH(test_few_datagrams_wait_and_no_more),
		IN_BENCH(test_an_error_or_a_late_answer_harms_nobody),
		IN_BENCH(test_without_a_connector_nobody_waits),
		IN_BENCH(test_the_clients_of_a_forward_that_is_gone_end),
	};

	return cmocka_run_group_tests_name("relay/clients", tests, NULL, NULL);
}
