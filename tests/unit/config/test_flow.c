/* Mirrors src/config/flow.c */
#include "cmocka_all.h"

#include "config/flow.h"

#include <string.h>

#define TEXT(literal) literal, strlen(literal)

static bool find_service(void *context, const char *name, const char *protocol, uint16_t *ret)
{
	(void)context;
	(void)protocol;
	if (strcmp(name, "http-alt") == 0)
		*ret = 8080;
	else if (strcmp(name, "ssh") == 0)
		*ret = 22;
	else
		return false;
	return true;
}
static const struct value_services services = {.find = find_service};

static struct profile_forward forward_of(const char *text)
{
	struct profile_forward forward = {0};
	struct fault fault;

	assert_true(flow_forward(TEXT(text), &services, &fault, &forward));
	return forward;
}

static void assert_ports(const struct profile_port_range *range, uint16_t first, uint16_t last)
{
	assert_int_equal(range->first, first);
	assert_int_equal(range->last, last);
}

static void test_forward_goes_to_the_same_port_unless_told(void **state)
{
	struct profile_forward forward = forward_of("tcp:8080");

	(void)state;
	assert_int_equal(forward.protocol, PROTOCOL_TCP);
	assert_ports(&forward.outside, 8080, 8080);
	assert_ports(&forward.inside, 8080, 8080);
	assert_string_equal(forward.interface, "");
	assert_false(forward.has_address);
}

static void test_forward_to_another_port_has_two_spellings(void **state)
{
	struct profile_forward arrow = forward_of("tcp:2222->22");
	struct profile_forward colon = forward_of("TCP:2222:22");

	(void)state;
	assert_ports(&arrow.outside, 2222, 2222);
	assert_ports(&arrow.inside, 22, 22);
	assert_ports(&colon.outside, 2222, 2222);
	assert_ports(&colon.inside, 22, 22);
}

static void test_forward_takes_ranges_of_one_length(void **state)
{
	struct profile_forward forward = forward_of("udp:5000-5009->6000-6009");
	struct fault fault;

	(void)state;
	assert_int_equal(forward.protocol, PROTOCOL_UDP);
	assert_ports(&forward.outside, 5000, 5009);
	assert_ports(&forward.inside, 6000, 6009);
	assert_false(flow_forward(TEXT("udp:1-9->1-8"), &services, &fault, &forward));
	assert_string_equal(fault.what, "9 ports outside and 8 inside");
}

static void test_forward_may_name_where_it_listens(void **state)
{
	struct profile_forward interface = forward_of("tailscale0/udp:53");
	struct profile_forward v4 = forward_of("127.0.0.1/tcp:80");
	struct profile_forward v6 = forward_of("fd00::1/tcp:80->81");
	char text[ADDRESS_TEXT_LEN];

	(void)state;
	assert_string_equal(interface.interface, "tailscale0");
	assert_true(v4.has_address);
	assert_string_equal(address_print(&v4.address, text), "127.0.0.1");
	assert_string_equal(address_print(&v6.address, text), "fd00::1");
	assert_ports(&v6.inside, 81, 81);
}

static void test_services_may_have_dashes_in_their_names(void **state)
{
	struct profile_forward one = forward_of("tcp:http-alt");
	struct profile_forward range = forward_of("tcp:ssh-http-alt");
	struct profile_forward mixed = forward_of("tcp:22->ssh");

	(void)state;
	assert_ports(&one.outside, 8080, 8080);
	assert_ports(&range.outside, 22, 8080);
	assert_ports(&mixed.inside, 22, 22);
}

static void test_forward_is_faulted_where_it_begins_to_be_wrong(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
		const char *what;
	} cases[] = {
		{"", 0, "'tcp:' or 'udp:' and ports are wanted"},
		{"2222", 0, "'tcp:' or 'udp:' and ports are wanted"},
		{"lo/sctp:5", 3, "'tcp:' or 'udp:' and ports are wanted"},
		{"tcp", 0, "':' and a port are missing"},
		{"tcp:", 4, "a port is missing"},
		{"tcp:0", 4, "a port is 1 to 65535"},
		{"tcp:1->70000", 7, "a port is 1 to 65535"},
		{"tcp:1->", 7, "a port is missing"},
		{"tcp:9-8", 4, "a port range goes upwards"},
		{"tcp:8-", 4, "a port is 1 to 65535"},
		{"tcp:8-x", 6, "neither a port from 1 to 65535 nor a tcp service"},
		{"tcp:1:2:3", 6, "a port is 1 to 65535"},
		{"-x/tcp:1", 0, "an interface name does not begin with '-'"},
		{"/tcp:1", 0, "an interface name has 1 to 15 characters"},
		{"a*/tcp:1", 1, "an interface name has letters, digits, '_', '.' and '-' only"},
		{"1::2::3/tcp:1", 0, "not an IP address"},
	};
	struct profile_forward forward;
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(flow_forward(TEXT(cases[i].text), &services, &fault, &forward));
		assert_string_equal(fault.what, cases[i].what);
		assert_int_equal(fault.offset, cases[i].offset);
	}
}

