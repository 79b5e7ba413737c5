/* Mirrors src/tunnel/request.c */
#include "cmocka_all.h"

#include "config/profile.h"
#include "tunnel/request.h"
#include "tunnel/tunnel.h"

#include <string.h>

#define ZEROES "0000000000000000000000000000000000000000000000000000000000000000"

static struct profile profile;
static struct profile_peer peers[2];
static struct prefix allowed[2];
static struct tunnel_config config;
static struct request request;

static void set_key(uint8_t key[32], uint8_t fill)
{
	memset(key, fill, 32);
}

static int start(void **state)
{
	(void)state;
	memset(&profile, 0, sizeof(profile));
	memset(peers, 0, sizeof(peers));
	set_key(profile.private_key.byte, 0xaa);
	profile.peer = peers;
	profile.n_peers = 2;
	set_key(peers[0].public_key, 0xbb);
	set_key(peers[1].public_key, 0xcc);
	set_key(peers[1].preshared_key.byte, 0xdd);
	assert_true(endpoint_parse("[2001:db8::1]:7", 15, &peers[0].endpoint));
	assert_true(prefix_parse("0.0.0.0/0", 9, &allowed[0]));
	assert_true(prefix_parse("::/0", 4, &allowed[1]));
	peers[0].allowed_ip = allowed;
	peers[0].n_allowed_ips = 2;
	peers[0].keepalive_s = 25;
	config = (struct tunnel_config){.profile = &profile, .mtu = 1420};
	return 0;
}

static int end(void **state)
{
	(void)state;
	request_free(&request);
	assert_null(request.text);
	request_free(&request);
	return 0;
}

static const char *build(const struct tunnel_stats *old)
{
	assert_int_equal(request_build(&config, old, &request), 0);
	assert_int_equal(strlen(request.text), request.len);
	return request.text;
}

static const char *build_start(const struct request_start *start)
{
	assert_int_equal(request_build_start(&config, start, &request), 0);
	assert_int_equal(strlen(request.text), request.len);
	return request.text;
}

static void test_everything_that_the_profile_says_is_in_it(void **state)
{
	(void)state;
	assert_string_equal(
		build(NULL),
		"set=1\nadit_mtu=1420\n"
		"private_key=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
		"replace_peers=true\n"
		"public_key=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
		"preshared_key=" ZEROES "\n"
		"endpoint=[2001:db8::1]:7\npersistent_keepalive_interval=25\n"
		"replace_allowed_ips=true\nallowed_ip=0.0.0.0/0\nallowed_ip=::/0\n"
		"public_key=cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\n"
		"preshared_key=dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd\n"
		"persistent_keepalive_interval=0\nreplace_allowed_ips=true\n\n");
}

static void test_endpoints_found_by_name_go_before_the_profiles(void **state)
{
	union endpoint endpoints[2] = {0};
	const char *text;

	(void)state;
	assert_true(endpoint_parse("192.0.2.9:1", 11, &endpoints[1]));
	config.endpoint = endpoints;
	config.starts_handshake = true;
	text = build(NULL);
	assert_null(strstr(text, "2001:db8"));
	assert_non_null(strstr(text, "endpoint=192.0.2.9:1\n"));
	assert_null(strstr(text, "adit_handshake"));
}

static void test_a_predecessors_timestamp_comes_first(void **state)
{
	const char *text;

	(void)state;
	config.last_timestamp[0] = 0x40;
	text = build(NULL);
	assert_ptr_equal(strstr(text, "set=1\nadit_last_timestamp=400000000000000000000000\n"),
			 text);
}

static void test_handshakes_begin_where_there_is_somebody_to_begin_one_with(void **state)
{
	const struct request_start start = {.has_sockets = false};

	(void)state;
	config.starts_handshake = true;
	assert_string_equal(
		build_start(&start),
		"set=1\n"
		"public_key=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
		"update_only=true\nadit_handshake=true\n\n");
}

static void test_sockets_sources_and_state_change_before_handshakes_begin(void **state)
{
	const struct request_start start = {
		.has_sockets = true,
		.goes_up = true,
		.forgets_sources = true,
	};

	(void)state;
	assert_string_equal(build_start(&start),
			    "set=1\nadit_sockets=true\nadit_up=true\nadit_forget_sources=true\n\n");
}

static void test_peers_that_went_are_removed_and_others_kept(void **state)
{
	struct tunnel_peer_stats old_peers[2] = {0};
	struct tunnel_stats old = {.peer = old_peers, .n_peers = 2};
	const char *text;

	(void)state;
	set_key(old_peers[0].public_key, 0xbb);
	set_key(old_peers[1].public_key, 0xee);
	text = build(&old);
	assert_null(strstr(text, "replace_peers"));
	assert_non_null(strstr(
		text,
		"public_key=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\n"
		"remove=true\n"));
	assert_null(strstr(strstr(text, "remove=true") + 1, "remove=true"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_everything_that_the_profile_says_is_in_it),
		TEST(test_endpoints_found_by_name_go_before_the_profiles),
		TEST(test_a_predecessors_timestamp_comes_first),
		TEST(test_handshakes_begin_where_there_is_somebody_to_begin_one_with),
		TEST(test_sockets_sources_and_state_change_before_handshakes_begin),
		TEST(test_peers_that_went_are_removed_and_others_kept),
	};

	return cmocka_run_group_tests_name("tunnel/request", tests, NULL, NULL);
}
