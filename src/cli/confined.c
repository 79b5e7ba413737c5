#include "cli/confined.h"
#include "cli/command.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "confine/share.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_NS (10 * NS_PER_S)

/* The options that are run's alone come first. */
enum { N_RUN_ONLY = 3 };

const struct option_spec confined_run_table[] = {
	{"wait", OPTION_SECONDS, offsetof(struct confined_line, wait_ns), "SECONDS",
	 "for the first handshake (default 10)"},
	{"no-wait", OPTION_FLAG_OFF, offsetof(struct confined_line, has_wait), NULL,
	 "start the command before there is a tunnel; it is sealed all the same"},
	{"join", OPTION_FLAG, offsetof(struct confined_line, is_joining), NULL,
	 "in the namespace of the adit that runs with this file already"},

	{"user", OPTION_TEXT, offsetof(struct confined_line, user), "USER",
	 "as root: run the command as USER (default: who called sudo)"},
	{"as-root", OPTION_FLAG, offsetof(struct confined_line, confine.as_root), NULL,
	 "as root: run the command as root, with /proc/sys and /sys read-only"},
	{"share", OPTION_LIST, offsetof(struct confined_line, share), "NAME|PATH",
	 "let a way out in: see below (may be given again)"},
	{"no-display", OPTION_FLAG_OFF, offsetof(struct confined_line, confine.has_display), NULL,
	 "no Wayland socket inside"},
	{"no-sound", OPTION_FLAG_OFF, offsetof(struct confined_line, confine.has_sound), NULL,
	 "no PipeWire and PulseAudio sockets inside"},
	{"share-tmp", OPTION_FLAG, offsetof(struct confined_line, confine.share_tmp), NULL,
	 "the real /tmp and /var/tmp, with the sockets of other programs in them"},
	{"strict", OPTION_FLAG, offsetof(struct confined_line, confine.is_strict), NULL,
	 "hide network and automount file systems"},
	{"keep-fd", OPTION_LIST, offsetof(struct confined_line, keep_fd), "N",
	 "leave descriptor N open (may be given again)"},
	{"allow-io-uring", OPTION_FLAG, offsetof(struct confined_line, confine.allow_io_uring),
	 NULL, "io_uring, whose sockets no filter sees"},
	{"quiet", OPTION_FLAG, offsetof(struct confined_line, is_quiet), NULL,
	 "warnings and errors only"},
	{"verbose", OPTION_FLAG, offsetof(struct confined_line, is_verbose), NULL,
	 "say more of what is done"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

const struct option_spec *const confined_exec_table = confined_run_table + N_RUN_ONLY;

static void init(struct confined_line *line)
{
	static char default_shell[] = "/bin/sh";

	*line = (struct confined_line){
		.has_wait = true,
		.wait_ns = WAIT_NS,
		.shell = {default_shell},
	};
	confine_options_init(&line->confine);
}

static int take_shares(struct confined_line *line, struct error *err)
{
	struct confine_options *confine = &line->confine;

	for (size_t i = 0; i < line->share.n_items; i++) {
		unsigned int share;
		int r = share_parse(line->share.item[i], &share, err);

		if (r < 0)
			return r;
		confine->shares |= share;
		if (share == 0)
			line->paths[confine->n_share_paths++] = line->share.item[i];
		else
			log_debug("sharing %s", share_meaning(share));
	}
	confine->share_path = line->paths;
	return 0;
}

static int take_fds(struct confined_line *line, struct error *err)
{
	struct confine_options *confine = &line->confine;

	for (size_t i = 0; i < line->keep_fd.n_items; i++) {
		const char *word = line->keep_fd.item[i];
		uint64_t fd;

		if (!text_to_u64(word, strlen(word), 1 << 20, &fd) || fd < 3)
			return error_set(err, EINVAL,
					 "--keep-fd '%s': expected a descriptor's number above 2",
					 word);
		line->fds[confine->n_keep_fds++] = (int)fd;
	}
	confine->keep_fd = line->fds;
	return 0;
}

static char *const *choose_argv(struct confined_line *line, int argc, char **argv)
{
	char *own = getenv("SHELL");

	if (argc > 0 && strcmp(argv[0], "--") == 0) {
		argv++;
		argc--;
	}
	if (argc > 0)
		return argv;
	if (own && own[0] == '/')
		line->shell[0] = own;
	return line->shell;
}

static void print_help(const struct confined_command *command)
{
	const char *meaning;
	const char *name;

	(void)printf("%s\n", command->usage);
	options_print(command->options);
	(void)printf("\n--share NAME:\n");
	for (size_t i = 0; (name = share_name(i, &meaning)); i++)
		(void)printf("  %-22s %s\n", name, meaning);
	(void)printf(
		"\nStatus: the command's, 128+N when signal N ended it, 125 when adit failed, 126\n"
		"when COMMAND cannot be executed, 127 when there is no such command.\n");
}

int confined_parse(struct confined_line *line, const struct confined_command *command, int argc,
		   char **argv, struct error *err)
{
	bool wants_help;
	int used;
	int r;

	init(line);
	r = options_parse(command->options, argc, argv, line, &used, &wants_help, err);
	if (r < 0)
		return r;
	if (wants_help) {
		print_help(command);
		return 1;
	}
	if (used >= argc || strcmp(argv[used], "--") == 0)
		return error_set(err, EINVAL, "%s", command->missing);
	if (line->is_verbose)
		log_set_level(LOG_LEVEL_DEBUG);
	line->subject = argv[used];
	line->confine.argv = choose_argv(line, argc - used - 1, argv + used + 1);
	r = take_shares(line, err);
	return r < 0 ? r : take_fds(line, err);
}

int confined_fail(const struct error *err)
{
	if (err->code != 0)
		log_error(err);
	return EXIT_ADIT;
}
