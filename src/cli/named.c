/* The subcommands that speak to the supervisor of a lasting namespace. */
#include "cli/command.h"
#include "cli/guests.h"
#include "cli/service.h"
#include "cli/words.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "report/facts.h"
#include "report/status.h"
#include "supervise/control.h"
#include "supervise/down.h"
#include "supervise/inside.h"
#include "supervise/place.h"
#include "supervise/seal.h"
#include "supervise/start.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_NS (5 * NS_PER_S)
enum { LIST_AT_ONCE = 512 }; /* descriptors; the usual limit is 1024 */

#define RELOAD_NS (60 * NS_PER_S)

/* What the options of all of them say; each table names those it has. */
struct named_line {
	bool is_all;
	bool is_json;
	bool tells_exit_code;
	uint64_t timeout_ns;
	/* `list` */
	json_t *list; /* what has been answered; owned */
	int *asked;   /* connections, or negative errno; owned */
	int n_asked;
	int n_told;
};

/* One of them: its options, its words, what it does. */
struct named {
	const char *name;
	const char *help;
	const struct option_spec *options;
	words_each each;
};

static const char all_help[] = "all that are there";

static const struct option_spec all_table[] = {
	{"all", OPTION_FLAG, offsetof(struct named_line, is_all), NULL, all_help},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const struct option_spec wait_table[] = {
	{"all", OPTION_FLAG, offsetof(struct named_line, is_all), NULL, all_help},
	{"timeout", OPTION_SECONDS, offsetof(struct named_line, timeout_ns), "SECONDS",
	 "give up then (default: never)"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const struct option_spec status_table[] = {
	{"all", OPTION_FLAG, offsetof(struct named_line, is_all), NULL, all_help},
	{"json", OPTION_FLAG, offsetof(struct named_line, is_json), NULL, "facts for programs"},
	{"exit-code", OPTION_FLAG, offsetof(struct named_line, tells_exit_code), NULL,
	 "print nothing: 0 the tunnel is up (of all that are named), 1 it is not"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static const struct option_spec list_table[] = {
	{"json", OPTION_FLAG, offsetof(struct named_line, is_json), NULL, "facts for programs"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

/* ---- what each does ---- */

static int take_down(void *context, const struct place *place, struct error *err)
{
	struct down_result result;
	int r = service_is_active(place) ? service_stop(place, &result, err)
					 : down(place, &result, err);

	(void)context;
	if (r == 0)
		guests_log(place, &result);
	return r;
}

static int ask(const struct place *place, enum control_request request, uint64_t timeout_ns,
	       struct error *err)
{
	json_t *answer = NULL;
	int r = control_ask(place, request, timeout_ns, &answer, err);

	json_decref(answer);
	return r;
}

static int reload(void *context, const struct place *place, struct error *err)
{
	(void)context;
	return ask(place, CONTROL_RELOAD, RELOAD_NS, err);
}

static int await(void *context, const struct place *place, struct error *err)
{
	const struct named_line *line = context;
	int r = ask(place, CONTROL_WAIT, line->timeout_ns, err);

	if (r == -ETIMEDOUT)
		(void)error_set(err, ETIMEDOUT, "'%s' has no handshake yet", place->name);
	return r;
}

static int restart(void *context, const struct place *place, struct error *err)
{
	int r;

	(void)context;
	if (service_is_active(place))
		return service_restart(place, err);
	r = down_supervisor(place, err);
	return r < 0 ? r : start_supervisor(place, err);
}

static bool is_up(const json_t *answer)
{
	const char *state = json_string_value(json_object_get(answer, "state"));

	return state && strcmp(state, "up") == 0;
}

static int status(void *context, const struct place *place, struct error *err)
{
	const struct named_line *line = context;
	json_t *answer = NULL;
	int r = control_ask(place, CONTROL_STATUS, ANSWER_NS, &answer, err);

	if (r < 0)
		return r;
	if (line->tells_exit_code)
		r = is_up(answer) ? 0 : -1;
	else if (line->is_json)
		r = facts_print_json(answer, stdout);
	else
		status_print(answer, (int64_t)(clock_wall().ns / NS_PER_S), stdout);
	json_decref(answer);
	return r;
}

/* All are asked before the first answer is waited for, as far as descriptors go. */
static int list_begin(void *context, const struct place *place, struct error *err)
{
	struct named_line *line = context;

	(void)err;
	line->asked[line->n_asked] =
		line->n_asked < LIST_AT_ONCE ? control_begin(place, CONTROL_BRIEF, NULL) : -EMFILE;
	line->n_asked++;
	return 0;
}

/* One that does not answer is there all the same. */
/* Nobody answers for it.  What cannot be looked at is not called gone. */
static json_t *tell_of_silent(const struct place *place)
{
	struct inside inside = {.netns = -1, .userns = -1};
	bool is_gone = seal_open(place, &inside, NULL) == -ENOENT;

	seal_close(&inside);
	return json_pack("{s:s, s:s, s:s}", "name", place->name, "state",
			 is_gone ? "gone" : "sealed", "line",
			 is_gone ? "no namespace, only files" : "sealed, no supervisor");
}

static int list_finish(void *context, const struct place *place, struct error *err)
{
	struct named_line *line = context;
	AUTO_FD int fd = line->asked[line->n_told++];
	json_t *answer = NULL;
	int r;

	(void)err;
	if (fd == -EMFILE)
		fd = control_begin(place, CONTROL_BRIEF, NULL);
	r = fd < 0 ? fd : control_finish(fd, place, ANSWER_NS, &answer, NULL);
	if (r < 0)
		answer = tell_of_silent(place);
	return json_array_append_new(line->list, answer) < 0 ? -ENOMEM : 0;
}

static const struct named commands[] = {
	{"down",
	 "Ends the tunnel and takes the namespace away. What still runs inside stays there,\n"
	 "sealed, until it ends.",
	 all_table, take_down},
	{"reload",
	 "Reads NAME.conf anew and makes it true under what runs inside. When anything is\n"
	 "wrong, nothing changes.",
	 all_table, reload},
	{"restart",
	 "Ends the supervisor and starts it again; the namespace stays, sealed meanwhile,\n"
	 "with all that runs inside.",
	 all_table, restart},
	{"wait", "Waits until there has been a handshake.", wait_table, await},
	{"status", "What there is to know of a namespace.", status_table, status},
	{"list", "The namespaces there are.", list_table, NULL},
};

/* ---- the command line ---- */

static const struct named *current;

static void print_help(void)
{
	bool is_list = !current->each;

	(void)printf("usage: adit %s [OPTIONS]%s\n\n%s\n\n", current->name,
		     is_list ? "" : " NAME...", current->help);
	options_print(current->options);
	(void)printf("\nStatus: 0 done, 1 failed, 2 wrong usage.\n");
}

static int print_list(const struct named_line *line)
{
	size_t i;
	json_t *item;

	if (line->is_json)
		return facts_print_json(line->list, stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
	status_print_row(NULL, stdout);
	json_array_foreach(line->list, i, item) status_print_row(item, stdout);
	return EXIT_DONE;
}

static int list_all(const struct words *words)
{
	struct named_line *line = words->target;
	int r;

	line->list = json_array();
	line->asked = calloc((size_t)words->n_names + 1, sizeof(*line->asked));
	r = line->asked ? words_for_each(words, list_begin, line) : EXIT_FAILED;
	if (r == EXIT_DONE)
		r = words_for_each(words, list_finish, line);
	if (r == EXIT_DONE)
		r = print_list(line);
	json_decref(line->list);
	free(line->asked);
	return r;
}

int command_named(int argc, char **argv)
{
	struct named_line line = {0};
	struct words words = {
		.target = &line,
		.print_help = print_help,
		.find_all = words_all_present,
		.is_all = &line.is_all,
	};
	const char *name = argv[0];
	static char prefix[32]; /* the log borrows it */
	char wrong[64];
	int r;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			current = &commands[i];
	(void)snprintf(prefix, sizeof(prefix), "adit %s: ", name);
	log_set_prefix(prefix);
	words.options = current->options;
	if (!current->each) {
		r = words_begin(&words, argc, argv, 0, 0, "adit list takes no NAME");
		return r >= 0 ? r : list_all(&words);
	}
	(void)snprintf(wrong, sizeof(wrong), "which one? usage: adit %s NAME...", name);
	r = words_begin(&words, argc, argv, 1, WORDS_MAX, wrong);
	return r >= 0 ? r : words_for_each(&words, current->each, &line);
}
