#include "report/facts.h"

#include <errno.h>

int facts_print_json(const json_t *facts, FILE *out)
{
	if (!facts)
		return -ENOMEM;
	return json_dumpf(facts, out, JSON_INDENT(2)) < 0 || putc('\n', out) == EOF ? -EIO : 0;
}
