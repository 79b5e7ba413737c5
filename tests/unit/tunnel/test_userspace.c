/* Mirrors src/tunnel/userspace.c
 *
 * With a real device and a real child, so root only; its peers are nobody.
 */
#include "cmocka_all.h"

#include "emulated.h"

#include "base/cleanup.h"
#include "config/profile.h"
#include "dataplane/private_tun.h"
#include "tunnel/tunnel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

enum { CHILD_FILES_MAX = 32 };

static struct profile profile;
static struct profile_peer peers[2];
/* Of tunnel.c's table; kernel.c is not linked. */
const struct tunnel_backend tunnel_backend_kernel = {.name = "kernel"};

static struct tunnel_config config;
static struct tunnel *tunnel;

static int start(void **state)
{
	(void)state;
	memset(&profile, 0, sizeof(profile));
	memset(peers, 0, sizeof(peers));
	profile.peer = peers;
	profile.n_peers = 1;
	memset(profile.private_key.byte, 0xaa, 32);
	memset(peers[0].public_key, 0xbb, 32);
	memset(peers[1].public_key, 0xcc, 32);
	assert_true(endpoint_parse("127.0.0.1:9", 11, &peers[0].endpoint));
	config = (struct tunnel_config){.profile = &profile, .mtu = 1420};
	config.tun_fd = open_private_tun();
	tunnel = NULL;
	return 0;
}

static int end(void **state)
{
	(void)state;
	tunnel_close(tunnel);
	if (config.tun_fd >= 0)
		(void)close(config.tun_fd);
	return 0;
}

static void open_tunnel(void)
{
	struct error err;

	if (config.tun_fd < 0)
		skip();
	assert_int_equal(tunnel_open(&config, &tunnel, &err), 0);
}

static struct tunnel_stats read_stats(void)
{
	struct tunnel_stats stats;
	struct error err;

	assert_int_equal(tunnel_read_stats(tunnel, &stats, &err), 0);
	return stats;
}

static bool is_ready(int fd, int ms)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	return poll(&ready, 1, ms) == 1;
}

static void test_a_tunnel_is_opened_read_and_closed(void **state)
{
	struct tunnel_stats stats;
	pid_t pid;

	(void)state;
	open_tunnel();
	stats = read_stats();
	assert_int_equal(stats.n_peers, 1);
	assert_int_equal(stats.peer[0].public_key[0], 0xbb);
	assert_int_not_equal(stats.listen_port, 0);
	tunnel_stats_done(&stats);
	pid = tunnel_pid(tunnel);
	assert_int_equal(kill(pid, 0), 0);
	tunnel_close(tunnel);
	tunnel = NULL;
	assert_int_equal(kill(pid, 0), -1);
}

static void test_a_handshake_is_begun_and_a_refusal_is_an_event(void **state)
{
	struct tunnel_stats stats = {0};

	(void)state;
	config.starts_handshake = true;
	open_tunnel();
	/* the initiation is an event of its own, and may come alone */
	for (int i = 0; i < 2 && stats.icmp_errno == 0; i++) {
		tunnel_stats_done(&stats);
		assert_true(is_ready(tunnel_events_fd(tunnel), 2000));
		tunnel_take_event(tunnel);
		stats = read_stats();
	}
	assert_int_equal(stats.icmp_errno, ECONNREFUSED);
	assert_int_equal(stats.peer[0].handshakes_sent, 1);
	assert_int_not_equal(stats.last_timestamp[0], 0);
	assert_false(tunnel_stats_has_handshake(&stats));
	tunnel_stats_done(&stats);
}

static uint16_t port_in_use(void)
{
	struct tunnel_stats stats = read_stats();
	uint16_t port = stats.listen_port;

	tunnel_stats_done(&stats);
	return port;
}

static void test_the_port_of_a_predecessor_is_taken_again_if_it_can_be(void **state)
{
	(void)state;
	open_tunnel();
	config.last_port = port_in_use();
	tunnel_close(tunnel);
	tunnel = NULL;
	open_tunnel();
	assert_int_equal(port_in_use(), config.last_port);
}

