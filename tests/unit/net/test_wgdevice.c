/* Mirrors src/net/wgdevice.c; tests/vm/ asks a real kernel. */
#include "cmocka_all.h"

#include "namespace.h"
#include "net/wgmodel.h"

#include "base/error.h"
#include "net/netns.h"
#include "net/wgdevice.h"
#include "net/wgstate.h"

#include <arpa/inet.h>
#include <errno.h>

static struct wgmodel *model;
static struct wgdevice *device;

static const uint8_t key_a[32] = {0xa};
static const uint8_t key_b[32] = {0xb};
static const struct wgdevice_change nothing;

static int setup(void **state)
{
	int fd;

	(void)state;
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

static struct prefix make_prefix(unsigned int i)
{
	const struct in_addr v4 = {htonl(0x0a000000U + i)};

	return (struct prefix){.address = address_from_v4(v4), .len = 32};
}

static struct prefix *make_prefixes(size_t n)
{
	struct prefix *list = calloc(n, sizeof(*list));

	assert_non_null(list);
	for (size_t i = 0; i < n; i++)
		list[i] = make_prefix((unsigned int)i);
	return list;
}

static void expect_prefixes(const struct wgstate_peer *peer, const struct prefix *wanted, size_t n)
{
	assert_int_equal(peer->n_allowed_ips, n);
	for (size_t i = 0; i < n; i++) {
		assert_true(address_equal(&peer->allowed_ip[i].address, &wanted[i].address));
		assert_int_equal(peer->allowed_ip[i].len, wanted[i].len);
	}
}

static void test_what_is_set_is_what_is_read(void **state)
{
	static const uint8_t preshared[32] = {7};
	const union endpoint endpoint = {
		.v4 = {.sin_family = AF_INET, .sin_port = htons(51820), .sin_addr = {1}}};
	const struct prefix prefixes[] = {
		make_prefix(1),
		{.address.ip.s6_addr = {0x20, 1}, .len = 64},
	};
	const struct wgdevice_change change = {
		.private_key = key_b,
		.has_listen_port = true,
		.listen_port = 1234,
		.has_fwmark = true,
		.fwmark = 99,
	};
	const struct wgdevice_peer_change peer = {
		.public_key = key_a,
		.preshared_key = preshared,
		.endpoint = &endpoint,
		.has_keepalive = true,
		.keepalive_s = 25,
		.allowed_ip = prefixes,
		.n_allowed_ips = 2,
	};
	struct wgstate found;

	(void)state;
	wgdevice_begin(device, &change);
	assert_int_equal(wgdevice_put_peer(device, &peer, NULL), 0);
	assert_int_equal(wgdevice_finish(device, NULL), 0);
	assert_int_equal(model->n_requests, 1);
	assert_memory_equal(model->peer[0].preshared_key, preshared, 32);
	assert_memory_equal(model->private_key, key_b, 32);
	assert_int_equal(wgdevice_read(device, &found, NULL), 0);
	assert_memory_equal(found.public_key, key_b, 32);
	assert_int_equal(found.listen_port, 1234);
	assert_int_equal(found.fwmark, 99);
	assert_int_equal(found.n_peers, 1);
	assert_memory_equal(found.peer[0].public_key, key_a, 32);
	assert_true(endpoint_equal(&found.peer[0].endpoint, &endpoint));
	assert_int_equal(found.peer[0].keepalive_s, 25);
	expect_prefixes(&found.peer[0], prefixes, 2);
	wgstate_done(&found);
}

static void test_what_is_not_named_is_left_alone(void **state)
{
	const struct wgdevice_peer_change peer = {.public_key = key_a};

	(void)state;
	model->port = 5;
	model->fwmark = 6;
	model->private_key[0] = 7;
	wgdevice_begin(device, &nothing);
	assert_int_equal(wgdevice_put_peer(device, &peer, NULL), 0);
	assert_int_equal(wgdevice_finish(device, NULL), 0);
	model->peer[0].keepalive_s = 8;
	model->peer[0].preshared_key[0] = 9;
	wgdevice_begin(device, &nothing);
	assert_int_equal(wgdevice_put_peer(device, &peer, NULL), 0);
	assert_int_equal(wgdevice_finish(device, NULL), 0);
	assert_int_equal(model->port, 5);
	assert_int_equal(model->fwmark, 6);
	assert_int_equal(model->private_key[0], 7);
	assert_int_equal(model->n_peers, 1);
	assert_int_equal(model->peer[0].keepalive_s, 8);
	assert_int_equal(model->peer[0].preshared_key[0], 9);
}

static void test_a_peer_is_removed_and_only_a_peer_that_exists_is_changed(void **state)
{
	const struct wgdevice_peer_change added = {.public_key = key_a};
	const struct wgdevice_peer_change gone = {.public_key = key_a, .is_removal = true};
	const struct wgdevice_peer_change changed = {.public_key = key_b, .has_to_exist = true};

	(void)state;
	wgdevice_begin(device, &nothing);
	assert_int_equal(wgdevice_put_peer(device, &added, NULL), 0);
	assert_int_equal(wgdevice_put_peer(device, &changed, NULL), 0);
	assert_int_equal(wgdevice_finish(device, NULL), 0);
	assert_int_equal(model->n_peers, 1);
	wgdevice_begin(device, &nothing);
	assert_int_equal(wgdevice_put_peer(device, &gone, NULL), 0);
	assert_int_equal(wgdevice_finish(device, NULL), 0);
	assert_int_equal(model->n_peers, 0);
}

static void test_all_peers_are_dropped_at_once(void **state)
{
	const struct wgdevice_change drop = {.drops_peers = true};
	const struct wgdevice_peer_change peer = {.public_key = key_a};

	(void)state;
	model->n_peers = 2;
	wgdevice_begin(device, &drop);
	assert_int_equal(wgdevice_put_peer(device, &peer, NULL), 0);
	assert_int_equal(wgdevice_finish(device, NULL), 0);
	assert_int_equal(model->n_peers, 1);
	assert_memory_equal(model->peer[0].key, key_a, 32);
}

static void test_a_peer_of_many_networks_is_cut_into_requests(void **state)
{
	enum { N = 1000 };
	struct prefix *list = make_prefixes(N);
	const struct wgdevice_peer_change peer = {
		.public_key = key_a,
		.has_keepalive = true,
		.keepalive_s = 5,
		.allowed_ip = list,
		.n_allowed_ips = N,
	};
	struct wgstate found;

	(void)state;
	wgdevice_begin(device, &nothing);
	assert_int_equal(wgdevice_put_peer(device, &peer, NULL), 0);
	assert_int_equal(wgdevice_finish(device, NULL), 0);
	assert_true(model->n_requests > 5);
	assert_true(model->longest <= NLSOCK_REQUEST_MAX);
	assert_int_equal(wgdevice_read(device, &found, NULL), 0);
	assert_int_equal(found.n_peers, 1);
	assert_int_equal(found.n_allowed_ips, N);
	expect_prefixes(&found.peer[0], list, N);
	assert_int_equal(found.peer[0].keepalive_s, 5);
	wgstate_done(&found);
	free(list);
}

static void test_many_peers_go_in_several_requests(void **state)
{
	enum { N = 1024, EACH = 16 };
	struct prefix *list = make_prefixes(N * EACH);
	struct wgstate found;

	(void)state;
	wgdevice_begin(device, &nothing);
	for (unsigned int i = 0; i < N; i++) {
		const uint8_t key[32] = {(uint8_t)i, (uint8_t)(i >> 8), 1};
		const struct wgdevice_peer_change peer = {
			.public_key = key,
			.preshared_key = key_b,
			.allowed_ip = list + (size_t)i * EACH,
			.n_allowed_ips = EACH,
		};

		assert_int_equal(wgdevice_put_peer(device, &peer, NULL), 0);
	}
	assert_int_equal(wgdevice_finish(device, NULL), 0);
	assert_true(model->longest <= NLSOCK_REQUEST_MAX);
	assert_int_equal(wgdevice_read(device, &found, NULL), 0);
	assert_int_equal(found.n_peers, N);
	assert_int_equal(found.n_allowed_ips, N * EACH);
	for (size_t i = 0; i < N; i++)
		expect_prefixes(&found.peer[i], list + i * EACH, EACH);
	wgstate_done(&found);
	free(list);
}

static void test_a_refusal_in_the_middle_is_told(void **state)
{
	enum { N = 500 };
	struct prefix *list = make_prefixes(N);
	const struct wgdevice_peer_change peer = {
		.public_key = key_a, .allowed_ip = list, .n_allowed_ips = N};
	struct error err;

	(void)state;
	model->fail_at = 2;
	model->fail_with = -ENOMEM;
	wgdevice_begin(device, &nothing);
	assert_int_equal(wgdevice_put_peer(device, &peer, &err), -ENOMEM);
	assert_string_equal(err.what, "cannot set up WireGuard link 'wg0': Cannot allocate memory");
	assert_int_equal(model->n_requests, 2);
	free(list);
}

static void test_a_refusal_before_the_next_peer_and_at_the_end_is_told(void **state)
{
	struct error err;
	int r = 0;

	(void)state;
	model->fail_at = 1;
	model->fail_with = -EPERM;
	wgdevice_begin(device, &nothing);
	for (unsigned int i = 0; r == 0 && i < 1000; i++) {
		const uint8_t key[32] = {(uint8_t)i, (uint8_t)(i >> 8), 1};
		const struct wgdevice_peer_change peer = {.public_key = key};

		r = wgdevice_put_peer(device, &peer, &err);
	}
	assert_int_equal(r, -EPERM);
	model->fail_at = 2;
	model->fail_with = -EADDRINUSE;
	wgdevice_begin(device, &nothing);
	assert_int_equal(wgdevice_finish(device, &err), -EADDRINUSE);
	assert_string_equal(err.what, "cannot set up WireGuard link 'wg0': Address already in use");
}

static void test_a_link_that_cannot_be_read_is_told_and_leaves_nothing(void **state)
{
	struct wgstate found = {.n_peers = 77};
	struct error err;

	(void)state;
	model->fail_at = 1;
	model->fail_with = -ENODEV;
	assert_int_equal(wgdevice_read(device, &found, &err), -ENODEV);
	assert_string_equal(err.what, "cannot read WireGuard link 'wg0': No such device");
	assert_int_equal(found.n_peers, 77);
}

static void test_a_device_that_changes_meanwhile_is_read_again(void **state)
{
	struct wgstate found;

	(void)state;
	model->n_interrupted = 3;
	model->port = 9;
	assert_int_equal(wgdevice_read(device, &found, NULL), 0);
	assert_int_equal(found.listen_port, 9);
	assert_int_equal(model->n_requests, 4);
	wgstate_done(&found);
	model->n_interrupted = 1000;
	assert_int_equal(wgdevice_read(device, &found, NULL), -EINTR);
	assert_int_equal(model->n_interrupted, 992);
}

static void test_a_kernel_without_wireguard_is_told(void **state)
{
	struct wgdevice *none = NULL;
	struct wgmodel *old;
	struct error err;
	int fd;

	(void)state;
	old = wgmodel_new(&fd);
	old->has_no_family = true;
	assert_int_equal(wgdevice_adopt(fd, "wg0", &none, &err), -ENOENT);
	assert_non_null(strstr(err.what, "cannot find netlink family 'wireguard'"));
	assert_null(none);
	assert_int_equal(close(fd), 0);
	wgmodel_free(old);
}

static void test_what_is_no_socket_is_refused_and_stays_the_callers(void **state)
{
	struct wgdevice *none = NULL;
	int pair[2];

	(void)state;
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(wgdevice_adopt(pair[0], "wg0", &none, NULL), -ENOTSOCK);
	assert_null(none);
	assert_int_equal(close(pair[0]), 0);
	assert_int_equal(close(pair[1]), 0);
	wgdevice_close(NULL);
}

static void test_a_namespace_that_cannot_be_entered_is_told(void **state)
{
	struct wgdevice *none = NULL;
	struct error err;

	(void)state;
	assert_int_equal(wgdevice_open("wg0", -1, -1, &none, &err), -EBADF);
	assert_string_equal(err.what, "cannot enter the network namespace: Bad file descriptor");
	assert_null(none);
}

/* Where the kernel has WireGuard the rest of it is in tests/vm/. */
static void test_the_real_kernel_has_wireguard_or_says_what_to_do(void **state)
{
	struct wgdevice *found = NULL;
	struct error err = {0};
	int netns;
	int r;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(netns_open_process(0, &netns, NULL), 0);
	r = wgdevice_probe(&err);
	if (r == 0) {
		assert_int_equal(wgdevice_open("wg0", netns, -1, &found, NULL), 0);
		wgdevice_close(found);
	} else {
		assert_int_equal(r, -EOPNOTSUPP);
		assert_string_equal(err.what, "this kernel has no WireGuard");
		assert_non_null(strstr(err.hint, "Backend = userspace"));
		assert_int_equal(wgdevice_open("wg0", netns, -1, &found, NULL), -ENOENT);
	}
	(void)close(netns);
}

#define MODEL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MODEL(test_what_is_set_is_what_is_read),
		MODEL(test_what_is_not_named_is_left_alone),
		MODEL(test_a_peer_is_removed_and_only_a_peer_that_exists_is_changed),
		MODEL(test_all_peers_are_dropped_at_once),
		MODEL(test_a_peer_of_many_networks_is_cut_into_requests),
		MODEL(test_many_peers_go_in_several_requests),
		MODEL(test_a_refusal_in_the_middle_is_told),
		MODEL(test_a_refusal_before_the_next_peer_and_at_the_end_is_told),
		MODEL(test_a_link_that_cannot_be_read_is_told_and_leaves_nothing),
		MODEL(test_a_device_that_changes_meanwhile_is_read_again),
		cmocka_unit_test(test_a_kernel_without_wireguard_is_told),
		cmocka_unit_test(test_what_is_no_socket_is_refused_and_stays_the_callers),
		cmocka_unit_test(test_a_namespace_that_cannot_be_entered_is_told),
		cmocka_unit_test(test_the_real_kernel_has_wireguard_or_says_what_to_do),
	};

	return cmocka_run_group_tests_name("net/wgdevice", tests, namespace_group_setup, NULL);
}
