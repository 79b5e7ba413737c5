/* Mirrors src/tunnel/kernel_change.c */
#include "cmocka_all.h"

#include "net/wgmodel.h"

#include "base/error.h"
#include "config/profile.h"
#include "net/wgdevice.h"
#include "net/wgstate.h"
#include "tunnel/kernel_change.h"
#include "tunnel/tunnel.h"

#include <arpa/inet.h>
#include <errno.h>

enum { PEERS = 4, NETWORKS = 8 };

static struct wgmodel *model;
static struct wgdevice *device;

static struct profile profile;
static struct profile_peer peers[PEERS];
static struct prefix networks[PEERS][NETWORKS];
static struct tunnel_config config;

static int setup(void **state)
{
	int fd;

	(void)state;
	profile = (struct profile){.peer = peers, .private_key.byte = {5}};
	config = (struct tunnel_config){.profile = &profile};
	memset(peers, 0, sizeof(peers));
	for (uint8_t i = 0; i < PEERS; i++) {
		peers[i].public_key[0] = (uint8_t)(i + 1);
		peers[i].allowed_ip = networks[i];
	}
	model = wgmodel_new(&fd);
	return wgdevice_adopt(fd, "wg0", &device, NULL);
}

static int teardown(void **state)
{
	(void)state;
	wgdevice_close(device);
	wgmodel_free(model);
	return 0;
}

/* "10.0.0.1/32 ..." */
static void set_networks(size_t i, const char *text)
{
	peers[i].n_allowed_ips = 0;
	while (*text) {
		size_t len = strcspn(text, " ");

		assert_true(prefix_parse(text, len, &networks[i][peers[i].n_allowed_ips++]));
		text += len + strspn(text + len, " ");
	}
}

static int apply(struct error *err)
{
	struct wgstate old;
	int r = wgdevice_read(device, &old, err);

	assert_int_equal(r, 0);
	r = kernel_change(device, &old, &config, err);
	wgstate_done(&old);
	return r;
}

static const char *ips_of(uint8_t first)
{
	const uint8_t key[32] = {first};

	return wgmodel_list_ips(model, key);
}

static void test_an_empty_device_gets_everything(void **state)
{
	(void)state;
	profile.n_peers = 2;
	profile.listen_port = 51820;
	profile.fwmark = 7;
	peers[0].keepalive_s = 25;
	peers[0].preshared_key.byte[0] = 9;
	peers[0].endpoint.v4 = (struct sockaddr_in){AF_INET, htons(1), {2}, {0}};
	set_networks(0, "0.0.0.0/0 2001::/16");
	set_networks(1, "10.0.0.0/8");
	assert_int_equal(apply(NULL), 0);
	assert_int_equal(model->private_key[0], 5);
	assert_int_equal(model->port, 51820);
	assert_int_equal(model->fwmark, 7);
	assert_int_equal(model->n_peers, 2);
	assert_int_equal(model->peer[0].keepalive_s, 25);
	assert_int_equal(model->peer[0].preshared_key[0], 9);
	assert_int_equal(model->peer[0].endpoint_len, sizeof(struct sockaddr_in));
	assert_int_equal(model->peer[1].endpoint_len, 0);
	assert_string_equal(ips_of(1), "0.0.0.0/0 2001::/16 ");
	assert_string_equal(ips_of(2), "10.0.0.0/8 ");
}

static void test_endpoints_of_the_configuration_go_before_the_profiles(void **state)
{
	const union endpoint found[2] = {
		{.v4 = {AF_INET, htons(3), {4}, {0}}},
		{.any.sa_family = AF_UNSPEC},
	};

	(void)state;
	profile.n_peers = 2;
	peers[1].endpoint.v4 = (struct sockaddr_in){AF_INET, htons(1), {2}, {0}};
	config.endpoint = found;
	assert_int_equal(apply(NULL), 0);
	assert_memory_equal(&model->peer[0].endpoint, &found[0].v4, sizeof(found[0].v4));
	assert_int_equal(model->peer[1].endpoint_len, 0);
	/* and what it does not know it does not take away */
	config.endpoint = (const union endpoint[2]){{.any.sa_family = AF_UNSPEC},
						    {.any.sa_family = AF_UNSPEC}};
	assert_int_equal(apply(NULL), 0);
	assert_int_equal(model->peer[0].endpoint_len, sizeof(struct sockaddr_in));
}

