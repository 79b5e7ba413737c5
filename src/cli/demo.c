#include "cli/command.h"
#include "cli/options.h"

#include "base/error.h"
#include "base/log.h"
#include "demo/attempt.h"
#include "demo/demo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct demo_line {
	struct demo_options demo;
	bool is_inside;
};

/* The first row is what the demo starts behind the tunnel; it is not for people. */
static const struct option_spec demo_table[] = {
	{"inside", OPTION_FLAG, offsetof(struct demo_line, is_inside), NULL, ""},
	{"broken", OPTION_FLAG, offsetof(struct demo_line, demo.is_broken), NULL,
	 "the same over a plain default route, where traffic leaks"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

int command_demo(int argc, char **argv)
{
	struct demo_line line = {
		.demo.has_color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	};
	struct error err = {0};
	enum demo_result result;
	bool wants_help;
	int used;

	log_set_prefix("adit demo: ");
	if (options_parse(demo_table, argc, argv, &line, &used, &wants_help, &err) < 0 ||
	    (used < argc && !wants_help &&
	     error_set(&err, EINVAL, "unexpected '%s'", argv[used]) < 0)) {
		log_error(&err);
		return EXIT_USAGE;
	}
	if (wants_help) {
		(void)printf("usage: adit demo [--broken]\n\n"
			     "Makes a provider, an internet and a LAN out of network namespaces on "
			     "this\n"
			     "machine, runs a program behind the tunnel, cuts the tunnel, tries "
			     "the leaks\n"
			     "that people fear, and counts what the uplink saw. No root, no "
			     "account.\n\n");
		options_print(demo_table + 1);
		(void)printf("\nStatus: 0 nothing leaked, 1 something did or the demo failed.\n");
		return EXIT_DONE;
	}
	if (line.is_inside)
		return attempt_main(STDIN_FILENO, STDOUT_FILENO);
	if (demo_run(&line.demo, &result, &err) < 0) {
		log_error(&err);
		return EXIT_FAILED;
	}
	return result == DEMO_TIGHT ? EXIT_DONE : EXIT_FAILED;
}
