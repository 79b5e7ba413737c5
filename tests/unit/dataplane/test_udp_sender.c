/* Mirrors src/dataplane/udp_sender.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "dataplane/health.h"
#include "dataplane/udp_sender.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What sendmmsg(2) shall answer to the next calls; none left: the truth. */
enum { ANSWERS_MAX = 16 };
static int answers[ANSWERS_MAX];
static unsigned int n_answers;
static unsigned int n_calls;
static unsigned int n_messages; /* of the last call */
static bool had_segment;	/* the first message of the last call had UDP_SEGMENT */
static bool had_source;

static bool has_control(const struct msghdr *header, int level, int type)
{
	struct msghdr copy = *header;

	for (struct cmsghdr *at = CMSG_FIRSTHDR(&copy); at; at = CMSG_NXTHDR(&copy, at))
		if (at->cmsg_level == level && at->cmsg_type == type)
			return true;
	return false;
}

/* A faulty kernel, which only writes down what would have left. */
enum { DATAGRAMS_MAX = 64 };
static struct plan {
	bool is_used;
	int code;			    /* positive errno of the failing calls */
	unsigned int first;		    /* the first call that fails, from 1 */
	unsigned int n;			    /* calls that fail */
	bool is_of_trains;		    /* only messages with UDP_SEGMENT fail */
	bool is_of_sources;		    /* only messages with a source address fail */
	unsigned int at_most;		    /* messages taken by a call; 0: all */
	int room;			    /* poll(2)'s answer */
	unsigned int n_polls;		    /* that gave it */
	unsigned int n_gone[DATAGRAMS_MAX]; /* how often each datagram left, by its first byte */
	bool had_source[DATAGRAMS_MAX];
} plan;

static bool is_refused(const struct msghdr *header)
{
	bool is_train = has_control(header, IPPROTO_UDP, 103);
	bool is_sourced = has_control(header, IPPROTO_IP, IP_PKTINFO) ||
			  has_control(header, IPPROTO_IPV6, IPV6_PKTINFO);

	if (n_calls < plan.first || n_calls - plan.first >= plan.n)
		return false;
	return (!plan.is_of_trains || is_train) && (!plan.is_of_sources || is_sourced);
}

/* Datagrams of the tests are 100 bytes of one value. */
static void note_gone(const struct msghdr *header)
{
	const uint8_t *bytes = header->msg_iov[0].iov_base;

	for (size_t at = 0; at < header->msg_iov[0].iov_len; at += 100) {
		plan.n_gone[bytes[at]]++;
		plan.had_source[bytes[at]] = has_control(header, IPPROTO_IP, IP_PKTINFO);
	}
}

/* As the kernel: an error behind messages that were taken is not told. */
static int play(const struct mmsghdr *header, unsigned int n)
{
	if (plan.at_most > 0 && n > plan.at_most)
		n = plan.at_most;
	for (unsigned int i = 0; i < n; i++) {
		if (is_refused(&header[i].msg_hdr)) {
			errno = plan.code;
			return i > 0 ? (int)i : -1;
		}
		note_gone(&header[i].msg_hdr);
	}
	return (int)n;
}

/* No test needs the truth. */
int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	(void)fds;
	(void)n;
	assert_true(timeout >= 0 && timeout <= UDP_SENDER_WAIT_MS);
	plan.n_polls++;
	return plan.room;
}

/* Stands before the C library's, so that the kernel's refusals can be played.
 * A positive answer is the number of messages taken, a negative one an errno.
 */
int sendmmsg(int fd, struct mmsghdr *header, unsigned int n, int flags)
{
	int answer = n_answers > 0 ? answers[0] : 0;
	unsigned int n_wanted = n;

	n_calls++;
	n_messages = n;
	had_segment = has_control(&header[0].msg_hdr, IPPROTO_UDP, 103);
	had_source = has_control(&header[0].msg_hdr, IPPROTO_IP, IP_PKTINFO);
	if (plan.is_used)
		return play(header, n);
	if (n_answers > 0)
		memmove(answers, answers + 1, --n_answers * sizeof(answers[0]));
	if (answer < 0) {
		errno = -answer;
		return -1;
	}
	if (answer > 0 && (unsigned int)answer < n_wanted)
		n_wanted = (unsigned int)answer;
	for (unsigned int i = 0; i < n_wanted; i++)
		if (sendmsg(fd, &header[i].msg_hdr, flags) < 0)
			return i > 0 ? (int)i : -1;
	return (int)n_wanted;
}

