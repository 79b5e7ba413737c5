/* Facts (supervise/snapshot.h has their shape) as text for a person. */
#ifndef ADIT_REPORT_STATUS_H
#define ADIT_REPORT_STATUS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* `adit status NAME`.  now_s: seconds since 1970. */
void status_print(const json_t *status, int64_t now_s, FILE *out);

/* A line of `adit list`; NULL: the heading. */
void status_print_row(const json_t *status, FILE *out);

#endif
