/* Mirrors src/tunnel/kernel.c; tests/vm/ has the real one. */
#include "cmocka_all.h"

#include "net/wgmodel.h"

#include "base/error.h"
#include "config/profile.h"
#include "net/wgdevice.h"
#include "tunnel/kernel.h"
#include "tunnel/tunnel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>

static struct wgmodel *model;
static struct wgdevice *device;
static struct tunnel *tunnel;

static struct profile profile;
static struct profile_peer peers[2];
static struct prefix everything;
static struct tunnel_config config;

/* tunnel.c is not linked, nor is userspace.c. */
static int setup(void **state)
{
	int fd;

	(void)state;
	memset(peers, 0, sizeof(peers));
	for (uint8_t i = 0; i < 2; i++) {
		peers[i].public_key[0] = (uint8_t)(i + 1);
		peers[i].endpoint.v4 = (struct sockaddr_in){AF_INET, htons(i), {2}, {0}};
	}
	everything = (struct prefix){.address = address_from_v4((struct in_addr){0})};
	peers[0].allowed_ip = &everything;
	peers[0].n_allowed_ips = 1;
	profile = (struct profile){.peer = peers, .n_peers = 1, .private_key.byte = {5}};
	config = (struct tunnel_config){.profile = &profile, .starts_handshake = true};
	tunnel = NULL;
	model = wgmodel_new(&fd);
	return wgdevice_adopt(fd, "wg0", &device, NULL);
}

static int teardown(void **state)
{
	(void)state;
	if (tunnel)
		tunnel->backend->close(tunnel);
	else
		wgdevice_close(device);
	wgmodel_free(model);
	return 0;
}

static void open_tunnel(void)
{
	assert_int_equal(kernel_adopt(device, &config, &tunnel, NULL), 0);
	assert_ptr_equal(tunnel->backend, &tunnel_backend_kernel);
}

static void read_stats(struct tunnel_stats *ret)
{
	assert_int_equal(tunnel->backend->read_stats(tunnel, ret, NULL), 0);
}

static bool wait_for_event(int ms)
{
	struct pollfd event = {.fd = tunnel->backend->events_fd(tunnel), .events = POLLIN};
	uint64_t count;

	if (poll(&event, 1, ms) != 1)
		return false;
	assert_int_equal(read(event.fd, &count, sizeof(count)), sizeof(count));
	return true;
}

static void test_an_opened_tunnel_has_no_process_and_no_secret_in_an_error(void **state)
{
	(void)state;
	open_tunnel();
	assert_string_equal(tunnel->backend->name, "kernel");
	assert_int_equal(tunnel->backend->pid(tunnel), -1);
	assert_int_equal(tunnel->backend->pidfd(tunnel), -1);
	assert_int_equal(tunnel->backend->forget_sources(tunnel, NULL), 0);
	assert_int_equal(model->n_peers, 1);
}

static void test_a_device_that_is_up_begins_its_handshakes_at_once(void **state)
{
	(void)state;
	model->is_up = true;
	open_tunnel();
	assert_int_equal(model->peer[0].n_started, 1);
	assert_int_equal(model->peer[0].keepalive_s, 0);
}

static void test_handshakes_are_not_begun_when_nobody_asked(void **state)
{
	struct tunnel_stats stats;

	(void)state;
	config.starts_handshake = false;
	model->is_up = true;
	open_tunnel();
	read_stats(&stats);
	tunnel_stats_done(&stats);
	assert_int_equal(model->peer[0].n_started, 0);
}

static void test_a_device_that_comes_up_later_begins_its_handshakes_then(void **state)
{
	struct tunnel_stats stats;

	(void)state;
	peers[0].keepalive_s = 25;
	profile.n_peers = 2;
	peers[1].endpoint.any.sa_family = AF_UNSPEC;
	open_tunnel();
	read_stats(&stats);
	tunnel_stats_done(&stats);
	assert_int_equal(model->peer[0].n_started, 0);
	model->is_up = true;
	for (int i = 0; i < 3; i++) {
		read_stats(&stats);
		tunnel_stats_done(&stats);
	}
	assert_int_equal(model->peer[0].n_started, 1);
	assert_int_equal(model->peer[0].keepalive_s, 25);
	/* nobody knows where the other is */
	assert_int_equal(model->peer[1].n_started, 0);
}

