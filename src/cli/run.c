#include "cli/command.h"
#include "cli/options.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "confine/share.h"
#include "supervise/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run_line {
	struct run_options run;
	struct option_list share;
	struct option_list keep_fd;
	bool is_verbose;
};

static const struct option_spec run_table[] = {
	{"wait", OPTION_SECONDS, offsetof(struct run_line, run.wait_ns), "SECONDS",
	 "for the first handshake (default 10)"},
	{"no-wait", OPTION_FLAG_OFF, offsetof(struct run_line, run.has_wait), NULL,
	 "start the command before there is a tunnel; it is sealed all the same"},
	{"join", OPTION_FLAG, offsetof(struct run_line, run.is_joining), NULL,
	 "in the namespace of the adit that runs with this file already"},
	{"user", OPTION_TEXT, offsetof(struct run_line, run.user), "USER",
	 "as root: run the command as USER (default: who called sudo)"},
	{"as-root", OPTION_FLAG, offsetof(struct run_line, run.confine.as_root), NULL,
	 "as root: run the command as root, with /proc/sys and /sys read-only"},
	{"share", OPTION_LIST, offsetof(struct run_line, share), "NAME|PATH",
	 "let a way out in: see below (may be given again)"},
	{"no-display", OPTION_FLAG_OFF, offsetof(struct run_line, run.confine.has_display), NULL,
	 "no Wayland socket inside"},
	{"no-sound", OPTION_FLAG_OFF, offsetof(struct run_line, run.confine.has_sound), NULL,
	 "no PipeWire and PulseAudio sockets inside"},
	{"share-tmp", OPTION_FLAG, offsetof(struct run_line, run.confine.share_tmp), NULL,
	 "the real /tmp and /var/tmp, with the sockets of other programs in them"},
	{"strict", OPTION_FLAG, offsetof(struct run_line, run.confine.is_strict), NULL,
	 "hide network and automount file systems"},
	{"keep-fd", OPTION_LIST, offsetof(struct run_line, keep_fd), "N",
	 "leave descriptor N open (may be given again)"},
	{"allow-io-uring", OPTION_FLAG, offsetof(struct run_line, run.confine.allow_io_uring), NULL,
	 "io_uring, whose sockets no filter sees"},
	{"quiet", OPTION_FLAG, offsetof(struct run_line, run.is_quiet), NULL,
	 "warnings and errors only"},
	{"verbose", OPTION_FLAG, offsetof(struct run_line, is_verbose), NULL,
	 "say more of what is done"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static void print_help(void)
{
	const char *meaning;
	const char *name;

	(void)printf(
		"usage: adit run [OPTIONS] CONF [--] [COMMAND [ARGUMENTS]]\n\n"
		"Runs COMMAND (your shell when left out) in a network namespace whose only way\n"
		"out is the WireGuard tunnel of CONF: a provider's file as it was downloaded, or\n"
		"a name in ~/.config/adit or /etc/adit. No root is needed. Everything ends with\n"
		"the command; adit ends with its status.\n\n");
	options_print(run_table);
	(void)printf("\n--share NAME:\n");
	for (size_t i = 0; (name = share_name(i, &meaning)); i++)
		(void)printf("  %-22s %s\n", name, meaning);
	(void)printf(
		"\nStatus: the command's, 128+N when signal N ended it, 125 when adit failed, 126\n"
		"when COMMAND cannot be executed, 127 when there is no such command.\n");
}

static int take_shares(const struct run_line *line, const char *paths[OPTION_LIST_MAX],
		       struct confine_options *confine, struct error *err)
{
	for (size_t i = 0; i < line->share.n_items; i++) {
		unsigned int share;
		int r = share_parse(line->share.item[i], &share, err);

		if (r < 0)
			return r;
		confine->shares |= share;
		if (share == 0)
			paths[confine->n_share_paths++] = line->share.item[i];
		else
			log_debug("sharing %s", share_meaning(share));
	}
	confine->share_path = paths;
	return 0;
}

static int take_fds(const struct run_line *line, int fds[OPTION_LIST_MAX],
		    struct confine_options *confine, struct error *err)
{
	for (size_t i = 0; i < line->keep_fd.n_items; i++) {
		const char *word = line->keep_fd.item[i];
		uint64_t fd;

		if (!text_to_u64(word, strlen(word), 1 << 20, &fd) || fd < 3)
			return error_set(err, EINVAL,
					 "--keep-fd '%s': expected a descriptor's number above 2",
					 word);
		fds[confine->n_keep_fds++] = (int)fd;
	}
	confine->keep_fd = fds;
	return 0;
}

/* The command line's last words; the user's shell when there are none. */
static char *const *choose_argv(int argc, char **argv, char *shell[2])
{
	char *own = getenv("SHELL");

	if (argc > 0 && strcmp(argv[0], "--") == 0) {
		argv++;
		argc--;
	}
	if (argc > 0)
		return argv;
	if (own && own[0] == '/')
		shell[0] = own;
	return shell;
}

static int fail(const struct error *err, int code)
{
	if (err->code != 0)
		log_error(err);
	return code;
}

int command_run(int argc, char **argv)
{
	static char default_shell[] = "/bin/sh";
	struct run_line line = {.run = {.has_wait = true, .wait_ns = 10 * NS_PER_S}};
	const char *paths[OPTION_LIST_MAX];
	int fds[OPTION_LIST_MAX];
	char *shell[2] = {default_shell, NULL};
	struct error err = {0};
	bool wants_help;
	int used;
	int status;

	log_set_prefix("adit run: ");
	confine_options_init(&line.run.confine);
	if (options_parse(run_table, argc, argv, &line, &used, &wants_help, &err) < 0)
		return fail(&err, EXIT_ADIT);
	if (wants_help) {
		print_help();
		return EXIT_DONE;
	}
	if (used >= argc || strcmp(argv[used], "--") == 0) {
		(void)error_set(&err, EINVAL,
				"which configuration? usage: adit run CONF -- COMMAND");
		return fail(&err, EXIT_ADIT);
	}
	if (line.is_verbose)
		log_set_level(LOG_LEVEL_DEBUG);
	line.run.config = argv[used];
	line.run.confine.argv = choose_argv(argc - used - 1, argv + used + 1, shell);
	if (take_shares(&line, paths, &line.run.confine, &err) < 0 ||
	    take_fds(&line, fds, &line.run.confine, &err) < 0)
		return fail(&err, EXIT_ADIT);
	if (run_command(&line.run, &status, &err) < 0)
		return fail(&err, EXIT_ADIT);
	return status;
}
