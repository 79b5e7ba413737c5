/* Mirrors src/relay/bindings.c */
#include "cmocka_all.h"

#include "host.h"

#include "base/error.h"
#include "relay/bindings.h"

#include <errno.h>

static struct host host;

static struct relay_forward forward_of(const char *interface, uint16_t first, uint16_t last)
{
	struct relay_forward forward = {
		.outside = {first, last},
		.inside = {(uint16_t)(first + 1000), (uint16_t)(last + 1000)}};

	(void)snprintf(forward.interface, sizeof(forward.interface), "%s", interface);
	return forward;
}

static int derive(const struct relay_forward *forward, size_t n, size_t max, struct bindings *ret,
		  struct error *err)
{
	static const uint32_t slot[] = {5, 6, 7, 8};
	const struct bindings_options options = {
		.forward = forward,
		.slot = slot,
		.n_forwards = n,
		.has_proxy_header = true,
		.max = max,
	};

	return bindings_derive(&options, &host.view, ret, err);
}

static const struct listener_spec *find(const struct bindings *bindings, const char *at)
{
	char text[ENDPOINT_TEXT_LEN];

	for (size_t i = 0; i < bindings->n_specs; i++)
		if (strcmp(endpoint_print(&bindings->spec[i].at, text), at) == 0)
			return &bindings->spec[i];
	return NULL;
}

static void test_a_forward_by_link_is_bound_to_each_of_its_addresses(void **state)
{
	const struct relay_forward forward = forward_of("lan0", 80, 81);
	struct bindings bindings = {0};
	const struct listener_spec *spec;

	(void)state;
	host_make(&host);
	assert_int_equal(derive(&forward, 1, 100, &bindings, NULL), 0);
	assert_int_equal(bindings.n_specs, 6);
	assert_non_null(find(&bindings, "192.168.7.2:80"));
	assert_non_null(find(&bindings, "[2001:db8:7::2]:81"));
	spec = find(&bindings, "[fe80::2%2]:81");
	assert_non_null(spec);
	assert_int_equal(spec->inside_port, 1081);
	assert_int_equal(spec->device, HOST_LAN);
	assert_int_equal(spec->slot, 5);
	assert_true(spec->has_proxy_header);
	assert_int_equal(bindings.link[spec->link], HOST_LAN);
	bindings_done(&bindings);
}

static void test_a_forward_by_address_is_bound_to_it_on_its_link(void **state)
{
	struct relay_forward forward = forward_of("", 53, 53);
	struct bindings bindings = {0};

	(void)state;
	host_make(&host);
	forward.protocol = RELAY_UDP;
	forward.has_address = true;
	forward.address = host_prefix("198.51.100.9").address;
	assert_int_equal(derive(&forward, 1, 100, &bindings, NULL), 0);
	assert_int_equal(bindings.n_specs, 1);
	assert_int_equal(bindings.spec[0].device, HOST_OTHER);
	assert_false(bindings.spec[0].has_proxy_header);
	bindings_done(&bindings);
}

static void test_what_is_not_there_gives_no_socket(void **state)
{
	struct relay_forward forward[2] = {forward_of("gone0", 80, 80), forward_of("", 80, 80)};
	struct bindings bindings = {0};

	(void)state;
	host_make(&host);
	forward[1].has_address = true;
	forward[1].address = host_prefix("203.0.113.1").address;
	assert_int_equal(derive(forward, 2, 100, &bindings, NULL), 0);
	assert_int_equal(bindings.n_specs, 0);
	assert_int_equal(bindings.n_links, 0);
	bindings_done(&bindings);
}

static void test_forwards_of_one_link_share_its_sources(void **state)
{
	const struct relay_forward forward[4] = {forward_of("lan0", 1, 1), forward_of("lo", 2, 2),
						 forward_of("lan0", 3, 3), forward_of("lo", 4, 4)};
	struct bindings bindings = {0};

	(void)state;
	host_make(&host);
	assert_int_equal(derive(forward, 4, 100, &bindings, NULL), 0);
	assert_int_equal(bindings.n_links, 2);
	bindings_done(&bindings);
}

static void test_more_sockets_than_there_is_room_for_are_an_error(void **state)
{
	const struct relay_forward forward = forward_of("lan0", 1, 64000);
	struct bindings bindings = {0};
	struct error err = {0};

	(void)state;
	host_make(&host);
	assert_int_equal(derive(&forward, 1, 1000, &bindings, &err), -EMFILE);
	assert_string_equal(err.what, "the forwarded ports take more than 1000 sockets");
	assert_null(bindings.spec);
}

static void test_the_last_port_is_the_last(void **state)
{
	struct relay_forward forward = forward_of("lan0", 65535, 65535);
	struct bindings bindings = {0};

	(void)state;
	host_make(&host);
	forward.inside = (struct relay_ports){65535, 65535};
	assert_int_equal(derive(&forward, 1, 100, &bindings, NULL), 0);
	assert_int_equal(bindings.n_specs, 3);
	bindings_done(&bindings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_forward_by_link_is_bound_to_each_of_its_addresses),
		cmocka_unit_test(test_a_forward_by_address_is_bound_to_it_on_its_link),
		cmocka_unit_test(test_what_is_not_there_gives_no_socket),
		cmocka_unit_test(test_forwards_of_one_link_share_its_sources),
		cmocka_unit_test(test_more_sockets_than_there_is_room_for_are_an_error),
		cmocka_unit_test(test_the_last_port_is_the_last),
	};

	return cmocka_run_group_tests_name("relay/bindings", tests, NULL, NULL);
}
