/* Mirrors src/base/address.c */
#include "cmocka_all.h"

#include "base/address.h"

#include <stdio.h>
#include <string.h>

/* What parse and print make of a text; NULL: refused. */
struct row {
	const char *text;
	const char *printed;
};

static struct address address(const char *text)
{
	struct address parsed;

	assert_true(address_parse(text, strlen(text), &parsed));
	return parsed;
}

static struct prefix prefix(const char *text)
{
	struct prefix parsed;

	assert_true(prefix_parse(text, strlen(text), &parsed));
	return parsed;
}

static union endpoint endpoint(const char *text)
{
	union endpoint parsed;

	assert_true(endpoint_parse(text, strlen(text), &parsed));
	return parsed;
}

/* RFC 5952: no leading zeroes (4.1), the longest run of zero fields is
 * shortened (4.2.1), one field is not (4.2.2), the first of equal runs (4.2.3),
 * lower case (4.3).  Inputs of RFC 4291 section 2.2.
 */
static void test_addresses_are_printed_as_rfc_5952_recommends(void **state)
{
	static const struct row rows[] = {
		{"2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"},
		{"FF01:0:0:0:0:0:0:101", "ff01::101"},
		{"0:0:0:0:0:0:0:1", "::1"},
		{"0:0:0:0:0:0:0:0", "::"},
		{"2001:0db8::0001", "2001:db8::1"},
		{"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:db8::AAAA", "2001:db8::aaaa"},
		{"ABCD:EF01:2345:6789:ABCD:EF01:2345:6789",
		 "abcd:ef01:2345:6789:abcd:ef01:2345:6789"},
		{"192.0.2.1", "192.0.2.1"},
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"::ffff:192.0.2.1", "192.0.2.1"}, /* RFC 4291 section 2.5.5.2 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct address parsed = address(rows[i].text);
		char text[ADDRESS_TEXT_LEN];

		assert_string_equal(address_print(&parsed, text), rows[i].printed);
		parsed = address(rows[i].printed);
		assert_string_equal(address_print(&parsed, text), rows[i].printed);
	}
}

static void test_what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"1",
		"1.2.3",
		"1.2.3.4.5",
		"256.1.1.1",
		"01.2.3.4",
		"1.2.3.4 ",
		" 1.2.3.4",
		"1.2.3.-4",
		"0x1.2.3.4",
		":",
		":::",
		"1::2::3",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"12345::",
		"fe80::1%lo",
		"[::1]",
		"g::",
		"::1.2.3.256",
		"localhost",
		"1.2.3.4/8",
		"1111:1111:1111:1111:1111:1111:1111:11111111111111111",
	};
	struct address parsed;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(address_parse(bad[i], strlen(bad[i]), &parsed));
	assert_false(address_parse("1.2.3.4\0x", 9, &parsed));
}

static void test_address_ends_with_its_length(void **state)
{
	struct address parsed;
	char text[ADDRESS_TEXT_LEN];

	(void)state;
	assert_true(address_parse("10.0.0.12, 10.0.0.2", 9, &parsed));
	assert_string_equal(address_print(&parsed, text), "10.0.0.12");
}

static void test_both_families_give_their_own_bytes(void **state)
{
	struct address v4 = address("192.0.2.1");
	struct address v6 = address("2001:db8::1");
	size_t len;

	(void)state;
	assert_true(address_is_v4(&v4));
	assert_int_equal(address_family(&v4), AF_INET);
	assert_int_equal(prefix_full_len(&v4), 32);
	assert_memory_equal(address_bytes(&v4, &len), "\xc0\0\2\1", 4);
	assert_int_equal(len, 4);

	assert_false(address_is_v4(&v6));
	assert_int_equal(address_family(&v6), AF_INET6);
	assert_int_equal(prefix_full_len(&v6), 128);
	assert_memory_equal(address_bytes(&v6, &len), &v6.ip, 16);
	assert_int_equal(len, 16);
}

static void test_addresses_from_the_kernels_structs_are_the_same(void **state)
{
	const struct in_addr v4 = {htonl(0xc0000201)};
	struct address a = address_from_v4(v4);
	struct address b = address("192.0.2.1");

	(void)state;
	assert_true(address_equal(&a, &b));
	a = address_from_v6(&in6addr_loopback);
	assert_false(address_equal(&a, &b));
	b = address("::1");
	assert_true(address_equal(&a, &b));
}

static void test_prefixes_print_with_their_length(void **state)
{
	static const struct row rows[] = {
		{"10.0.0.1", "10.0.0.1/32"},
		{"10.0.0.1/8", "10.0.0.1/8"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"10.0.0.1/32", "10.0.0.1/32"},
		{"::/0", "::/0"},
		{"2001:db8::1", "2001:db8::1/128"},
		{"fd00::2/64", "fd00::2/64"},
		{"fd00::2/128", "fd00::2/128"},
		{"10.0.0.1/33", NULL},
		{"fd00::/129", NULL},
		{"fd00::/256", NULL},
		{"10.0.0.1/", NULL},
		{"10.0.0.1/-1", NULL},
		{"10.0.0.1/8/8", NULL},
		{"10.0.0.1/ 8", NULL},
		{"/8", NULL},
		{"10/8", NULL},
		{"10.0.0.0/255.0.0.0", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct prefix parsed;
		char text[PREFIX_TEXT_LEN];
		bool is_good = prefix_parse(rows[i].text, strlen(rows[i].text), &parsed);

		assert_int_equal(is_good, rows[i].printed != NULL);
		if (is_good)
			assert_string_equal(prefix_print(&parsed, text), rows[i].printed);
	}
}

static void test_longest_texts_fit_their_buffers(void **state)
{
	static const char longest[] = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535";
	struct prefix widest = prefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	union endpoint far = endpoint(longest);
	char prefix_text[PREFIX_TEXT_LEN];
	char endpoint_text[ENDPOINT_TEXT_LEN];

	(void)state;
	assert_string_equal(prefix_print(&widest, prefix_text),
			    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	assert_string_equal(endpoint_print(&far, endpoint_text), longest);
}

static void test_prefix_contains_its_own_family_only(void **state)
{
	static const struct {
		const char *prefix;
		const char *address;
		bool is_inside;
	} rows[] = {
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.0.0.77/8", "10.1.2.3", true}, /* host bits do not count */
		{"10.64.0.0/10", "10.127.255.255", true},
		{"10.64.0.0/10", "10.128.0.0", false},
		{"0.0.0.0/0", "255.255.255.255", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"::/0", "192.0.2.1", false},
		{"0.0.0.0/1", "127.255.255.255", true},
		{"0.0.0.0/1", "128.0.0.0", false},
		{"192.0.2.1/32", "192.0.2.1", true},
		{"192.0.2.1/32", "192.0.2.0", false},
		{"2001:db8::/127", "2001:db8::1", true},
		{"2001:db8::/127", "2001:db8::2", false},
		{"2001:db8::1/128", "2001:db8::1", true},
		{"2001:db8::1/128", "2001:db8::", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct prefix outer = prefix(rows[i].prefix);
		struct address inner = address(rows[i].address);

		assert_int_equal(prefix_contains(&outer, &inner), rows[i].is_inside);
	}
}

