/* Mirrors src/dataplane/uapi.c */
#include "cmocka_all.h"

#include "uapi_fixture.h"

#define OK "errno=0\n\n"

static void test_a_device_is_configured_and_read_back(void **state)
{
	static const char text[] = "set=1\n"
				   "private_key=" KEY_A "\n"
				   "listen_port=51820\n"
				   "fwmark=7\n"
				   "replace_peers=true\n"
				   "public_key=" KEY_B "\n"
				   "preshared_key=" KEY_C "\n"
				   "endpoint=[2001:db8::1]:51820\n"
				   "persistent_keepalive_interval=25\n"
				   "replace_allowed_ips=true\n"
				   "allowed_ip=10.1.2.3/16\n"
				   "allowed_ip=fd00::/8\n"
				   "protocol_version=1\n"
				   "public_key=" KEY_C "\n"
				   "\n";
	const char *reply;

	(void)state;
	assert_string_equal(ask(text), OK);
	reply = ask("get=1\n\n");
	assert_non_null(strstr(reply, "listen_port=51820\nfwmark=7\npublic_key=" KEY_B "\n"));
	assert_non_null(strstr(reply, "preshared_key=" KEY_C "\nprotocol_version=1\n"
				      "endpoint=[2001:db8::1]:51820\n"));
	assert_non_null(strstr(reply, "persistent_keepalive_interval=25\n"));
	assert_non_null(strstr(reply, "allowed_ip=10.1.0.0/16\n"));
	assert_non_null(strstr(reply, "allowed_ip=fd00::/8\n"));
	assert_non_null(strstr(reply, "public_key=" KEY_C "\npreshared_key=" NO_KEY "\n"));
	assert_non_null(strstr(reply, "errno=0\n\n"));
}

static void test_text_may_come_byte_by_byte_and_several_requests_at_once(void **state)
{
	static const char text[] = "set=1\npublic_key=" KEY_B "\n\nset=1\nfwmark=0x10\n\n";
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_int_equal(uapi_is_idle(fixture.uapi),
				 i == 0 || i == strlen("set=1\npublic_key=" KEY_B "\n\n"));
		assert_int_equal(uapi_feed(fixture.uapi, (struct instant){NS_PER_S}, text + i, 1),
				 0);
	}
	assert_true(uapi_is_idle(fixture.uapi));
	assert_memory_equal(uapi_output(fixture.uapi, &len), OK OK, 2 * strlen(OK));
	assert_int_equal(len, 2 * strlen(OK));
	assert_int_equal(fixture.facts.fwmark, 16);
}

static const struct {
	const char *line;
	int expected;
} faults[] = {
	{"private_key=" KEY_A "00", -EINVAL},
	{"private_key=xyz", -EINVAL},
	{"listen_port=65536", -EINVAL},
	{"listen_port=", -EINVAL},
	{"fwmark=4294967296", -EINVAL},
	{"replace_peers=false", -EINVAL},
	{"public_key=00", -EINVAL},
	{"endpoint=192.0.2.1:1", -EINVAL}, /* no peer yet */
	{"nonsense=1", -EINVAL},
	{"no equals sign", -EPROTO},
	{"adit_mtu=100", -EINVAL},
	{"adit_mtu=70000", -EINVAL},
	{"adit_last_timestamp=00", -EINVAL},
	{"adit_sockets=1", -EINVAL},
	{"adit_forget_sources=no", -EINVAL},
	{"adit_doubt_sources=no", -EINVAL},
	{"public_key=" KEY_B "\nadit_doubt_source=no", -EINVAL},
	{"public_key=" KEY_B "\nadit_past_rx=-1", -EINVAL},
	{"adit_up=", -EINVAL},
	{"adit_up=1", -EINVAL},
	{"public_key=" KEY_B "\npreshared_key=1", -EINVAL},
	{"public_key=" KEY_B "\nendpoint=192.0.2.1", -EINVAL},
	{"public_key=" KEY_B "\nendpoint=example.net:1", -EINVAL},
	{"public_key=" KEY_B "\npersistent_keepalive_interval=65536", -EINVAL},
	{"public_key=" KEY_B "\nallowed_ip=10.0.0.0/33", -EINVAL},
	{"public_key=" KEY_B "\nallowed_ip=-", -EINVAL},
	{"public_key=" KEY_B "\nreplace_allowed_ips=yes", -EINVAL},
	{"public_key=" KEY_B "\nprotocol_version=2", -EINVAL},
	{"public_key=" KEY_B "\nupdate_only=false", -EINVAL},
	{"public_key=" KEY_B "\nremove=1", -EINVAL},
	{"public_key=" KEY_B "\nlisten_port=1", -EINVAL},
	{"public_key=" KEY_B "\nadit_handshake=1", -EINVAL},
	{"public_key=" KEY_B "\npublic_key=", -EINVAL},
};

