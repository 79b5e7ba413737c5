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

static const struct command *find(const struct command *table, const char *name)
{
	for (; table->name; table++)
		if (strcmp(name, table->name) == 0)
			return table;
	return NULL;
}

/* What the program's own name says; NULL: it is adit, or none of ours. */
static const struct command *find_by_program(const struct command *table, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	if (strcmp(name, "wireguard-go") == 0)
		return find(table, "device");
	return text_starts_with(name, "adit-") ? find(table, name + 5) : NULL;
}

int command_dispatch(const struct command *table, int argc, char **argv)
{
	const struct command *command = argc > 0 ? find_by_program(table, argv[0]) : NULL;

	if (fd_fill_standard() < 0)
		return EXIT_ADIT;
	if (command)
		return command->run(argc, argv);
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
	command = find(table, argv[1]);
	return command ? command->run(argc - 1, argv + 1) : unknown(table, argv[1]);
}