static void test_allow_is_a_network_with_ports_or_without(void **state)
{
	struct profile_allow allow;
	struct fault fault;
	char text[PREFIX_TEXT_LEN];

	(void)state;
	assert_true(flow_allow(TEXT("192.168.1.7 tcp:445"), &services, &fault, &allow));
	assert_string_equal(prefix_print(&allow.prefix, text), "192.168.1.7/32");
	assert_true(allow.has_ports);
	assert_int_equal(allow.protocol, PROTOCOL_TCP);
	assert_ports(&allow.ports, 445, 445);
	assert_true(flow_allow(TEXT("10.1.2.3/8"), &services, &fault, &allow));
	assert_string_equal(prefix_print(&allow.prefix, text), "10.0.0.0/8");
	assert_false(allow.has_ports);
	assert_true(flow_allow(TEXT("fd00::/8 \t udp:1-2"), &services, &fault, &allow));
	assert_ports(&allow.ports, 1, 2);
}

static void test_allow_is_faulted_where_it_begins_to_be_wrong(void **state)
{
	struct profile_allow allow;
	struct fault fault;

	(void)state;
	assert_false(flow_allow(TEXT("10.0.0.0/44 tcp:1"), &services, &fault, &allow));
	assert_int_equal(fault.offset, 9);
	assert_int_equal(fault.len, 2);
	assert_false(flow_allow(TEXT("10.0.0.0/8 445"), &services, &fault, &allow));
	assert_int_equal(fault.offset, 11);
	assert_false(flow_allow(TEXT("10.0.0.0/8 tcp:1 2"), &services, &fault, &allow));
	assert_int_equal(fault.offset, 15);
}

static void test_accept_is_a_protocol_and_ports(void **state)
{
	struct profile_accept accept;
	struct fault fault;

	(void)state;
	assert_true(flow_accept(TEXT("udp:1111-2222"), &services, &fault, &accept));
	assert_int_equal(accept.protocol, PROTOCOL_UDP);
	assert_ports(&accept.ports, 1111, 2222);
	assert_false(flow_accept(TEXT("tcp:1->2"), &services, &fault, &accept));
	assert_false(flow_accept(TEXT("lo/tcp:1"), &services, &fault, &accept));
}

static void test_forwards_collide_at_one_place_only(void **state)
{
	struct profile_forward a = forward_of("tcp:80-90");
	struct profile_forward same = forward_of("tcp:90->5");
	struct profile_forward other_port = forward_of("tcp:91");
	struct profile_forward other_protocol = forward_of("udp:80");
	struct profile_forward other_interface = forward_of("lo/tcp:80");
	struct profile_forward other_address = forward_of("10.0.0.1/tcp:80");
	struct profile_forward third_address = forward_of("10.0.0.2/tcp:80");

	(void)state;
	assert_true(flow_forwards_collide(&a, &same));
	assert_false(flow_forwards_collide(&a, &other_port));
	assert_false(flow_forwards_collide(&a, &other_protocol));
	assert_false(flow_forwards_collide(&a, &other_interface));
	assert_false(flow_forwards_collide(&a, &other_address));
	assert_false(flow_forwards_collide(&third_address, &other_address));
	assert_true(flow_forwards_collide(&other_address, &other_address));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forward_goes_to_the_same_port_unless_told),
		cmocka_unit_test(test_forward_to_another_port_has_two_spellings),
		cmocka_unit_test(test_forward_takes_ranges_of_one_length),
		cmocka_unit_test(test_forward_may_name_where_it_listens),
		cmocka_unit_test(test_services_may_have_dashes_in_their_names),
		cmocka_unit_test(test_forward_is_faulted_where_it_begins_to_be_wrong),
		cmocka_unit_test(test_allow_is_a_network_with_ports_or_without),
		cmocka_unit_test(test_allow_is_faulted_where_it_begins_to_be_wrong),
		cmocka_unit_test(test_accept_is_a_protocol_and_ports),
		cmocka_unit_test(test_forwards_collide_at_one_place_only),
	};

	return cmocka_run_group_tests_name("config/flow", tests, NULL, NULL);
}
