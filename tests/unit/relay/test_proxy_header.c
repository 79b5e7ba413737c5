/* Mirrors src/relay/proxy_header.c */
#include "cmocka_all.h"

#include "relay/proxy_header.h"

#include <string.h>

static size_t write_header(const char *client, const char *server, uint8_t ret[PROXY_HEADER_MAX])
{
	union endpoint from;
	union endpoint to;

	assert_true(endpoint_parse(client, strlen(client), &from));
	assert_true(endpoint_parse(server, strlen(server), &to));
	return proxy_header_write(&from, &to, ret);
}

/* By hand, from section 2.2. */
static void test_an_ipv4_connection_is_written_as_the_protocol_says(void **state)
{
	static const uint8_t wanted[28] = {
		0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11,
		0x00, 0x0c, 192,  0,	2,    7,    198,  51,	100,  1,    0xd4, 0x31, 0x00, 0x50};
	uint8_t header[PROXY_HEADER_MAX];

	(void)state;
	assert_int_equal(write_header("192.0.2.7:54321", "198.51.100.1:80", header),
			 sizeof(wanted));
	assert_memory_equal(header, wanted, sizeof(wanted));
}

static void test_an_ipv6_connection_is_written_as_the_protocol_says(void **state)
{
	static const uint8_t head[16] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51,
					 0x55, 0x49, 0x54, 0x0a, 0x21, 0x21, 0x00, 0x24};
	uint8_t header[PROXY_HEADER_MAX];

	(void)state;
	assert_int_equal(write_header("[2001:db8::7]:1", "[2001:db8::1]:443", header),
			 PROXY_HEADER_MAX);
	assert_memory_equal(header, head, sizeof(head));
	assert_int_equal(header[16], 0x20);
	assert_int_equal(header[31], 7);
	assert_int_equal(header[47], 1);
	assert_int_equal(header[49], 1);
	assert_int_equal(header[50] << 8 | header[51], 443);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_ipv4_connection_is_written_as_the_protocol_says),
		cmocka_unit_test(test_an_ipv6_connection_is_written_as_the_protocol_says),
	};

	return cmocka_run_group_tests_name("relay/proxy_header", tests, NULL, NULL);
}
