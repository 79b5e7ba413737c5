/* Mirrors src/net/drift.c */
#include "cmocka_all.h"

#include "emulated.h"
#include "namespace.h"

#include "base/error.h"
#include "net/drift.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/nft.h"
#include "net/nlsock.h"
#include "net/rule.h"

#include <sys/socket.h>
#include <sys/wait.h>

static struct drift drift;
static struct nlsock *sock;
static struct drift_report report;
static const struct drift_own nobody;

static int setup(void **state)
{
	int r = namespace_setup(state);

	memset(&report, 0, sizeof(report));
	if (r < 0 || namespace_reason)
		return r;
	r = drift_open("adit", &drift, NULL);
	return r == 0 ? nlsock_open(&sock, NULL) : r;
}

static int teardown(void **state)
{
	(void)state;
	if (namespace_reason)
		return 0;
	drift_close(&drift);
	nlsock_close(sock);
	sock = NULL;
	return 0;
}

static const struct rule some_rule = {.family = AF_INET, .priority = 100, .table = 77};

static void set_lo_up(void)
{
	static const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};

	assert_int_equal(link_change(sock, "lo", &up, NULL), 0);
}

static void test_nothing_happened_is_nothing_changed(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	drift_read(&drift, &nobody, &report);
	assert_int_equal(report.changed, 0);
	assert_int_equal(report.n_actors, 0);
	assert_false(report.is_overrun);
	assert_false(report.is_cut);
}

static void test_a_rule_is_told_with_the_port_that_asked(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(rule_add(sock, &some_rule, NULL), 0);
	drift_read(&drift, &nobody, &report);
	assert_int_equal(report.changed, DRIFT_RULES);
	assert_int_equal(report.n_actors, 1);
	assert_int_equal(report.actor[0].port, nlsock_port(sock));
	assert_int_equal(rule_delete(sock, &some_rule, NULL), 0);
	drift_read(&drift, &nobody, &report);
	assert_int_equal(report.changed, DRIFT_RULES);
}

static void test_what_we_did_ourselves_is_no_drift(void **state)
{
	const uint32_t ports[] = {0, 0};
	uint32_t own_ports[2];
	struct drift_own own = {.port = own_ports, .n_ports = 2};

	(void)state;
	NAMESPACE_OR_SKIP();
	memcpy(own_ports, ports, sizeof(own_ports));
	own_ports[1] = nlsock_port(sock);
	assert_int_equal(rule_add(sock, &some_rule, NULL), 0);
	drift_read(&drift, &own, &report);
	assert_int_equal(report.changed, 0);
	assert_int_equal(report.n_actors, 0);
}

static void test_a_link_coming_up_brings_addresses_and_routes(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	set_lo_up();
	drift_read(&drift, &nobody, &report);
	assert_int_equal(report.changed & (DRIFT_LINKS | DRIFT_ADDRESSES | DRIFT_ROUTES),
			 DRIFT_LINKS | DRIFT_ADDRESSES | DRIFT_ROUTES);
}

static void test_forwarding_switched_on_is_a_setting_that_changed(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	assert_true(namespace_write("/proc/sys/net/ipv4/conf/all/forwarding", "1"));
	drift_read(&drift, &nobody, &report);
	assert_true(report.changed & DRIFT_SETTINGS);
}

static void test_the_table_is_watched_and_others_are_not(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	skip_if_emulated("nf_tables");
	assert_int_equal(nft_apply("table inet other { chain c { accept; }; }", NULL), 0);
	assert_int_equal(nft_apply("table ip adit { chain c { accept; }; }", NULL), 0);
	drift_read(&drift, &nobody, &report);
	assert_int_equal(report.changed, 0);
	assert_int_equal(nft_apply("table inet adit { chain c { accept; }; }", NULL), 0);
	drift_read(&drift, &nobody, &report);
	assert_int_equal(report.changed, DRIFT_FIREWALL);
	assert_int_equal(nft_apply("flush ruleset", NULL), 0);
	drift_read(&drift, &nobody, &report);
	assert_int_equal(report.changed, DRIFT_FIREWALL);
	assert_int_equal(report.n_actors, 1);
	assert_string_equal(report.actor[0].name, "nft");
	assert_true(report.actor[0].pid > 0);
}

static void test_the_nft_that_we_ran_is_ourselves(void **state)
{
	pid_t pid = 0;
	const struct drift_own own = {.pid = &pid, .n_pids = 1};

	(void)state;
	NAMESPACE_OR_SKIP();
	skip_if_emulated("nf_tables");
	if (access("/proc/1", F_OK) < 0)
		skip();
	assert_int_equal(nft_apply_as("table inet adit { chain c { accept; }; }", -1, &pid, NULL),
			 0);
	drift_read(&drift, &own, &report);
	assert_int_equal(report.changed, 0);
}

