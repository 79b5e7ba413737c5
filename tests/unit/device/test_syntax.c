/* Mirrors src/device/syntax.c */
#include "cmocka_all.h"

#include "device/syntax.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* Any bytes will do; they are of nobody. */
#define KEY  "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbe3f"
#define PEER "public_key=" KEY "\n"

static enum syntax_kind find(const char *text, size_t *ret_len)
{
	size_t seen = 0;

	return syntax_find(text, strlen(text), &seen, ret_len);
}

static void test_a_request_ends_with_an_empty_line(void **state)
{
	size_t len = 0;

	(void)state;
	assert_int_equal(find("set=1\n\n", &len), SYNTAX_SET);
	assert_int_equal(len, 7);
	assert_int_equal(find("set=1\nfwmark=0\n\nget=1\n\n", &len), SYNTAX_SET);
	assert_int_equal(len, 16);
	assert_int_equal(find("get=1\n\nget=1\n\n", &len), SYNTAX_GET);
	assert_int_equal(len, 7);
}

static void test_a_request_may_come_byte_by_byte(void **state)
{
	static const char text[] = "set=1\nfwmark=0\n\n";
	size_t seen = 0;
	size_t len = 0;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(syntax_find(text, n, &seen, &len), SYNTAX_PARTIAL);
	assert_int_equal(syntax_find(text, sizeof(text) - 1, &seen, &len), SYNTAX_SET);
	assert_int_equal(len, sizeof(text) - 1);
}

static void test_what_is_not_the_protocol_is_garbage_as_soon_as_it_can_be_seen(void **state)
{
	static const char *const texts[] = {
		"\n", "x\n", "set=1x", "GET / HTTP/1.1", "set=2\n", "get=1\r\n", "adit_stats=1\n\n",
	};
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(find(texts[i], &len), SYNTAX_GARBAGE);
	assert_int_equal(find("", &len), SYNTAX_PARTIAL);
	assert_int_equal(find("hello", &len), SYNTAX_PARTIAL);
}

static void test_a_get_takes_no_lines(void **state)
{
	size_t len;

	(void)state;
	assert_int_equal(find("get=1\n", &len), SYNTAX_PARTIAL);
	assert_int_equal(find("get=1\nx", &len), SYNTAX_BAD_GET);
}

/* The answer to a set of these lines. */
static int read_set(const char *lines, struct syntax_set *ret)
{
	char text[4096];

	assert_true(snprintf(text, sizeof(text), "set=1\n%s\n", lines) < (int)sizeof(text));
	return syntax_read_set(text, strlen(text), ret);
}

static void check_set(const char *lines, const char *expected)
{
	struct syntax_set set = {0};

	assert_int_equal(read_set(lines, &set), 0);
	assert_int_equal(set.len, strlen(expected));
	assert_memory_equal(set.text, expected, set.len);
	syntax_set_done(&set);
	assert_null(set.text);
}

static void test_lines_of_device_and_peers_are_passed_on(void **state)
{
	static const char lines[] = "private_key=" KEY "\nreplace_peers=true\n" PEER
				    "update_only=true\npreshared_key=" KEY
				    "\nendpoint=[fe80::1]:51820\npersistent_keepalive_interval=25\n"
				    "replace_allowed_ips=true\nallowed_ip=10.0.0.0/8\n"
				    "allowed_ip=-::/0\nprotocol_version=1\n" PEER "remove=true\n";
	char expected[sizeof(lines) + 1];

	(void)state;
	(void)snprintf(expected, sizeof(expected), "%s\n", lines);
	check_set(lines, expected);
	check_set("", "\n");
}

static void test_port_and_mark_are_taken_out_and_the_last_one_counts(void **state)
{
	struct syntax_set set = {0};

	(void)state;
	assert_int_equal(
		read_set("listen_port=1\nfwmark=0x10\nlisten_port=51820\nfwmark=16\n", &set), 0);
	assert_true(set.has_port && set.has_mark);
	assert_int_equal(set.port, 51820);
	assert_int_equal(set.mark, 16);
	assert_int_equal(set.len, 1);
	syntax_set_done(&set);
	assert_int_equal(read_set("fwmark=0\n", &set), 0);
	assert_true(set.has_mark && !set.has_port);
	syntax_set_done(&set);
}

static void test_an_interface_in_an_endpoint_becomes_a_number(void **state)
{
	char expected[256];

	(void)state;
	(void)snprintf(expected, sizeof(expected), PEER "endpoint=[fe80::1%%%u]:9\n\n",
		       if_nametoindex("lo"));
	check_set(PEER "endpoint=[fe80::1%lo]:9\n", expected);
	check_set(PEER "endpoint=[fe80::1%1]:9\nendpoint=[::a:b%1]:9\n",
		  PEER "endpoint=[fe80::1%1]:9\nendpoint=[::0.10.0.11%1]:9\n\n");
}

