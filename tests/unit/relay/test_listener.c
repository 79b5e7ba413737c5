/* Mirrors src/relay/listener.c
 *
 * On lo; that other links' packets do not reach a listener is in
 * tests/system/test_relay_reach.py.
 */
#include "cmocka_all.h"

#include "emulated.h"

#include "loopback.h"

#include "base/error.h"
#include "relay/listener.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdio.h>

static struct listener_spec spec_at(enum relay_protocol protocol, uint16_t port)
{
	return (struct listener_spec){
		.protocol = protocol, .at = loopback_at(port), .device = if_nametoindex("lo")};
}

static int open_at(struct listener_spec *spec)
{
	socklen_t len = sizeof(spec->at);
	struct error err = {0};
	int fd;

	skip_if_emulated("SO_BINDTOIFINDEX");
	if (listener_open(spec, &fd, &err) < 0)
		fail_msg("%s", err.what);
	assert_int_equal(getsockname(fd, &spec->at.any, &len), 0);
	return fd;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void test_what_is_accepted_needs_no_more_options(void **state)
{
	struct listener_spec spec = spec_at(RELAY_TCP, 0);
	int listener = open_at(&spec);
	int client = loopback_client(SOCK_STREAM, &spec.at);
	int accepted = accept(listener, NULL, NULL);

	(void)state;
	skip_if_emulated("SO_BINDTOIFINDEX");
	assert_true(accepted >= 0);
	assert_true(fcntl(listener, F_GETFL) & O_NONBLOCK);
	assert_int_equal(option(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option(accepted, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_true(option(accepted, IPPROTO_TCP, TCP_KEEPIDLE) > 0);
	(void)close(accepted);
	(void)close(client);
	(void)close(listener);
}

static void test_a_port_that_is_taken_names_its_owner(void **state)
{
	static const enum relay_protocol protocols[] = {RELAY_TCP, RELAY_UDP};

	(void)state;
	skip_if_emulated("SO_BINDTOIFINDEX");
	for (int i = 0; i < 2; i++) {
		union endpoint at;
		int other = loopback_server(i == 0 ? SOCK_STREAM : SOCK_DGRAM, &at);
		struct listener_spec spec = spec_at(protocols[i], endpoint_port(&at));
		struct error err = {0};
		char wanted[64];
		int fd = -1;

		assert_int_equal(listener_open(&spec, &fd, &err), -EADDRINUSE);
		(void)snprintf(wanted, sizeof(wanted), "%s 127.0.0.1:%u is taken by '",
			       i == 0 ? "tcp" : "udp", endpoint_port(&at));
		assert_memory_equal(err.what, wanted, strlen(wanted));
		(void)snprintf(wanted, sizeof(wanted), "(process %d)", (int)getpid());
		assert_non_null(strstr(err.what, wanted));
		assert_int_equal(fd, -1);
		(void)close(other);
	}
}

/* SO_REUSEADDR of somebody else's shares a UDP port with whoever allows it too. */
static void test_a_udp_port_is_shared_with_nobody_who_would_share(void **state)
{
	int other = socket(AF_INET, SOCK_DGRAM, 0);
	union endpoint at = loopback_at(0);
	socklen_t len = sizeof(at);
	struct listener_spec spec;
	int on = 1;
	int fd;

	(void)state;
	skip_if_emulated("SO_BINDTOIFINDEX");
	assert_int_equal(setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	assert_int_equal(bind(other, &at.any, endpoint_len(&at)), 0);
	assert_int_equal(getsockname(other, &at.any, &len), 0);
	spec = spec_at(RELAY_UDP, endpoint_port(&at));
	assert_int_equal(listener_open(&spec, &fd, NULL), -EADDRINUSE);
	(void)close(other);
}

static void test_a_udp_client_has_a_socket_of_its_own_on_the_port(void **state)
{
	struct listener_spec spec = spec_at(RELAY_UDP, 0);
	int listener = open_at(&spec);
	int client = loopback_client(SOCK_DGRAM, &spec.at);
	int other = loopback_client(SOCK_DGRAM, &spec.at);
	union endpoint from;
	socklen_t len = sizeof(from);
	int own;

	(void)state;
	skip_if_emulated("SO_BINDTOIFINDEX");
	assert_int_equal(getsockname(client, &from.any, &len), 0);
	assert_int_equal(listener_open_client(&spec, &from, &own), 0);
	loopback_say(client, "mine");
	loopback_say(other, "new");
	loopback_expect(own, "mine");
	loopback_expect(listener, "new");
	assert_false(loopback_has_come(own, 20));
	loopback_say(own, "answer");
	loopback_expect(client, "answer");
	(void)close(own);
	loopback_say(client, "again");
	loopback_expect(listener, "again");
	(void)close(client);
	(void)close(other);
	(void)close(listener);
}

static void test_an_address_that_is_not_there_yet_can_be_listened_on(void **state)
{
	struct listener_spec spec = spec_at(RELAY_TCP, 0);

	(void)state;
	skip_if_emulated("SO_BINDTOIFINDEX");
	assert_true(endpoint_parse("192.0.2.77:0", 12, &spec.at));
	(void)close(open_at(&spec));
	assert_true(endpoint_parse("[2001:db8::77]:0", 16, &spec.at));
	(void)close(open_at(&spec));
}

static void test_another_failure_names_the_place(void **state)
{
	struct listener_spec spec = spec_at(RELAY_TCP, 0);
	struct error err = {0};
	int fd;

	(void)state;
	skip_if_emulated("SO_BINDTOIFINDEX");
	spec.device = 0;
	assert_true(endpoint_parse("[fe80::1]:80", 12, &spec.at)); /* on which link? */
	assert_int_equal(listener_open(&spec, &fd, &err), -EINVAL);
	assert_string_equal(err.what, "cannot listen on tcp [fe80::1]:80: Invalid argument");
}

static void test_two_places_differ_by_protocol_address_or_link(void **state)
{
	struct listener_spec a = spec_at(RELAY_TCP, 80);
	struct listener_spec b = a;

	(void)state;
	b.inside_port = 7;
	b.slot = 7;
	assert_true(listener_is_same_place(&a, &b));
	b.protocol = RELAY_UDP;
	assert_false(listener_is_same_place(&a, &b));
	b = a;
	b.device++;
	assert_false(listener_is_same_place(&a, &b));
	b = a;
	b.at = loopback_at(81);
	assert_false(listener_is_same_place(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_accepted_needs_no_more_options),
		cmocka_unit_test(test_a_port_that_is_taken_names_its_owner),
		cmocka_unit_test(test_a_udp_port_is_shared_with_nobody_who_would_share),
		cmocka_unit_test(test_a_udp_client_has_a_socket_of_its_own_on_the_port),
		cmocka_unit_test(test_an_address_that_is_not_there_yet_can_be_listened_on),
		cmocka_unit_test(test_another_failure_names_the_place),
		cmocka_unit_test(test_two_places_differ_by_protocol_address_or_link),
	};

	return cmocka_run_group_tests_name("relay/listener", tests, NULL, NULL);
}
