#include "supervise/amend.h"

#include "apply/apply.h"
#include "apply/record.h"
#include "apply/survey.h"
#include "base/log.h"
#include "base/text.h"
#include "plan/print.h"
#include "supervise/place.h"

#include <stddef.h>

enum { LINE_LEN = 256 };

static void say(void *context, const struct step *step)
{
	char line[LINE_LEN];
	struct text text;

	(void)context;
	text_init(&text, line, sizeof(line));
	print_step(step, &text);
	log_info("repairing: %s", line);
}

static int load_rules(struct host *host, const struct plan *plan, struct error *err)
{
	struct step step = {
		.kind = STEP_FIREWALL_LOAD,
		.side = plan->side,
		.firewall = {.is_replaced = true},
	};
	struct plan load = *plan;

	load.step = &step;
	load.n_steps = 1;
	return apply_plan(&load, host, NULL, err);
}

int amend(const struct amend *wanted, struct host *host, struct error *err)
{
	struct record record = {0};
	int r;

	(void)record_load(wanted->place->record, &record, NULL);
	host->record = &record;
	r = wanted->only_rules ? load_rules(host, wanted->plan, err)
			       : survey_repair(host, wanted->plan,
					       wanted->says_changes ? say : NULL, NULL, err);
	(void)record_save(&record, wanted->place->record, NULL);
	host->record = NULL;
	record_done(&record);
	return r;
}