static void test_the_port_of_a_predecessor_is_let_go_if_another_has_it(void **state)
{
	struct tunnel *other;
	uint16_t port;
	struct error err;

	(void)state;
	open_tunnel();
	other = tunnel;
	config.last_port = port_in_use();
	assert_int_equal(tunnel_open(&config, &tunnel, &err), 0);
	port = port_in_use();
	tunnel_close(other);
	assert_int_not_equal(port, 0);
	assert_int_not_equal(port, config.last_port);
}

static void test_a_port_in_use_is_named(void **state)
{
	struct tunnel *other;
	struct error err;
	char name[16];

	(void)state;
	open_tunnel();
	profile.listen_port = port_in_use();
	assert_int_equal(tunnel_open(&config, &other, &err), -EADDRINUSE);
	(void)snprintf(name, sizeof(name), "port %u", profile.listen_port);
	assert_non_null(strstr(err.what, name));
	assert_non_null(strstr(err.what, "in use"));
}

static void test_a_dead_child_is_noticed_and_replaced(void **state)
{
	struct tunnel_stats stats;
	struct error err;

	(void)state;
	open_tunnel();
	assert_false(is_ready(tunnel_pidfd(tunnel), 0));
	assert_int_equal(kill(tunnel_pid(tunnel), SIGKILL), 0);
	assert_true(is_ready(tunnel_pidfd(tunnel), 2000));
	assert_true(tunnel_read_stats(tunnel, &stats, &err) < 0);
	tunnel_close(tunnel);
	config.last_timestamp[0] = 0x40;
	config.last_timestamp[5] = 0x77;
	open_tunnel();
	stats = read_stats();
	assert_memory_equal(stats.last_timestamp, config.last_timestamp, TUNNEL_TIMESTAMP_LEN);
	tunnel_stats_done(&stats);
}

static void test_peers_port_and_endpoint_change_while_it_runs(void **state)
{
	struct tunnel_stats before;
	struct tunnel_stats after;
	union endpoint endpoint;
	struct error err;

	(void)state;
	open_tunnel();
	before = read_stats();
	profile.n_peers = 1;
	profile.peer = &peers[1];
	profile.listen_port = (uint16_t)(before.listen_port ^ 1);
	assert_int_equal(tunnel_set_config(tunnel, &config, &err), 0);
	assert_true(endpoint_parse("[::1]:9", 7, &endpoint));
	assert_int_equal(tunnel_set_endpoint(tunnel, peers[1].public_key, &endpoint, &err), 0);
	assert_int_equal(tunnel_forget_sources(tunnel, &err), 0);
	after = read_stats();
	assert_int_equal(after.listen_port, profile.listen_port);
	assert_int_equal(after.n_peers, 1);
	assert_int_equal(after.peer[0].public_key[0], 0xcc);
	assert_true(endpoint_equal(&after.peer[0].endpoint, &endpoint));
	tunnel_stats_done(&before);
	tunnel_stats_done(&after);
}

/* One of the data plane's own descriptors; -1: it has no such socket. */
static int plane_socket(void)
{
	for (int i = 0; i < CHILD_FILES_MAX; i++) {
		AUTO_FD int fd = (int)syscall(SYS_pidfd_getfd, tunnel_pidfd(tunnel), i, 0);
		int protocol = 0;
		socklen_t len = sizeof(protocol);

		if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 &&
		    protocol == IPPROTO_UDP)
			return take_fd(&fd);
	}
	return -1;
}

static uint32_t mark_in_use(void)
{
	AUTO_FD int fd = plane_socket();
	uint32_t mark = 0;
	socklen_t len = sizeof(mark);

	assert_true(fd >= 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &len), 0);
	return mark;
}

