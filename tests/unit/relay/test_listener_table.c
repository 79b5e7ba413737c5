/* Mirrors src/relay/listener_table.c */
#include "cmocka_all.h"

#include "emulated.h"

#include "loopback.h"

#include "base/error.h"
#include "relay/bindings.h"
#include "relay/listener_table.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>

enum { MAX = 4 };

static char events[256]; /* what was told: "+0 -1 " */

static void note(void *context, uint32_t place, bool is_open)
{
	(void)context;
	(void)snprintf(events + strlen(events), sizeof(events) - strlen(events), "%c%u ",
		       is_open ? '+' : '-', place);
}

/* Ports that are free now. */
static void find_ports(uint16_t *ret, size_t n)
{
	int fd[MAX];
	union endpoint at;

	for (size_t i = 0; i < n; i++) {
		fd[i] = loopback_server(SOCK_STREAM, &at);
		ret[i] = endpoint_port(&at);
	}
	while (n-- > 0)
		(void)close(fd[n]);
}

static struct listener_spec spec_at(uint16_t port)
{
	return (struct listener_spec){.protocol = RELAY_TCP,
				      .at = loopback_at(port),
				      .device = if_nametoindex("lo"),
				      .inside_port = 80};
}

static int change_to(struct listener_table *table, struct listener_spec *specs, size_t n,
		     enum listener_scope scope, struct error *err)
{
	const struct bindings bindings = {.spec = specs, .n_specs = n};
	struct listener_change *change;
	int r = listener_table_prepare(table, &bindings, scope, &change, err);

	events[0] = '\0';
	if (r == 0)
		listener_table_commit(table, change, note, NULL);
	return r;
}

static void test_a_socket_that_stays_is_not_opened_anew(void **state)
{
	struct listener_table table;
	struct listener_spec spec[2];
	uint16_t port[3];
	int fd;

	(void)state;
	skip_if_emulated("SO_BINDTOIFINDEX");
	find_ports(port, 3);
	assert_int_equal(listener_table_init(&table, MAX), 0);
	spec[0] = spec_at(port[0]);
	spec[1] = spec_at(port[1]);
	assert_int_equal(change_to(&table, spec, 2, LISTENER_ALL, NULL), 0);
	assert_string_equal(events, "+0 +1 ");
	fd = table.at[1].fd;
	spec[0] = spec_at(port[2]);
	assert_int_equal(change_to(&table, spec, 2, LISTENER_ALL, NULL), 0);
	assert_string_equal(events, "-0 +0 ");
	assert_int_equal(table.at[1].fd, fd);
	assert_int_equal(change_to(&table, spec, 2, LISTENER_ALL, NULL), 0);
	assert_string_equal(events, "");
	listener_table_done(&table);
	assert_true(fcntl(fd, F_GETFD) < 0);
}

static void test_one_that_means_something_else_is_told_and_stays_open(void **state)
{
	struct listener_table table;
	struct listener_spec spec;
	uint16_t port;
	int fd;

	(void)state;
	skip_if_emulated("SO_BINDTOIFINDEX");
	find_ports(&port, 1);
	assert_int_equal(listener_table_init(&table, MAX), 0);
	spec = spec_at(port);
	assert_int_equal(change_to(&table, &spec, 1, LISTENER_ALL, NULL), 0);
	fd = table.at[0].fd;
	spec.inside_port = 81;
	assert_int_equal(change_to(&table, &spec, 1, LISTENER_ALL, NULL), 0);
	assert_string_equal(events, "+0 ");
	assert_int_equal(table.at[0].fd, fd);
	assert_int_equal(table.at[0].spec.inside_port, 81);
	listener_table_done(&table);
}

static void test_a_change_that_fails_leaves_all_as_it_was(void **state)
{
	struct listener_table table;
	struct listener_spec spec[2];
	struct error err = {0};
	union endpoint at;
	uint16_t port;
	int other = loopback_server(SOCK_STREAM, &at);

	(void)state;
	skip_if_emulated("SO_BINDTOIFINDEX");
	find_ports(&port, 1);
	assert_int_equal(listener_table_init(&table, MAX), 0);
	spec[0] = spec_at(port);
	assert_int_equal(change_to(&table, spec, 1, LISTENER_ALL, NULL), 0);
	spec[0] = spec_at((uint16_t)(port == 65535 ? 1024 : port + 1));
	spec[1] = spec_at(endpoint_port(&at));
	assert_int_equal(change_to(&table, spec, 2, LISTENER_ALL, &err), -EADDRINUSE);
	assert_string_equal(events, "");
	assert_int_equal(endpoint_port(&table.at[0].spec.at), port);
	(void)close(loopback_client(SOCK_STREAM, &table.at[0].spec.at));
	(void)close(other);
	listener_table_done(&table);
}

static void test_where_most_is_enough_the_others_are_opened(void **state)
{
	struct listener_table table;
	struct listener_spec spec[2];
	struct error err = {0};
	union endpoint at;
	uint16_t port;
	int other = loopback_server(SOCK_STREAM, &at);

	(void)state;
	skip_if_emulated("SO_BINDTOIFINDEX");
	find_ports(&port, 1);
	assert_int_equal(listener_table_init(&table, MAX), 0);
	spec[0] = spec_at(endpoint_port(&at));
	spec[1] = spec_at(port);
	assert_int_equal(change_to(&table, spec, 2, LISTENER_MOST, &err), 0);
	assert_int_equal(err.code, EADDRINUSE);
	assert_string_equal(events, "+0 ");
	assert_int_equal(endpoint_port(&table.at[0].spec.at), port);
	(void)close(other);
	assert_int_equal(change_to(&table, spec, 2, LISTENER_MOST, &err), 0);
	assert_int_equal(err.code, 0);
	assert_string_equal(events, "+1 ");
	listener_table_done(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_socket_that_stays_is_not_opened_anew),
		cmocka_unit_test(test_one_that_means_something_else_is_told_and_stays_open),
		cmocka_unit_test(test_a_change_that_fails_leaves_all_as_it_was),
		cmocka_unit_test(test_where_most_is_enough_the_others_are_opened),
	};

	return cmocka_run_group_tests_name("relay/listener_table", tests, NULL, NULL);
}
