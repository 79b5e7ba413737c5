/* Steps as lines for a person. */
#ifndef ADIT_PLAN_PRINT_H
#define ADIT_PLAN_PRINT_H

struct step;
struct text;

/* One line without its end: "route add 0.0.0.0/0 dev wg0". */
void print_step(const struct step *step, struct text *text);

#endif
