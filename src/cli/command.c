#include "cli/command.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static void print_usage(const struct command *table, FILE *out)
{
	(void)fprintf(out, "usage: adit COMMAND [OPTIONS] [ARGUMENTS]\n\n");
	for (; table->name; table++)
		(void)fprintf(out, "  %-8s %s\n", table->name, table->summary);
	(void)fprintf(out, "\n'adit COMMAND --help' explains one; 'adit --version' says which "
			   "version this is.\n");
}

static int unknown(const struct command *table, const char *name)
{
	const char *near = NULL;

	for (const struct command *command = table; command->name; command++)
		if (text_distance(name, strlen(name), command->name) <= 2)
			near = command->name;
	if (near)
		log_warn("no command '%s'; did you mean '%s'?", name, near);
	else
		log_warn("no command '%s'; 'adit --help' lists them", name);
	return EXIT_USAGE;
}

int command_dispatch(const struct command *table, int argc, char **argv)
{
	if (fd_fill_standard() < 0)
		return EXIT_ADIT;
	if (argc < 2) {
		print_usage(table, stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0 ||
	    strcmp(argv[1], "-h") == 0) {
		print_usage(table, stdout);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)puts("adit " ADIT_VERSION);
		return EXIT_DONE;
	}
	for (const struct command *command = table; command->name; command++)
		if (strcmp(argv[1], command->name) == 0)
			return command->run(argc - 1, argv + 1);
	return unknown(table, argv[1]);
}