static void test_the_counters_are_the_kernels(void **state)
{
	struct tunnel_stats stats;

	(void)state;
	open_tunnel();
	model->port = 1234;
	model->peer[0].rx_bytes = 5;
	model->peer[0].tx_bytes = 6;
	model->peer[0].last_handshake.tv_sec = time(NULL);
	read_stats(&stats);
	assert_int_equal(stats.listen_port, 1234);
	assert_int_equal(stats.n_peers, 1);
	assert_memory_equal(stats.peer[0].public_key, peers[0].public_key, 32);
	assert_true(endpoint_equal(&stats.peer[0].endpoint, &peers[0].endpoint));
	assert_int_equal(stats.peer[0].rx_bytes, 5);
	assert_int_equal(stats.peer[0].tx_bytes, 6);
	assert_true(stats.peer[0].last_handshake.ns > 0);
	tunnel_stats_done(&stats);
}

static void test_the_events_are_soon_until_a_handshake_and_seldom_after_it(void **state)
{
	struct tunnel_stats stats;

	(void)state;
	open_tunnel();
	assert_true(wait_for_event(1000));
	assert_true(wait_for_event(1000));
	model->peer[0].last_handshake.tv_sec = time(NULL);
	read_stats(&stats);
	tunnel_stats_done(&stats);
	assert_false(wait_for_event(100));
}

static void test_a_tunnel_that_runs_is_taken_over_as_it_is(void **state)
{
	(void)state;
	model->is_up = true;
	model->port = 4321;
	model->n_peers = 1;
	model->private_key[0] = 5;
	model->peer[0].key[0] = 1;
	model->peer[0].rx_bytes = 1000;
	model->peer[0].tx_bytes = 1000;
	model->peer[0].last_handshake.tv_sec = time(NULL) - 100;
	open_tunnel();
	assert_int_equal(model->peer[0].n_started, 0);
	assert_int_equal(model->n_peers, 1);
	assert_int_equal(model->port, 4321);
	assert_int_equal(model->peer[0].rx_bytes, 1000);
	assert_int_equal(model->n_ips, 1);
}

static void test_a_session_that_is_over_is_begun_anew(void **state)
{
	(void)state;
	model->is_up = true;
	model->n_peers = 1;
	model->peer[0].key[0] = 1;
	model->peer[0].tx_bytes = 1000;
	model->peer[0].last_handshake.tv_sec = time(NULL) - 200;
	open_tunnel();
	assert_int_equal(model->peer[0].n_started, 1);
}

static void test_a_closed_tunnel_leaves_the_device_running(void **state)
{
	(void)state;
	open_tunnel();
	tunnel->backend->close(tunnel);
	assert_int_equal(model->n_peers, 1);
	assert_int_equal(model->private_key[0], 5);
	/* for teardown */
	tunnel = NULL;
	device = NULL;
}

static void test_an_empty_device_is_empty_again_when_it_cannot_be_opened(void **state)
{
	struct error err;

	(void)state;
	/* 1: read, 2: everything, 3: read, 4: handshakes */
	for (unsigned int i = 2; i <= 4; i++) {
		model->fail_at = model->n_requests + i;
		model->fail_with = -ENOMEM;
		assert_int_equal(kernel_adopt(device, &config, &tunnel, &err), -ENOMEM);
		assert_int_equal(model->n_peers, 0);
		assert_int_equal(model->private_key[0], 0);
	}
	assert_null(tunnel);
}

static void test_a_device_that_ran_goes_on_when_it_cannot_be_opened(void **state)
{
	struct error err;

	(void)state;
	model->private_key[0] = 5;
	model->n_peers = 1;
	model->peer[0].key[0] = 1;
	for (unsigned int i = 1; i <= 4; i++) {
		model->fail_at = model->n_requests + i;
		model->fail_with = -ENODEV;
		assert_int_equal(kernel_adopt(device, &config, &tunnel, &err), -ENODEV);
		assert_int_equal(model->private_key[0], 5);
		assert_int_equal(model->n_peers, 1);
	}
}

