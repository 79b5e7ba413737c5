/* Mirrors src/relay/relay.c
 *
 * All of it, in a network namespace of the test's own that is both the host's
 * and the confined one: tests/system/test_relay_*.py have two.
 */
#include "cmocka_all.h"

#include "emulated.h"
#include "loopback.h"
#include "namespace.h"

#include "base/error.h"
#include "net/ifaddr.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/nlsock.h"
#include "relay/relay.h"

#include <dirent.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct bench {
	int netns;
	int service; /* TCP, 127.0.0.1:80 */
	int udp_service;
	struct relay_forward forward[2];
	struct relay_config config;
	struct relay *relay;
	struct error err;
};

static void raise_lo(void)
{
	const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};
	struct nlsock *sock;

	assert_int_equal(nlsock_open(&sock, NULL), 0);
	assert_int_equal(link_change(sock, "lo", &up, NULL), 0);
	nlsock_close(sock);
}

static void change_address(int (*how)(struct nlsock *sock, const struct link_address *ifaddr,
				      struct error *err),
			   const char *text)
{
	struct link_address address = {.index = 1};
	struct nlsock *sock;

	assert_true(prefix_parse(text, strlen(text), &address.address));
	assert_int_equal(nlsock_open(&sock, NULL), 0);
	assert_int_equal(how(sock, &address, NULL), 0);
	nlsock_close(sock);
}

static int serve(int type, uint16_t port)
{
	union endpoint at = loopback_at(port);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, &at.any, endpoint_len(&at)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static void open_relay(struct bench *bench)
{
	if (relay_open(&bench->config, &bench->relay, &bench->err) < 0)
		fail_msg("%s", bench->err.what);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	*state = bench;
	if (namespace_reason || is_emulated())
		return 0;
	assert_int_equal(namespace_setup(state), 0);
	raise_lo();
	assert_int_equal(netns_open_process(0, &bench->netns, NULL), 0);
	bench->service = serve(SOCK_STREAM, 80);
	bench->udp_service = serve(SOCK_DGRAM, 53);
	bench->forward[0] = (struct relay_forward){
		.interface = "lo", .outside = {8080, 8080}, .inside = {80, 80}};
	bench->forward[1] = (struct relay_forward){.protocol = RELAY_UDP,
						   .interface = "lo",
						   .outside = {5353, 5353},
						   .inside = {53, 53}};
	bench->config = (struct relay_config){
		.netns_fd = bench->netns,
		.userns_fd = -1,
		.forward = bench->forward,
		.n_forwards = 2,
	};
	open_relay(bench);
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	relay_close(bench->relay);
	if (bench->netns > 0) {
		(void)close(bench->netns);
		(void)close(bench->service);
		(void)close(bench->udp_service);
	}
	free(bench);
	return 0;
}

/* Lets the relay work until `fd` is readable. */
static void wait_for(struct bench *bench, int fd)
{
	struct pollfd fds[2] = {{.fd = fd, .events = POLLIN},
				{.fd = relay_fd(bench->relay), .events = POLLIN}};

	while (poll(fds, 2, 5000) > 0) {
		if (fds[1].revents)
			(void)relay_dispatch(bench->relay, &bench->err);
		if (fds[0].revents)
			return;
	}
	fail_msg("nothing has come");
}

/* Through the relay, to the service; both ends. */
static void connect_through(struct bench *bench, uint16_t port, int ret[2])
{
	union endpoint at = loopback_at(port);

	ret[0] = loopback_client(SOCK_STREAM, &at);
	wait_for(bench, bench->service);
	ret[1] = accept(bench->service, NULL, NULL);
	loopback_say(ret[0], "through");
	loopback_expect(ret[1], "through");
}

static void drop(const int pair[2])
{
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static struct relay_forward_stats stats_of(const struct bench *bench, size_t index)
{
	struct relay_forward_stats stats;

	relay_stats(bench->relay, index, &stats);
	return stats;
}

/* Our child of that name; 0: none. */
static pid_t find_child(const char *name)
{
	DIR *folder = opendir("/proc");
	const struct dirent *entry;
	pid_t found = 0;

	while (folder && (entry = readdir(folder)) != NULL) {
		char path[64];
		char comm[32] = "";
		int pid = 0;
		int parent = 0;
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/%.16s/stat", entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fscanf(file, "%d (%31[^)]) %*c %d", &pid, comm, &parent) == 3 &&
		    parent == getpid() && strncmp(comm, name, 15) == 0)
			found = pid;
		(void)fclose(file);
	}
	if (folder)
		(void)closedir(folder);
	return found;
}

