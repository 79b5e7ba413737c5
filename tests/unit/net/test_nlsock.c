/* Mirrors src/net/nlsock.c */
#include "cmocka_all.h"

#include "namespace.h"
#include "net/fake.h"

#include "base/error.h"

#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sys/time.h>

static int setup(void **state)
{
	static struct fake fake;

	*state = &fake;
	return fake_open(&fake) ? 0 : -1;
}

static int teardown(void **state)
{
	fake_close(*state);
	return 0;
}

static int exchange(struct fake *fake, struct error *err)
{
	(void)nlsock_begin(fake->sock, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	return nlsock_exchange(fake->sock, NULL, NULL, err);
}

static void expect_failure(struct fake *fake, int code, const char *what)
{
	struct error err = {0};

	assert_int_equal(exchange(fake, &err), -code);
	assert_int_equal(err.code, code);
	assert_string_equal(err.what, what);
}

static void test_a_request_is_what_was_begun(void **state)
{
	struct fake *fake = *state;
	char bytes[256];
	const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)bytes;

	fake_end(fake, 1, 0);
	assert_int_equal(exchange(fake, NULL), 0);
	assert_int_equal(recv(fake->fd, bytes, sizeof(bytes), 0),
			 sizeof(*header) + sizeof(struct ifinfomsg));
	assert_int_equal(header->nlmsg_type, RTM_GETLINK);
	assert_int_equal(header->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
	assert_int_equal(header->nlmsg_seq, 1);
	(void)nlsock_begin(fake->sock, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	fake_end(fake, 2, 0);
	assert_int_equal(nlsock_exchange(fake->sock, NULL, NULL, NULL), 0);
	assert_true(recv(fake->fd, bytes, sizeof(bytes), 0) > 0);
	assert_int_equal(header->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	assert_int_equal(header->nlmsg_seq, 2);
}

static void test_a_refusal_is_told_by_its_errno(void **state)
{
	fake_end(*state, 1, -EPERM);
	expect_failure(*state, EPERM, "Operation not permitted");
}

static void test_a_refusal_is_told_in_the_kernels_words(void **state)
{
	fake_refuse(*state, -EINVAL, "Nexthop has invalid gateway", 28);
	expect_failure(*state, EINVAL, "Invalid argument (Nexthop has invalid gateway)");
}

static void test_words_without_an_end_are_not_read(void **state)
{
	fake_refuse(*state, -EINVAL, "no end", 6);
	expect_failure(*state, EINVAL, "Invalid argument");
}

static void test_empty_words_are_not_told(void **state)
{
	fake_refuse(*state, -EINVAL, "", 1);
	expect_failure(*state, EINVAL, "Invalid argument");
}

/* Kernels before 4.12, and answers with our whole request in them. */
static void test_words_behind_the_request_are_found(void **state)
{
	struct fake *fake = *state;
	struct nlmsgerr *error;

	fake_begin(fake, NLMSG_ERROR, 1)->nlmsg_flags = NLM_F_ACK_TLVS;
	error = fake_header(fake, sizeof(*error) + sizeof(struct ifinfomsg));
	error->error = -ENODEV;
	error->msg.nlmsg_len = sizeof(error->msg) + sizeof(struct ifinfomsg);
	mnl_attr_put_strz(&fake->message.header, NLMSGERR_ATTR_MSG, "no such link");
	fake_send(fake);
	expect_failure(fake, ENODEV, "No such device (no such link)");
}

static void test_a_request_longer_than_its_answer_has_no_words(void **state)
{
	static const uint32_t lens[] = {0, 15, 4000, UINT32_MAX};
	struct fake *fake = *state;

	for (uint32_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct nlmsgerr *error;
		struct error err;

		fake_begin(fake, NLMSG_ERROR, i + 1)->nlmsg_flags = NLM_F_ACK_TLVS;
		error = fake_header(fake, sizeof(*error));
		error->error = -ENODEV;
		error->msg.nlmsg_len = lens[i];
		fake_send(fake);
		assert_int_equal(exchange(fake, &err), -ENODEV);
		assert_string_equal(err.what, "No such device");
	}
}

static void test_an_error_that_is_none_is_refused(void **state)
{
	static const int codes[] = {1, INT32_MAX, -4096, INT32_MIN};

	for (uint32_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		fake_end(*state, i + 1, codes[i]);
		expect_failure(*state, EBADMSG, "the kernel's answer makes no sense");
	}
}

static void test_an_end_that_is_cut_off_is_refused(void **state)
{
	struct fake *fake = *state;

	(void)fake_begin(fake, NLMSG_ERROR, 1);
	(void)fake_header(fake, 4);
	fake_send(fake);
	expect_failure(fake, EBADMSG, "the kernel's answer is cut off");
}

static void test_a_dump_ends_with_done_and_its_error(void **state)
{
	struct fake *fake = *state;

	(void)fake_begin(fake, NLMSG_DONE, 1);
	fake_send(fake);
	assert_int_equal(exchange(fake, NULL), 0);
	(void)fake_begin(fake, NLMSG_DONE, 2);
	*(int *)fake_header(fake, sizeof(int)) = -EINVAL;
	fake_send(fake);
	expect_failure(fake, EINVAL, "Invalid argument");
}

static void test_a_dump_that_changed_meanwhile_is_to_be_made_again(void **state)
{
	struct fake *fake = *state;

	fake_begin(fake, RTM_NEWLINK, 1)->nlmsg_flags = NLM_F_DUMP_INTR;
	fake_send(fake);
	expect_failure(fake, EINTR, "the list changed while the kernel wrote it");
}

static void test_a_lost_answer_is_an_error(void **state)
{
	struct fake *fake = *state;

	(void)fake_begin(fake, NLMSG_OVERRUN, 1);
	fake_send(fake);
	expect_failure(fake, ENOBUFS, "the kernel's answer got lost");
}

static void test_nothing_and_the_rest_of_an_earlier_answer_are_passed_over(void **state)
{
	struct fake *fake = *state;

	(void)fake_begin(fake, NLMSG_NOOP, 1);
	fake_send(fake);
	fake_end(fake, 0, -EPERM);
	fake_end(fake, 7, -EPERM);
	fake_end(fake, 1, -ENODEV);
	expect_failure(fake, ENODEV, "No such device");
}

static void test_a_message_longer_than_its_datagram_is_refused(void **state)
{
	struct fake *fake = *state;

	fake_begin(fake, RTM_NEWLINK, 1)->nlmsg_len = 400;
	fake_send_bytes(fake, fake->message.bytes, 20);
	expect_failure(fake, EBADMSG, "the kernel's answer is cut off");
	fake_begin(fake, RTM_NEWLINK, 2)->nlmsg_len = 4;
	fake_send_bytes(fake, fake->message.bytes, 16);
	expect_failure(fake, EBADMSG, "the kernel's answer is cut off");
}

static void test_a_datagram_longer_than_the_buffer_is_refused(void **state)
{
	static char bytes[NLSOCK_ANSWER_MAX + 4];

	fake_send_bytes(*state, bytes, sizeof(bytes));
	expect_failure(*state, EBADMSG, "the kernel's answer is too long");
}

static void test_an_end_without_an_answer_is_refused(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(shutdown(fake->fd, SHUT_WR), 0);
	expect_failure(fake, EBADMSG, "the kernel's answer is empty");
}

static void test_a_request_that_cannot_be_sent_is_an_error(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(shutdown(nlsock_fd(fake->sock), SHUT_WR), 0);
	expect_failure(fake, EPIPE, "cannot send a netlink request: Broken pipe");
}

static void test_no_answer_is_not_waited_for_for_ever(void **state)
{
	const struct timeval wait = {.tv_usec = 1000};
	struct fake *fake = *state;

	assert_int_equal(
		setsockopt(nlsock_fd(fake->sock), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
	expect_failure(fake, ETIMEDOUT, "the kernel does not answer");
}

static void *talk_on(void *context)
{
	struct fake *fake = context;
	ssize_t n;

	do
		n = send(fake->fd, fake->message.bytes, fake->message.header.nlmsg_len,
			 MSG_NOSIGNAL);
	while (n > 0);
	return NULL;
}

static void test_an_answer_without_an_end_is_given_up(void **state)
{
	struct fake *fake = *state;
	pthread_t thread;

	(void)fake_begin(fake, RTM_NEWLINK, 1);
	assert_int_equal(pthread_create(&thread, NULL, talk_on, fake), 0);
	expect_failure(fake, E2BIG, "the kernel's answer does not end");
	assert_int_equal(shutdown(fake->fd, SHUT_RDWR), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static int count(void *context, const struct nlmsghdr *message)
{
	unsigned int *n = context;

	assert_int_equal(message->nlmsg_type, RTM_NEWLINK);
	return ++*n == 3 ? -EXFULL : 0;
}

static void send_links(struct fake *fake, unsigned int n)
{
	char bytes[4 * NLMSG_HDRLEN];
	size_t len = 0;

	for (unsigned int i = 0; i < n; i++) {
		(void)fake_begin(fake, RTM_NEWLINK, 1);
		memcpy(bytes + len, fake->message.bytes, NLMSG_HDRLEN);
		len += NLMSG_HDRLEN;
	}
	fake_send_bytes(fake, bytes, len);
}

static void test_every_message_of_an_answer_is_passed_on(void **state)
{
	struct fake *fake = *state;
	unsigned int n = 0;

	(void)nlsock_begin(fake->sock, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	send_links(fake, 2);
	fake_end(fake, 1, 0);
	assert_int_equal(nlsock_exchange(fake->sock, count, &n, NULL), 0);
	assert_int_equal(n, 2);
}

static void test_who_reads_an_answer_may_end_it(void **state)
{
	struct fake *fake = *state;
	struct error err;
	unsigned int n = 0;

	(void)nlsock_begin(fake->sock, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	send_links(fake, 4);
	assert_int_equal(nlsock_exchange(fake->sock, count, &n, &err), -EXFULL);
	assert_int_equal(n, 3);
	assert_int_equal(err.code, EXFULL);
}

static void test_what_is_no_socket_is_refused_and_stays_the_callers(void **state)
{
	struct nlsock *sock = NULL;
	struct error err;
	int pair[2];

	(void)state;
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(nlsock_adopt(pair[0], &sock, &err), -ENOTSOCK);
	assert_null(sock);
	assert_int_equal(close(pair[0]), 0);
	assert_int_equal(close(pair[1]), 0);
	nlsock_close(NULL);
}

static void test_a_handle_in_the_callers_memory_leaves_no_byte_there_when_wiped(void **state)
{
	size_t size = nlsock_size();
	uint8_t *memory = calloc(1, size);
	struct fake fake = {0};
	struct error err;
	int pair[2];

	(void)state;
	assert_non_null(memory);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(nlsock_adopt_in(memory, pair[0], &fake.sock, NULL), 0);
	fake.fd = pair[1];
	fake_refuse(&fake, -EINVAL, "the key", 8);
	mnl_attr_put_strz(nlsock_begin(fake.sock, RTM_GETLINK, 0, sizeof(struct ifinfomsg)),
			  IFLA_IFNAME, "the key");
	assert_int_equal(nlsock_exchange(fake.sock, NULL, NULL, &err), -EINVAL);
	assert_non_null(memmem(memory, size, "the key", 7));
	nlsock_wipe(fake.sock);
	assert_null(memmem(memory, size, "the key", 7));
	/* and goes on */
	fake_end(&fake, 2, 0);
	assert_int_equal(exchange(&fake, NULL), 0);
	fake_close(&fake);
	free(memory);
}

static void test_a_handle_of_another_protocol_is_asked_likewise(void **state)
{
	struct nlsock *sock = NULL;
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(nlsock_open_protocol(NETLINK_GENERIC, &sock, NULL), 0);
	nlsock_close(sock);
	assert_int_equal(nlsock_open_protocol(1000, &sock, &err), -EPROTONOSUPPORT);
	assert_string_equal(err.what, "cannot open a netlink socket: Protocol not supported");
}

/* Another process of the namespace may write to our port, with any sequence. */
static void test_only_the_kernel_is_listened_to(void **state)
{
	struct sockaddr_nl ours;
	socklen_t len = sizeof(ours);
	struct nlsock *sock;
	struct error err;
	struct fake forged = {0};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(nlsock_open(&sock, NULL), 0);
	assert_int_equal(getsockname(nlsock_fd(sock), (struct sockaddr *)&ours, &len), 0);
	forged.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	assert_int_equal(connect(forged.fd, (struct sockaddr *)&ours, sizeof(ours)), 0);
	fake_begin(&forged, NLMSG_ERROR, 1)->nlmsg_pid = ours.nl_pid;
	(void)fake_header(&forged, sizeof(struct nlmsgerr));
	fake_send(&forged);
	(void)mnl_attr_put_strz(nlsock_begin(sock, RTM_GETLINK, 0, sizeof(struct ifinfomsg)),
				IFLA_IFNAME, "none");
	assert_int_equal(nlsock_exchange(sock, NULL, NULL, &err), -ENODEV);
	(void)close(forged.fd);
	nlsock_close(sock);
}

static void test_the_kernels_words_come_with_its_refusal(void **state)
{
	struct ifinfomsg *header;
	struct nlsock *sock;
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(nlsock_open(&sock, NULL), 0);
	header =
		mnl_nlmsg_get_payload(nlsock_begin(sock, RTM_GETLINK, NLM_F_DUMP, sizeof(*header)));
	header->ifi_change = 1;
	assert_int_equal(nlsock_exchange(sock, NULL, NULL, &err), -EINVAL);
	assert_string_equal(err.what, "Invalid argument (Invalid values in header for link dump "
				      "request)");
	nlsock_close(sock);
}

#define FAKE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE(test_a_request_is_what_was_begun),
		FAKE(test_a_refusal_is_told_by_its_errno),
		FAKE(test_a_refusal_is_told_in_the_kernels_words),
		FAKE(test_words_without_an_end_are_not_read),
		FAKE(test_empty_words_are_not_told),
		FAKE(test_words_behind_the_request_are_found),
		FAKE(test_a_request_longer_than_its_answer_has_no_words),
		FAKE(test_an_error_that_is_none_is_refused),
		FAKE(test_an_end_that_is_cut_off_is_refused),
		FAKE(test_a_dump_ends_with_done_and_its_error),
		FAKE(test_a_dump_that_changed_meanwhile_is_to_be_made_again),
		FAKE(test_a_lost_answer_is_an_error),
		FAKE(test_nothing_and_the_rest_of_an_earlier_answer_are_passed_over),
		FAKE(test_a_message_longer_than_its_datagram_is_refused),
		FAKE(test_a_datagram_longer_than_the_buffer_is_refused),
		FAKE(test_an_end_without_an_answer_is_refused),
		FAKE(test_a_request_that_cannot_be_sent_is_an_error),
		FAKE(test_no_answer_is_not_waited_for_for_ever),
		FAKE(test_an_answer_without_an_end_is_given_up),
		FAKE(test_every_message_of_an_answer_is_passed_on),
		FAKE(test_who_reads_an_answer_may_end_it),
		cmocka_unit_test(test_what_is_no_socket_is_refused_and_stays_the_callers),
		cmocka_unit_test(
			test_a_handle_in_the_callers_memory_leaves_no_byte_there_when_wiped),
		cmocka_unit_test(test_a_handle_of_another_protocol_is_asked_likewise),
		cmocka_unit_test(test_only_the_kernel_is_listened_to),
		cmocka_unit_test(test_the_kernels_words_come_with_its_refusal),
	};

	return cmocka_run_group_tests_name("net/nlsock", tests, namespace_group_setup, NULL);
}
