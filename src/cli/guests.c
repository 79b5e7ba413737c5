#include "cli/guests.h"

#include "base/log.h"
#include "supervise/down.h"
#include "supervise/place.h"

void guests_log(const struct place *place, const struct down_result *result)
{
	if (!result->was_there)
		log_info("'%s' is not up", place->name);
	for (size_t i = 0; i < result->n_guests && i < DOWN_GUESTS_MAX; i++)
		log_warn("'%s' (process %d) is still inside '%s', and stays sealed",
			 result->guest[i].name, result->guest[i].pid, place->name);
	if (result->n_guests > DOWN_GUESTS_MAX)
		log_warn("%zu more are still inside '%s'", result->n_guests - DOWN_GUESTS_MAX,
			 place->name);
}