/* It takes its name after fork(2). */
static void wait_for_child(const char *name)
{
	for (int tries = 0; find_child(name) == 0; tries++) {
		assert_true(tries < 5000);
		(void)usleep(1000);
	}
}

#define RELAY_OR_SKIP()                                                                            \
	NAMESPACE_OR_SKIP();                                                                       \
	skip_if_emulated("seccomp(2)")

static void test_tcp_and_udp_come_through_and_are_counted(void **state)
{
	struct bench *bench = *state;
	union endpoint at = loopback_at(5353);
	union endpoint from;
	socklen_t len = sizeof(from);
	char bytes[16] = "";
	int pair[2];
	int client;

	RELAY_OR_SKIP();
	connect_through(bench, 8080, pair);
	assert_int_equal(stats_of(bench, 0).open, 1);
	assert_int_equal(stats_of(bench, 0).listeners, 2);
	drop(pair);
	client = loopback_client(SOCK_DGRAM, &at);
	loopback_say(client, "question");
	wait_for(bench, bench->udp_service);
	assert_int_equal(recvfrom(bench->udp_service, bytes, sizeof(bytes), 0, &from.any, &len), 8);
	assert_int_equal(sendto(bench->udp_service, "answer", 6, 0, &from.any, endpoint_len(&from)),
			 6);
	loopback_expect(client, "answer");
	assert_int_equal(stats_of(bench, 1).total, 1);
	assert_int_equal(stats_of(bench, 0).bytes_in, 7);
	assert_true(relay_capacity(bench->relay) > 0);
	(void)close(client);
}

static void test_a_port_that_is_taken_fails_and_leaves_nothing(void **state)
{
	struct bench *bench = *state;
	struct relay *second = NULL;

	RELAY_OR_SKIP();
	assert_int_equal(relay_open(&bench->config, &second, &bench->err), -EADDRINUSE);
	assert_memory_equal(bench->err.what, "tcp 127.0.0.1:8080 is taken by '", 32);
	assert_null(second);
}

static void test_the_port_stays_open_while_a_pump_is_replaced(void **state)
{
	struct bench *bench = *state;
	pid_t before;
	int pair[2];
	int after[2];

	RELAY_OR_SKIP();
	connect_through(bench, 8080, pair);
	before = find_child("adit-pump");
	assert_true(before > 0);
	assert_int_equal(kill(before, SIGKILL), 0);
	loopback_expect_end(pair[1]);
	/* nobody was told yet: the kernel takes the next client in */
	connect_through(bench, 8080, after);
	assert_string_equal(bench->err.what, "the relay's pump was ended by signal 9");
	assert_true(find_child("adit-pump") != before);
	assert_int_equal(stats_of(bench, 0).open, 1);
	drop(pair);
	drop(after);
}

static void test_flows_survive_the_end_of_a_connector(void **state)
{
	struct bench *bench = *state;
	pid_t before;
	int pair[2];
	int after[2];

	RELAY_OR_SKIP();
	connect_through(bench, 8080, pair);
	before = find_child("adit-connector");
	assert_int_equal(kill(before, SIGKILL), 0);
	connect_through(bench, 8080, after);
	assert_string_equal(bench->err.what, "the relay's connector was ended by signal 9");
	loopback_say(pair[1], "still here");
	loopback_expect(pair[0], "still here");
	drop(pair);
	drop(after);
}

static void test_listeners_follow_the_addresses_and_flows_stay(void **state)
{
	struct bench *bench = *state;
	union endpoint at;
	int pair[2];
	int client;

	RELAY_OR_SKIP();
	connect_through(bench, 8080, pair);
	change_address(ifaddr_add, "192.0.2.7/32");
	assert_int_equal(relay_addresses_changed(bench->relay, &bench->err), 0);
	assert_int_equal(stats_of(bench, 0).listeners, 3);
	assert_true(endpoint_parse("192.0.2.7:8080", 14, &at));
	client = loopback_client(SOCK_STREAM, &at);
	wait_for(bench, bench->service);
	(void)close(client);
	(void)close(accept(bench->service, NULL, NULL));
	change_address(ifaddr_delete, "192.0.2.7/32");
	assert_int_equal(relay_addresses_changed(bench->relay, &bench->err), 0);
	assert_int_equal(stats_of(bench, 0).listeners, 2);
	loopback_say(pair[1], "still here");
	loopback_expect(pair[0], "still here");
	drop(pair);
}

