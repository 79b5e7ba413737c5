/* Mirrors src/dataplane/uapi_reply.c */
#include "cmocka_all.h"

#include "base/secret.h"
#include "dataplane/uapi_reply.h"
#include "uapi_fixture.h"

static void test_stats_hold_what_a_supervisor_needs_and_no_key(void **state)
{
	char expected[1024];
	const char *reply;

	(void)state;
	fixture.health = (struct health){
		.tx_errno = 101,
		.tx_errors = 3,
		.icmp_errno = 111,
		.icmp_type = 3,
		.icmp_code = 3,
		.icmp_count = 2,
		.rx_datagrams = 9,
		.tun_errors = 4,
		.tun_refused = 5,
		.is_mark_refused = true,
	};
	fixture.facts.mtu = 1420;
	(void)ask("set=1\nprivate_key=" KEY_A "\npublic_key=" KEY_B "\npreshared_key=" KEY_C
		  "\nendpoint=192.0.2.1:51820\nallowed_ip=10.0.0.0/8\n"
		  "persistent_keepalive_interval=5\n\n");
	reply = ask("adit_stats=1\n\n");
	assert_null(strstr(reply, "private_key"));
	assert_null(strstr(reply, "preshared_key"));
	assert_null(strstr(reply, "allowed_ip"));
	(void)snprintf(expected, sizeof(expected),
		       "listen_port=0\nadit_mtu=1420\n"
		       "adit_last_timestamp=000000000000000000000000\n"
		       "adit_rx_invalid=0\nadit_rx_bad_response=0\nadit_rx_handshake=0\n"
		       "adit_rx_replayed=0\nadit_tx_cookie=0\n"
		       "adit_tx_errno=101\nadit_tx_errors=3\n"
		       "adit_icmp_errno=111\nadit_icmp_type=3\nadit_icmp_code=3\n"
		       "adit_icmp_version=4\nadit_icmp_count=2\nadit_rx_datagrams=9\n"
		       "adit_tun_errors=4\nadit_tun_refused=5\nadit_mark_refused=1\n"
		       "adit_unlocked=%zu\n"
		       "public_key=" KEY_B "\nendpoint=192.0.2.1:51820\n"
		       "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\n"
		       "tx_bytes=0\nrx_bytes=0\npersistent_keepalive_interval=5\n"
		       "adit_handshakes_sent=0\nerrno=0\n\n",
		       secret_unlocked());
	assert_string_equal(reply, expected);
}

static void test_a_device_without_key_mark_and_peers_is_one_line(void **state)
{
	(void)state;
	assert_string_equal(ask("get=1\n\n"), "listen_port=0\nerrno=0\n\n");
}

/* wireguard-go's netns.sh has 255 * 256 * 2 allowed IPs on one peer. */
static void test_a_reply_grows_as_it_must(void **state)
{
	char text[256];
	size_t len;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		(void)snprintf(text, sizeof(text),
			       "set=1\npublic_key=" KEY_B "\nallowed_ip=10.%d.%d.0/24\n\n", i / 256,
			       i % 256);
		(void)ask(text);
	}
	assert_int_equal(uapi_feed(fixture.uapi, (struct instant){1}, "get=1\n\n", 7), 0);
	(void)uapi_output(fixture.uapi, &len);
	assert_true(len > 20000 * strlen("allowed_ip=10.0.0.0/24\n"));
	uapi_consume(fixture.uapi, len);
}

static void test_text_too_long_for_a_piece_is_a_failure(void **state)
{
	struct uapi_reply reply = {0};

	(void)state;
	uapi_reply_add(&reply, "%600d", 1);
	assert_true(reply.has_failed);
	uapi_reply_add(&reply, "more");
	assert_int_equal(reply.len, 0);
	uapi_reply_done(&reply);
	assert_null(reply.at);
	assert_false(reply.has_failed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stats_hold_what_a_supervisor_needs_and_no_key),
		TEST(test_a_device_without_key_mark_and_peers_is_one_line),
		TEST(test_a_reply_grows_as_it_must),
		TEST(test_text_too_long_for_a_piece_is_a_failure),
	};

	return cmocka_run_group_tests_name("dataplane/uapi_reply", tests, NULL, NULL);
}
