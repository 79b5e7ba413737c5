/* Mirrors src/config/value.c */
#include "cmocka_all.h"

#include "config/value.h"

#include <arpa/inet.h>
#include <string.h>

#define TEXT(literal) literal, strlen(literal)

static bool find_service(void *context, const char *name, const char *protocol, uint16_t *ret)
{
	(void)context;
	if (strcmp(name, "domain") != 0 || strcmp(protocol, "udp") != 0)
		return false;
	*ret = 53;
	return true;
}
static const struct value_services services = {.find = find_service};
static const struct value_services no_services = {.find = NULL};

static void test_addresses_of_both_families_are_read(void **state)
{
	struct address address;
	struct fault fault;
	char text[ADDRESS_TEXT_LEN];

	(void)state;
	assert_true(value_address(TEXT("192.0.2.1"), &fault, &address));
	assert_string_equal(address_print(&address, text), "192.0.2.1");
	assert_true(value_address(TEXT("2001:DB8::1"), &fault, &address));
	assert_string_equal(address_print(&address, text), "2001:db8::1");
}

static void test_what_is_no_address_is_refused(void **state)
{
	static const char *const texts[] = {"",		"1.2.3", "1.2.3.256",  "01.2.3.4",
					    "1.2.3.4x", ":::",	 "fe80::1%lo", "name"};
	struct address address;
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(value_address(TEXT(texts[i]), &fault, &address));
	assert_string_equal(fault.what, "not an IP address");
}

static void test_prefix_where_an_address_is_wanted_is_told_apart(void **state)
{
	struct address address;
	struct fault fault;

	(void)state;
	assert_false(value_address(TEXT("1.1.1.1/32"), &fault, &address));
	assert_string_equal(fault.hint, "an address alone, without a prefix length");
}

static void test_ipv4_inside_ipv6_is_refused_with_its_plain_form(void **state)
{
	struct address address;
	struct prefix prefix;
	struct fault fault;

	(void)state;
	assert_false(value_address(TEXT("::ffff:192.0.2.1"), &fault, &address));
	assert_string_equal(fault.hint, "write 192.0.2.1");
	assert_false(value_prefix(TEXT("::ffff:c000:201/24"), &fault, &prefix));
}

static void test_prefix_defaults_to_one_address(void **state)
{
	struct prefix prefix;
	struct fault fault;

	(void)state;
	assert_true(value_prefix(TEXT("1.2.3.4"), &fault, &prefix));
	assert_int_equal(prefix.len, 32);
	assert_true(value_prefix(TEXT("1:2:3:4::0"), &fault, &prefix));
	assert_int_equal(prefix.len, 128);
	assert_true(value_prefix(TEXT("1.2.3.4/024"), &fault, &prefix));
	assert_int_equal(prefix.len, 24);
}

static void test_prefix_length_is_faulted_where_it_begins(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
		const char *hint;
	} cases[] = {
		{"10.0.0.1/33", 9, "for one address write 10.0.0.1/32"},
		{"fd00::1/129", 8, "for one address write fd00::1/128"},
		{"10.0.0.1/", 8, ""},
		{"10.0.0.0/255.0.0.0", 9, ""},
		{"10.0.0.0/-1", 9, ""},
		{"10.0.0.0/8/8", 9, ""},
	};
	struct prefix prefix;
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(value_prefix(TEXT(cases[i].text), &fault, &prefix));
		assert_int_equal(fault.offset, cases[i].offset);
		assert_string_equal(fault.hint, cases[i].hint);
	}
}

static void test_host_has_no_wildcard_and_no_group(void **state)
{
	static const char *const right[] = {"10.0.0.1", "127.0.0.1", "223.255.255.255",
					    "::1",	"fe80::1",   "2001:db8::"};
	static const char *const wrong[] = {"0.0.0.0",	       "0.1.2.3", "224.0.0.1",
					    "255.255.255.255", "::",	  "ff02::1"};
	struct address address;
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		assert_true(value_address(TEXT(right[i]), &fault, &address));
		assert_true(value_host(&address, &fault));
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_true(value_address(TEXT(wrong[i]), &fault, &address));
		assert_false(value_host(&address, &fault));
	}
}