static void test_a_new_configuration_keeps_the_peers_that_stay(void **state)
{
	(void)state;
	open_tunnel();
	model->peer[0].rx_bytes = 77;
	profile.n_peers = 2;
	assert_int_equal(tunnel->backend->set_config(tunnel, &config, NULL), 0);
	assert_int_equal(model->n_peers, 2);
	assert_int_equal(model->peer[0].rx_bytes, 77);
	model->fail_at = model->n_requests + 2;
	model->fail_with = -EINVAL;
	assert_int_equal(tunnel->backend->set_config(tunnel, &config, NULL), -EINVAL);
	assert_int_equal(model->n_peers, 2);
}

static void test_a_link_of_another_name_is_followed(void **state)
{
	struct tunnel_stats stats;

	(void)state;
	strcpy(model->name, "wg0");
	config.device = "wg0";
	open_tunnel();
	config.device = "wg9";
	assert_int_equal(tunnel->backend->set_config(tunnel, &config, NULL), -ENODEV);
	/* it is the old one's still */
	read_stats(&stats);
	tunnel_stats_done(&stats);
	strcpy(model->name, "wg9");
	assert_int_equal(tunnel->backend->set_config(tunnel, &config, NULL), 0);
	config.device = NULL;
	assert_int_equal(tunnel->backend->set_config(tunnel, &config, NULL), 0);
	read_stats(&stats);
	tunnel_stats_done(&stats);
}

static void test_a_moved_peer_is_greeted_there(void **state)
{
	const union endpoint moved = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)}};
	struct tunnel_stats stats;

	(void)state;
	model->is_up = true;
	open_tunnel();
	model->peer[0].last_handshake.tv_sec = time(NULL) - 1;
	read_stats(&stats);
	tunnel_stats_done(&stats);
	assert_int_equal(model->peer[0].n_started, 1);
	assert_int_equal(tunnel->backend->set_endpoint(tunnel, peers[0].public_key, &moved, NULL),
			 0);
	assert_int_equal(model->peer[0].endpoint_len, sizeof(moved.v6));
	assert_memory_equal(&model->peer[0].endpoint, &moved.v6, sizeof(moved.v6));
	assert_int_equal(model->peer[0].n_started, 2);
	assert_int_equal(model->n_ips, 1);
	assert_true(wait_for_event(1000));
}

static void test_no_peer_that_is_not_there_is_moved_or_made(void **state)
{
	struct error err;

	(void)state;
	open_tunnel();
	assert_int_equal(tunnel->backend->set_endpoint(tunnel, peers[1].public_key,
						       &peers[1].endpoint, &err),
			 -ENOENT);
	assert_string_equal(err.what, "the tunnel has no such peer");
	assert_int_equal(model->n_peers, 1);
}

static void test_what_the_kernel_refuses_later_is_told(void **state)
{
	struct tunnel_stats stats = {.n_peers = 77};
	struct error err;

	(void)state;
	model->fail_with = -ENODEV;
	open_tunnel();
	model->fail_at = model->n_requests + 1;
	assert_int_equal(tunnel->backend->read_stats(tunnel, &stats, &err), -ENODEV);
	assert_string_equal(err.what, "cannot read WireGuard link 'wg0': No such device");
	/* the handshakes that are still to begin */
	model->fail_at = model->n_requests + 2;
	assert_int_equal(tunnel->backend->read_stats(tunnel, &stats, &err), -ENODEV);
	assert_int_equal(stats.n_peers, 77);
	for (unsigned int i = 1; i <= 2; i++) {
		model->fail_at = model->n_requests + i;
		assert_int_equal(tunnel->backend->set_endpoint(tunnel, peers[0].public_key,
							       &peers[0].endpoint, NULL),
				 -ENODEV);
	}
}

static void test_without_a_link_of_its_own_the_kernel_backend_is_refused(void **state)
{
	struct tunnel *none = NULL;
	struct error err;

	(void)state;
	assert_int_equal(tunnel_backend_kernel.open(&config, &none, &err), -EOPNOTSUPP);
	assert_string_equal(err.what, "Backend = kernel is for named namespaces");
	assert_non_null(strstr(err.hint, "userspace"));
	config.device = "wg0";
	config.netns_fd = -1;
	config.userns_fd = -1;
	assert_int_equal(tunnel_backend_kernel.open(&config, &none, &err), -EBADF);
	assert_null(none);
}

