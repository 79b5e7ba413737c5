#include "cli/command.h"
#include "cli/words.h"

#include "apply/survey.h"
#include "audit/check_names.h"
#include "audit/check_network.h"
#include "audit/check_processes.h"
#include "audit/finding.h"
#include "audit/process.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "plan/plan.h"
#include "report/facts.h"
#include "report/findings.h"
#include "supervise/names.h"
#include "supervise/place.h"
#include "supervise/preview.h"
#include "supervise/seal.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct check_line {
	bool is_json;
};

/* What is known before the network inside is looked at. */
struct check {
	struct place place;
	bool is_json;
	struct process *process; /* owned */
	size_t n_processes;
	struct finding_list findings;
};

static const struct option_spec check_table[] = {
	{"json", OPTION_FLAG, offsetof(struct check_line, is_json), NULL, "facts for programs"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static void print_help(void)
{
	(void)printf(
		"usage: adit check [OPTIONS] NAME\n\n"
		"Whether a namespace keeps its promises: looks at its links, routes, rules,\n"
		"firewall and settings, and at what each process inside could do, and says for\n"
		"each promise that it is kept, or what breaks it. Sends nothing, changes "
		"nothing.\n\n");
	options_print(check_table);
	(void)printf(
		"\nStatus: 0 all are kept, 1 one is broken or cannot be told, or adit failed,\n"
		"2 wrong usage.\n");
}

static const char *read_text(const char *path, char *buffer, size_t size)
{
	return fd_read_file(path, buffer, size) < 0 ? NULL : buffer;
}

static void judge_network(struct check *check, const struct preview *preview)
{
	const struct check_network seen = {
		.desired = preview->desired,
		.survey = preview->survey,
		.changes = preview->part[0],
		.host_changes = preview->host,
	};

	check_network(&seen, &check->findings);
}

static void judge_names(struct check *check, const struct preview *preview)
{
	char resolv_conf[NAMES_FILE_MAX];
	char nsswitch[NAMES_FILE_MAX];
	const struct check_names_files files = {
		.desired = preview->resolv_conf,
		.resolv_conf = read_text(check->place.resolv_conf, resolv_conf, NAMES_FILE_MAX),
		.nsswitch = read_text(check->place.nsswitch, nsswitch, NAMES_FILE_MAX),
	};

	check_names(&files, check->process, check->n_processes, &check->findings);
}

static int print_json(const struct check *check)
{
	json_t *json = findings_json(&check->findings, check->place.name);
	int r = facts_print_json(json, stdout);

	json_decref(json);
	return r;
}

/* In a child inside; 1: not all are kept. */
static int judge(void *context, const struct preview *preview, struct error *err)
{
	struct check *check = context;
	int r = 0;

	if (!preview->survey)
		return error_set(err, ENOENT, "'%s' is not up", check->place.name);
	judge_network(check, preview);
	judge_names(check, preview);
	check_processes(check->process, check->n_processes, &check->findings);
	if (check->is_json)
		r = print_json(check);
	else
		findings_print(&check->findings, stdout);
	if (r < 0 || fflush(stdout) != 0)
		return error_errno(err, r < 0 ? -r : errno, "cannot write the findings");
	return finding_worst(&check->findings) != VERDICT_KEPT;
}

/* From here: a child inside has no power over processes of another user namespace. */
static int look_at_processes(struct check *check, struct error *err)
{
	const struct process_own own = {
		.supervisor = place_holder(&check->place),
		.holder = seal_holder(&check->place),
	};
	struct inside inside;
	int r = seal_open(&check->place, &inside, err);

	if (r == -ENOENT)
		return error_set(err, ENOENT, "'%s' is not up", check->place.name);
	if (r < 0)
		return r;
	r = process_collect(inside.netns, &own, &check->process, &check->n_processes, err);
	seal_close(&inside);
	return r;
}

static int check_name(struct check *check, const char *name, struct error *err)
{
	int r = place_find(name, &check->place, err);

	if (r == 0)
		r = look_at_processes(check, err);
	if (r == 0)
		r = preview_make(name, judge, check, err);
	free(check->process);
	return r;
}

int command_check(int argc, char **argv)
{
	struct check_line line = {0};
	struct words words = {.options = check_table, .target = &line, .print_help = print_help};
	struct error err = {0};
	struct check *check;
	int r;

	log_set_prefix("adit check: ");
	r = words_begin(&words, argc, argv, 1, 1, "which one? usage: adit check NAME");
	if (r >= 0)
		return r;
	check = calloc(1, sizeof(*check));
	r = check ? 0 : error_errno(&err, ENOMEM, "cannot check");
	if (r == 0) {
		check->is_json = line.is_json;
		r = check_name(check, words.name[0], &err);
	}
	free(check);
	if (r < 0 && err.code != 0)
		log_error(&err);
	return r == 0 ? EXIT_DONE : EXIT_FAILED;
}