static void test_key_is_44_characters_of_canonical_base64(void **state)
{
	uint8_t key[32] = {7};
	struct fault fault;

	(void)state;
	assert_true(value_key(TEXT("eEeGGJoGqh0q9nbnAm3fHC3FPb3HWqmzRVAdGwNm3l8="), &fault, key));
	assert_int_equal(key[0], 0x78);
	assert_false(value_key(TEXT("eEeGG"), &fault, key));
	assert_string_equal(fault.what, "a key is 44 characters of base64, and this is 5");
	assert_false(value_key(TEXT("eEeGGJoGqh0q9nbnAm3fHC3FPb3HWqmzRVAdGwNm3l9="), &fault, key));
	assert_string_equal(fault.what, "not a key as wg(8) writes it (32 bytes in base64)");
	assert_int_equal(key[0], 0x78);
}

static void test_number_has_both_ends(void **state)
{
	struct fault fault;
	uint32_t number = 0;

	(void)state;
	assert_true(value_number(TEXT("576"), 576, 65535, &fault, &number));
	assert_int_equal(number, 576);
	assert_true(value_number(TEXT("65535"), 576, 65535, &fault, &number));
	assert_false(value_number(TEXT("575"), 576, 65535, &fault, &number));
	assert_false(value_number(TEXT("65536"), 576, 65535, &fault, &number));
	assert_false(value_number(TEXT(""), 0, 9, &fault, &number));
	assert_string_equal(fault.what, "a number from 0 to 9 is wanted");
	assert_int_equal(number, 65535);
}

static void test_mark_is_decimal_hexadecimal_or_off(void **state)
{
	struct fault fault;
	uint32_t mark = 1;

	(void)state;
	assert_true(value_fwmark(TEXT("OFF"), &fault, &mark));
	assert_int_equal(mark, 0);
	assert_true(value_fwmark(TEXT("0xca6C"), &fault, &mark));
	assert_int_equal(mark, 0xca6c);
	assert_true(value_fwmark(TEXT("010"), &fault, &mark));
	assert_int_equal(mark, 10);
	assert_true(value_fwmark(TEXT("4294967295"), &fault, &mark));
	assert_false(value_fwmark(TEXT("4294967296"), &fault, &mark));
	assert_false(value_fwmark(TEXT("0X10"), &fault, &mark));
	assert_false(value_fwmark(TEXT("0x"), &fault, &mark));
	assert_false(value_fwmark(TEXT("on"), &fault, &mark));
}

static void test_keepalive_is_seconds_or_off(void **state)
{
	struct fault fault;
	uint16_t seconds = 1;

	(void)state;
	assert_true(value_keepalive(TEXT("Off"), &fault, &seconds));
	assert_int_equal(seconds, 0);
	assert_true(value_keepalive(TEXT("25"), &fault, &seconds));
	assert_int_equal(seconds, 25);
	assert_false(value_keepalive(TEXT("65536"), &fault, &seconds));
	assert_false(value_keepalive(TEXT("0x10"), &fault, &seconds));
	assert_int_equal(seconds, 25);
}

static void test_yes_and_no_have_their_synonyms(void **state)
{
	struct fault fault;
	bool value = false;

	(void)state;
	assert_true(value_bool(TEXT("Yes"), &fault, &value));
	assert_true(value);
	assert_true(value_bool(TEXT("off"), &fault, &value));
	assert_false(value);
	assert_false(value_bool(TEXT("maybe"), &fault, &value));
}

static void test_port_is_a_number_or_a_service(void **state)
{
	struct fault fault;
	uint16_t port = 0;

	(void)state;
	assert_true(value_port(TEXT("65535"), &services, "udp", &fault, &port));
	assert_int_equal(port, 65535);
	assert_true(value_port(TEXT("domain"), &services, "udp", &fault, &port));
	assert_int_equal(port, 53);
	assert_false(value_port(TEXT("domain"), &services, "tcp", &fault, &port));
	assert_string_equal(fault.what, "neither a port from 1 to 65535 nor a tcp service");
	assert_false(value_port(TEXT("domain"), &no_services, "udp", &fault, &port));
	assert_false(value_port(TEXT("0"), &services, "udp", &fault, &port));
	assert_false(value_port(TEXT("65536"), &services, "udp", &fault, &port));
	assert_string_equal(fault.what, "a port is 1 to 65535");
	assert_false(value_port(TEXT("-1"), &services, "udp", &fault, &port));
	assert_false(value_port(TEXT(""), &services, "udp", &fault, &port));
	assert_string_equal(fault.what, "a port is missing");
	assert_false(value_port(TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), &services,
				"udp", &fault, &port));
}

