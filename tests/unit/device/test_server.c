/* Mirrors src/device/server.c */
#include "cmocka_all.h"

#include "base/loop.h"
#include "base/secret.h"
#include "device/server.h"
#include "device/syntax.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define KEY "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbe3f"

static struct loop *loop;
static struct server *server;
static int listener;
static struct sockaddr_un address;
static socklen_t address_len;

/* What the target does, and what was asked of it. */
static int answer;
static size_t get_len;
static unsigned int n_sets;
static unsigned int n_gets;
static uint32_t last_mark;

static int take_set(void *context, const struct syntax_set *set)
{
	(void)context;
	n_sets++;
	last_mark = set->mark;
	return answer;
}

static int make_get(void *context, char **ret, size_t *ret_len)
{
	(void)context;
	n_gets++;
	if (answer < 0)
		return answer;
	*ret = secret_new(get_len);
	assert_non_null(*ret);
	memset(*ret, 'x', get_len - 10);
	memcpy(*ret + get_len - 10, "\nerrno=0\n\n", 10);
	*ret_len = get_len;
	return 0;
}

static int start(void **state)
{
	const struct server_target target = {.set = take_set, .get = make_get};

	(void)state;
	address = (struct sockaddr_un){.sun_family = AF_UNIX};
	address_len = sizeof(address);
	answer = 0;
	get_len = 100;
	n_sets = n_gets = last_mark = 0;
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &address_len) < 0 ||
	    listen(listener, 100) < 0)
		return -1;
	loop = loop_new();
	return loop ? server_new(loop, listener, &target, &server) : -1;
}

static int end(void **state)
{
	(void)state;
	server_free(server);
	server_free(NULL);
	loop_free(loop);
	(void)close(listener);
	return 0;
}

/* Until nothing is left to do. */
static void run(void)
{
	for (int i = 0; i < 200; i++)
		assert_int_equal(loop_turn(loop, (struct instant){1}), 0);
}

static int connect_client(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, address_len), 0);
	run();
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	run();
}

/* What waits to be read; "-": nothing; "": the server has hung up. */
static const char *hear(int fd)
{
	static char text[4096];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return errno == EAGAIN ? "-" : "";
	text[n] = '\0';
	return text;
}

static void test_requests_are_answered_in_order(void **state)
{
	int fd = connect_client();

	(void)state;
	get_len = 11;
	say(fd, "set=1\nfwmark=1\n\nget=1\n\nset=1\nfwmark=x\n\nset=1\nx\n\nset=1\nfwmark=7\n\n");
	assert_string_equal(hear(fd),
			    "errno=0\n\nx\nerrno=0\n\nerrno=-22\n\nerrno=-71\n\nerrno=0\n\n");
	assert_int_equal(n_sets, 2);
	assert_int_equal(last_mark, 7);
	assert_string_equal(hear(fd), "-");
	(void)close(fd);
	run();
}

static void test_a_request_may_come_in_pieces_among_those_of_others(void **state)
{
	static const char text[] = "set=1\nfwmark=5\n\n";
	int fd = connect_client();
	int other = connect_client();

	(void)state;
	for (size_t i = 0; text[i]; i++) {
		const char piece[] = {text[i], '\0'};

		assert_string_equal(hear(fd), "-");
		say(fd, piece);
		say(other, "get=1\n\n");
		assert_non_null(strstr(hear(other), "errno=0"));
	}
	assert_string_equal(hear(fd), "errno=0\n\n");
	assert_int_equal(last_mark, 5);
	(void)close(fd);
	(void)close(other);
}

static void test_the_targets_errno_is_the_answer(void **state)
{
	int fd = connect_client();

	(void)state;
	answer = -EADDRINUSE;
	say(fd, "set=1\nlisten_port=1\n\nget=1\n\n");
	assert_string_equal(hear(fd), "errno=-98\n\nerrno=-98\n\n");
	(void)close(fd);
}

static void test_garbage_is_hung_up_on(void **state)
{
	int fd = connect_client();

	(void)state;
	say(fd, "GET / HTTP/1.1\r\n");
	assert_string_equal(hear(fd), "");
	(void)close(fd);
	fd = connect_client();
	say(fd, "get=1\nfoo\n\n");
	assert_string_equal(hear(fd), "errno=-22\n\n");
	assert_string_equal(hear(fd), "");
	(void)close(fd);
}

static void test_a_slow_reader_holds_up_nobody_and_gets_everything(void **state)
{
	int slow = connect_client();
	int other = connect_client();
	size_t n_read = 0;
	static char text[65536];

	(void)state;
	get_len = 5000000;
	say(slow, "get=1\n\nset=1\n\n");
	get_len = 100;
	say(other, "get=1\n\n");
	assert_non_null(strstr(hear(other), "errno=0"));
	assert_int_equal(n_sets, 0);
	for (;;) {
		ssize_t n = read(slow, text, sizeof(text));

		if (n <= 0)
			break;
		n_read += (size_t)n;
		run();
	}
	assert_int_equal(n_read, 5000000 + 9);
	assert_int_equal(n_sets, 1);
	(void)close(slow);
	(void)close(other);
}

