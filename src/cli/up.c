#include "cli/command.h"
#include "cli/guests.h"
#include "cli/service.h"
#include "cli/words.h"

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "supervise/down.h"
#include "supervise/foreign.h"
#include "supervise/place.h"
#include "supervise/seal.h"
#include "supervise/start.h"
#include "supervise/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct up_line {
	bool is_all;
	bool is_foreground;
	bool is_verbose;
};

static const struct option_spec up_table[] = {
	{"all", OPTION_FLAG, offsetof(struct up_line, is_all), NULL,
	 "every NAME.conf in /etc/adit (of a user: in ~/.config/adit)"},
	{"foreground", OPTION_FLAG, offsetof(struct up_line, is_foreground), NULL,
	 "stay, as a service: one NAME, and adit ends when it is told to"},
	{"verbose", OPTION_FLAG, offsetof(struct up_line, is_verbose), NULL,
	 "say more of what is done"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static void print_help(void)
{
	(void)printf(
		"usage: adit up [OPTIONS] NAME...\n\n"
		"Makes the namespace of /etc/adit/NAME.conf: sealed at once, and with a tunnel as\n"
		"soon as the server answers (adit wait). It lasts until adit down. Where systemd "
		"has\n"
		"adit@NAME.service, that is started.\n\n");
	options_print(up_table);
	(void)printf("\nStatus: 0 it is up, 1 it is not, and what was there is as it was, 2 wrong "
		     "usage;\n"
		     "--foreground: 78 not before the file is mended.\n");
}

static int up(void *context, const struct place *place, struct error *err)
{
	int r = start_find_supervisor(place, err);

	(void)context;
	if (r > 0)
		log_info("'%s' is up already (process %d)", place->name, place_holder(place));
	if (r != 0)
		return r < 0 ? r : 0;
	if (service_is_installed(place))
		return service_start(place, err);
	return start_supervisor(place, err);
}

static int stay(const char *name)
{
	struct supervisor_options options = {.name = name, .ready_fd = -1};
	struct error err = {0};
	bool is_files;

	if (supervisor_run(&options, &is_files, &err) == 0)
		return EXIT_DONE;
	if (err.code != 0)
		log_error(&err);
	return is_files ? EXIT_CONFIGURATION : EXIT_FAILED;
}

int command_up(int argc, char **argv)
{
	struct up_line line = {0};
	struct words words = {
		.options = up_table,
		.target = &line,
		.print_help = print_help,
		.find_all = words_all_configured,
		.is_all = &line.is_all,
	};
	struct error err = {0};
	int r;

	log_set_prefix("adit up: ");
	r = words_begin(&words, argc, argv, 1, WORDS_MAX,
			"which configuration? usage: adit up NAME...");
	if (r >= 0)
		return r;
	if (line.is_foreground && words.n_names != 1) {
		(void)error_set(&err, EINVAL, "--foreground takes one NAME");
		log_error(&err);
		return EXIT_USAGE;
	}
	if (line.is_verbose)
		log_set_level(LOG_LEVEL_DEBUG);
	if (line.is_foreground)
		return stay(words.name[0]);
	return words_for_each(&words, up, NULL);
}

/* ---- seal: the part that needs no tunnel ---- */

struct seal_line {
	bool is_undo;
};

static const struct option_spec seal_table[] = {
	{"undo", OPTION_FLAG, offsetof(struct seal_line, is_undo), NULL,
	 "take it away; what still runs inside stays sealed"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static void print_seal_help(void)
{
	(void)printf(
		"usage: adit seal [--undo] NAME...\n\n"
		"Makes the namespace NAME with nothing in it but lo and a firewall that drops\n"
		"everything, or seals the one that Path= names, and pins it at /run/netns/NAME:\n"
		"what adit-netns@NAME.service does.\n\n");
	options_print(seal_table);
}

/* What is wrong with the file is for `up` to say: it is sealed all the same. */
static int make_sealed(const struct place *place, struct error *err)
{
	AUTO(profile) struct profile *profile = NULL;
	struct foreign_origin origin;
	char path[PROFILE_PATH_LEN];

	if (config_load_named(place->name, path, &profile, NULL) < 0 || !profile)
		return seal_make(place, NULL, NULL, NULL, err);
	origin = foreign_origin(profile);
	return seal_make(place, &origin, NULL, NULL, err);
}

static int seal(void *context, const struct place *place, struct error *err)
{
	const struct seal_line *line = context;
	struct down_result result;
	int r;

	if (!line->is_undo)
		return make_sealed(place, err);
	r = down(place, &result, err);
	if (r == 0)
		guests_log(place, &result);
	return r;
}

int command_seal(int argc, char **argv)
{
	struct seal_line line = {0};
	struct words words = {
		.options = seal_table, .target = &line, .print_help = print_seal_help};
	int r;

	log_set_prefix("adit seal: ");
	r = words_begin(&words, argc, argv, 1, WORDS_MAX, "which name? usage: adit seal NAME...");
	return r >= 0 ? r : words_for_each(&words, seal, &line);
}
