/* Mirrors src/dataplane/udp_reader.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "dataplane/health.h"
#include "dataplane/udp.h"
#include "dataplane/udp_reader.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the next receives fail with, as positive errnos; none left: the truth. */
enum { FAILURES_MAX = 4 };
static int failures[FAILURES_MAX];
static unsigned int n_failures;
static unsigned int n_receives;
static bool is_flooded; /* the error queue never ends */

static bool fails(void)
{
	n_receives++;
	if (n_failures == 0)
		return false;
	errno = failures[0];
	memmove(failures, failures + 1, --n_failures * sizeof(failures[0]));
	return true;
}

/* These stand before the C library's. */
int recvmmsg(int fd, struct mmsghdr *headers, unsigned int n, int flags, struct timespec *timeout)
{
	return fails() ? -1 : (int)syscall(SYS_recvmmsg, fd, headers, n, flags, timeout);
}

ssize_t recvmsg(int fd, struct msghdr *header, int flags)
{
	if (is_flooded && (flags & MSG_ERRQUEUE)) {
		n_receives++;
		header->msg_controllen = 0;
		return 0;
	}
	return fails() ? -1 : syscall(SYS_recvmsg, fd, header, flags);
}

struct pair {
	struct udp_sockets us;
	int other; /* an IPv4 socket that sends to us */
	struct udp_reader *reader;
};

static int start(void **state)
{
	static struct pair pair;
	struct error err;

	if (udp_open(0, 0, &pair.us, &err) < 0)
		return -1;
	pair.other = socket(AF_INET, SOCK_DGRAM, 0);
	pair.reader = udp_reader_new();
	n_failures = 0;
	n_receives = 0;
	is_flooded = false;
	*state = &pair;
	return 0;
}

static int end(void **state)
{
	struct pair *pair = *state;

	udp_close(&pair->us);
	(void)close(pair->other);
	udp_reader_free(pair->reader);
	udp_reader_free(NULL);
	return 0;
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static void send_to_us(const struct pair *pair, const char *text)
{
	struct sockaddr_in to = loopback(udp_port(&pair->us));

	assert_int_equal(
		sendto(pair->other, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)),
		strlen(text));
}

static void test_a_datagram_comes_with_all_that_is_known_of_it(void **state)
{
	struct pair *pair = *state;
	const struct udp_message *message;
	int tos = 0x02;

	assert_int_equal(setsockopt(pair->other, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)), 0);
	send_to_us(pair, "hello");
	assert_int_equal(udp_reader_receive(pair->reader, pair->us.fd[UDP_V4]), 1);
	message = udp_reader_message(pair->reader, 0);
	assert_int_equal(message->len, 5);
	assert_int_equal(message->segment, 5);
	assert_memory_equal(message->bytes, "hello", 5);
	assert_int_equal(message->tos, 0x02);
	assert_int_equal(message->from.v4.sin_family, AF_INET);
	assert_int_equal(message->to.v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	assert_int_equal(message->ifindex, 1);
	assert_int_equal(udp_reader_receive(pair->reader, pair->us.fd[UDP_V4]), 0);
}

static void test_several_messages_come_with_one_receive(void **state)
{
	struct pair *pair = *state;

	for (int i = 0; i < UDP_READER_MESSAGES_MAX + 1; i++)
		send_to_us(pair, i % 2 ? "a" : "bc");
	assert_int_equal(udp_reader_receive(pair->reader, pair->us.fd[UDP_V4]),
			 UDP_READER_MESSAGES_MAX);
	assert_int_equal(udp_reader_message(pair->reader, 1)->len, 1);
	assert_int_equal(udp_reader_message(pair->reader, 2)->len, 2);
	assert_int_equal(udp_reader_receive(pair->reader, pair->us.fd[UDP_V4]), 1);
}

static void test_an_empty_datagram_is_no_endless_one(void **state)
{
	struct pair *pair = *state;

	send_to_us(pair, "");
	assert_int_equal(udp_reader_receive(pair->reader, pair->us.fd[UDP_V4]), 1);
	assert_int_equal(udp_reader_message(pair->reader, 0)->len, 0);
	assert_int_equal(udp_reader_message(pair->reader, 0)->segment, 1);
}