static void test_what_is_as_wanted_keeps_its_port_its_mark_and_its_networks(void **state)
{
	(void)state;
	profile.n_peers = 1;
	profile.fwmark = 3;
	set_networks(0, "10.0.0.0/8 2001::/16");
	assert_int_equal(apply(NULL), 0);
	model->port = 44444; /* the kernel's choice */
	model->peer[0].rx_bytes = 1000;
	assert_int_equal(apply(NULL), 0);
	assert_int_equal(model->port, 44444);
	assert_int_equal(model->peer[0].rx_bytes, 1000);
	assert_int_equal(model->n_requests, 4);
	assert_string_equal(ips_of(1), "10.0.0.0/8 2001::/16 ");
}

static void test_a_mark_and_a_keepalive_are_taken_away(void **state)
{
	(void)state;
	profile.n_peers = 1;
	profile.fwmark = 3;
	peers[0].keepalive_s = 25;
	peers[0].preshared_key.byte[0] = 9;
	assert_int_equal(apply(NULL), 0);
	profile.fwmark = 0;
	peers[0].keepalive_s = 0;
	peers[0].preshared_key.byte[0] = 0;
	assert_int_equal(apply(NULL), 0);
	assert_int_equal(model->fwmark, 0);
	assert_int_equal(model->peer[0].keepalive_s, 0);
	assert_int_equal(model->peer[0].preshared_key[0], 0);
}

static void test_peers_that_go_are_removed_and_those_that_stay_are_not(void **state)
{
	(void)state;
	profile.n_peers = 3;
	set_networks(0, "10.0.0.0/8");
	set_networks(1, "11.0.0.0/8");
	set_networks(2, "12.0.0.0/8");
	assert_int_equal(apply(NULL), 0);
	for (int i = 0; i < 3; i++)
		model->peer[i].rx_bytes = 100;
	/* the first and the last, and one that is new */
	memcpy(peers[1].public_key, peers[2].public_key, 32);
	memcpy(peers[2].public_key, peers[3].public_key, 32);
	set_networks(1, "12.0.0.0/8");
	set_networks(2, "13.0.0.0/8");
	assert_int_equal(apply(NULL), 0);
	assert_int_equal(model->n_peers, 3);
	assert_string_equal(ips_of(1), "10.0.0.0/8 ");
	assert_string_equal(ips_of(2), "");
	assert_string_equal(ips_of(3), "12.0.0.0/8 ");
	assert_string_equal(ips_of(4), "13.0.0.0/8 ");
	assert_int_equal(model->peer[0].rx_bytes, 100);
	assert_int_equal(model->peer[1].rx_bytes, 100);
	assert_int_equal(model->peer[2].rx_bytes, 0);
}

static void test_networks_that_no_peer_has_any_more_are_gone_and_nothing_else(void **state)
{
	(void)state;
	profile.n_peers = 2;
	set_networks(0, "10.0.0.0/8 11.0.0.0/8 2001::/16");
	set_networks(1, "12.0.0.0/8 13.0.0.0/8");
	assert_int_equal(apply(NULL), 0);
	model->peer[0].rx_bytes = 100;
	set_networks(0, "11.0.0.0/8");
	set_networks(1, "13.0.0.0/8 14.0.0.0/8");
	assert_int_equal(apply(NULL), 0);
	assert_int_equal(model->n_peers, 2);
	assert_int_equal(model->n_ips, 3);
	assert_string_equal(ips_of(1), "11.0.0.0/8 ");
	assert_string_equal(ips_of(2), "13.0.0.0/8 14.0.0.0/8 ");
	assert_int_equal(model->peer[0].rx_bytes, 100);
}

/* The default route's network has a peer at every instant. */
static void look_for_default(struct wgmodel *seen)
{
	for (size_t i = 0; i < seen->n_ips; i++)
		if (seen->ip[i].len == 0)
			return;
	seen->n_misses++;
}

static void test_a_network_moves_between_peers_at_once(void **state)
{
	(void)state;
	profile.n_peers = 2;
	set_networks(0, "0.0.0.0/0 10.0.0.0/8");
	set_networks(1, "11.0.0.0/8");
	assert_int_equal(apply(NULL), 0);
	model->look = look_for_default;
	/* to one that stays */
	set_networks(0, "11.0.0.0/8");
	set_networks(1, "0.0.0.0/0 10.0.0.0/8");
	assert_int_equal(apply(NULL), 0);
	assert_string_equal(ips_of(1), "11.0.0.0/8 ");
	assert_string_equal(ips_of(2), "0.0.0.0/0 10.0.0.0/8 ");
	/* to one that is new, from one that goes */
	memcpy(peers[0].public_key, peers[3].public_key, 32);
	set_networks(0, "0.0.0.0/0");
	profile.n_peers = 1;
	assert_int_equal(apply(NULL), 0);
	assert_int_equal(model->n_peers, 1);
	assert_int_equal(model->n_ips, 1);
	assert_string_equal(ips_of(4), "0.0.0.0/0 ");
	assert_int_equal(model->n_misses, 0);
}