static void test_a_set_ended_by_half_a_close_is_done(void **state)
{
	int fd = connect_client();

	(void)state;
	say(fd, "set=1\nfwmark=3\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	run();
	assert_string_equal(hear(fd), "errno=0\n\n");
	assert_string_equal(hear(fd), "");
	assert_int_equal(last_mark, 3);
	(void)close(fd);
	fd = connect_client();
	say(fd, "set=1\nfwmark=4");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	run();
	assert_string_equal(hear(fd), "errno=0\n\n");
	assert_int_equal(last_mark, 4);
	(void)close(fd);
}

static void test_half_a_get_is_hung_up_on(void **state)
{
	int fd = connect_client();

	(void)state;
	say(fd, "get=1\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	run();
	assert_string_equal(hear(fd), "");
	assert_int_equal(n_gets, 0);
	(void)close(fd);
}

static void test_of_a_client_that_is_gone_only_whole_requests_are_done(void **state)
{
	int fd = connect_client();

	(void)state;
	assert_true(send(fd, "set=1\nfwmark=1\n\nset=1\nfwmark=2\n", 31, 0) == 31);
	(void)close(fd);
	run();
	assert_int_equal(n_sets, 1);
	assert_int_equal(last_mark, 1);
}

static void test_what_is_put_off_is_done_later(void **state)
{
	int fd = connect_client();
	int gone = connect_client();
	int third = connect_client();

	(void)state;
	answer = -EAGAIN;
	say(fd, "set=1\nfwmark=9\n\nget=1\n\n");
	say(gone, "get=1\n\n");
	say(third, "get=1\n\n");
	(void)close(gone);
	run();
	assert_string_equal(hear(fd), "-");
	n_gets = n_sets = 0;
	run(); /* nobody asks again meanwhile */
	assert_int_equal(n_gets + n_sets, 0);
	answer = 0;
	get_len = 10;
	server_resume(server);
	run();
	assert_string_equal(hear(fd), "errno=0\n\n\nerrno=0\n\n");
	assert_string_equal(hear(third), "\nerrno=0\n\n");
	assert_int_equal(n_sets, 1);
	assert_int_equal(n_gets, 3);
	(void)close(fd);
	(void)close(third);
}

static void test_too_many_clients_end_the_one_that_was_silent_for_longest(void **state)
{
	int fds[SERVER_CLIENTS_MAX + 1];

	(void)state;
	for (int i = 0; i < SERVER_CLIENTS_MAX; i++)
		fds[i] = connect_client();
	say(fds[0], "set=1\n");
	fds[SERVER_CLIENTS_MAX] = connect_client();
	assert_string_equal(hear(fds[0]), "-");
	assert_string_equal(hear(fds[1]), "");
	say(fds[SERVER_CLIENTS_MAX], "get=1\n\n");
	assert_non_null(strstr(hear(fds[SERVER_CLIENTS_MAX]), "errno=0"));
	for (int i = 0; i <= SERVER_CLIENTS_MAX; i++)
		(void)close(fds[i]);
}

/* One more piece of an endless request.  False: the server takes no more. */
static bool pour(int fd, size_t *left)
{
	static char lines[1 << 16];
	ssize_t n;

	memset(lines, 'x', sizeof(lines));
	n = send(fd, lines, *left < sizeof(lines) ? *left : sizeof(lines), MSG_NOSIGNAL);
	if (n > 0)
		*left -= (size_t)n;
	for (int i = 0; i < 4; i++)
		assert_int_equal(loop_turn(loop, (struct instant){1}), 0);
	return n > 0;
}

static void test_a_request_that_is_too_long_is_refused_and_forgotten(void **state)
{
	int fd = connect_client();
	size_t left = SERVER_REQUEST_MAX + 100000;

	(void)state;
	say(fd, "set=1\n");
	while (left > 0)
		assert_true(pour(fd, &left));
	assert_string_equal(hear(fd), "-");
	say(fd, "\n\nset=1\nfwmark=6\n\n");
	assert_string_equal(hear(fd), "errno=-7\n\nerrno=0\n\n");
	assert_int_equal(n_sets, 1);
	(void)close(fd);
}

static void test_memory_is_taken_from_whoever_is_silent(void **state)
{
	int fds[5];
	unsigned int n_ended = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		size_t left = SERVER_REQUEST_MAX - 100;

		fds[i] = connect_client();
		say(fds[i], "set=1\n");
		while (left > 0)
			assert_true(pour(fds[i], &left));
	}
	for (int i = 0; i < 5; i++)
		n_ended += strcmp(hear(fds[i]), "") == 0;
	assert_in_range(n_ended, 2, 4);
	assert_string_equal(hear(fds[4]), "-");
	say(fds[4], "\n\n");
	assert_string_equal(hear(fds[4]), "errno=-71\n\n");
	for (int i = 0; i < 5; i++)
		(void)close(fds[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_requests_are_answered_in_order),
		TEST(test_a_request_may_come_in_pieces_among_those_of_others),
		TEST(test_the_targets_errno_is_the_answer),
		TEST(test_garbage_is_hung_up_on),
		TEST(test_a_slow_reader_holds_up_nobody_and_gets_everything),
		TEST(test_a_set_ended_by_half_a_close_is_done),
		TEST(test_half_a_get_is_hung_up_on),
		TEST(test_of_a_client_that_is_gone_only_whole_requests_are_done),
		TEST(test_what_is_put_off_is_done_later),
		TEST(test_too_many_clients_end_the_one_that_was_silent_for_longest),
		TEST(test_a_request_that_is_too_long_is_refused_and_forgotten),
		TEST(test_memory_is_taken_from_whoever_is_silent),
	};

	return cmocka_run_group_tests_name("device/server", tests, NULL, NULL);
}
