/* Mirrors src/relay/sources.c */
#include "cmocka_all.h"

#include "host.h"

#include "relay/sources.h"

static struct host host;
static struct sources sources;

static bool may(const char *from)
{
	union endpoint endpoint;

	assert_true(endpoint_parse(from, strlen(from), &endpoint));
	return sources_has(&sources, &endpoint);
}

static void test_clients_of_the_links_subnets_may_come_and_others_not(void **state)
{
	(void)state;
	host_make(&host);
	sources_derive(&host.view, HOST_LAN, &sources);
	assert_true(may("192.168.7.50:1"));
	assert_true(may("[2001:db8:7::50]:1"));
	assert_true(may("[fe80::50%2]:1"));
	assert_false(may("192.168.8.50:1"));
	assert_false(may("198.51.100.8:1"));
	assert_false(may("[2001:db8:8::50]:1"));
	assert_false(may("127.0.0.9:1"));
	/* a route to a router's other networks makes none of them neighbours */
	assert_false(may("10.1.2.3:1"));
}

static void test_the_host_itself_may_come_by_any_of_its_addresses(void **state)
{
	(void)state;
	host_make(&host);
	sources_derive(&host.view, HOST_LAN, &sources);
	assert_true(may("198.51.100.9:1"));
	assert_true(may("127.0.0.1:1"));
	assert_true(may("[::1]:1"));
}

static void test_by_a_tunnel_may_come_what_is_routed_into_it(void **state)
{
	(void)state;
	host_make(&host);
	sources_derive(&host.view, HOST_TUNNEL, &sources);
	assert_true(may("100.100.1.1:1"));
	/* half of the internet is nobody's own network */
	assert_false(may("8.8.8.8:1"));
}

static void test_a_link_that_is_not_there_has_the_host_alone(void **state)
{
	(void)state;
	host_make(&host);
	sources_derive(&host.view, 77, &sources);
	assert_false(may("192.168.7.50:1"));
	assert_true(may("192.168.7.2:1"));
}

static void test_what_there_is_no_room_for_is_refused(void **state)
{
	static struct link_address many[CONTROL_SOURCES_MAX + 10];
	struct host_view view = {.address = many, .n_addresses = CONTROL_SOURCES_MAX + 10};
	char text[32];

	(void)state;
	for (int i = 0; i < CONTROL_SOURCES_MAX + 10; i++) {
		(void)snprintf(text, sizeof(text), "10.%d.%d.1/24", i / 256, i % 256);
		many[i] = (struct link_address){.index = HOST_LAN, .address = host_prefix(text)};
	}
	sources_derive(&view, HOST_LAN, &sources);
	assert_int_equal(sources.n, CONTROL_SOURCES_MAX);
	assert_true(may("10.0.255.7:1"));
	assert_false(may("10.1.0.7:1"));
}

static void test_they_are_equal_only_in_every_prefix(void **state)
{
	struct sources other;

	(void)state;
	host_make(&host);
	sources_derive(&host.view, HOST_LAN, &sources);
	other = sources;
	assert_true(sources_equal(&sources, &other));
	other.at[0].len--;
	assert_false(sources_equal(&sources, &other));
	other = sources;
	other.n--;
	assert_false(sources_equal(&sources, &other));
	other = sources;
	other.at[1].address.ip.s6_addr[15] ^= 1;
	assert_false(sources_equal(&sources, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients_of_the_links_subnets_may_come_and_others_not),
		cmocka_unit_test(test_the_host_itself_may_come_by_any_of_its_addresses),
		cmocka_unit_test(test_by_a_tunnel_may_come_what_is_routed_into_it),
		cmocka_unit_test(test_a_link_that_is_not_there_has_the_host_alone),
		cmocka_unit_test(test_what_there_is_no_room_for_is_refused),
		cmocka_unit_test(test_they_are_equal_only_in_every_prefix),
	};

	return cmocka_run_group_tests_name("relay/sources", tests, NULL, NULL);
}
