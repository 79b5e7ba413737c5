/* What was tried and what was seen, as a table for a person. */
#ifndef ADIT_DEMO_TABLE_H
#define ADIT_DEMO_TABLE_H

#include "demo/classify.h"

#include <stdbool.h>
#include <stdint.h>

struct text;

struct table_counts {
	uint64_t n_tried[SEEN_KINDS];
	uint64_t n_refused[SEEN_KINDS]; /* of them by the kernel, at once */
	uint64_t n_seen[SEEN_KINDS];	/* on the uplink, in clear */
	uint64_t n_lost;		/* that the capture missed */
};

/* A line of attempt.h's "offered KIND SENT REFUSED".  False: it is none. */
bool table_take_line(struct table_counts *counts, const char *line);

uint64_t table_leaks(const struct table_counts *counts);
/* Every kind was tried, the canary and WireGuard were seen, nothing was missed. */
bool table_is_valid(const struct table_counts *counts);

void table_print(const struct table_counts *counts, bool has_color, struct text *text);

#endif