static void test_prefix_covers_what_is_not_wider(void **state)
{
	struct prefix wide = prefix("10.0.0.0/8");
	struct prefix narrow = prefix("10.1.0.0/16");
	struct prefix beside = prefix("11.1.0.0/16");

	(void)state;
	assert_true(prefix_covers(&wide, &narrow));
	assert_false(prefix_covers(&narrow, &wide));
	assert_true(prefix_covers(&wide, &wide));
	assert_false(prefix_covers(&wide, &beside));
}

static void test_a_sorted_list_has_what_was_put_into_it(void **state)
{
	static const char *const texts[] = {"10.0.0.0/8", "2001:db8::/32", "10.0.0.0/9",
					    "0.0.0.0/0", "10.0.0.1/9"};
	enum { N = sizeof(texts) / sizeof(texts[0]) };
	struct prefix list[N];

	(void)state;
	for (size_t i = 0; i < N; i++)
		list[i] = prefix(texts[i]);
	prefix_list_sort(list, N - 1);
	for (size_t i = 0; i < N - 1; i++) {
		struct prefix wanted = prefix(texts[i]);

		assert_true(prefix_list_has(list, N - 1, &wanted));
	}
	/* its host bits differ */
	assert_false(prefix_list_has(list, N - 1, &list[N - 1]));
	prefix_list_sort(NULL, 0);
	assert_false(prefix_list_has(NULL, 0, &list[0]));
}

