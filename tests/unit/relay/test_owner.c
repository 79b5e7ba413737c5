/* Mirrors src/relay/owner.c */
#include "cmocka_all.h"

#include "loopback.h"

#include "relay/owner.h"

#include <sys/prctl.h>

static bool reads(const char *line, enum relay_protocol protocol, const char *at, uint64_t *ret)
{
	union endpoint endpoint;

	assert_true(endpoint_parse(at, strlen(at), &endpoint));
	return owner_read_line(line, protocol, &endpoint, ret);
}

/* As Linux 6.1 on a little-endian machine wrote them. */
static const char listening[] = "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 "
				"00:00000000 00000000  1000        0 424242 1 0 100 0 0 10 0\n";
static const char connected[] = "   2: 0100007F:1F90 0100007F:D431 01 00000000:00000000 "
				"00:00000000 00000000  1000        0 424243 1 0 100 0 0 10 0\n";
static const char everywhere[] = "   3: 00000000:0035 00000000:0000 07 00000000:00000000 "
				 "00:00000000 00000000     0        0 17 2 0 0\n";
static const char in6[] = "   0: 000080FE000000000000000002000000:01BB "
			  "00000000000000000000000000000000:0000 0A 00000000:00000000 "
			  "00:00000000 00000000     0        0 99 1 0 100 0 0 10 0\n";

static void test_a_line_names_the_socket_that_has_the_port(void **state)
{
	uint64_t inode = 0;

	(void)state;
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
	skip();
#endif
	assert_true(reads(listening, RELAY_TCP, "127.0.0.1:8080", &inode));
	assert_int_equal(inode, 424242);
	assert_false(reads(listening, RELAY_TCP, "127.0.0.1:8081", &inode));
	assert_false(reads(listening, RELAY_TCP, "127.0.0.2:8080", &inode));
	assert_false(reads(connected, RELAY_TCP, "127.0.0.1:8080", &inode));
	assert_true(reads(everywhere, RELAY_UDP, "192.0.2.1:53", &inode));
	assert_int_equal(inode, 17);
	assert_true(reads(in6, RELAY_TCP, "[fe80::2]:443", &inode));
	assert_int_equal(inode, 99);
	assert_false(reads(in6, RELAY_TCP, "[fe80::3]:443", &inode));
}

static void test_what_is_no_line_names_nobody(void **state)
{
	static const char *const lines[] = {
		"",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n",
		"   1: 0100:1F90 00000000:0000 0A 0:0 0:0 0 0 0 1\n",
		"   1: 0100007F1F90\n",
	};
	uint64_t inode = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(reads(lines[i], RELAY_TCP, "127.0.0.1:8080", &inode));
}

static void test_a_real_port_is_this_programs(void **state)
{
	struct owner owner = {0};
	union endpoint at;
	int tcp = loopback_server(SOCK_STREAM, &at);
	char name[16] = "";

	(void)state;
	assert_true(owner_find(RELAY_TCP, &at, &owner));
	assert_int_equal(owner.pid, getpid());
	assert_int_equal(prctl(PR_GET_NAME, name), 0);
	assert_string_equal(owner.name, name);
	(void)close(tcp);
	assert_false(owner_find(RELAY_TCP, &at, &owner));
}

static void test_so_is_a_udp_port(void **state)
{
	struct owner owner = {0};
	union endpoint at;
	int udp = loopback_server(SOCK_DGRAM, &at);

	(void)state;
	assert_true(owner_find(RELAY_UDP, &at, &owner));
	assert_int_equal(owner.pid, getpid());
	(void)close(udp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_names_the_socket_that_has_the_port),
		cmocka_unit_test(test_what_is_no_line_names_nobody),
		cmocka_unit_test(test_a_real_port_is_this_programs),
		cmocka_unit_test(test_so_is_a_udp_port),
	};

	return cmocka_run_group_tests_name("relay/owner", tests, NULL, NULL);
}
