/* Mirrors src/device/engine.c
 *
 * With a real device and a real data plane, so root only; its peers are nobody.
 */
#include "cmocka_all.h"

#include "emulated.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/secret.h"
#include "dataplane/private_tun.h"
#include "device/engine.h"
#include "device/syntax.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_A "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbe3f"
#define KEY_B "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"

static struct engine engine;
static char reply[65536];

static int start(void **state)
{
	(void)state;
	engine = ENGINE_NONE;
	engine.tun = open_private_tun();
	engine.mtu = 1420;
	return 0;
}

static int end(void **state)
{
	int tun = engine.tun;

	(void)state;
	engine_done(&engine);
	if (tun >= 0)
		(void)close(tun);
	return 0;
}

static void start_engine(void)
{
	if (engine.tun < 0)
		skip();
	assert_int_equal(engine_start(&engine, NULL), 0);
	assert_true(engine_is_alive(&engine));
}

static int set(const char *lines)
{
	struct syntax_set read = {0};
	char text[4096];
	int r;

	(void)snprintf(text, sizeof(text), "set=1\n%s\n", lines);
	assert_int_equal(syntax_read_set(text, strlen(text), &read), 0);
	r = engine_set(&engine, &read);
	syntax_set_done(&read);
	return r;
}

static const char *get(void)
{
	char *text;
	size_t len;

	assert_int_equal(engine_get(&engine, &text, &len), 0);
	assert_true(len < sizeof(reply));
	memcpy(reply, text, len);
	reply[len] = '\0';
	secret_free(text);
	return reply;
}

static void kill_plane(void)
{
	struct pollfd death = {.fd = engine.process.pidfd, .events = POLLIN};

	assert_int_equal(kill(engine.process.pid, SIGKILL), 0);
	assert_int_equal(poll(&death, 1, 2000), 1);
	engine_note_death(&engine);
	assert_false(engine_is_alive(&engine));
}

/* A UDP port that is in use, until the descriptors are closed. */
static uint16_t occupy(struct udp_sockets *ret)
{
	assert_int_equal(udp_open(0, 0, ret, NULL), 0);
	return udp_port(ret);
}

static int set_port(uint16_t port)
{
	char lines[128];

	(void)snprintf(lines, sizeof(lines), "listen_port=%u\nfwmark=9\nprivate_key=" KEY_A "\n",
		       port);
	return set(lines);
}

static void test_a_new_device_has_no_port_and_no_key(void **state)
{
	(void)state;
	start_engine();
	assert_string_equal(get(), "errno=0\n\n");
}

static void test_port_and_mark_are_remembered_while_the_link_is_down(void **state)
{
	(void)state;
	skip_if_emulated("SO_MARK");
	start_engine();
	assert_int_equal(set("listen_port=4567\nfwmark=7\n"), 0);
	assert_string_equal(get(), "listen_port=4567\nfwmark=7\nerrno=0\n\n");
	assert_int_equal(engine.sockets.fd[UDP_V4], -1);
	assert_int_equal(engine_set_up(&engine, true, NULL), 0);
	assert_int_equal(udp_port(&engine.sockets), 4567);
	assert_int_equal(udp_mark(&engine.sockets), 7);
	assert_int_equal(engine_set_up(&engine, true, NULL), 0);
	assert_int_equal(engine_set_up(&engine, false, NULL), 0);
	assert_int_equal(engine.sockets.fd[UDP_V4], -1);
	assert_string_equal(get(), "listen_port=4567\nfwmark=7\nerrno=0\n\n");
}

static void test_key_and_peers_are_said_around_port_and_mark(void **state)
{
	(void)state;
	start_engine();
	assert_int_equal(set("fwmark=1\nprivate_key=" KEY_A "\npublic_key=" KEY_B
			     "\nallowed_ip=10.0.0.0/8\n"),
			 0);
	assert_non_null(strstr(get(), "private_key=a0"));
	assert_non_null(strstr(reply, "\nfwmark=1\npublic_key=c0"));
	assert_null(strstr(reply, "listen_port"));
}

static void test_a_port_in_use_is_the_answer_and_nothing_is_changed(void **state)
{
	struct udp_sockets other;
	uint16_t taken;
	char before[1024];

	(void)state;
	skip_if_emulated("SO_MARK");
	start_engine();
	taken = occupy(&other);
	assert_int_equal(engine_set_up(&engine, true, NULL), 0);
	(void)snprintf(before, sizeof(before), "%s", get());
	assert_int_equal(set_port(taken), -EADDRINUSE);
	assert_string_equal(get(), before);
	assert_int_equal(udp_mark(&engine.sockets), 0);
	udp_close(&other);
	assert_int_equal(set_port(taken), 0);
	assert_int_equal(udp_port(&engine.sockets), taken);
	assert_int_equal(udp_mark(&engine.sockets), 9);
	/* the same port again is no change, any port is */
	assert_int_equal(set_port(taken), 0);
	assert_int_equal(set("listen_port=0\n"), 0);
	assert_int_not_equal(udp_port(&engine.sockets), taken);
}