static int find_drift(void)
{
	return tunnel->backend->find_drift(tunnel, &config, NULL);
}

static void read_and_forget(void)
{
	struct tunnel_stats stats;

	read_stats(&stats);
	tunnel_stats_done(&stats);
}

static void test_what_others_change_is_found_and_put_right(void **state)
{
	(void)state;
	profile.public_key[0] = 5; /* the model derives nothing */
	peers[0].preshared_key.byte[0] = 9;
	open_tunnel();
	read_and_forget();
	assert_int_equal(find_drift(), 0);
	model->private_key[0] = 6;
	model->fwmark = 1;
	model->peer[0].preshared_key[0] = 8;
	model->peer[0].endpoint.sin6_port = htons(9);
	assert_int_equal(find_drift(),
			 TUNNEL_DRIFT_KEY | TUNNEL_DRIFT_MARK | TUNNEL_DRIFT_PRESHARED_KEYS);
	/* where a peer is belongs to what was read before */
	read_and_forget();
	assert_true(find_drift() & TUNNEL_DRIFT_ENDPOINTS);
	assert_int_equal(tunnel->backend->set_config(tunnel, &config, NULL), 0);
	read_and_forget();
	assert_int_equal(find_drift(), 0);
	model->fail_at = model->n_requests + 1;
	model->fail_with = -ENODEV;
	assert_int_equal(find_drift(), -ENODEV);
}

static void test_where_a_peer_is_sent_to_by_us_is_its_place(void **state)
{
	const union endpoint moved = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)}};

	(void)state;
	profile.public_key[0] = 5;
	open_tunnel();
	read_and_forget();
	assert_int_equal(tunnel->backend->set_endpoint(tunnel, peers[0].public_key, &moved, NULL),
			 0);
	read_and_forget();
	assert_int_equal(find_drift(), 0);
}

/* Before the next event. */
static int64_t ms_left(void)
{
	struct itimerspec timer;

	assert_int_equal(timerfd_gettime(tunnel->backend->events_fd(tunnel), &timer), 0);
	return timer.it_value.tv_sec * 1000 + timer.it_value.tv_nsec / 1000000;
}

static void test_who_reads_the_counters_does_not_put_the_next_look_off(void **state)
{
	int64_t before;

	(void)state;
	open_tunnel();
	model->peer[0].last_handshake.tv_sec = time(NULL);
	read_and_forget();
	before = ms_left();
	assert_in_range(before, 4000, 5000);
	assert_false(wait_for_event(50));
	read_and_forget();
	assert_true(ms_left() <= before - 40);
}

#define MODEL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MODEL(test_an_opened_tunnel_has_no_process_and_no_secret_in_an_error),
		MODEL(test_a_device_that_is_up_begins_its_handshakes_at_once),
		MODEL(test_handshakes_are_not_begun_when_nobody_asked),
		MODEL(test_a_device_that_comes_up_later_begins_its_handshakes_then),
		MODEL(test_the_counters_are_the_kernels),
		MODEL(test_the_events_are_soon_until_a_handshake_and_seldom_after_it),
		MODEL(test_a_tunnel_that_runs_is_taken_over_as_it_is),
		MODEL(test_a_session_that_is_over_is_begun_anew),
		MODEL(test_a_closed_tunnel_leaves_the_device_running),
		MODEL(test_an_empty_device_is_empty_again_when_it_cannot_be_opened),
		MODEL(test_a_device_that_ran_goes_on_when_it_cannot_be_opened),
		MODEL(test_a_new_configuration_keeps_the_peers_that_stay),
		MODEL(test_a_link_of_another_name_is_followed),
		MODEL(test_a_moved_peer_is_greeted_there),
		MODEL(test_no_peer_that_is_not_there_is_moved_or_made),
		MODEL(test_what_the_kernel_refuses_later_is_told),
		MODEL(test_without_a_link_of_its_own_the_kernel_backend_is_refused),
		MODEL(test_what_others_change_is_found_and_put_right),
		MODEL(test_where_a_peer_is_sent_to_by_us_is_its_place),
		MODEL(test_who_reads_the_counters_does_not_put_the_next_look_off),
	};

	return cmocka_run_group_tests_name("tunnel/kernel", tests, NULL, NULL);
}
