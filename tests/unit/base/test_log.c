/* Mirrors src/base/log.c
 *
 * Standard error is a datagram socket here: each write(2) is one message.
 */
#include "cmocka_all.h"

#include "base/error.h"
#include "base/log.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int real_stderr;
static int sink;

static int capture(void **state)
{
	int ends[2];

	(void)state;
	log_set_level(LOG_LEVEL_INFO);
	log_set_prefix("adit: ");
	real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (real_stderr < 0 ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0 ||
	    dup2(ends[0], STDERR_FILENO) < 0)
		return -1;
	(void)close(ends[0]);
	sink = ends[1];
	return 0;
}

static int release(void **state)
{
	(void)state;
	(void)close(sink);
	if (dup2(real_stderr, STDERR_FILENO) < 0)
		return -1;
	(void)close(real_stderr);
	return 0;
}

/* The next write(2), as text; "" when there was none. */
static const char *next_write(void)
{
	static char text[PATH_MAX * 2];
	ssize_t n = recv(sink, text, sizeof(text) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void test_each_line_is_one_write(void **state)
{
	(void)state;
	log_info("handshake with %s done", "x1");
	log_warn("odd");
	assert_string_equal(next_write(), "adit: handshake with x1 done\n");
	assert_string_equal(next_write(), "adit: warning: odd\n");
	assert_string_equal(next_write(), "");
}

static void say_all(void)
{
	log_debug("d");
	log_info("i");
	log_warn("w");
}

static void test_lines_above_the_level_are_dropped(void **state)
{
	static const enum log_level levels[] = {LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
						LOG_LEVEL_DEBUG};
	static const char *const wanted[][4] = {
		{""},
		{"adit: warning: w\n", ""},
		{"adit: i\n", "adit: warning: w\n", ""},
		{"adit: debug: d\n", "adit: i\n", "adit: warning: w\n", ""},
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		log_set_level(levels[i]);
		assert_int_equal(log_get_level(), levels[i]);
		say_all();
		for (size_t j = 0; j <= i; j++)
			assert_string_equal(next_write(), wanted[i][j]);
		assert_string_equal(next_write(), "");
	}
}

static void test_errors_are_said_at_every_level(void **state)
{
	struct error err;

	(void)state;
	(void)error_set(&err, 5, "no tunnel");
	log_set_level(LOG_LEVEL_ERROR);
	log_set_prefix("adit run: ");
	log_error(&err);
	assert_string_equal(next_write(), "adit run: error: no tunnel\n");
}

static void test_error_and_its_hint_are_one_write(void **state)
{
	struct error err;

	(void)state;
	(void)error_set(&err, 5, "no tunnel");
	error_hint(&err, "try again");
	log_error(&err);
	assert_string_equal(next_write(), "adit: error: no tunnel\nhint: try again\n");
	assert_string_equal(next_write(), "");
}

static void test_error_in_a_file_begins_with_its_place(void **state)
{
	struct source_pos pos = {.path = "a.conf", .line = 3, .column = 9};
	struct error err;

	(void)state;
	(void)error_at(&err, &pos, "no such key");
	log_error(&err);
	assert_string_equal(next_write(), "a.conf:3:9: error: no such key\n");

	pos.column = 0;
	(void)error_at(&err, &pos, "no such key");
	log_error(&err);
	assert_string_equal(next_write(), "a.conf:3: error: no such key\n");
}

static void test_error_in_the_longest_path_still_says_what(void **state)
{
	static char path[PATH_MAX];
	const struct source_pos pos = {.path = path, .line = 3};
	struct error err;
	const char *line;

	(void)state;
	memset(path, 'p', sizeof(path) - 1);
	(void)error_at(&err, &pos, "%0*d", 239, 7);
	error_hint(&err, "%0*d", 159, 8);
	log_error(&err);
	line = next_write();
	assert_non_null(strstr(line, "7\nhint: 0"));
	assert_string_equal(line + strlen(line) - 2, "8\n");
}

static void test_line_too_long_is_cut_and_ends_in_a_newline(void **state)
{
	static char big[PATH_MAX * 2];
	const char *line;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	log_info("%s", big);
	line = next_write();
	assert_in_range(strlen(line), 1024, sizeof(big) - 1);
	assert_string_equal(line + strlen(line) - 2, "x\n");
	assert_string_equal(next_write(), "");
}

static void test_text_from_afar_cannot_steer_the_terminal(void **state)
{
	(void)state;
	log_info("name \033[2J\r\a\x7f \xc3\xa9 \t.");
	assert_string_equal(next_write(), "adit: name ?[2J??? \xc3\xa9 \t.\n");
}

static void test_color_is_for_terminals_and_no_color_turns_it_off(void **state)
{
	int controller = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int terminal;

	(void)state;
	assert_false(log_use_color());
	if (controller < 0)
		skip();
	assert_int_equal(grantpt(controller) | unlockpt(controller), 0);
	terminal = open(ptsname(controller), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(terminal >= 0);
	assert_int_equal(dup2(terminal, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(unsetenv("NO_COLOR"), 0);
	assert_true(log_use_color());
	assert_int_equal(setenv("NO_COLOR", "1", 1), 0);
	assert_false(log_use_color());
	(void)close(terminal);
	(void)close(controller);
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, capture, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(test_each_line_is_one_write),
		LOG_TEST(test_lines_above_the_level_are_dropped),
		LOG_TEST(test_errors_are_said_at_every_level),
		LOG_TEST(test_error_and_its_hint_are_one_write),
		LOG_TEST(test_error_in_a_file_begins_with_its_place),
		LOG_TEST(test_error_in_the_longest_path_still_says_what),
		LOG_TEST(test_line_too_long_is_cut_and_ends_in_a_newline),
		LOG_TEST(test_text_from_afar_cannot_steer_the_terminal),
		LOG_TEST(test_color_is_for_terminals_and_no_color_turns_it_off),
	};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