static void test_merged_datagrams_say_where_to_cut(void **state)
{
	struct pair *pair = *state;
	struct sockaddr_in to = loopback(udp_port(&pair->us));
	char bytes[1000] = {0};
	int segment = 300;

	/* loopback keeps a train together all the way */
	assert_int_equal(
		setsockopt(pair->other, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
	assert_int_equal(
		sendto(pair->other, bytes, sizeof(bytes), 0, (struct sockaddr *)&to, sizeof(to)),
		sizeof(bytes));
	assert_int_equal(udp_reader_receive(pair->reader, pair->us.fd[UDP_V4]), 1);
	assert_int_equal(udp_reader_message(pair->reader, 0)->len, 1000);
	assert_int_equal(udp_reader_message(pair->reader, 0)->segment, 300);
}

/* A port that nobody listens on, and the ICMP error that comes of it. */
static void refuse_one(const struct pair *pair)
{
	struct sockaddr_in to = loopback(0);
	socklen_t len = sizeof(to);
	int closed = socket(AF_INET, SOCK_DGRAM, 0);
	struct pollfd wait = {.fd = pair->us.fd[UDP_V4], .events = 0};

	assert_int_equal(bind(closed, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(getsockname(closed, (struct sockaddr *)&to, &len), 0);
	(void)close(closed);
	assert_int_equal(sendto(pair->us.fd[UDP_V4], "x", 1, 0, (struct sockaddr *)&to, sizeof(to)),
			 1);
	assert_int_equal(poll(&wait, 1, 1000), 1);
}

static void test_an_icmp_refusal_is_counted(void **state)
{
	struct pair *pair = *state;
	struct health health = {0};

	assert_false(udp_reader_take_errors(pair->us.fd[UDP_V4], &health));
	refuse_one(pair);
	assert_true(udp_reader_take_errors(pair->us.fd[UDP_V4], &health));
	assert_int_equal(health.icmp_errno, ECONNREFUSED);
	assert_int_equal(health.icmp_type, 3);
	assert_int_equal(health.icmp_code, 3);
	assert_false(health.icmp_is_v6);
	assert_int_equal(health.icmp_count, 1);
}

static void test_a_pending_error_does_not_hide_what_waits(void **state)
{
	struct pair *pair = *state;

	refuse_one(pair);
	send_to_us(pair, "hello");
	assert_int_equal(udp_reader_receive(pair->reader, pair->us.fd[UDP_V4]), 1);
	assert_int_equal(udp_reader_message(pair->reader, 0)->len, 5);
}

/* ---- errors of the receive itself ---- */

static const int codes[] = {EAGAIN,	  EINTR,	ENOBUFS, ENOMEM,      EPERM, EMSGSIZE,
			    ECONNREFUSED, EHOSTUNREACH, EIO,	 ENETUNREACH, EINVAL};

/* As often as it fails, what waits is there at the next turn. */
static void check_failures(const struct pair *pair, int code, unsigned int n)
{
	unsigned int n_turns = 0;

	for (unsigned int i = 0; i < n; i++)
		failures[i] = code;
	n_failures = n;
	send_to_us(pair, "hello");
	while (udp_reader_receive(pair->reader, pair->us.fd[UDP_V4]) == 0)
		assert_true(++n_turns <= n);
	assert_int_equal(udp_reader_message(pair->reader, 0)->len, 5);
}

static void test_no_error_of_a_receive_loses_or_hides_what_waits(void **state)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		for (unsigned int n = 1; n <= FAILURES_MAX; n++)
			check_failures(*state, codes[i], n);
}

static void test_a_failing_receive_is_repeated_once_not_for_ever(void **state)
{
	struct pair *pair = *state;

	failures[0] = failures[1] = failures[2] = ECONNREFUSED;
	n_failures = 3;
	assert_int_equal(udp_reader_receive(pair->reader, pair->us.fd[UDP_V4]), 0);
	assert_int_equal(n_receives, 2);
}

static void test_a_flood_of_errors_does_not_hold_us(void **state)
{
	struct pair *pair = *state;
	struct health health = {0};

	is_flooded = true;
	assert_false(udp_reader_take_errors(pair->us.fd[UDP_V4], &health));
	assert_int_equal(n_receives, UDP_READER_ERRORS_MAX);
	is_flooded = false;
	failures[0] = EINTR;
	n_failures = 1;
	assert_false(udp_reader_take_errors(pair->us.fd[UDP_V4], &health));
	assert_int_equal(health.icmp_count, 0);
}

/* ---- control messages that no kernel would write ---- */

static void parse(int level, int type, size_t len, const void *bytes, struct udp_message *ret)
{
	union {
		struct cmsghdr align;
		char space[256];
	} control = {0};
	struct msghdr header = {.msg_control = &control, .msg_controllen = CMSG_LEN(len)};

	control.align.cmsg_level = level;
	control.align.cmsg_type = type;
	control.align.cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(&control.align), bytes, len);
	*ret = (struct udp_message){.segment = 77, .tos = 9};
	udp_reader_parse_control(&header, ret);
}

static void test_senseless_control_messages_change_nothing(void **state)
{
	const int zero = 0;
	const int negative = -5;
	const int large = 70000;
	const int small = 1200;
	struct udp_message message;

	(void)state;
	parse(IPPROTO_UDP, UDP_GRO, 4, &zero, &message);
	assert_int_equal(message.segment, 77);
	parse(IPPROTO_UDP, UDP_GRO, 4, &negative, &message);
	assert_int_equal(message.segment, 77);
	parse(IPPROTO_UDP, UDP_GRO, 4, &large, &message);
	assert_int_equal(message.segment, 77);
	parse(IPPROTO_UDP, UDP_GRO, 2, &small, &message);
	assert_int_equal(message.segment, 77);
	parse(IPPROTO_UDP, UDP_GRO, 4, &small, &message);
	assert_int_equal(message.segment, 1200);
	parse(IPPROTO_IP, IP_PKTINFO, 4, &small, &message);
	assert_int_equal(message.to.any.sa_family, AF_UNSPEC);
	parse(IPPROTO_IP, 250, 4, &small, &message);
	assert_int_equal(message.tos, 9);
}

static void test_a_control_message_longer_than_its_buffer_is_not_read(void **state)
{
	struct cmsghdr control = {.cmsg_len = 4096, .cmsg_level = IPPROTO_IP, .cmsg_type = IP_TOS};
	struct msghdr header = {.msg_control = &control, .msg_controllen = sizeof(control)};
	struct udp_message message = {.tos = 9};

	(void)state;
	udp_reader_parse_control(&header, &message);
	assert_int_equal(message.tos, 9);
}

static void test_ipv6_facts_are_read(void **state)
{
	const struct in6_pktinfo info = {.ipi6_addr = IN6ADDR_LOOPBACK_INIT, .ipi6_ifindex = 4};
	const int traffic_class = 0x8b;
	struct udp_message message;

	(void)state;
	parse(IPPROTO_IPV6, IPV6_TCLASS, 4, &traffic_class, &message);
	assert_int_equal(message.tos, 0x8b);
	parse(IPPROTO_IPV6, IPV6_PKTINFO, sizeof(info), &info, &message);
	assert_int_equal(message.to.v6.sin6_family, AF_INET6);
	assert_int_equal(message.ifindex, 4);
	assert_memory_equal(&message.to.v6.sin6_addr, &info.ipi6_addr, 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_datagram_comes_with_all_that_is_known_of_it),
		TEST(test_several_messages_come_with_one_receive),
		TEST(test_an_empty_datagram_is_no_endless_one),
		TEST(test_merged_datagrams_say_where_to_cut),
		TEST(test_an_icmp_refusal_is_counted),
		TEST(test_a_pending_error_does_not_hide_what_waits),
		TEST(test_no_error_of_a_receive_loses_or_hides_what_waits),
		TEST(test_a_failing_receive_is_repeated_once_not_for_ever),
		TEST(test_a_flood_of_errors_does_not_hold_us),
		cmocka_unit_test(test_senseless_control_messages_change_nothing),
		cmocka_unit_test(test_a_control_message_longer_than_its_buffer_is_not_read),
		cmocka_unit_test(test_ipv6_facts_are_read),
	};

	return cmocka_run_group_tests_name("dataplane/udp_reader", tests, NULL, NULL);
}
