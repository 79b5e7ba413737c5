/* What an audit found out, promise by promise, for a person and for programs. */
#ifndef ADIT_REPORT_FINDINGS_H
#define ADIT_REPORT_FINDINGS_H

#include <jansson.h>
#include <stdio.h>

struct finding_list;

/* A line for each promise, and behind it one for each finding. */
void findings_print(const struct finding_list *list, FILE *out);

/* {"name": "media", "kept": false, "promises":
 *  [{"promise": "I1", "text": "...", "verdict": "broken",
 *    "findings": [{"verdict": "broken", "what": "...", "pid": 12, "process": "sh"}]}]}
 *
 * "pid" and "process" are there where a process is named.  NULL: out of memory.
 */
json_t *findings_json(const struct finding_list *list, const char *name);

#endif