static void assert_endpoint(const char *text, const char *address, const char *host, uint16_t port)
{
	struct value_endpoint endpoint;
	char printed[ENDPOINT_TEXT_LEN];
	struct fault fault;

	assert_true(value_endpoint(TEXT(text), &services, &fault, &endpoint));
	assert_string_equal(endpoint.host, host);
	assert_int_equal(endpoint.port, port);
	assert_int_equal(endpoint_is_set(&endpoint.address), address != NULL);
	if (address)
		assert_string_equal(endpoint_print(&endpoint.address, printed), address);
}

static void test_endpoint_is_an_address_or_a_name_with_a_port(void **state)
{
	(void)state;
	assert_endpoint("192.0.2.1:51820", "192.0.2.1:51820", "", 51820);
	assert_endpoint("[2001:db8::1]:1", "[2001:db8::1]:1", "", 1);
	assert_endpoint("[192.0.2.1]:1", "192.0.2.1:1", "", 1);
	assert_endpoint("vpn-1.example_x.net:domain", NULL, "vpn-1.example_x.net", 53);
	assert_endpoint("example.net.:5", NULL, "example.net.", 5);
	assert_endpoint("[fe80::1%eth0]:5", NULL, "fe80::1%eth0", 5);
}

static void test_ipv6_endpoint_without_brackets_is_read_and_told(void **state)
{
	struct value_endpoint endpoint;
	struct fault fault;

	(void)state;
	assert_true(value_endpoint(TEXT("2001:db8::1:51820"), &services, &fault, &endpoint));
	assert_true(endpoint.lacks_brackets);
	assert_int_equal(endpoint.port, 51820);
	assert_true(value_endpoint(TEXT("[2001:db8::1]:51820"), &services, &fault, &endpoint));
	assert_false(endpoint.lacks_brackets);
}

static void test_endpoint_is_faulted_where_it_begins_to_be_wrong(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
		size_t len;
		const char *what;
	} cases[] = {
		{"", 0, 0, "HOST:PORT is wanted"},
		{"192.0.2.1", 9, 0, "':' and a port are missing"},
		{"[2001:db8::1]", 13, 0, "':' and a port are missing"},
		{"[2001:db8::1]x5", 13, 0, "':' and a port are missing"},
		{"[2001:db8::1:5", 0, 0, "the ']' behind the IPv6 address is missing"},
		{"host:", 5, 0, "a port is missing"},
		{"host:99999", 5, 5, "a port is 1 to 65535"},
		{":5", 0, 0, "a domain name has 1 to 253 characters"},
		{"a..b:5", 2, 1, "neither an IP address nor a domain name"},
		{"a.b@c:5", 2, 3, "neither an IP address nor a domain name"},
		{"10.1:5", 0, 4, "not an IPv4 address: four numbers from 0 to 255"},
		{"[1::2::3]:5", 1, 7, "not an IPv6 address"},
		{"[2001:db8::1%eth0]:5", 12, 5, "only fe80::/10 has an interface behind %"},
		{"[fe80::1%e/0]:5", 10, 1,
		 "an interface name has letters, digits, '_', '.' and '-' only"},
		{"[x%e]:5", 1, 3, "not an IP address"},
	};
	struct value_endpoint endpoint;
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(value_endpoint(TEXT(cases[i].text), &services, &fault, &endpoint));
		assert_string_equal(fault.what, cases[i].what);
		assert_int_equal(fault.offset, cases[i].offset);
		assert_int_equal(fault.len, cases[i].len);
	}
}