static void test_faults_are_answered_with_the_errno_wg_expects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		char text[512];
		char expected[32];

		(void)snprintf(text, sizeof(text), "set=1\n%s\nfwmark=9\n\n", faults[i].line);
		(void)snprintf(expected, sizeof(expected), "errno=%d\n\n", faults[i].expected);
		assert_string_equal(ask(text), expected);
		assert_int_equal(fixture.facts.fwmark, 0); /* what follows is passed over */
	}
}

static void test_what_the_loop_refuses_is_the_answer(void **state)
{
	(void)state;
	fixture.answer = -EPERM;
	assert_string_equal(ask("set=1\nlisten_port=1\n\n"), "errno=-1\n\n");
	fixture.answer = -EADDRINUSE;
	assert_string_equal(ask("set=1\nfwmark=1\n\n"), "errno=-98\n\n");
}

static void test_what_is_not_the_protocol_ends_the_connection(void **state)
{
	static const char long_line[400] = {[0 ... 398] = 'a'};

	(void)state;
	assert_int_equal(uapi_feed(fixture.uapi, (struct instant){1}, "GET / HTTP/1.1\n", 15),
			 -EPROTO);
	fixture_end(NULL);
	fixture_start(NULL);
	assert_int_equal(uapi_feed(fixture.uapi, (struct instant){1}, long_line, 399), -EPROTO);
	fixture_end(NULL);
	fixture_start(NULL);
	assert_int_equal(uapi_feed(fixture.uapi, (struct instant){1}, "set=1\n", 6), 0);
	assert_int_equal(uapi_feed(fixture.uapi, (struct instant){1}, long_line, 399), -EPROTO);
}

static void test_a_get_with_lines_is_a_protocol_error(void **state)
{
	(void)state;
	assert_string_equal(ask("get=1\nfwmark=1\n\n"), "errno=-71\n\n");
	assert_int_equal(fixture.facts.fwmark, 0);
}

static void test_other_connections_know_none_of_our_own_keys(void **state)
{
	(void)state;
	uapi_free(fixture.uapi);
	fixture.uapi = uapi_new(&fixture.target, false);
	assert_string_equal(ask("set=1\nadit_mtu=1400\n\n"), "errno=-22\n\n");
	assert_string_equal(ask("set=1\npublic_key=" KEY_B "\nadit_handshake=true\n\n"),
			    "errno=-22\n\n");
	assert_int_equal(uapi_feed(fixture.uapi, (struct instant){1}, "adit_stats=1\n", 13),
			 -EPROTO);
}

static void test_update_only_makes_no_peer(void **state)
{
	(void)state;
	assert_string_equal(ask("set=1\npublic_key=" KEY_B "\nupdate_only=true\n"
				"allowed_ip=10.0.0.0/8\npreshared_key=" KEY_C "\n"
				"endpoint=192.0.2.1:1\nreplace_allowed_ips=true\n"
				"persistent_keepalive_interval=1\n\n"),
			    OK);
	assert_null(strstr(ask("get=1\n\n"), "public_key"));
	assert_string_equal(ask("set=1\npublic_key=" KEY_B "\n\n"), OK);
	assert_string_equal(ask("set=1\npublic_key=" KEY_B "\nupdate_only=true\n"
				"allowed_ip=10.0.0.0/8\n\n"),
			    OK);
	assert_non_null(strstr(ask("get=1\n\n"), "allowed_ip=10.0.0.0/8"));
}

static void test_peers_are_removed_one_by_one_and_all(void **state)
{
	(void)state;
	(void)ask("set=1\npublic_key=" KEY_B "\npublic_key=" KEY_C "\n\n");
	assert_string_equal(ask("set=1\npublic_key=" KEY_B "\nremove=true\n\n"), OK);
	assert_null(strstr(ask("get=1\n\n"), KEY_B));
	assert_non_null(strstr(ask("get=1\n\n"), KEY_C));
	assert_string_equal(ask("set=1\npublic_key=" KEY_B "\nremove=true\n\n"), OK);
	assert_string_equal(ask("set=1\nreplace_peers=true\n\n"), OK);
	assert_null(strstr(ask("get=1\n\n"), "public_key"));
}