static void test_a_fresh_address_whose_port_is_taken_is_told_and_the_rest_stands(void **state)
{
	struct bench *bench = *state;
	union endpoint at;
	int other = socket(AF_INET, SOCK_STREAM, 0);

	RELAY_OR_SKIP();
	change_address(ifaddr_add, "192.0.2.7/32");
	assert_true(endpoint_parse("192.0.2.7:8080", 14, &at));
	assert_int_equal(bind(other, &at.any, endpoint_len(&at)), 0);
	assert_int_equal(listen(other, 1), 0);
	assert_int_equal(relay_addresses_changed(bench->relay, &bench->err), -EADDRINUSE);
	assert_memory_equal(bench->err.what, "tcp 192.0.2.7:8080 is taken by '", 32);
	assert_int_equal(stats_of(bench, 0).listeners, 2);
	assert_int_equal(stats_of(bench, 1).listeners, 3);
	(void)close(other);
}

static void test_another_configuration_keeps_the_flows_that_are_still_declared(void **state)
{
	struct bench *bench = *state;
	int kept[2];
	int gone[2];
	int fresh[2];

	RELAY_OR_SKIP();
	bench->forward[1] = (struct relay_forward){
		.interface = "lo", .outside = {8081, 8081}, .inside = {80, 80}};
	assert_int_equal(relay_reconfigure(bench->relay, &bench->config, &bench->err), 0);
	connect_through(bench, 8080, kept);
	connect_through(bench, 8081, gone);
	assert_int_equal(stats_of(bench, 1).total, 1);
	bench->forward[1].outside = (struct relay_ports){8082, 8082};
	assert_int_equal(relay_reconfigure(bench->relay, &bench->config, &bench->err), 0);
	loopback_expect_reset(gone[0]);
	loopback_expect_reset(gone[1]);
	connect_through(bench, 8082, fresh);
	assert_int_equal(stats_of(bench, 1).total, 1);
	assert_int_equal(stats_of(bench, 0).open, 1);
	loopback_say(kept[1], "still here");
	loopback_expect(kept[0], "still here");
	drop(kept);
	drop(gone);
	drop(fresh);
}

static void test_a_configuration_that_fails_changes_nothing(void **state)
{
	struct bench *bench = *state;
	int pair[2];

	RELAY_OR_SKIP();
	bench->forward[0].outside = (struct relay_ports){80, 80}; /* the service's own */
	assert_int_equal(relay_reconfigure(bench->relay, &bench->config, &bench->err), -EADDRINUSE);
	connect_through(bench, 8080, pair);
	bench->forward[0].outside = (struct relay_ports){8080, 8081};
	assert_int_equal(relay_reconfigure(bench->relay, &bench->config, &bench->err), -EINVAL);
	bench->forward[0].outside = (struct relay_ports){0, 0};
	assert_int_equal(relay_reconfigure(bench->relay, &bench->config, &bench->err), -EINVAL);
	bench->config.n_forwards = RELAY_FORWARDS_MAX + 1;
	assert_int_equal(relay_reconfigure(bench->relay, &bench->config, &bench->err), -EINVAL);
	loopback_say(pair[1], "still here");
	loopback_expect(pair[0], "still here");
	drop(pair);
}

static void test_a_link_that_is_not_there_yet_is_no_failure(void **state)
{
	struct bench *bench = *state;

	RELAY_OR_SKIP();
	(void)strcpy(bench->forward[0].interface, "lan0");
	assert_int_equal(relay_reconfigure(bench->relay, &bench->config, &bench->err), 0);
	assert_int_equal(stats_of(bench, 0).listeners, 0);
}

static void test_its_end_ends_both_processes(void **state)
{
	struct bench *bench = *state;

	RELAY_OR_SKIP();
	wait_for_child("adit-pump");
	wait_for_child("adit-connector");
	relay_close(bench->relay);
	bench->relay = NULL;
	assert_int_equal(find_child("adit-pump"), 0);
	assert_int_equal(find_child("adit-connector"), 0);
	relay_close(NULL);
}

#define IN_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BENCH(test_tcp_and_udp_come_through_and_are_counted),
		IN_BENCH(test_a_port_that_is_taken_fails_and_leaves_nothing),
		IN_BENCH(test_the_port_stays_open_while_a_pump_is_replaced),
		IN_BENCH(test_flows_survive_the_end_of_a_connector),
		IN_BENCH(test_listeners_follow_the_addresses_and_flows_stay),
		IN_BENCH(test_a_fresh_address_whose_port_is_taken_is_told_and_the_rest_stands),
		IN_BENCH(test_another_configuration_keeps_the_flows_that_are_still_declared),
		IN_BENCH(test_a_configuration_that_fails_changes_nothing),
		IN_BENCH(test_a_link_that_is_not_there_yet_is_no_failure),
		IN_BENCH(test_its_end_ends_both_processes),
	};

	return cmocka_run_group_tests_name("relay/relay", tests, namespace_group_setup, NULL);
}
