/* What the firewall inside has dropped, for status. */
#ifndef ADIT_SUPERVISE_COUNTERS_H
#define ADIT_SUPERVISE_COUNTERS_H

#include <jansson.h>

struct inside;

/* [{"name": "refused_out", "meaning": "...", "packets": 0, "bytes": 0}, ...]; empty
 * where they cannot be read.  Asked inside, by a child.
 */
json_t *counters_json(const struct inside *inside, const char *device);

#endif
