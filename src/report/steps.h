/* Steps of a plan, for a person and for programs. */
#ifndef ADIT_REPORT_STEPS_H
#define ADIT_REPORT_STEPS_H

#include <jansson.h>
#include <stdio.h>

struct plan;

/* A line for each, and behind one that loads a firewall its text, byte for byte as
 * nft(8) gets it.
 */
void steps_print(const struct plan *plan, FILE *out);

/* An array, in the order in which they are done:
 *
 *     {"operation": "firewall.load", "side": "inside", "text": "create table..."}
 *     {"operation": "sysctl.set", "side": "inside", "path": "net/...", "value": "0"}
 *     {"operation": "route.add", "side": "inside", "to": "0.0.0.0/0", "device": "wg0"}
 *
 * Every one has "line", too, what steps_print() writes.  NULL: out of memory.
 */
json_t *steps_json(const struct plan *plan);

#endif
