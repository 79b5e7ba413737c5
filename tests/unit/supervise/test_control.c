/* Mirrors src/supervise/control.c */
#include "cmocka_all.h"

#include "supervise/own_folder.h"

#include "supervise/control.h"
#include "supervise/folder.h"
#include "supervise/place.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct place place;

/* A supervisor that answers one request with these bytes; NULL: it ends without. */
static pid_t answer_with(const char *bytes)
{
	struct error err = {0};
	int listen = folder_listen(place.control, &err);
	pid_t pid;

	assert_true(listen >= 0);
	pid = fork();
	if (pid == 0) {
		enum control_request request;
		int fd = -1;

		while (fd < 0)
			fd = folder_accept(listen);
		while (control_read(fd, &request) == -EAGAIN)
			;
		if (bytes)
			(void)send(fd, bytes, strlen(bytes), 0);
		_exit(0);
	}
	(void)close(listen);
	return pid;
}

static int ask(const char *bytes, json_t **ret, struct error *err)
{
	pid_t pid = answer_with(bytes);
	int r = control_ask(&place, CONTROL_STATUS, 5 * NS_PER_S, ret, err);

	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return r;
}

static void test_an_answer_is_the_callers(void **state)
{
	json_t *answer = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(ask("{\"name\": \"media\"}", &answer, &err), 0);
	assert_string_equal(json_string_value(json_object_get(answer, "name")), "media");
	json_decref(answer);
}

static void test_an_error_of_the_supervisors_is_the_askers(void **state)
{
	json_t *answer = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(ask("{\"error\": \"no\", \"hint\": \"do\", \"code\": 13}", &answer, &err),
			 -EACCES);
	assert_string_equal(err.what, "no");
	assert_string_equal(err.hint, "do");
	assert_null(answer);
}

static void test_what_is_no_answer_is_an_error(void **state)
{
	json_t *answer = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(ask("nonsense", &answer, &err), -EBADMSG);
	assert_int_equal(ask(NULL, &answer, &err), -ECONNRESET);
	assert_non_null(strstr(err.what, "has ended"));
}

static void test_who_cannot_be_answered_is_not_left_waiting(void **state)
{
	json_t *answer = json_object();
	unsigned int n_before = 0;
	char byte = 0;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	while (send(ends[0], &byte, 1, MSG_DONTWAIT) == 1)
		n_before++;
	control_answer(ends[0], answer);
	for (; n_before > 0; n_before--)
		assert_int_equal(recv(ends[1], &byte, 1, 0), 1);
	assert_int_equal(recv(ends[1], &byte, 1, 0), 0);
	json_decref(answer);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void test_without_a_supervisor_it_is_not_up(void **state)
{
	json_t *answer = NULL;
	struct error err = {0};

	(void)state;
	(void)unlink(place.control);
	assert_int_equal(control_ask(&place, CONTROL_STATUS, NS_PER_S, &answer, &err), -ENOENT);
	assert_string_equal(err.what, "'media' is not up");
	assert_string_equal(err.hint, "adit up media");
}

static void test_a_silent_supervisor_is_not_waited_for_longer_than_said(void **state)
{
	struct error err = {0};
	int listen = folder_listen(place.control, &err);
	json_t *answer = NULL;

	(void)state;
	assert_int_equal(control_ask(&place, CONTROL_STATUS, NS_PER_MS, &answer, &err), -ETIMEDOUT);
	(void)close(listen);
}

static void test_every_word_is_read_and_no_other(void **state)
{
	static const char *const words[] = {"status", "brief", "wait", "reload", "stop"};
	static const char *const wrong[] = {"Status", "stat", "status ", "x"};
	enum control_request request;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_int_equal(control_read(ends[1], &request), -EAGAIN);
	for (int i = 0; i < CONTROL_REQUESTS; i++) {
		assert_true(send(ends[0], words[i], strlen(words[i]), 0) > 0);
		assert_int_equal(control_read(ends[1], &request), 0);
		assert_int_equal(request, i);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_true(send(ends[0], wrong[i], strlen(wrong[i]), 0) > 0);
		assert_int_equal(control_read(ends[1], &request), -EBADMSG);
	}
	(void)close(ends[0]);
	assert_int_equal(control_read(ends[1], &request), -ECONNRESET);
	(void)close(ends[1]);
}

static void test_failures_are_answered_as_text(void **state)
{
	struct error err = {.code = ENOENT, .what = "gone", .hint = "look"};
	char text[128] = "";
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	control_answer_error(ends[0], &err);
	assert_true(recv(ends[1], text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, "{\"error\":\"gone\",\"hint\":\"look\",\"code\":2}");
	memset(text, 0, sizeof(text));
	control_answer(ends[0], NULL);
	assert_true(recv(ends[1], text, sizeof(text) - 1, 0) > 0);
	assert_non_null(strstr(text, "out of memory"));
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static int make_place(void **state)
{
	struct error err = {0};

	(void)state;
	if (place_find("media", &place, &err) < 0)
		return -1;
	return place_make(&place, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_an_answer_is_the_callers, make_place),
		cmocka_unit_test(test_an_error_of_the_supervisors_is_the_askers),
		cmocka_unit_test(test_what_is_no_answer_is_an_error),
		cmocka_unit_test(test_who_cannot_be_answered_is_not_left_waiting),
		cmocka_unit_test(test_without_a_supervisor_it_is_not_up),
		cmocka_unit_test(test_a_silent_supervisor_is_not_waited_for_longer_than_said),
		cmocka_unit_test(test_every_word_is_read_and_no_other),
		cmocka_unit_test(test_failures_are_answered_as_text),
	};

	return run_in_own_folder("supervise/control", tests);
}
