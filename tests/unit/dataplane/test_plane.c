/* Mirrors src/dataplane/plane.c */
#include "cmocka_all.h"

#include "dataplane/plane.h"
#include "wireguard/device.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

static struct plane plane;
static struct instant now;

static int start(void **state)
{
	const struct tun tun = {.fd = -1};

	(void)state;
	memset(&plane, 0, sizeof(plane));
	now = clock_now();
	if (plane_init(&plane, &tun) < 0)
		return -1;
	wg_device_up(plane.device, now);
	return 0;
}

static int end(void **state)
{
	(void)state;
	plane_done(&plane);
	plane_done(&plane);
	return 0;
}

static bool is_called(void)
{
	struct pollfd call = {.fd = plane.wake_fd, .events = POLLIN};

	return poll(&call, 1, 0) > 0;
}

/* A peer to whom a keepalive is due every `keepalive_s`. */
static struct wg_peer *add_peer(uint16_t keepalive_s)
{
	static const uint8_t private_key[32] = {1};
	static const uint8_t public_key[32] = {9};
	union endpoint endpoint = {.v4 = {.sin_family = AF_INET, .sin_port = 1}};
	struct wg_peer *peer;

	assert_int_equal(wg_device_set_private_key(plane.device, now, private_key), 0);
	peer = wg_peer_add(plane.device, now, public_key);
	assert_non_null(peer);
	wg_peer_set_endpoint(peer, &endpoint);
	wg_peer_set_keepalive(plane.device, now, peer, keepalive_s);
	return peer;
}

static void fetch_outputs(void)
{
	static uint8_t bytes[WG_DATAGRAM_MAX];
	struct wg_output output = {.bytes = bytes};

	while (wg_next_output(plane.device, now, &output))
		continue;
}

static void test_with_nothing_to_do_the_sender_sleeps_for_ever(void **state)
{
	(void)state;
	assert_false(instant_is_set(plane_fall_asleep(&plane, now)));
	assert_false(plane_needs_sender(&plane));
}

static void test_the_sender_does_not_sleep_while_something_waits(void **state)
{
	(void)state;
	(void)add_peer(25);
	assert_true(instant_is_due(plane_fall_asleep(&plane, now), now));
	assert_false(plane_needs_sender(&plane));
}

static void test_an_output_wakes_the_sender_once(void **state)
{
	(void)state;
	(void)plane_fall_asleep(&plane, now);
	(void)add_peer(25);
	assert_true(plane_needs_sender(&plane));
	assert_false(plane_needs_sender(&plane));
	plane_call_sender(&plane);
	assert_true(is_called());
	plane_take_call(&plane);
	assert_false(is_called());
}

static void test_a_sender_that_is_awake_is_not_called(void **state)
{
	(void)state;
	(void)plane_fall_asleep(&plane, now);
	plane_wake_up(&plane);
	(void)add_peer(25);
	assert_false(plane_needs_sender(&plane));
}

static void test_an_earlier_deadline_wakes_the_sender_and_a_later_one_does_not(void **state)
{
	struct wg_peer *peer = add_peer(25);
	struct instant first;

	(void)state;
	fetch_outputs();
	first = plane_fall_asleep(&plane, now);
	assert_true(instant_is_set(first));
	wg_peer_set_keepalive(plane.device, now, peer, 600);
	assert_false(plane_needs_sender(&plane));
	wg_peer_set_keepalive(plane.device, now, peer, 1);
	assert_true(plane_needs_sender(&plane));
}

/* Else every packet that re-arms a timer would cost a wake-up. */
static void test_a_deadline_is_not_put_off_before_it_has_come(void **state)
{
	struct wg_peer *peer = add_peer(0);
	struct instant first;

	(void)state;
	fetch_outputs();
	wg_peer_set_keepalive(plane.device, now, peer, 1);
	fetch_outputs();
	first = plane_fall_asleep(&plane, now);
	assert_true(first.ns <= instant_add(now, NS_PER_S).ns);
	wg_peer_set_keepalive(plane.device, now, peer, 0);
	assert_true(plane_fall_asleep(&plane, now).ns == first.ns);
	now = first;
	assert_true(plane_fall_asleep(&plane, now).ns != first.ns);
}

static void *lock_and_count(void *count)
{
	for (int i = 0; i < 10000; i++) {
		plane_lock(&plane);
		(*(int *)count)++;
		plane_unlock(&plane);
	}
	return NULL;
}

static void test_the_lock_keeps_threads_apart(void **state)
{
	pthread_t threads[3];
	int count = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, lock_and_count, &count), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(count, 30000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_with_nothing_to_do_the_sender_sleeps_for_ever),
		TEST(test_the_sender_does_not_sleep_while_something_waits),
		TEST(test_an_output_wakes_the_sender_once),
		TEST(test_a_sender_that_is_awake_is_not_called),
		TEST(test_an_earlier_deadline_wakes_the_sender_and_a_later_one_does_not),
		TEST(test_a_deadline_is_not_put_off_before_it_has_come),
		TEST(test_the_lock_keeps_threads_apart),
	};

	return cmocka_run_group_tests_name("dataplane/plane", tests, NULL, NULL);
}
