/* Mirrors src/tunnel/process.c
 *
 * With a real device and a real child, so root only; the errors of the socket
 * with one of ours in the child's place.
 */
#include "cmocka_all.h"

#include "base/secret.h"
#include "dataplane/private_tun.h"
#include "tunnel/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static struct process process;
static struct child_options options;
static int other; /* the child's end, where there is none */

static int start(void **state)
{
	(void)state;
	process = PROCESS_NONE;
	options = (struct child_options){
		.tun = open_private_tun(),
		.sockets = {.fd = {-1, -1}},
		.mtu = 1420,
		.is_down = true,
	};
	other = -1;
	return 0;
}

static int end(void **state)
{
	(void)state;
	process_stop(&process);
	if (options.tun >= 0)
		(void)close(options.tun);
	if (other >= 0)
		(void)close(other);
	return 0;
}

static void start_process(void)
{
	if (options.tun < 0)
		skip();
	assert_int_equal(process_start(&options, 2, &process), 0);
}

static int ask(const char *head, const char *body, enum fd_memory memory, struct process_reply *ret)
{
	const struct process_request request = {
		.head = head,
		.head_len = strlen(head),
		.body = body,
		.body_len = strlen(body),
		.memory = memory,
	};

	return process_ask(&process, &request, ret);
}

static void test_a_request_in_two_parts_is_answered(void **state)
{
	struct process_reply reply = {0};

	(void)state;
	start_process();
	assert_int_equal(ask("set=1\nadit_mtu=1300\n", "fwmark=0\n\n", FD_PLAIN, &reply), 0);
	assert_memory_equal(reply.text, "errno=0\n\n", 9);
	process_reply_free(&reply);
	assert_int_equal(ask("adit_stats=1\n\n", "", FD_SECRET, &reply), 0);
	assert_non_null(memmem(reply.text, reply.len, "adit_mtu=1300\n", 14));
	process_reply_free(&reply);
	process_reply_free(&reply);
	assert_null(reply.text);
}

static void test_sockets_go_beside_the_text(void **state)
{
	static const char text[] = "set=1\nadit_sockets=true\nadit_up=true\n\n";
	struct udp_sockets sockets = {.fd = {-1, -1}};
	const struct process_request request = {
		.head = text, .head_len = sizeof(text) - 1, .sockets = &sockets};
	struct process_reply reply = {0};

	(void)state;
	start_process();
	assert_int_equal(udp_open(0, 0, &sockets, NULL), 0);
	assert_int_equal(process_ask(&process, &request, &reply), 0);
	assert_memory_equal(reply.text, "errno=0\n\n", 9);
	process_reply_free(&reply);
	udp_close(&sockets);
}

static void test_a_child_that_is_stopped_is_gone(void **state)
{
	pid_t pid;

	(void)state;
	start_process();
	pid = process.pid;
	process_stop(&process);
	assert_int_equal(process.pid, -1);
	assert_int_equal(kill(pid, 0), -1);
	process_stop(&process);
}

static void test_a_child_that_does_not_hear_is_killed(void **state)
{
	pid_t pid;

	(void)state;
	start_process();
	pid = process.pid;
	assert_int_equal(kill(pid, SIGSTOP), 0);
	process_stop(&process);
	assert_int_equal(kill(pid, 0), -1);
}

static void test_a_dead_child_is_readable_and_does_not_answer(void **state)
{
	struct process_reply reply = {0};
	struct pollfd death;

	(void)state;
	start_process();
	assert_int_equal(kill(process.pid, SIGKILL), 0);
	death = (struct pollfd){.fd = process.pidfd, .events = POLLIN};
	assert_int_equal(poll(&death, 1, 2000), 1);
	assert_true(ask("get=1\n\n", "", FD_PLAIN, &reply) < 0);
	assert_null(reply.text);
}

/* The test is the child. */
static void pretend(void)
{
	const struct timeval patience = {.tv_usec = 20000};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	process.uapi = pair[0];
	other = pair[1];
	(void)setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

static void test_silence_is_a_time_out(void **state)
{
	struct process_reply reply = {0};
	static char large[1 << 20];

	(void)state;
	pretend();
	assert_int_equal(ask("get=1\n\n", "", FD_PLAIN, &reply), -ETIMEDOUT);
	memset(large, 'x', sizeof(large) - 1);
	assert_int_equal(ask(large, "", FD_PLAIN, &reply), -ETIMEDOUT);
}

static void test_an_answer_that_breaks_off_is_a_failure(void **state)
{
	struct process_reply reply = {0};

	(void)state;
	pretend();
	assert_int_equal(write(other, "errno=0\n", 8), 8);
	assert_int_equal(shutdown(other, SHUT_WR), 0);
	assert_int_equal(ask("get=1\n\n", "", FD_SECRET, &reply), -EPIPE);
}

static void test_a_long_answer_comes_whole(void **state)
{
	static char large[100000];
	struct process_reply reply = {0};

	(void)state;
	memset(large, 'x', sizeof(large));
	memcpy(large + sizeof(large) - 2, "\n\n", 2);
	pretend();
	assert_int_equal(write(other, large, sizeof(large)), sizeof(large));
	assert_int_equal(ask("get=1\n\n", "", FD_SECRET, &reply), 0);
	assert_int_equal(reply.len, sizeof(large));
	assert_memory_equal(reply.text, large, sizeof(large));
	process_reply_free(&reply);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_request_in_two_parts_is_answered),
		TEST(test_sockets_go_beside_the_text),
		TEST(test_a_child_that_is_stopped_is_gone),
		TEST(test_a_child_that_does_not_hear_is_killed),
		TEST(test_a_dead_child_is_readable_and_does_not_answer),
		TEST(test_silence_is_a_time_out),
		TEST(test_an_answer_that_breaks_off_is_a_failure),
		TEST(test_a_long_answer_comes_whole),
	};

	return cmocka_run_group_tests_name("tunnel/process", tests, enter_private_netns, NULL);
}
