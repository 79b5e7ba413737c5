/* Mirrors src/tunnel/reply.c */
#include "cmocka_all.h"

#include "tunnel/reply.h"
#include "tunnel/tunnel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static int parse(const char *text, struct tunnel_stats *ret)
{
	return reply_parse_stats(text, strlen(text), ret);
}

static void test_all_counters_are_read(void **state)
{
	static const char text[] =
		"listen_port=51820\nfwmark=3\nadit_mtu=1420\n"
		"adit_last_timestamp=400000000000000a01020304\n"
		"adit_rx_invalid=1\nadit_rx_bad_response=2\nadit_rx_handshake=3\n"
		"adit_rx_replayed=14\nadit_tx_cookie=15\n"
		"adit_tx_errno=101\nadit_tx_errors=4\nadit_icmp_errno=111\nadit_icmp_type=3\n"
		"adit_icmp_code=13\nadit_icmp_version=4\nadit_icmp_count=5\nadit_rx_datagrams=6\n"
		"adit_tun_errors=7\nadit_tun_refused=8\nadit_mark_refused=1\nadit_unlocked=4096\n"
		"public_key=" KEY "\nendpoint=192.0.2.1:51820\n"
		"last_handshake_time_sec=9\nlast_handshake_time_nsec=10\n"
		"tx_bytes=11\nrx_bytes=12\npersistent_keepalive_interval=25\n"
		"adit_handshakes_sent=13\nadit_source=10.0.0.1:7\nadit_source_link=3\n"
		"errno=0\n\n";
	struct tunnel_stats stats;

	(void)state;
	assert_int_equal(parse(text, &stats), 0);
	assert_int_equal(stats.listen_port, 51820);
	assert_int_equal(stats.last_timestamp[11], 4);
	assert_int_equal(stats.rx_invalid, 1);
	assert_int_equal(stats.rx_bad_response, 2);
	assert_int_equal(stats.rx_handshake, 3);
	assert_int_equal(stats.rx_replayed, 14);
	assert_int_equal(stats.tx_cookie, 15);
	assert_int_equal(stats.tx_errno, 101);
	assert_int_equal(stats.tx_errors, 4);
	assert_int_equal(stats.icmp_errno, 111);
	assert_int_equal(stats.icmp_type, 3);
	assert_int_equal(stats.icmp_code, 13);
	assert_int_equal(stats.icmp_count, 5);
	assert_int_equal(stats.rx_datagrams, 6);
	assert_int_equal(stats.tun_errors, 7);
	assert_true(stats.is_mark_refused);
	assert_int_equal(stats.n_unlocked, 4096);
	assert_int_equal(stats.n_peers, 1);
	assert_int_equal(stats.peer[0].public_key[1], 0x11);
	assert_int_equal(endpoint_port(&stats.peer[0].endpoint), 51820);
	assert_int_equal(stats.peer[0].last_handshake.ns, 9 * NS_PER_S + 10);
	assert_int_equal(stats.peer[0].tx_bytes, 11);
	assert_int_equal(stats.peer[0].rx_bytes, 12);
	assert_int_equal(stats.peer[0].handshakes_sent, 13);
	assert_int_equal(endpoint_port(&stats.peer[0].source), 7);
	assert_int_equal(stats.peer[0].source_link, 3);
	tunnel_stats_done(&stats);
}

static void test_many_peers_are_read(void **state)
{
	char *text = malloc(100 * 10000);
	struct tunnel_stats stats;
	size_t len = 0;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < 10000; i++)
		len += (size_t)sprintf(text + len, "public_key=%064d\ntx_bytes=%d\n", i, i);
	len += (size_t)sprintf(text + len, "errno=0\n\n");
	assert_int_equal(reply_parse_stats(text, len, &stats), 0);
	assert_int_equal(stats.n_peers, 10000);
	assert_int_equal(stats.peer[9999].tx_bytes, 9999);
	tunnel_stats_done(&stats);
	free(text);
}

/* A data plane that was broken into may say anything. */
static void test_nonsense_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"listen_port=1\n",
		"errno=x\n\n",
		"errno=\n\n",
		"errno=-99999\n\n",
		"listen_port=65536\nerrno=0\n\n",
		"listen_port=-1\nerrno=0\n\n",
		"adit_icmp_type=256\nerrno=0\n\n",
		"adit_mark_refused=2\nerrno=0\n\n",
		"adit_tx_errno=4294967296\nerrno=0\n\n",
		"adit_last_timestamp=00\nerrno=0\n\n",
		"public_key=00\nerrno=0\n\n",
		"public_key=" KEY "\nendpoint=nowhere\nerrno=0\n\n",
		"public_key=" KEY "\nlast_handshake_time_sec=18446744074\nerrno=0\n\n",
		"public_key=" KEY "\nlast_handshake_time_nsec=1000000000\nerrno=0\n\n",
		"public_key=" KEY "\ntx_bytes=99999999999999999999\nerrno=0\n\n",
	};
	struct tunnel_stats stats;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(parse(texts[i], &stats), -EPROTO);
}

static void test_what_is_unknown_is_passed_over(void **state)
{
	struct tunnel_stats stats;

	(void)state;
	assert_int_equal(
		parse("new=1\nno equals\npublic_key=" KEY "\nnewer=2\nerrno=0\n\n", &stats), 0);
	assert_int_equal(stats.n_peers, 1);
	tunnel_stats_done(&stats);
}

static void test_the_errno_of_a_refusal_is_handed_on(void **state)
{
	struct tunnel_stats stats;

	(void)state;
	assert_int_equal(parse("errno=-22\n\n", &stats), -EINVAL);
	assert_int_equal(reply_errno("errno=98\n\n", 10), -98);
	assert_int_equal(reply_errno("errno=0\n\n", 9), 0);
}

static void test_a_reply_ends_with_an_empty_line(void **state)
{
	(void)state;
	assert_false(reply_is_whole("", 0));
	assert_false(reply_is_whole("\n", 1));
	assert_false(reply_is_whole("errno=0\n", 8));
	assert_true(reply_is_whole("errno=0\n\n", 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_counters_are_read),
		cmocka_unit_test(test_many_peers_are_read),
		cmocka_unit_test(test_nonsense_is_refused),
		cmocka_unit_test(test_what_is_unknown_is_passed_over),
		cmocka_unit_test(test_the_errno_of_a_refusal_is_handed_on),
		cmocka_unit_test(test_a_reply_ends_with_an_empty_line),
	};

	return cmocka_run_group_tests_name("tunnel/reply", tests, NULL, NULL);
}