struct scene {
	struct udp_sockets us;
	int other; /* receives what is sent */
	union endpoint to;
	struct batch batch;
	struct udp_sender sender;
	struct health health;
	struct instant now;
};

static int start(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	const struct timeval patience = {.tv_usec = 100000};
	socklen_t len = sizeof(scene->to.v4);
	struct error err;

	if (!scene || udp_open(0, 0, &scene->us, &err) < 0 || batch_init(&scene->batch) < 0 ||
	    udp_sender_init(&scene->sender) < 0)
		return -1;
	scene->other = socket(AF_INET, SOCK_DGRAM, 0);
	scene->to.v4 = (struct sockaddr_in){.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	(void)bind(scene->other, &scene->to.any, len);
	(void)getsockname(scene->other, &scene->to.any, &len);
	(void)setsockopt(scene->other, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	scene->now = (struct instant){NS_PER_S};
	plan = (struct plan){.room = 1};
	n_answers = 0;
	n_calls = 0;
	*state = scene;
	return 0;
}

static int end(void **state)
{
	struct scene *scene = *state;

	udp_close(&scene->us);
	(void)close(scene->other);
	batch_done(&scene->batch);
	udp_sender_done(&scene->sender);
	free(scene);
	return 0;
}

static void put(struct scene *scene, const struct batch_route *route, size_t len, uint8_t fill)
{
	uint8_t *room = batch_reserve(&scene->batch, len);

	assert_non_null(room);
	memset(room, fill, len);
	batch_commit(&scene->batch, route, len);
}

static void put_train(struct scene *scene, unsigned int n)
{
	const struct batch_route route = {.to = scene->to};

	for (unsigned int i = 0; i < n; i++)
		put(scene, &route, 100, (uint8_t)i);
}

static void send_all(struct scene *scene)
{
	udp_sender_send(&scene->sender, &scene->us, &scene->batch, scene->now, &scene->health);
	batch_clear(&scene->batch);
}

static void expect_train(const struct scene *scene, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++) {
		uint8_t bytes[2000];

		assert_int_equal(recv(scene->other, bytes, sizeof(bytes), 0), 100);
		assert_int_equal(bytes[0], i);
	}
}

static void expect_nothing(const struct scene *scene)
{
	uint8_t bytes[1];

	assert_int_equal(recv(scene->other, bytes, 1, MSG_DONTWAIT), -1);
}

static void answer(int first, int second, int third)
{
	answers[0] = first;
	answers[1] = second;
	answers[2] = third;
	n_answers = third != 0 ? 3 : second != 0 ? 2 : 1;
}

static void test_a_run_leaves_with_one_send_and_arrives_as_datagrams(void **state)
{
	struct scene *scene = *state;

	put_train(scene, 10);
	send_all(scene);
	assert_int_equal(n_calls, 1);
	assert_int_equal(n_messages, 1);
	assert_true(had_segment);
	expect_train(scene, 0, 10);
	expect_nothing(scene);
	assert_int_equal(scene->health.tx_errno, 0);
}

static void test_runs_to_one_socket_leave_with_one_call(void **state)
{
	struct scene *scene = *state;
	struct batch_route route = {.to = scene->to, .tos = 0x88};

	put(scene, &route, 100, 0);
	route.tos = 1;
	put(scene, &route, 100, 1);
	route.source.v4 = (struct sockaddr_in){.sin_family = AF_INET,
					       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	put(scene, &route, 100, 2);
	send_all(scene);
	assert_int_equal(n_calls, 1);
	assert_int_equal(n_messages, 3);
	expect_train(scene, 0, 3);
}

static void test_a_family_without_a_socket_loses_only_its_own(void **state)
{
	struct scene *scene = *state;
	struct batch_route v6 = {.to.v6 = {.sin6_family = AF_INET6}};

	if (scene->us.fd[UDP_V6] >= 0)
		(void)close(scene->us.fd[UDP_V6]);
	scene->us.fd[UDP_V6] = -1;
	put_train(scene, 2);
	put(scene, &v6, 100, 0);
	send_all(scene);
	expect_train(scene, 0, 2);
	assert_int_equal(scene->health.tx_errno, EAFNOSUPPORT);
	assert_int_equal(scene->health.tx_errors, 1);
}

/* EIO: the device does not finish checksums; EINVAL, EMSGSIZE: above the MTU. */
static void test_refused_segments_go_out_one_by_one_and_so_do_later_ones(void **state)
{
	static const int codes[] = {-EIO, -EINVAL, -EMSGSIZE};

	for (size_t i = 0; i < 3; i++) {
		struct scene *scene = *state;

		answer(codes[i], 0, 0);
		put_train(scene, 5);
		send_all(scene);
		assert_int_equal(n_messages, 5);
		assert_false(had_segment);
		expect_train(scene, 0, 5);
		put_train(scene, 5);
		send_all(scene);
		assert_int_equal(n_messages, 5);
		expect_train(scene, 0, 5);
		assert_int_equal(scene->health.tx_errors, 0);
		scene->now = instant_add(scene->now, UDP_SENDER_REFUSAL_NS);
		put_train(scene, 5);
		send_all(scene);
		assert_true(had_segment);
		expect_train(scene, 0, 5);
	}
}

static void test_shorter_datagrams_keep_their_segments(void **state)
{
	struct scene *scene = *state;
	const struct batch_route route = {.to = scene->to};

	answer(-EINVAL, 0, 0);
	put_train(scene, 5);
	send_all(scene);
	put(scene, &route, 50, 0);
	put(scene, &route, 50, 0);
	send_all(scene);
	assert_true(had_segment);
}

static void test_an_error_of_an_earlier_datagram_costs_nothing(void **state)
{
	struct scene *scene = *state;

	answer(-ECONNREFUSED, 0, 0);
	put_train(scene, 3);
	send_all(scene);
	expect_train(scene, 0, 3);
	assert_int_equal(scene->health.tx_errors, 0);
	assert_int_equal(scene->health.tx_errno, 0);
}

static void test_an_error_that_stays_is_reported_and_the_next_run_tried(void **state)
{
	struct scene *scene = *state;
	struct batch_route route = {.to = scene->to, .tos = 4};

	answer(-ENETUNREACH, -ENETUNREACH, 0);
	put_train(scene, 3);
	put(scene, &route, 100, 3);
	send_all(scene);
	assert_int_equal(scene->health.tx_errors, 3);
	expect_train(scene, 3, 4);
	answer(-EPERM, -EPERM, 0);
	put_train(scene, 1);
	send_all(scene);
	assert_int_equal(scene->health.tx_errno, EPERM);
	put_train(scene, 1);
	send_all(scene);
	assert_int_equal(scene->health.tx_errno, 0);
}

static void test_an_interrupted_send_is_repeated(void **state)
{
	struct scene *scene = *state;

	answer(-EINTR, 0, 0);
	put_train(scene, 3);
	send_all(scene);
	expect_train(scene, 0, 3);
}

static void test_a_full_socket_is_waited_for_once(void **state)
{
	struct scene *scene = *state;

	answer(-EAGAIN, 0, 0);
	put_train(scene, 3);
	send_all(scene);
	expect_train(scene, 0, 3);
	answer(-ENOBUFS, -ENOBUFS, 0);
	put_train(scene, 3);
	send_all(scene);
	expect_nothing(scene);
	assert_int_equal(scene->health.tx_errno, ENOBUFS);
	assert_int_equal(scene->health.tx_errors, 3);
}

static void test_a_source_that_is_gone_is_dropped_and_named(void **state)
{
	struct scene *scene = *state;
	struct batch_route route = {.to = scene->to};

	/* TEST-NET-1, RFC 5737: an address that this machine has not */
	route.source.v4 =
		(struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};
	put(scene, &route, 100, 0);
	put(scene, &route, 100, 1);
	udp_sender_send(&scene->sender, &scene->us, &scene->batch, scene->now, &scene->health);
	assert_true(scene->batch.run[0].is_source_refused);
	assert_false(had_source);
	assert_true(had_segment);
	expect_train(scene, 0, 2);
	assert_int_equal(scene->health.tx_errors, 0);
}

static void test_datagrams_that_left_are_not_sent_again(void **state)
{
	struct scene *scene = *state;

	answer(-EIO, 2, -EAGAIN);
	put_train(scene, 5);
	send_all(scene);
	expect_train(scene, 0, 5);
	expect_nothing(scene);
}

static void test_one_lost_datagram_does_not_take_the_run_with_it(void **state)
{
	struct scene *scene = *state;

	answers[0] = -EIO;
	answers[1] = 2;
	answers[2] = -EPERM;
	answers[3] = -EPERM;
	n_answers = 4;
	put_train(scene, 5);
	send_all(scene);
	expect_train(scene, 0, 2);
	expect_train(scene, 3, 5);
	assert_int_equal(scene->health.tx_errors, 1);
}

/* ---- every error, at every call ---- */

static const int codes[] = {EAGAIN, ENOBUFS, EMSGSIZE,	   EPERM,	 ENETUNREACH,
			    EINVAL, EIO,     ECONNREFUSED, EHOSTUNREACH, EADDRNOTAVAIL,
			    EINTR,  ENOMEM,  EACCES,	   EAFNOSUPPORT, ENODEV};
enum { N_CODES = sizeof(codes) / sizeof(codes[0]), N_PUT = 17, CALLS_MAX = 4 * N_PUT };

/* Two trains with a source between single datagrams, a train of IPv6, a last one. */
static void put_mixture(struct scene *scene)
{
	struct batch_route v4 = {.to = scene->to};
	struct batch_route v6 = {.to.v6 = {.sin6_family = AF_INET6, .sin6_addr.s6_addr[15] = 1}};
	uint8_t fill = 0;

	put(scene, &v4, 100, fill++);
	v4.tos = 1;
	v4.source.v4 = (struct sockaddr_in){.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	while (fill < 6)
		put(scene, &v4, 100, fill++);
	v4.tos = 2;
	put(scene, &v4, 100, fill++);
	v4.tos = 3;
	while (fill < 11)
		put(scene, &v4, 100, fill++);
	while (fill < 16)
		put(scene, &v6, 100, fill++);
	v4.tos = 0;
	put(scene, &v4, 100, fill++);
	assert_int_equal(fill, N_PUT);
}

static unsigned int send_mixture(struct scene *scene)
{
	unsigned int n_gone = 0;

	put_mixture(scene);
	n_calls = 0;
	send_all(scene);
	for (unsigned int i = 0; i < N_PUT; i++) {
		assert_true(plan.n_gone[i] <= 1);
		n_gone += plan.n_gone[i];
	}
	return n_gone;
}

/* Whatever fails: it ends soon, nothing leaves twice, what did not leave is
 * counted, and the next batch is not concerned.
 */
static void check_plan(struct scene *scene, const struct plan *faulty)
{
	uint64_t n_errors = scene->health.tx_errors;
	unsigned int n_gone;

	plan = *faulty;
	plan.is_used = true;
	n_gone = send_mixture(scene);
	assert_true(n_calls <= CALLS_MAX);
	assert_true(plan.n_polls <= n_calls);
	assert_int_equal(n_gone + (scene->health.tx_errors - n_errors), N_PUT);
	if (n_gone == 0)
		assert_int_equal(scene->health.tx_errno, faulty->code);

	plan = (struct plan){.is_used = true, .room = 1};
	assert_int_equal(send_mixture(scene), N_PUT);
	assert_int_equal(scene->health.tx_errno, 0);
	scene->now = instant_add(scene->now, UDP_SENDER_REFUSAL_NS);
}

static void check_calls(struct scene *scene, struct plan *faulty)
{
	static const unsigned int numbers[] = {1, 2, 3, 5, 1000};
	static const unsigned int limits[] = {0, 1, 2};

	for (faulty->first = 1; faulty->first < 12; faulty->first++)
		for (size_t i = 0; i < 5; i++)
			for (size_t j = 0; j < 3; j++) {
				faulty->n = numbers[i];
				faulty->at_most = limits[j];
				check_plan(scene, faulty);
			}
}

static void test_no_error_at_any_call_sends_twice_or_loses_count(void **state)
{
	for (size_t i = 0; i < N_CODES; i++)
		for (int room = 0; room < 2; room++)
			for (int kind = 0; kind < 3; kind++) {
				struct plan faulty = {
					.code = codes[i],
					.room = room,
					.is_of_trains = kind == 1,
					.is_of_sources = kind == 2,
				};

				check_calls(*state, &faulty);
			}
}

static void test_an_error_that_comes_once_loses_nothing(void **state)
{
	struct scene *scene = *state;

	for (size_t i = 0; i < N_CODES; i++)
		for (unsigned int first = 1; first < 8; first++) {
			plan = (struct plan){.is_used = true,
					     .code = codes[i],
					     .first = first,
					     .n = 1,
					     .room = 1};
			assert_int_equal(send_mixture(scene), N_PUT);
			scene->now = instant_add(scene->now, UDP_SENDER_REFUSAL_NS);
		}
	assert_int_equal(scene->health.tx_errors, 0);
}

/* 4 runs through one socket, 2 of them cut into 10: one wait, not 14. */
static void test_a_socket_that_stays_full_is_waited_for_once_a_batch(void **state)
{
	struct scene *scene = *state;

	plan = (struct plan){.is_used = true, .code = EAGAIN, .first = 1, .n = 1000, .room = 0};
	assert_int_equal(send_mixture(scene), 0);
	assert_int_equal(plan.n_polls, UDP_FAMILIES);
}

/* EINVAL is said of both: what is refused must not cost the other. */
static void test_a_refused_train_keeps_its_source(void **state)
{
	struct scene *scene = *state;

	plan = (struct plan){
		.is_used = true, .code = EINVAL, .first = 1, .n = 1000, .is_of_trains = true};
	assert_int_equal(send_mixture(scene), N_PUT);
	for (unsigned int i = 1; i < 11; i++)
		assert_true(plan.had_source[i]);
	assert_true(instant_is_set(scene->sender.refusal[UDP_V4].until));
}

static void test_a_refused_source_keeps_its_train(void **state)
{
	struct scene *scene = *state;

	plan = (struct plan){
		.is_used = true, .code = EINVAL, .first = 1, .n = 1000, .is_of_sources = true};
	assert_int_equal(send_mixture(scene), N_PUT);
	for (unsigned int i = 1; i < 11; i++)
		assert_false(plan.had_source[i]);
	assert_false(instant_is_set(scene->sender.refusal[UDP_V4].until));
}

static void test_a_refusal_is_that_of_one_socket(void **state)
{
	struct scene *scene = *state;
	const struct batch_route v6 = {.to.v6 = {.sin6_family = AF_INET6}};

	answer(-EIO, 0, 0);
	put_train(scene, 5);
	send_all(scene);
	expect_train(scene, 0, 5);
	plan.is_used = true;
	put(scene, &v6, 100, 0);
	put(scene, &v6, 100, 1);
	send_all(scene);
	assert_true(had_segment);
	put_train(scene, 5);
	send_all(scene);
	assert_false(had_segment);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_run_leaves_with_one_send_and_arrives_as_datagrams),
		TEST(test_runs_to_one_socket_leave_with_one_call),
		TEST(test_a_family_without_a_socket_loses_only_its_own),
		TEST(test_refused_segments_go_out_one_by_one_and_so_do_later_ones),
		TEST(test_shorter_datagrams_keep_their_segments),
		TEST(test_an_error_of_an_earlier_datagram_costs_nothing),
		TEST(test_an_error_that_stays_is_reported_and_the_next_run_tried),
		TEST(test_an_interrupted_send_is_repeated),
		TEST(test_a_full_socket_is_waited_for_once),
		TEST(test_a_source_that_is_gone_is_dropped_and_named),
		TEST(test_datagrams_that_left_are_not_sent_again),
		TEST(test_one_lost_datagram_does_not_take_the_run_with_it),
		TEST(test_no_error_at_any_call_sends_twice_or_loses_count),
		TEST(test_an_error_that_comes_once_loses_nothing),
		TEST(test_a_socket_that_stays_full_is_waited_for_once_a_batch),
		TEST(test_a_refused_train_keeps_its_source),
		TEST(test_a_refused_source_keeps_its_train),
		TEST(test_a_refusal_is_that_of_one_socket),
	};

	return cmocka_run_group_tests_name("dataplane/udp_sender", tests, NULL, NULL);
}