static void test_domain_keeps_to_the_lengths_of_dns(void **state)
{
	char name[300];
	struct fault fault;

	(void)state;
	memset(name, 'a', sizeof(name));
	for (size_t i = 50; i < sizeof(name); i += 51)
		name[i] = '.';
	assert_true(value_domain(name, 253, &fault));
	assert_false(value_domain(name, 254, &fault));
	memset(name, 'a', sizeof(name));
	assert_true(value_domain(name, 63, &fault));
	assert_false(value_domain(name, 64, &fault));
	assert_false(value_domain(TEXT("."), &fault));
	assert_false(value_domain(TEXT("a.1"), &fault));
	assert_true(value_domain(TEXT("1.a"), &fault));
}

static void test_interface_name_is_what_kernel_and_nft_both_take(void **state)
{
	static const char *const right[] = {"wg0", "a", "_x", "tail.scale-0_1", "123456789012345",
					    "...", ".x"};
	static const char *const wrong[] = {
		"",    "1234567890123456", ".", "..", "-wg0", "wg*", "wg 0", "a/b",
		"a:1", "w\xc3\xbc"};
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		assert_true(value_interface_name(TEXT(right[i]), &fault));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(value_interface_name(TEXT(wrong[i]), &fault));
}

static void test_profile_name_begins_with_a_letter_or_digit(void **state)
{
	char name[66];
	struct fault fault;

	(void)state;
	memset(name, 'n', sizeof(name));
	assert_true(value_profile_name(name, 64, &fault));
	assert_false(value_profile_name(name, 65, &fault));
	assert_true(value_profile_name(TEXT("9-work.home_x"), &fault));
	assert_false(value_profile_name(TEXT(".work"), &fault));
	assert_false(value_profile_name(TEXT("wo/rk"), &fault));
	assert_int_equal(fault.offset, 2);
	assert_false(value_profile_name(TEXT(""), &fault));
}

static void test_user_name_is_no_option_and_no_path(void **state)
{
	struct fault fault;

	(void)state;
	assert_true(value_user_name(TEXT("alice"), &fault));
	assert_true(value_user_name(TEXT("1001"), &fault));
	assert_false(value_user_name(TEXT("-r"), &fault));
	assert_false(value_user_name(TEXT(".x"), &fault));
	assert_false(value_user_name(TEXT("a:b"), &fault));
	assert_false(value_user_name(TEXT(""), &fault));
	assert_false(value_user_name(TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), &fault));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_of_both_families_are_read),
		cmocka_unit_test(test_what_is_no_address_is_refused),
		cmocka_unit_test(test_prefix_where_an_address_is_wanted_is_told_apart),
		cmocka_unit_test(test_ipv4_inside_ipv6_is_refused_with_its_plain_form),
		cmocka_unit_test(test_prefix_defaults_to_one_address),
		cmocka_unit_test(test_prefix_length_is_faulted_where_it_begins),
		cmocka_unit_test(test_host_has_no_wildcard_and_no_group),
		cmocka_unit_test(test_key_is_44_characters_of_canonical_base64),
		cmocka_unit_test(test_number_has_both_ends),
		cmocka_unit_test(test_mark_is_decimal_hexadecimal_or_off),
		cmocka_unit_test(test_keepalive_is_seconds_or_off),
		cmocka_unit_test(test_yes_and_no_have_their_synonyms),
		cmocka_unit_test(test_port_is_a_number_or_a_service),
		cmocka_unit_test(test_endpoint_is_an_address_or_a_name_with_a_port),
		cmocka_unit_test(test_ipv6_endpoint_without_brackets_is_read_and_told),
		cmocka_unit_test(test_endpoint_is_faulted_where_it_begins_to_be_wrong),
		cmocka_unit_test(test_domain_keeps_to_the_lengths_of_dns),
		cmocka_unit_test(test_interface_name_is_what_kernel_and_nft_both_take),
		cmocka_unit_test(test_profile_name_begins_with_a_letter_or_digit),
		cmocka_unit_test(test_user_name_is_no_option_and_no_path),
	};

	return cmocka_run_group_tests_name("config/value", tests, NULL, NULL);
}