static void test_a_link_that_cannot_have_its_port_is_told_and_gets_another_later(void **state)
{
	struct udp_sockets other;
	struct error err;

	(void)state;
	skip_if_emulated("SO_MARK");
	start_engine();
	assert_int_equal(set_port(occupy(&other)), 0);
	assert_int_equal(engine_set_up(&engine, true, &err), -EADDRINUSE);
	assert_non_null(strstr(err.what, "cannot be opened"));
	assert_int_equal(set("listen_port=0\n"), 0);
	assert_int_not_equal(udp_port(&engine.sockets), 0);
	udp_close(&other);
}

static void test_a_port_that_nobody_asked_for_may_be_another_the_next_time(void **state)
{
	struct udp_sockets other;

	(void)state;
	start_engine();
	assert_int_equal(engine_set_up(&engine, true, NULL), 0);
	assert_int_equal(engine_set_up(&engine, false, NULL), 0);
	assert_int_equal(udp_open(engine.port, 0, &other, NULL), 0);
	assert_int_equal(engine_set_up(&engine, true, NULL), 0);
	assert_int_not_equal(udp_port(&engine.sockets), udp_port(&other));
	udp_close(&other);
}

static void test_a_mark_changes_on_the_sockets_in_use(void **state)
{
	int fd;

	(void)state;
	skip_if_emulated("SO_MARK");
	start_engine();
	assert_int_equal(engine_set_up(&engine, true, NULL), 0);
	fd = engine.sockets.fd[UDP_V4];
	assert_int_equal(set("fwmark=0x55\n"), 0);
	assert_int_equal(engine.sockets.fd[UDP_V4], fd);
	assert_int_equal(udp_mark(&engine.sockets), 0x55);
	assert_int_equal(set("fwmark=0\n"), 0);
	assert_int_equal(udp_mark(&engine.sockets), 0);
}

static void test_a_successor_is_what_its_predecessor_was(void **state)
{
	uint16_t port;

	(void)state;
	start_engine();
	assert_int_equal(engine_set_up(&engine, true, NULL), 0);
	assert_int_equal(set("private_key=" KEY_A "\npublic_key=" KEY_B
			     "\nallowed_ip=10.0.0.0/8\nendpoint=127.0.0.1:9\n"),
			 0);
	assert_int_equal(set("public_key=" KEY_B "\npersistent_keepalive_interval=25\n"), 0);
	engine_set_mtu(&engine, 1300);
	port = udp_port(&engine.sockets);
	kill_plane();
	assert_int_equal(set("fwmark=1\n"), -EAGAIN);
	assert_int_equal(engine_get(&engine, NULL, NULL), -EAGAIN);
	assert_int_equal(engine_look(&engine, clock_now()).ns, 0);
	engine_set_mtu(&engine, 1310);
	(void)engine_check_sources(&engine, NULL);
	assert_true(engine.takeover.due.ns > 0);
	start_engine();
	assert_int_equal(udp_port(&engine.sockets), port);
	assert_non_null(strstr(get(), "endpoint=127.0.0.1:9\n"));
	assert_non_null(strstr(reply, "persistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\n"));
}

static void test_a_successor_knows_where_a_peer_has_moved_to(void **state)
{
	(void)state;
	start_engine();
	assert_int_equal(set("public_key=" KEY_B "\nendpoint=127.0.0.1:9\n"), 0);
	assert_int_equal(engine_look(&engine, clock_now()).ns, 0);
	assert_int_equal(engine.last.n_peers, 1);
	assert_true(endpoint_parse("127.0.0.1:10", 12, &engine.last.peer[0].endpoint));
	kill_plane();
	start_engine();
	assert_non_null(strstr(get(), "endpoint=127.0.0.1:10\n"));
	/* what is set afterwards counts, though nobody has looked again */
	assert_int_equal(set("public_key=" KEY_B "\nendpoint=127.0.0.1:11\n"), 0);
	kill_plane();
	start_engine();
	assert_non_null(strstr(get(), "endpoint=127.0.0.1:11\n"));
}

