/* Mirrors src/dataplane/shift.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "dataplane/plane.h"
#include "dataplane/receiver.h"
#include "dataplane/shift.h"
#include "wireguard/device.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LONG_MS = 5000,
	SHORT_MS = 30,
	SEVERAL_SHIFTS_MS = 3 * SHIFT_NS / NS_PER_MS,
	SPARE_MAX = LOOP_SOURCES_MAX,
};

static struct plane plane;
static struct pool pool;
static struct receiver receiver;
static struct shift shift;
static struct loop *loop;
static unsigned int n_here;  /* calls of the handler in the sender's loop */
static int spare[SPARE_MAX]; /* descriptors that fill a loop */
static unsigned int n_spare;

static int on_udp(void *context, int fd, uint32_t events)
{
	(void)context;
	n_here++;
	(void)receiver_on_udp(&receiver, fd, events);
	return 0;
}

static int start(void **state)
{
	const struct tun tun = {.fd = -1};
	struct udp_sockets sockets;
	struct error err;

	(void)state;
	memset(&receiver, 0, sizeof(receiver));
	memset(&shift, 0, sizeof(shift));
	n_here = 0;
	loop = loop_new();
	pool_init(&pool);
	if (!loop || plane_init(&plane, &tun) < 0 || udp_open(0, 0, &sockets, &err) < 0 ||
	    receiver_init(&receiver, &plane, &pool.line[1]) < 0)
		return -1;
	receiver.events.fd = -1;
	wg_device_up(plane.device, clock_now());
	shift = (struct shift){
		.plane = &plane, .receiver = &receiver, .callers = loop, .handler = on_udp};
	return shift_init(&shift, &sockets);
}

static int stop(void **state)
{
	(void)state;
	shift_done(&shift);
	receiver_done(&receiver);
	pool_done(&pool);
	plane_done(&plane);
	loop_free(loop);
	while (n_spare > 0)
		(void)close(spare[--n_spare]);
	return 0;
}

static uint16_t port(void)
{
	uint16_t number;

	plane_lock(&plane);
	number = udp_port(&shift.sockets);
	plane_unlock(&plane);
	return number;
}

static void send_one(void)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port()),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)), 1);
	(void)close(fd);
}

static uint64_t count_received(void)
{
	uint64_t n;

	plane_lock(&plane);
	n = plane.received.rx_datagrams;
	plane_unlock(&plane);
	return n;
}

/* A datagram is read without the sender's loop doing anything. */
static bool is_read_there(void)
{
	uint64_t before = count_received();

	send_one();
	for (int i = 0; i < LONG_MS && count_received() == before; i++)
		(void)poll(NULL, 0, 1);
	return count_received() == before + 1;
}

/* A datagram waits for the sender's loop. */
static bool is_read_here(void)
{
	uint64_t before = count_received();
	unsigned int n_before = n_here;

	send_one();
	(void)poll(NULL, 0, SHORT_MS);
	if (count_received() != before)
		return false;
	assert_int_equal(loop_turn(loop, instant_add(clock_now(), NS_PER_S)), 0);
	return n_here == n_before + 1 && count_received() == before + 1;
}

static bool is_called_within(int ms)
{
	struct pollfd called = {.fd = plane.wake_fd, .events = POLLIN};

	return poll(&called, 1, ms) == 1;
}

/* The sender sleeps, and is called. */
static void sleep_until_call(void)
{
	(void)plane_fall_asleep(&plane, clock_now());
	assert_true(is_called_within(LONG_MS));
	plane_wake_up(&plane);
	plane_take_call(&plane);
}

/* As many sources as a loop can have. */
static void fill(struct loop *full)
{
	int fd;

	while ((fd = eventfd(0, EFD_CLOEXEC)) >= 0 &&
	       loop_add(full, fd, EPOLLIN, on_udp, NULL) == 0)
		spare[n_spare++] = fd;
	(void)close(fd);
}

static void test_without_a_second_thread_there_is_no_change(void **state)
{
	(void)state;
	assert_true(is_read_here());
	shift_call(&shift, clock_now());
	assert_true(is_read_here());
}