struct refusal {
	const char *lines;
	int code;
};

static const struct refusal refusals[] = {
	{"nonsense\n", -EPROTO},
	{"private_key\n", -EPROTO},
	{"=\n", -EINVAL},
	{"colour=red\n", -EINVAL},
	{"private_key=\n", -EINVAL},
	{"private_key=a0\n", -EINVAL},
	{"private_key=" KEY "0\n", -EINVAL},
	{"private_key=g" KEY "\n", -EINVAL},
	{"listen_port=65536\n", -EINVAL},
	{"listen_port=-1\n", -EINVAL},
	{"listen_port=\n", -EINVAL},
	{"listen_port= 1\n", -EINVAL},
	{"fwmark=0x100000000\n", -EINVAL},
	{"fwmark=red\n", -EINVAL},
	{"replace_peers=false\n", -EINVAL},
	{"allowed_ip=10.0.0.0/8\n", -EINVAL},
	{"preshared_key=" KEY "\n", -EINVAL},
	{"public_key=\n", -EINVAL},
	{"adit_mtu=1280\n", -EINVAL},
	{"adit_up=true\n", -EINVAL},
	{PEER "private_key=" KEY "\n", -EINVAL},
	{PEER "listen_port=1\n", -EINVAL},
	{PEER "replace_peers=true\n", -EINVAL},
	{PEER "update_only=false\n", -EINVAL},
	{PEER "remove=yes\n", -EINVAL},
	{PEER "preshared_key=0\n", -EINVAL},
	{PEER "endpoint=127.0.0.1\n", -EINVAL},
	{PEER "endpoint=::1:51820\n", -EINVAL},
	{PEER "endpoint=localhost:51820\n", -EINVAL},
	{PEER "endpoint=[fe80::1%no-such-link]:1\n", -EINVAL},
	{PEER "persistent_keepalive_interval=65536\n", -EINVAL},
	{PEER "persistent_keepalive_interval=off\n", -EINVAL},
	{PEER "replace_allowed_ips=1\n", -EINVAL},
	{PEER "allowed_ip=10.0.0.0\n", -EINVAL},
	{PEER "allowed_ip=10.0.0.0/33\n", -EINVAL},
	{PEER "allowed_ip=::/129\n", -EINVAL},
	{PEER "allowed_ip=--10.0.0.0/8\n", -EINVAL},
	{PEER "allowed_ip=\n", -EINVAL},
	{PEER "protocol_version=2\n", -EINVAL},
	{PEER "adit_handshake=true\n", -EINVAL},
	{PEER "rx_bytes=1\n", -EINVAL},
	{"errno=0\n", -EINVAL},
	{"fwmark=1\n" PEER "nonsense\nfwmark=x\n", -EPROTO},
};

static void test_the_first_line_that_is_wrong_is_the_answer(void **state)
{
	struct syntax_set set = {.len = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		assert_int_equal(read_set(refusals[i].lines, &set), refusals[i].code);
	assert_int_equal(set.len, 77);
}

/* The data plane has no room for it. */
static void test_a_line_that_is_too_long_is_refused(void **state)
{
	struct syntax_set set;
	char lines[400];

	(void)state;
	(void)snprintf(lines, sizeof(lines), PEER "persistent_keepalive_interval=%0230d\n", 1);
	assert_int_equal(read_set(lines, &set), -EINVAL);
	(void)snprintf(lines, sizeof(lines), PEER "persistent_keepalive_interval=%0100d\n", 1);
	assert_int_equal(read_set(lines, &set), 0);
	syntax_set_done(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_ends_with_an_empty_line),
		cmocka_unit_test(test_a_request_may_come_byte_by_byte),
		cmocka_unit_test(
			test_what_is_not_the_protocol_is_garbage_as_soon_as_it_can_be_seen),
		cmocka_unit_test(test_a_get_takes_no_lines),
		cmocka_unit_test(test_lines_of_device_and_peers_are_passed_on),
		cmocka_unit_test(test_port_and_mark_are_taken_out_and_the_last_one_counts),
		cmocka_unit_test(test_an_interface_in_an_endpoint_becomes_a_number),
		cmocka_unit_test(test_the_first_line_that_is_wrong_is_the_answer),
		cmocka_unit_test(test_a_line_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests_name("device/syntax", tests, NULL, NULL);
}