static void test_an_allowed_ip_is_taken_away_with_a_minus(void **state)
{
	const char *reply;

	(void)state;
	(void)ask("set=1\npublic_key=" KEY_B "\nallowed_ip=10.0.0.0/8\nallowed_ip=fd00::/8\n\n");
	assert_string_equal(ask("set=1\npublic_key=" KEY_B "\nallowed_ip=-10.0.0.0/8\n\n"), OK);
	reply = ask("get=1\n\n");
	assert_null(strstr(reply, "allowed_ip=10.0.0.0/8"));
	assert_non_null(strstr(reply, "allowed_ip=fd00::/8"));
}

static void test_our_own_public_key_is_silently_no_peer(void **state)
{
	/* what wg pubkey makes of KEY_A */
	static const char text[] =
		"set=1\nprivate_key=" KEY_A "\npublic_key="
		"605a725d2a4adfeeb1a29e17edd621c1b7593ee8cdbc44ac6c4ab6e2f805d23c"
		"\nallowed_ip=10.0.0.0/8\n\n";

	(void)state;
	assert_string_equal(ask(text), OK);
	assert_null(strstr(ask("get=1\n\n"), "public_key"));
}

static void test_our_internal_keys_reach_the_loop(void **state)
{
	uint8_t timestamp[12];

	(void)state;
	assert_string_equal(ask("set=1\nadit_mtu=1280\nadit_sockets=true\n"
				"adit_forget_sources=true\nadit_doubt_sources=true\nadit_up=true\n"
				"adit_last_timestamp=400000000000000a01020304\n\n"),
			    OK);
	assert_int_equal(fixture.facts.mtu, 1280);
	assert_int_equal(fixture.n_sockets_used, 1);
	assert_true(fixture.is_up);
	wg_device_get_last_timestamp(fixture.target.device, timestamp);
	assert_int_equal(timestamp[0], 0x40);
	assert_int_equal(timestamp[11], 4);
	assert_string_equal(ask("set=1\nadit_up=false\n\n"), OK);
	assert_false(fixture.is_up);
}

static void test_a_handshake_is_begun_when_asked_for(void **state)
{
	static uint8_t bytes[WG_DATAGRAM_MAX];
	struct wg_output output = {.bytes = bytes};

	(void)state;
	wg_device_up(fixture.target.device, (struct instant){NS_PER_S});
	assert_string_equal(ask("set=1\nprivate_key=" KEY_A "\npublic_key=" KEY_B "\n"
				"adit_handshake=true\nendpoint=192.0.2.1:51820\n\n"),
			    OK);
	assert_true(wg_next_output(fixture.target.device, (struct instant){NS_PER_S}, &output));
	assert_int_equal(output.len, 148);
	assert_int_equal(output.tos, 0x88);
}

static void test_replies_may_be_written_in_pieces(void **state)
{
	size_t len;
	size_t all;

	(void)state;
	assert_int_equal(uapi_feed(fixture.uapi, (struct instant){1}, "get=1\n\n", 7), 0);
	(void)uapi_output(fixture.uapi, &all);
	uapi_consume(fixture.uapi, 3);
	assert_memory_equal(uapi_output(fixture.uapi, &len), "ten_port=", 8);
	assert_int_equal(len, all - 3);
	uapi_consume(fixture.uapi, len);
	(void)uapi_output(fixture.uapi, &len);
	assert_int_equal(len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_device_is_configured_and_read_back),
		TEST(test_text_may_come_byte_by_byte_and_several_requests_at_once),
		TEST(test_faults_are_answered_with_the_errno_wg_expects),
		TEST(test_what_the_loop_refuses_is_the_answer),
		TEST(test_what_is_not_the_protocol_ends_the_connection),
		TEST(test_a_get_with_lines_is_a_protocol_error),
		TEST(test_other_connections_know_none_of_our_own_keys),
		TEST(test_update_only_makes_no_peer),
		TEST(test_peers_are_removed_one_by_one_and_all),
		TEST(test_an_allowed_ip_is_taken_away_with_a_minus),
		TEST(test_our_own_public_key_is_silently_no_peer),
		TEST(test_our_internal_keys_reach_the_loop),
		TEST(test_a_handshake_is_begun_when_asked_for),
		TEST(test_replies_may_be_written_in_pieces),
	};

	return cmocka_run_group_tests_name("dataplane/uapi", tests, NULL, NULL);
}