static void test_a_thread_that_keeps_up_reads_everything(void **state)
{
	(void)state;
	assert_int_equal(shift_start(&shift), 0);
	for (int i = 0; i < 3; i++)
		assert_true(is_read_here());
}

static void test_the_second_thread_comes_when_called_and_goes_when_all_is_quiet(void **state)
{
	const struct instant begin = clock_now();

	(void)state;
	assert_int_equal(shift_start(&shift), 0);
	shift_call(&shift, clock_now());
	assert_true(is_read_there());
	sleep_until_call();
	assert_true(instant_since(clock_now(), begin) >= SHIFT_NS);
	assert_int_equal(shift_take_back(&shift), 0);
	assert_true(is_read_here());
	shift_call(&shift, clock_now());
	assert_true(is_read_there());
}

static void test_it_stays_as_long_as_shares_are_used_up(void **state)
{
	(void)state;
	assert_int_equal(shift_start(&shift), 0);
	shift_call(&shift, clock_now());
	assert_true(is_read_there());
	/* as if they were, in a minute */
	shift_call(&shift, instant_add(clock_now(), 60 * NS_PER_S));
	(void)plane_fall_asleep(&plane, clock_now());
	assert_false(is_called_within(SEVERAL_SHIFTS_MS));
	assert_int_equal(shift_take_back(&shift), 0); /* nothing was given */
	assert_true(is_read_there());
}

static void test_it_stays_as_long_as_the_sender_is_awake(void **state)
{
	(void)state;
	assert_int_equal(shift_start(&shift), 0);
	shift_call(&shift, clock_now());
	assert_false(is_called_within(SEVERAL_SHIFTS_MS));
	assert_true(is_read_there());
	sleep_until_call();
	assert_int_equal(shift_take_back(&shift), 0);
	assert_true(is_read_here());
}

static void test_what_the_second_thread_cannot_watch_it_gives_back(void **state)
{
	(void)state;
	assert_int_equal(shift_start(&shift), 0);
	fill(shift.own);
	shift_call(&shift, clock_now());
	assert_true(is_called_within(LONG_MS));
	plane_take_call(&plane);
	assert_int_equal(shift_take_back(&shift), 0);
	assert_true(is_read_here());
}

static void test_sockets_that_nobody_can_watch_are_an_error(void **state)
{
	(void)state;
	assert_int_equal(shift_start(&shift), 0);
	shift_call(&shift, clock_now());
	sleep_until_call();
	fill(loop);
	assert_int_equal(shift_take_back(&shift), -ENOSPC);
}

static void change_sockets(void)
{
	struct udp_sockets fresh;
	struct error err;
	uint16_t fresh_port;

	assert_int_equal(udp_open(0, 0, &fresh, &err), 0);
	fresh_port = udp_port(&fresh);
	plane_lock(&plane);
	shift_use_sockets(&shift, &fresh);
	plane_unlock(&plane);
	shift_settle(&shift);
	assert_int_equal(port(), fresh_port);
}

static void test_sockets_change_whoever_has_them(void **state)
{
	(void)state;
	assert_int_equal(shift_start(&shift), 0);
	change_sockets();
	assert_true(is_read_here());
	shift_call(&shift, instant_add(clock_now(), NS_PER_S));
	change_sockets(); /* before the other has begun, perhaps */
	assert_true(is_read_there());
	change_sockets();
	assert_true(is_read_there());
	sleep_until_call();
	change_sockets(); /* given, and not taken yet */
	assert_true(is_read_here());
	assert_int_equal(shift_take_back(&shift), 0);
	assert_true(is_read_here());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_without_a_second_thread_there_is_no_change),
		TEST(test_a_thread_that_keeps_up_reads_everything),
		TEST(test_the_second_thread_comes_when_called_and_goes_when_all_is_quiet),
		TEST(test_it_stays_as_long_as_shares_are_used_up),
		TEST(test_it_stays_as_long_as_the_sender_is_awake),
		TEST(test_what_the_second_thread_cannot_watch_it_gives_back),
		TEST(test_sockets_that_nobody_can_watch_are_an_error),
		TEST(test_sockets_change_whoever_has_them),
	};

	return cmocka_run_group_tests_name("dataplane/shift", tests, NULL, NULL);
}
