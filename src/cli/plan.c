#include "cli/command.h"
#include "cli/service.h"
#include "cli/words.h"

#include "apply/survey.h"
#include "base/error.h"
#include "base/log.h"
#include "plan/plan.h"
#include "report/facts.h"
#include "report/steps.h"
#include "supervise/place.h"
#include "supervise/preview.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

struct plan_line {
	bool is_all;
	bool is_json;
	bool has_several;
};

static const struct option_spec plan_table[] = {
	{"all", OPTION_FLAG, offsetof(struct plan_line, is_all), NULL,
	 "every NAME.conf in /etc/adit (of a user: in ~/.config/adit)"},
	{"json", OPTION_FLAG, offsetof(struct plan_line, is_json), NULL, "facts for programs"},
	{NULL, OPTION_FLAG, 0, NULL, NULL},
};

static void print_help(void)
{
	(void)printf(
		"usage: adit plan [OPTIONS] NAME|FILE...\n\n"
		"What adit up would do, step by step and to the letter: netlink operations, the\n"
		"text for nft, settings below /proc/sys. Of a namespace that is there already,\n"
		"what differs from its file: what adit reload would do, or what somebody else\n"
		"changed. Changes nothing.\n\n");
	options_print(plan_table);
	(void)printf("\nStatus: 0 done, 1 failed, 2 wrong usage.\n");
}

static int flush(struct error *err)
{
	return fflush(stdout) == 0 ? 0 : error_errno(err, errno, "cannot write the plan");
}

static void print_heading(const struct preview *preview, size_t part)
{
	if (preview->survey)
		(void)printf("# %s is there; what differs from its file:\n", preview->name);
	else if (part == 0 && preview->path[0])
		(void)printf("# in the namespace that %s leads to, sealed first: nothing goes "
			     "anywhere\n",
			     preview->path);
	else if (part == 0)
		(void)printf("# sealed first: nothing goes anywhere\n");
	else
		(void)printf("# and then what the file says\n");
}

static void print_foreign(const struct survey *survey)
{
	for (size_t i = 0; i < survey->n_foreign && i < SURVEY_FOREIGN_MAX; i++)
		(void)printf("# link %s is not adit's: nothing goes by it\n", survey->foreign[i]);
	if (survey->n_foreign > SURVEY_FOREIGN_MAX)
		(void)printf("# and %zu more links\n", survey->n_foreign - SURVEY_FOREIGN_MAX);
}

static int print_text(void *context, const struct preview *preview, struct error *err)
{
	const struct plan_line *line = context;

	if (line->has_several)
		(void)printf("# %s:\n", preview->name);
	for (size_t i = 0; i < preview->n_parts; i++) {
		if (i + 1 == preview->n_parts && preview->host->n_steps > 0) {
			(void)printf("# on the host, for LAN flows by a veth:\n");
			steps_print(preview->host, stdout);
		}
		if (preview->part[i]->n_steps > 0)
			print_heading(preview, i);
		else
			(void)printf("# %s is as its file says\n", preview->name);
		steps_print(preview->part[i], stdout);
	}
	if (preview->survey)
		print_foreign(preview->survey);
	return flush(err);
}

static json_t *list_foreign(const struct survey *survey)
{
	json_t *list = json_array();

	for (size_t i = 0; survey && i < survey->n_foreign && i < SURVEY_FOREIGN_MAX; i++)
		(void)json_array_append_new(list, json_string(survey->foreign[i]));
	return list;
}

static int append_steps(json_t *steps, const struct plan *plan)
{
	json_t *part = steps_json(plan);
	int r = part && json_array_extend(steps, part) == 0 ? 0 : -ENOMEM;

	json_decref(part);
	return r;
}

static int print_json(void *context, const struct preview *preview, struct error *err)
{
	json_t *steps = json_array();
	json_t *all;
	int r = 0;

	(void)context;
	for (size_t i = 0; r == 0 && i < preview->n_parts; i++) {
		if (i + 1 == preview->n_parts)
			r = append_steps(steps, preview->host);
		if (r == 0)
			r = append_steps(steps, preview->part[i]);
	}
	all = json_pack("{s:s, s:s, s:b, s:s, s:i, s:o, s:o}", "name", preview->name, "path",
			preview->path, "is_there", preview->survey != NULL, "backend",
			preview->backend, "mtu", (int)preview->desired->mtu, "steps", steps,
			"foreign_links", list_foreign(preview->survey));
	if (r == 0)
		r = facts_print_json(all, stdout);
	json_decref(all);
	return r < 0 ? error_errno(err, -r, "cannot write the plan") : flush(err);
}

static bool has_units(const char *name)
{
	struct place place;

	return place_find(name, &place, NULL) == 0 && service_is_installed(&place);
}

static int plan(void *context, const char *word, struct error *err)
{
	const struct plan_line *line = context;
	const struct preview_with with = {
		.context = context,
		.tell = line->is_json ? print_json : print_text,
		.has_units = has_units(word),
	};

	return preview_make(word, &with, err);
}

int command_plan(int argc, char **argv)
{
	struct plan_line line = {0};
	struct words words = {
		.options = plan_table,
		.target = &line,
		.print_help = print_help,
		.find_all = words_all_configured,
		.is_all = &line.is_all,
	};
	int r;

	log_set_prefix("adit plan: ");
	r = words_begin(&words, argc, argv, 1, WORDS_MAX,
			"which one? usage: adit plan NAME|FILE...");
	if (r >= 0)
		return r;
	line.has_several = words.n_names > 1;
	return words_for_each_word(&words, plan, &line);
}
