/* Facts for programs: JSON (RFC 8259) as every subcommand's --json prints it. */
#ifndef ADIT_REPORT_FACTS_H
#define ADIT_REPORT_FACTS_H

#include <jansson.h>
#include <stdio.h>

/* Indented, with a newline at the end.  -ENOMEM: facts is NULL; -EIO. */
int facts_print_json(const json_t *facts, FILE *out);

#endif