static void test_the_mark_changes_on_a_fixed_port(void **state)
{
	uint16_t port;
	struct error err;

	(void)state;
	skip_if_emulated("SO_MARK");
	open_tunnel();
	port = port_in_use();
	profile.listen_port = port;
	assert_int_equal(tunnel_set_config(tunnel, &config, &err), 0);
	profile.fwmark = 0x7;
	assert_int_equal(tunnel_set_config(tunnel, &config, &err), 0);
	assert_int_equal(mark_in_use(), 0x7);
	assert_int_equal(port_in_use(), port);
	profile.fwmark = 0;
	assert_int_equal(tunnel_set_config(tunnel, &config, &err), 0);
	assert_int_equal(mark_in_use(), 0);
}

static void test_a_configuration_that_is_refused_leaves_mark_and_port(void **state)
{
	uint16_t port;
	struct error err;

	(void)state;
	skip_if_emulated("SO_MARK");
	profile.fwmark = 0x7;
	open_tunnel();
	port = port_in_use();
	config.mtu = 1; /* less than the data plane takes */
	profile.fwmark = 0x8;
	assert_int_equal(tunnel_set_config(tunnel, &config, &err), -EINVAL);
	assert_int_equal(mark_in_use(), 0x7);
	profile.listen_port = (uint16_t)(port ^ 1);
	assert_int_equal(tunnel_set_config(tunnel, &config, &err), -EINVAL);
	assert_int_equal(port_in_use(), port);
	assert_int_equal(mark_in_use(), 0x7);
}

static void test_a_taken_port_is_a_failure_that_leaves_nothing(void **state)
{
	struct tunnel *first;
	struct tunnel *second = NULL;
	uint16_t port;
	struct tunnel_stats stats;
	struct error err;

	(void)state;
	open_tunnel();
	first = tunnel;
	stats = read_stats();
	port = stats.listen_port;
	tunnel_stats_done(&stats);
	profile.listen_port = port;
	assert_int_equal(tunnel_open(&config, &second, &err), -EADDRINUSE);
	assert_null(second);
	profile.listen_port = 0;
	assert_int_equal(tunnel_open(&config, &tunnel, &err), 0);
	profile.listen_port = port;
	assert_int_equal(tunnel_set_config(tunnel, &config, &err), -EADDRINUSE);
	tunnel_close(first);
	stats = read_stats();
	assert_int_equal(stats.n_peers, 1);
	tunnel_stats_done(&stats);
}

/* A packet that waits in the device. */
static void leave_packet(void)
{
	AUTO_FD int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const uint8_t packet[20] = {0x45, [3] = sizeof(packet)};
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex("tun0"),
	};

	assert_int_equal(set_up("tun0"), 0);
	assert_int_equal(sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)),
			 sizeof(packet));
}

static void test_nothing_is_read_without_a_configuration(void **state)
{
	struct error err;

	(void)state;
	if (config.tun_fd < 0)
		skip();
	leave_packet();
	config.mtu = 1; /* less than the data plane takes */
	assert_int_equal(tunnel_open(&config, &tunnel, &err), -EINVAL);
	assert_true(is_ready(config.tun_fd, 0));
}

static void test_a_device_that_is_none_is_a_failure(void **state)
{
	struct error err;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	config.tun_fd = pair[0];
	assert_true(tunnel_open(&config, &tunnel, &err) < 0);
	assert_non_null(strstr(err.what, "data plane"));
	(void)close(pair[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_tunnel_is_opened_read_and_closed),
		TEST(test_a_handshake_is_begun_and_a_refusal_is_an_event),
		TEST(test_the_port_of_a_predecessor_is_taken_again_if_it_can_be),
		TEST(test_the_port_of_a_predecessor_is_let_go_if_another_has_it),
		TEST(test_a_port_in_use_is_named),
		TEST(test_a_dead_child_is_noticed_and_replaced),
		TEST(test_peers_port_and_endpoint_change_while_it_runs),
		TEST(test_the_mark_changes_on_a_fixed_port),
		TEST(test_a_configuration_that_is_refused_leaves_mark_and_port),
		TEST(test_a_taken_port_is_a_failure_that_leaves_nothing),
		TEST(test_nothing_is_read_without_a_configuration),
		TEST(test_a_device_that_is_none_is_a_failure),
	};

	return cmocka_run_group_tests_name("tunnel/userspace", tests, enter_private_netns, NULL);
}