static void test_more_than_there_is_room_for_is_everything(void **state)
{
	int room = 1;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(setsockopt(drift.route, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	for (int i = 0; i < 64; i++) {
		assert_int_equal(rule_add(sock, &some_rule, NULL), 0);
		assert_int_equal(rule_delete(sock, &some_rule, NULL), 0);
	}
	drift_read(&drift, &nobody, &report);
	assert_true(report.is_overrun);
	assert_int_equal(report.changed, DRIFT_EVERYTHING);
	drift_read(&drift, &nobody, &report);
	assert_int_equal(report.changed, 0);
}

static void test_a_flood_is_read_in_parts(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	for (int i = 0; i < DRIFT_DATAGRAMS_MAX / 2 + 1; i++) {
		assert_int_equal(rule_add(sock, &some_rule, NULL), 0);
		assert_int_equal(rule_delete(sock, &some_rule, NULL), 0);
	}
	drift_read(&drift, &nobody, &report);
	if (report.is_overrun)
		skip();
	assert_true(report.is_cut);
	drift_read(&drift, &nobody, &report);
	assert_false(report.is_cut);
	assert_int_equal(report.changed, DRIFT_RULES);
}

/* A child in a network namespace with a netlink socket; its port to `ret_port`. */
static pid_t start_child(bool in_another, uint32_t *ret_port, int *ret_fd)
{
	int pair[2];
	pid_t child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	child = fork();
	if (child == 0) {
		struct nlsock *own = NULL;
		uint32_t port = 0;

		(void)close(pair[0]);
		if ((!in_another || unshare(CLONE_NEWNET) == 0) && nlsock_open(&own, NULL) == 0)
			port = nlsock_port(own);
		(void)send(pair[1], &port, sizeof(port), 0);
		(void)recv(pair[1], &port, sizeof(port), 0);
		_exit(0);
	}
	(void)close(pair[1]);
	assert_int_equal(recv(pair[0], ret_port, sizeof(*ret_port), 0), sizeof(*ret_port));
	*ret_fd = pair[0];
	return child;
}

static void end_child(pid_t child, int fd)
{
	(void)close(fd);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_a_process_is_found_by_its_port_while_it_lives(void **state)
{
	struct drift_actor actor = {0};
	int netns = -1;
	pid_t child;
	int fd;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(netns_open_process(0, &netns, NULL), 0);
	child = start_child(false, &actor.port, &fd);
	assert_int_equal(actor.port, child);
	assert_true(drift_identify(netns, &actor));
	assert_int_equal(actor.pid, child);
	assert_string_equal(actor.name, "test_net_drift");
	end_child(child, fd);
	actor.pid = 0;
	assert_false(drift_identify(netns, &actor));
	assert_int_equal(actor.pid, 0);
	(void)close(netns);
}

static void test_a_process_of_another_namespace_is_not_taken_for_it(void **state)
{
	struct drift_actor actor = {0};
	int netns = -1;
	pid_t child;
	int fd;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(netns_open_process(0, &netns, NULL), 0);
	child = start_child(true, &actor.port, &fd);
	assert_false(drift_identify(netns, &actor));
	end_child(child, fd);
	(void)close(netns);
}

static void test_a_port_that_is_no_process_id_is_nobodys(void **state)
{
	struct drift_actor none = {.port = 0};
	struct drift_actor second = {.port = UINT32_MAX - 4096};

	(void)state;
	assert_false(drift_identify(-1, &none));
	assert_false(drift_identify(-1, &second));
}

static void test_closed_twice_is_closed(void **state)
{
	struct drift closed = {.route = -1, .nftables = -1};

	(void)state;
	drift_close(&closed);
	drift_close(&closed);
	assert_int_equal(closed.route, -1);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_nothing_happened_is_nothing_changed),
		EACH(test_a_rule_is_told_with_the_port_that_asked),
		EACH(test_what_we_did_ourselves_is_no_drift),
		EACH(test_a_link_coming_up_brings_addresses_and_routes),
		EACH(test_forwarding_switched_on_is_a_setting_that_changed),
		EACH(test_the_table_is_watched_and_others_are_not),
		EACH(test_the_nft_that_we_ran_is_ourselves),
		EACH(test_more_than_there_is_room_for_is_everything),
		EACH(test_a_flood_is_read_in_parts),
		EACH(test_a_process_is_found_by_its_port_while_it_lives),
		EACH(test_a_process_of_another_namespace_is_not_taken_for_it),
		cmocka_unit_test(test_a_port_that_is_no_process_id_is_nobodys),
		cmocka_unit_test(test_closed_twice_is_closed),
	};

	return cmocka_run_group_tests_name("net/drift", tests, namespace_group_setup, NULL);
}
