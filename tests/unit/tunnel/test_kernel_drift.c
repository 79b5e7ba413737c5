/* Mirrors src/tunnel/kernel_drift.c */
#include "cmocka_all.h"

#include "config/profile.h"
#include "net/wgstate.h"
#include "tunnel/kernel_drift.h"
#include "tunnel/tunnel.h"

#include <string.h>

enum { PEERS = 2, NETWORKS = 2 };

static struct profile profile;
static struct profile_peer peers[PEERS];
static struct prefix networks[PEERS][NETWORKS];

/* What the kernel has: at first as the profile says, in another order. */
static struct wgstate found;
static struct wgstate_peer found_peers[PEERS];
static struct prefix found_networks[PEERS][NETWORKS];

static void set_prefix(struct prefix *ret, const char *text)
{
	assert_true(prefix_parse(text, strlen(text), ret));
}

static int setup(void **state)
{
	static const char *const texts[PEERS][NETWORKS] = {{"0.0.0.0/0", "::/0"},
							   {"10.0.0.0/8", "2001:db8::/32"}};

	(void)state;
	profile = (struct profile){
		.peer = peers,
		.n_peers = PEERS,
		.public_key = {5},
		.fwmark = 3,
		.listen_port = 51820,
	};
	found = (struct wgstate){
		.peer = found_peers,
		.n_peers = PEERS,
		.public_key = {5},
		.fwmark = 3,
		.listen_port = 51820,
	};
	for (uint8_t i = 0; i < PEERS; i++) {
		struct wgstate_peer *peer = &found_peers[PEERS - 1 - i];

		peers[i] = (struct profile_peer){
			.public_key = {(uint8_t)(i + 1)},
			.preshared_key.byte = {(uint8_t)(i + 10)},
			.keepalive_s = i,
			.allowed_ip = networks[i],
			.n_allowed_ips = NETWORKS,
		};
		*peer = (struct wgstate_peer){
			.public_key = {(uint8_t)(i + 1)},
			.keepalive_s = i,
			.allowed_ip = found_networks[i],
			.n_allowed_ips = NETWORKS,
		};
		for (int k = 0; k < NETWORKS; k++) {
			set_prefix(&networks[i][k], texts[i][k]);
			set_prefix(&found_networks[i][NETWORKS - 1 - k], texts[i][k]);
		}
	}
	return 0;
}

static void expect(unsigned int drift)
{
	assert_int_equal(kernel_drift_find(&found, &profile), drift);
}

static void test_what_is_as_wanted_has_not_drifted(void **state)
{
	(void)state;
	expect(0);
	/* nor has what may be any */
	profile.listen_port = 0;
	found.listen_port = 4;
	expect(0);
	/* endpoints move by themselves */
	found_peers[0].endpoint.any.sa_family = AF_INET;
	expect(0);
}

static void test_each_thing_of_the_device_is_told(void **state)
{
	(void)state;
	found.public_key[31] = 1;
	expect(TUNNEL_DRIFT_KEY);
	found.listen_port = 1;
	expect(TUNNEL_DRIFT_KEY | TUNNEL_DRIFT_PORT);
	found.fwmark = 0;
	expect(TUNNEL_DRIFT_KEY | TUNNEL_DRIFT_PORT | TUNNEL_DRIFT_MARK);
}

static void test_peers_that_are_gone_added_or_others_are_told(void **state)
{
	(void)state;
	found.n_peers = 1;
	expect(TUNNEL_DRIFT_PEERS);
	found.n_peers = 2;
	profile.n_peers = 1;
	expect(TUNNEL_DRIFT_PEERS);
	profile.n_peers = 2;
	found_peers[1].public_key[0] = 77;
	expect(TUNNEL_DRIFT_PEERS);
}

static void test_each_thing_of_a_peer_is_told(void **state)
{
	(void)state;
	found_peers[0].is_misjudged = true;
	expect(TUNNEL_DRIFT_PRESHARED_KEYS);
	found_peers[0].is_misjudged = false;
	found_peers[1].keepalive_s = 9;
	expect(TUNNEL_DRIFT_KEEPALIVES);
	found_peers[1].keepalive_s = 0;
	found_peers[1].n_allowed_ips--;
	expect(TUNNEL_DRIFT_ALLOWED_IPS);
	found_peers[1].n_allowed_ips++;
	found_networks[1][0].len--;
	expect(TUNNEL_DRIFT_ALLOWED_IPS);
}

static void test_preshared_keys_are_the_profiles(void **state)
{
	const struct wgstate_judge judge = kernel_drift_judge(&profile);
	const struct secret_key none = {{0}};
	const uint8_t stranger[32] = {99};

	(void)state;
	assert_true(
		judge.is_right(judge.context, peers[1].public_key, peers[1].preshared_key.byte));
	assert_false(
		judge.is_right(judge.context, peers[1].public_key, peers[0].preshared_key.byte));
	assert_false(judge.is_right(judge.context, peers[1].public_key, none.byte));
	memset(&peers[1].preshared_key, 0, sizeof(peers[1].preshared_key));
	assert_true(judge.is_right(judge.context, peers[1].public_key, none.byte));
	/* one that should not be there at all is told as that */
	assert_true(judge.is_right(judge.context, stranger, none.byte));
}

#define DRIFT(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DRIFT(test_what_is_as_wanted_has_not_drifted),
		DRIFT(test_each_thing_of_the_device_is_told),
		DRIFT(test_peers_that_are_gone_added_or_others_are_told),
		DRIFT(test_each_thing_of_a_peer_is_told),
		DRIFT(test_preshared_keys_are_the_profiles),
	};

	return cmocka_run_group_tests_name("tunnel/kernel_drift", tests, NULL, NULL);
}
