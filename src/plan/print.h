/* Steps as lines for a person. */
#ifndef ADIT_PLAN_PRINT_H
#define ADIT_PLAN_PRINT_H

#include "plan/step.h"

struct text;

/* "route.add", "route.delete": in plans and errors. */
const char *print_kind(const struct step *step);

/* One line without its end: "route add 0.0.0.0/0 dev wg0". */
void print_step(const struct step *step, struct text *text);

#endif