static void test_normalizing_clears_the_host_bits(void **state)
{
	static const struct row rows[] = {
		{"10.1.2.3/8", "10.0.0.0/8"},
		{"10.255.2.3/10", "10.192.0.0/10"},
		{"10.1.2.3/0", "0.0.0.0/0"},
		{"10.1.2.3/32", "10.1.2.3/32"},
		{"2001:db8:ffff::1/33", "2001:db8:8000::/33"},
		{"2001:db8::1/128", "2001:db8::1/128"},
		{"ffff::1/0", "::/0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct prefix parsed = prefix(rows[i].text);
		char text[PREFIX_TEXT_LEN];

		prefix_normalize(&parsed);
		assert_string_equal(prefix_print(&parsed, text), rows[i].printed);
	}
}

static void test_endpoints_print_as_they_are_read(void **state)
{
	static const char *const good[] = {"192.0.2.1:51820", "[2001:db8::1]:51820",
					   "[fe80::1%3]:51820", "192.0.2.1:0", "[::]:65535"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		union endpoint parsed = endpoint(good[i]);
		char text[ENDPOINT_TEXT_LEN];

		assert_string_equal(endpoint_print(&parsed, text), good[i]);
	}
}

static void test_what_is_no_endpoint_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"192.0.2.1",
		"192.0.2.1:",
		"192.0.2.1:65536",
		"192.0.2.1:+80",
		":51820",
		"2001:db8::1",
		"2001:db8::1:51820",
		"[2001:db8::1]",
		"[2001:db8::1]51820",
		"[192.0.2.1]:80",
		"[2001:db8::1:80",
		"[fe80::1%]:80",
		"[fe80::1%0]:80",
		"[]:80",
		"[:80",
		"192.0.2.1%lo:80",
		"vpn.example:51820",
		"[fe80::1%no-such-interface-here]:80",
		"[fe80::1%nolink]:80",
	};
	union endpoint parsed;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(endpoint_parse(bad[i], strlen(bad[i]), &parsed));
}

static void test_scope_by_interface_name_becomes_its_number(void **state)
{
	union endpoint parsed = endpoint("[fe80::1%lo]:51820");

	(void)state;
	assert_int_equal(parsed.v6.sin6_scope_id, 1); /* lo is always the first */
}

static void test_endpoints_take_apart_into_address_and_port(void **state)
{
	struct address v4 = address("192.0.2.1");
	struct address v6 = address("2001:db8::1");
	union endpoint made = endpoint_make(&v4, 51820);
	struct address back = endpoint_address(&made);

	(void)state;
	assert_true(endpoint_is_set(&made));
	assert_true(address_equal(&back, &v4));
	assert_int_equal(endpoint_port(&made), 51820);
	assert_int_equal(endpoint_len(&made), sizeof(struct sockaddr_in));

	made = endpoint_make(&v6, 1);
	back = endpoint_address(&made);
	assert_true(address_equal(&back, &v6));
	assert_int_equal(endpoint_port(&made), 1);
	assert_int_equal(endpoint_len(&made), sizeof(struct sockaddr_in6));
}

static void test_unset_endpoint_is_no_address(void **state)
{
	union endpoint none = {.any = {.sa_family = AF_UNSPEC}};
	struct address back = endpoint_address(&none);
	struct address unspecified = address("::");

	(void)state;
	assert_false(endpoint_is_set(&none));
	assert_true(address_equal(&back, &unspecified));
	assert_true(endpoint_equal(&none, &none));
}

static void test_endpoints_differ_in_family_address_port_and_scope(void **state)
{
	static const char *const different[] = {
		"192.0.2.1:1",	   "192.0.2.1:2",     "192.0.2.2:1",	   "[2001:db8::1]:1",
		"[2001:db8::1]:2", "[2001:db8::2]:1", "[2001:db8::1%4]:1",
	};
	enum { N = sizeof(different) / sizeof(different[0]) };

	(void)state;
	for (size_t i = 0; i < N; i++) {
		for (size_t j = 0; j < N; j++) {
			union endpoint a = endpoint(different[i]);
			union endpoint b = endpoint(different[j]);

			assert_int_equal(endpoint_equal(&a, &b), i == j);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_are_printed_as_rfc_5952_recommends),
		cmocka_unit_test(test_what_is_no_address_is_refused),
		cmocka_unit_test(test_address_ends_with_its_length),
		cmocka_unit_test(test_both_families_give_their_own_bytes),
		cmocka_unit_test(test_addresses_from_the_kernels_structs_are_the_same),
		cmocka_unit_test(test_prefixes_print_with_their_length),
		cmocka_unit_test(test_longest_texts_fit_their_buffers),
		cmocka_unit_test(test_prefix_contains_its_own_family_only),
		cmocka_unit_test(test_prefix_covers_what_is_not_wider),
		cmocka_unit_test(test_a_sorted_list_has_what_was_put_into_it),
		cmocka_unit_test(test_normalizing_clears_the_host_bits),
		cmocka_unit_test(test_endpoints_print_as_they_are_read),
		cmocka_unit_test(test_what_is_no_endpoint_is_refused),
		cmocka_unit_test(test_scope_by_interface_name_becomes_its_number),
		cmocka_unit_test(test_endpoints_take_apart_into_address_and_port),
		cmocka_unit_test(test_unset_endpoint_is_no_address),
		cmocka_unit_test(test_endpoints_differ_in_family_address_port_and_scope),
	};

	return cmocka_run_group_tests_name("base/address", tests, NULL, NULL);
}