static void test_counters_go_on_with_a_successor(void **state)
{
	struct tunnel_peer_stats *peer;

	(void)state;
	start_engine();
	assert_int_equal(set("public_key=" KEY_B "\nendpoint=127.0.0.1:9\n"), 0);
	(void)get();
	assert_int_equal(engine.last.n_peers, 1);
	peer = &engine.last.peer[0];
	peer->rx_bytes = 11;
	peer->tx_bytes = UINT64_C(1) << 40;
	peer->last_handshake.ns = 7 * NS_PER_S + 5;
	kill_plane();
	start_engine();
	assert_non_null(strstr(get(), "last_handshake_time_sec=7\nlast_handshake_time_nsec=5\n"
				      "tx_bytes=1099511627776\nrx_bytes=11\n"));
	/* also where something was set in between, and by the next one again */
	assert_int_equal(set("fwmark=1\n"), 0);
	kill_plane();
	start_engine();
	assert_non_null(strstr(get(), "rx_bytes=11\n"));
}

static void test_a_request_after_a_death_that_nobody_noted_is_put_off(void **state)
{
	struct pollfd death;

	(void)state;
	start_engine();
	death = (struct pollfd){.fd = engine.process.pidfd, .events = POLLIN};
	assert_int_equal(kill(engine.process.pid, SIGKILL), 0);
	assert_int_equal(poll(&death, 1, 2000), 1);
	assert_int_equal(set("fwmark=1\n"), -EAGAIN);
	assert_int_equal(engine_get(&engine, NULL, NULL), -EAGAIN);
}

static void test_looking_is_put_off_when_it_was_done_a_moment_ago(void **state)
{
	struct instant now = clock_now();

	(void)state;
	start_engine();
	assert_int_equal(engine_look_later(&engine, now).ns, now.ns);
	assert_int_equal(engine_look(&engine, now).ns, 0);
	assert_true(engine_look(&engine, now).ns > now.ns);
	assert_true(engine_look_later(&engine, now).ns > now.ns);
}

static void test_a_look_that_lasted_long_puts_off_none(void **state)
{
	struct instant now = clock_now();
	struct instant long_ago = {now.ns - 5 * NS_PER_S};

	(void)state;
	start_engine();
	/* as a machine with other things to do makes it last */
	assert_int_equal(engine_look(&engine, long_ago).ns, 0);
	assert_int_equal(engine_look_later(&engine, now).ns, now.ns);
}

static void test_the_journal_is_shortened_when_it_is_long(void **state)
{
	char lines[4000];
	size_t len = 0;

	(void)state;
	start_engine();
	len += (size_t)snprintf(lines, sizeof(lines), "public_key=" KEY_B "\n");
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(lines + len, sizeof(lines) - len,
					"allowed_ip=10.%d.0.0/16\n", i);
	for (int i = 0; i < 100; i++)
		assert_int_equal(set(lines), 0);
	assert_true(engine.journal.len < JOURNAL_SHORT + 3000);
	assert_true(engine.journal.start_len > 0);
	kill_plane();
	start_engine();
	assert_non_null(strstr(get(), "allowed_ip=10.99.0.0/16\n"));
}

static void test_a_data_plane_that_does_not_answer_is_ended(void **state)
{
	struct pollfd death;

	(void)state;
	start_engine();
	(void)shutdown(engine.process.uapi, SHUT_RD);
	assert_int_equal(set("fwmark=1\n"), -EIO);
	death = (struct pollfd){.fd = engine.process.pidfd, .events = POLLIN};
	assert_int_equal(poll(&death, 1, 2000), 1);
	assert_int_equal(engine.mark, 0);
}

static void test_a_device_that_is_none_is_a_failure(void **state)
{
	struct error err;

	(void)state;
	engine.tun = -1;
	assert_true(engine_start(&engine, &err) < 0);
	assert_non_null(strstr(err.what, "cannot start the data plane"));
	assert_false(engine_is_alive(&engine));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_new_device_has_no_port_and_no_key),
		TEST(test_port_and_mark_are_remembered_while_the_link_is_down),
		TEST(test_key_and_peers_are_said_around_port_and_mark),
		TEST(test_a_port_in_use_is_the_answer_and_nothing_is_changed),
		TEST(test_a_link_that_cannot_have_its_port_is_told_and_gets_another_later),
		TEST(test_a_port_that_nobody_asked_for_may_be_another_the_next_time),
		TEST(test_a_mark_changes_on_the_sockets_in_use),
		TEST(test_a_successor_is_what_its_predecessor_was),
		TEST(test_a_successor_knows_where_a_peer_has_moved_to),
		TEST(test_counters_go_on_with_a_successor),
		TEST(test_a_request_after_a_death_that_nobody_noted_is_put_off),
		TEST(test_looking_is_put_off_when_it_was_done_a_moment_ago),
		TEST(test_a_look_that_lasted_long_puts_off_none),
		TEST(test_the_journal_is_shortened_when_it_is_long),
		TEST(test_a_data_plane_that_does_not_answer_is_ended),
		TEST(test_a_device_that_is_none_is_a_failure),
	};

	return cmocka_run_group_tests_name("device/engine", tests, enter_private_netns, NULL);
}
