/* Mirrors src/confine/channel.c */
#include "cmocka_all.h"

#include "base/fd.h"
#include "confine/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_pair(void **state)
{
	static int pair[2];

	*state = pair;
	return channel_open(pair);
}

static int close_pair(void **state)
{
	int *pair = *state;

	(void)close(pair[0]);
	return close(pair[1]);
}

static void test_a_message_arrives_with_its_descriptors(void **state)
{
	const int *pair = *state;
	struct channel_message sent = {.kind = CHANNEL_FAILED, .number = 126};
	struct channel_message got;
	int fds[FD_PASS_MAX];
	size_t n_fds;
	int passed[2] = {0, 1};

	(void)error_set(&sent.error, ENOENT, "no such thing");
	error_hint(&sent.error, "look elsewhere");
	sent.error.pos.path = "a pointer of the sender's";
	assert_int_equal(channel_send(pair[0], &sent, passed, 2), 0);
	assert_int_equal(channel_receive(pair[1], &got, fds, &n_fds), 1);
	assert_int_equal(got.kind, CHANNEL_FAILED);
	assert_int_equal(got.number, 126);
	assert_int_equal(got.error.code, ENOENT);
	assert_string_equal(got.error.what, "no such thing");
	assert_string_equal(got.error.hint, "look elsewhere");
	assert_null(got.error.pos.path);
	assert_int_equal(n_fds, 2);
	assert_int_equal(close(fds[0]) | close(fds[1]), 0);
}

static void test_the_end_of_the_other_side_is_0(void **state)
{
	int *pair = *state;
	struct channel_message got;
	int fds[FD_PASS_MAX];
	size_t n_fds;

	(void)close(pair[0]);
	assert_int_equal(channel_receive(pair[1], &got, fds, &n_fds), 0);
	assert_int_equal(channel_say(pair[1], CHANNEL_READY, 0), -EPIPE);
	pair[0] = dup(pair[1]);
}

static void test_what_is_no_message_is_refused(void **state)
{
	const int *pair = *state;
	struct channel_message odd = {.kind = CHANNEL_READY};
	struct channel_message got;
	int fds[FD_PASS_MAX];
	size_t n_fds;
	int passed = 0;

	assert_int_equal(fd_send(pair[0], "short", 5, &passed, 1), 0);
	assert_int_equal(channel_receive(pair[1], &got, fds, &n_fds), -EBADMSG);
	memset(&odd.kind, 0x7f, sizeof(odd.kind));
	assert_int_equal(fd_send(pair[0], &odd, sizeof(odd), NULL, 0), 0);
	assert_int_equal(channel_receive(pair[1], &got, fds, &n_fds), -EBADMSG);
}

static void test_text_from_the_other_side_always_ends(void **state)
{
	const int *pair = *state;
	struct channel_message sent = {.kind = CHANNEL_NOTE};
	struct channel_message got;
	int fds[FD_PASS_MAX];
	size_t n_fds;

	memset(sent.error.what, 'x', sizeof(sent.error.what));
	memset(sent.error.hint, 'y', sizeof(sent.error.hint));
	assert_int_equal(fd_send(pair[0], &sent, sizeof(sent), NULL, 0), 0);
	assert_int_equal(channel_receive(pair[1], &got, fds, &n_fds), 1);
	assert_int_equal(strlen(got.error.what), sizeof(got.error.what) - 1);
	assert_int_equal(strlen(got.error.hint), sizeof(got.error.hint) - 1);
}

static void test_another_kind_than_expected_ends_the_wait(void **state)
{
	int *pair = *state;

	assert_int_equal(channel_say(pair[0], CHANNEL_GO, 0), 0);
	assert_int_equal(channel_expect(pair[1], CHANNEL_GO), 0);
	assert_int_equal(channel_say(pair[0], CHANNEL_SIGNAL, 15), 0);
	assert_int_equal(channel_expect(pair[1], CHANNEL_GO), -ECONNRESET);
	(void)close(pair[0]);
	assert_int_equal(channel_expect(pair[1], CHANNEL_GO), -ECONNRESET);
	pair[0] = dup(pair[1]);
}

static void test_a_descriptor_that_is_none_fails(void **state)
{
	const int *pair = *state;
	struct channel_message message = {.kind = CHANNEL_HELLO};
	int none = -1;
	int fds[FD_PASS_MAX];
	size_t n_fds;

	assert_int_equal(channel_send(pair[0], &message, &none, 1), -EBADF);
	assert_int_equal(channel_receive(-1, &message, fds, &n_fds), -EBADF);
	assert_int_equal(channel_expect(-1, CHANNEL_GO), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_message_arrives_with_its_descriptors,
						open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_the_end_of_the_other_side_is_0, open_pair,
						close_pair),
		cmocka_unit_test_setup_teardown(test_what_is_no_message_is_refused, open_pair,
						close_pair),
		cmocka_unit_test_setup_teardown(test_text_from_the_other_side_always_ends,
						open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_another_kind_than_expected_ends_the_wait,
						open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_a_descriptor_that_is_none_fails, open_pair,
						close_pair),
	};

	return cmocka_run_group_tests_name("confine/channel", tests, NULL, NULL);
}
