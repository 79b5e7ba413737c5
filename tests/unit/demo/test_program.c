/* Mirrors src/demo/program.c */
#include "cmocka_all.h"

#include "demo/program.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static struct program start(char *script)
{
	char *argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, script, NULL};
	struct program program;
	struct error err = {0};

	assert_int_equal(program_start(argv, &program, &err), 0);
	return program;
}

static void test_lines_come_one_at_a_time(void **state)
{
	char script[] = "read word; echo $word 1; echo $word 2";
	struct program program = start(script);
	char line[PROGRAM_LINE_LEN];
	struct error err = {0};

	(void)state;
	assert_int_equal(program_ask(&program, "say", 5 * NS_PER_S, line, &err), 0);
	assert_string_equal(line, "say 1");
	assert_int_equal(program_listen(&program, 5 * NS_PER_S, line, &err), 0);
	assert_string_equal(line, "say 2");
	assert_int_equal(program_listen(&program, 5 * NS_PER_S, line, &err), -EPIPE);
	program_stop(&program);
	assert_int_equal(program.pid, 0);
}

static void test_silence_is_a_timeout(void **state)
{
	char script[] = "read word";
	struct program program = start(script);
	char line[PROGRAM_LINE_LEN];
	struct error err = {0};

	(void)state;
	assert_int_equal(program_listen(&program, NS_PER_MS, line, &err), -ETIMEDOUT);
	program_stop(&program);
}

static void test_a_line_without_end_is_refused(void **state)
{
	char script[] = "printf '%0200d' 0; read word";
	struct program program = start(script);
	char line[PROGRAM_LINE_LEN];
	struct error err = {0};

	(void)state;
	assert_int_equal(program_listen(&program, 5 * NS_PER_S, line, &err), -EPROTO);
	program_stop(&program);
}

static void test_a_program_that_has_ended_cannot_be_told_anything(void **state)
{
	char script[] = "exec <&-; exit 0";
	struct program program = start(script);
	char line[PROGRAM_LINE_LEN];
	struct error err = {0};

	(void)state;
	assert_int_equal(program_listen(&program, 5 * NS_PER_S, line, &err), -EPIPE);
	assert_int_equal(program_tell(&program, "word", &err), -EPIPE);
	program_stop(&program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_come_one_at_a_time),
		cmocka_unit_test(test_silence_is_a_timeout),
		cmocka_unit_test(test_a_line_without_end_is_refused),
		cmocka_unit_test(test_a_program_that_has_ended_cannot_be_told_anything),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("demo/program", tests, NULL, NULL);
}
