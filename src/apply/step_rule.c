#include "apply/apply.h"
#include "apply/steps.h"
#include "base/error.h"
#include "net/rule.h"

#include <errno.h>
#include <string.h>

static struct rule make_rule(const struct step *step)
{
	const struct step_rule *said = &step->rule;
	struct rule rule = {
		.family = said->family,
		.action = said->action,
		.priority = said->priority,
		.table = said->table,
		.from = said->from,
		.to = said->to,
		.mark = said->mark,
		.mark_mask = said->mark_mask,
	};

	memcpy(rule.iif, said->iif, sizeof(rule.iif));
	memcpy(rule.oif, said->oif, sizeof(rule.oif));
	return rule;
}

static int undo(const struct step *step, struct host *host, struct error *err)
{
	struct rule rule = make_rule(step);
	int r = rule_delete(host->route, &rule, err);

	return r == -ENOENT ? 0 : r;
}

static int add(const struct step *step, struct host *host, struct error *err)
{
	struct rule rule = make_rule(step);
	int r;

	if (step->rule.has_more)
		return error_set(err, EOPNOTSUPP, "the rule of priority %u says more than is known",
				 rule.priority);
	r = rule_add(host->route, &rule, err);
	/* An answer that got lost says nothing about what was done. */
	if (r < 0 && r != -EEXIST)
		(void)undo(step, host, NULL);
	return r;
}

const struct step_ops step_rule_ops = {.apply = add, .undo = undo};