static void test_a_port_that_is_refused_changes_nothing(void **state)
{
	struct error err;

	(void)state;
	profile.n_peers = 1;
	set_networks(0, "10.0.0.0/8");
	assert_int_equal(apply(NULL), 0);
	profile.listen_port = 53;
	profile.fwmark = 8;
	set_networks(0, "11.0.0.0/8");
	model->fail_at = model->n_requests + 2;
	model->fail_with = -EADDRINUSE;
	assert_int_equal(apply(&err), -EADDRINUSE);
	assert_string_equal(err.what, "ListenPort 53: cannot set up WireGuard link 'wg0': Address "
				      "already in use");
	assert_int_equal(model->fwmark, 0);
	assert_string_equal(ips_of(1), "10.0.0.0/8 ");
}

static void test_a_refusal_is_told_wherever_it_comes(void **state)
{
	struct error err;

	(void)state;
	profile.n_peers = 2;
	profile.listen_port = 51820;
	set_networks(0, "10.0.0.0/8 11.0.0.0/8");
	set_networks(1, "12.0.0.0/8");
	assert_int_equal(apply(NULL), 0);
	profile.n_peers = 1;
	profile.listen_port = 51821;
	set_networks(0, "10.0.0.0/8");
	for (unsigned int i = 2; i <= 3; i++) {
		model->fail_at = model->n_requests + i;
		model->fail_with = -EINVAL;
		assert_int_equal(apply(&err), -EINVAL);
		assert_non_null(
			strstr(err.what, "cannot set up WireGuard link 'wg0': Invalid argument"));
	}
	assert_int_equal(apply(NULL), 0);
	assert_int_equal(model->n_peers, 1);
	assert_string_equal(ips_of(1), "10.0.0.0/8 ");
}

/* In requests of several peers each: each of the steps is cut once. */
static void test_a_refusal_among_many_peers_ends_the_change(void **state)
{
	enum { MANY = 100 };
	static struct profile_peer many[MANY];
	unsigned int n_requests;

	(void)state;
	for (uint8_t i = 0; i < MANY; i++)
		many[i].public_key[1] = (uint8_t)(i + 1);
	profile.peer = many;
	profile.n_peers = MANY;
	assert_int_equal(apply(NULL), 0);
	profile.n_peers = 1;
	n_requests = model->n_requests;
	model->fail_at = n_requests + 2;
	model->fail_with = -ENOMEM;
	assert_int_equal(apply(NULL), -ENOMEM);
	assert_int_equal(model->n_requests, n_requests + 2);
	assert_int_equal(model->n_peers, MANY);
	assert_int_equal(apply(NULL), 0);
	assert_int_equal(model->n_peers, 1);
}

static void test_a_device_is_emptied(void **state)
{
	(void)state;
	profile.n_peers = 2;
	profile.fwmark = 3;
	set_networks(0, "10.0.0.0/8");
	assert_int_equal(apply(NULL), 0);
	kernel_change_clear(device);
	assert_int_equal(model->n_peers, 0);
	assert_int_equal(model->n_ips, 0);
	assert_int_equal(model->private_key[0], 0);
	assert_int_equal(model->fwmark, 0);
}

#define MODEL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MODEL(test_an_empty_device_gets_everything),
		MODEL(test_endpoints_of_the_configuration_go_before_the_profiles),
		MODEL(test_what_is_as_wanted_keeps_its_port_its_mark_and_its_networks),
		MODEL(test_a_mark_and_a_keepalive_are_taken_away),
		MODEL(test_peers_that_go_are_removed_and_those_that_stay_are_not),
		MODEL(test_networks_that_no_peer_has_any_more_are_gone_and_nothing_else),
		MODEL(test_a_network_moves_between_peers_at_once),
		MODEL(test_a_port_that_is_refused_changes_nothing),
		MODEL(test_a_refusal_is_told_wherever_it_comes),
		MODEL(test_a_refusal_among_many_peers_ends_the_change),
		MODEL(test_a_device_is_emptied),
	};

	return cmocka_run_group_tests_name("tunnel/kernel_change", tests, NULL, NULL);
}
