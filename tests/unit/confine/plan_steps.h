/* Questions about a plan that was made and not carried out. */
#ifndef ADIT_TESTS_UNIT_CONFINE_PLAN_STEPS_H
#define ADIT_TESTS_UNIT_CONFINE_PLAN_STEPS_H

#include "confine/view.h"

#include <string.h>

/* The last step of that kind at that place, the one that is seen; NULL: none. */
static inline const struct view_step *find_step(const struct view_plan *plan, enum view_kind kind,
						const char *target)
{
	for (size_t i = plan->n_steps; i-- > 0;)
		if (plan->step[i].kind == kind && strcmp(plan->step[i].target, target) == 0)
			return &plan->step[i];
	return NULL;
}

static inline bool is_mounted(const struct view_plan *plan, const char *type, const char *target)
{
	const struct view_step *step = find_step(plan, VIEW_FILESYSTEM, target);

	return step && strcmp(step->source, type) == 0;
}

/* -1: no such step. */
static inline long step_position(const struct view_plan *plan, const struct view_step *step)
{
	return step ? step - plan->step : -1;
}

#endif
