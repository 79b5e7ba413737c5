#include "cli/command.h"
#include "cli/words.h"

#include "apply/survey.h"
#include "audit/check_names.h"
#include "audit/check_network.h"
#include "audit/check_processes.h"
#include "audit/check_tunnel.h"
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
#include <string.h>

struct check_line {
	bool is_all;
	bool is_json;
	bool has_several;
};

/* What is known before the network inside is looked at. */
struct check {
	const struct place *place;
	const struct check_line *line;
	struct check_tunnel tunnel;
	struct process *process; /* owned */
	size_t n_processes;
	struct finding_list findings;
};

static const struct option_spec check_table[] = {
	{"all", OPTION_FLAG, offsetof(struct check_line, is_all), NULL, "all that are there"},
	{"json", OPTION_FLAG, offsetof(struct check_line, is_json), NULL, "facts for programs"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static void print_help(void)
{
	(void)printf(
		"usage: adit check [OPTIONS] NAME...\n\n"
		"Whether a namespace keeps its promises: looks at its links, routes, rules,\n"
		"firewall and settings, at where the tunnel's own socket is, and at what each\n"
		"process inside could do, and says for each promise that it is kept, or what "
		"breaks\nit. Sends nothing, changes nothing.\n\n");
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
		.resolv_conf = read_text(check->place->resolv_conf, resolv_conf, NAMES_FILE_MAX),
		.nsswitch = read_text(check->place->nsswitch, nsswitch, NAMES_FILE_MAX),
	};

	check_names(&files, check->process, check->n_processes, &check->findings);
}

static void judge_tunnel(struct check *check, const struct preview *preview)
{
	check->tunnel.is_kernels = strcmp(preview->backend, "kernel") == 0;
	check->tunnel.n_at_port_inside = check_tunnel_count(check->tunnel.port);
	check_tunnel(&check->tunnel, &check->findings);
}

static void print_text(const struct check *check)
{
	if (check->line->has_several)
		(void)printf("%s:\n", check->place->name);
	findings_print(&check->findings, stdout);
}

static int print_json(const struct check *check)
{
	json_t *json = findings_json(&check->findings, check->place->name);
	int r = facts_print_json(json, stdout);

	json_decref(json);
	return r;
}

/* In a child inside.  Negative without a word: not all are kept. */
static int judge(void *context, const struct preview *preview, struct error *err)
{
	struct check *check = context;
	int r = 0;

	if (!preview->survey)
		return error_set(err, ENOENT, "'%s' is not up", check->place->name);
	judge_network(check, preview);
	judge_tunnel(check, preview);
	judge_names(check, preview);
	check_processes(check->process, check->n_processes, &check->findings);
	if (check->line->is_json)
		r = print_json(check);
	else
		print_text(check);
	if (r < 0 || fflush(stdout) != 0)
		return error_errno(err, r < 0 ? -r : errno, "cannot write the findings");
	return finding_worst(&check->findings) == VERDICT_KEPT ? 0 : -1;
}

/* What the supervisor says of its tunnel, and what the process shows that has it. */
static void look_at_tunnel(struct check_tunnel *tunnel, int netns, const json_t *status)
{
	json_int_t pid = json_integer_value(json_object_get(status, "data_plane"));

	tunnel->port = (uint16_t)json_integer_value(json_object_get(status, "listen_port"));
	tunnel->n_at_port = check_tunnel_count(tunnel->port);
	tunnel->data_plane = pid > 0 ? (pid_t)pid : 0;
	if (pid > 0)
		tunnel->has_sockets =
			sockets_look(tunnel->data_plane, netns, &tunnel->sockets) == 0;
}

/* From here: a child inside has no power over processes of another user namespace. */
static int look_at_processes(void *context, const struct inside *inside, const json_t *status,
			     struct error *err)
{
	struct check *check = context;
	const struct process_own own = {
		.supervisor = place_holder(check->place),
		.holder = seal_holder(check->place),
	};

	look_at_tunnel(&check->tunnel, inside->netns, status);
	return process_collect(inside->netns, &own, &check->process, &check->n_processes, err);
}

static int check_place(void *context, const struct place *place, struct error *err)
{
	struct check *check = calloc(1, sizeof(*check));
	const struct preview_with with = {
		.context = check,
		.look = look_at_processes,
		.tell = judge,
	};
	int r;

	if (!check)
		return error_errno(err, ENOMEM, "cannot check '%s'", place->name);
	check->place = place;
	check->line = context;
	r = preview_make(place->name, &with, err);
	free(check->process);
	free(check);
	return r;
}

int command_check(int argc, char **argv)
{
	struct check_line line = {0};
	struct words words = {
		.options = check_table,
		.target = &line,
		.print_help = print_help,
		.find_all = words_all_present,
		.is_all = &line.is_all,
	};
	int r;

	log_set_prefix("adit check: ");
	r = words_begin(&words, argc, argv, 1, WORDS_MAX, "which one? usage: adit check NAME...");
	if (r >= 0)
		return r;
	line.has_several = words.n_names > 1;
	return words_for_each(&words, check_place, &line);
}
